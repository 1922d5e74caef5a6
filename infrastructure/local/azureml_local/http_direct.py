"""Requests that are answered without ASGI: what their handlers and the connection tell each other.

ASGI makes a task, queues and several messages of each request, and every layer on top copies its headers. That is
no matter for a control plane; for an online endpoint, asked a thousand times a second, it is most of the work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from .http_protocol import HttpProtocol

log = logging.getLogger("azureml_local.requests")

Headers = list[tuple[bytes, bytes]]
_NO_BODY = frozenset({204, 304})


class Caller(Protocol):
    """Who sent the request, and gets the answer."""

    @property
    def full(self) -> bool:
        """Whether it takes the answer too slowly; `Handler.drained` is called when it can take more."""

    def wants_body(self) -> None:
        """The request is a good one so far: its body may come (100 Continue)."""

    def pause(self) -> None:
        """Take in no more of the request's body until `resume`."""

    def resume(self) -> None:
        """Take in more of the request's body."""

    def begin(self, status: int, headers: Headers, data: bytes, *, more: bool) -> None:
        """The answer's head and the first of its body. `more` is False at its end."""

    def write(self, data: bytes, *, more: bool) -> None:
        """More of the answer's body."""

    def abort(self) -> None:
        """The answer breaks off: end the connection, so that nobody takes the part that came for the whole."""


class Handler(Protocol):
    """Answers one request: it is told of what comes, and tells its caller the answer. Nothing here may block."""

    def begin(self) -> None:
        """The head is there."""

    def body(self, data: bytes) -> None:
        """A piece of the request's body."""

    def body_ended(self) -> None:
        """That was all of the request."""

    def drained(self) -> None:
        """The caller can take more of the answer."""

    def gone(self) -> None:
        """The caller left."""


# (caller, method, target, headers with names in lower case) -> handler
Handling = Callable[[Caller, bytes, bytes, Sequence[tuple[bytes, bytes]]], Handler]


class DirectCycle(RequestResponseCycle):
    """A request under way, in place of the one that uvicorn's protocol keeps for ASGI; a `Caller`."""

    def __init__(self, protocol: HttpProtocol, handling: Handling, method: bytes) -> None:
        # What uvicorn's protocol asks of a request that is under way.
        self.disconnected = self.response_complete = False
        self.keep_alive = protocol.parser.get_http_version() != "1.0" and protocol.parser.should_keep_alive()
        self.message_event = _UNUSED
        # Ours.
        self._protocol = protocol
        self._method = method
        self._head_only = method == b"HEAD"
        self._chunks_known = protocol.parser.get_http_version() != "1.0"
        self._in_chunks = False
        self._expects_100 = protocol.expect_100_continue
        self._early: list[bytes] | None = []  # what came of a pipelined request before its turn
        self._early_end = False
        self.handler = handling(self, method, protocol.url, protocol.headers)

    # -- told by the connection ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Its turn on the connection has come."""
        early, self._early = self._early or (), None
        self._tell(self.handler.begin)
        for data in early:
            self.received(data)
        if self._early_end:
            self.received_all()

    def received(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
        elif not self.response_complete:
            self._tell(self.handler.body, data)

    def received_all(self) -> None:
        if self._early is not None:
            self._early_end = True
        elif not self.response_complete:
            self._tell(self.handler.body_ended)

    def _tell(self, what: Callable[..., None], *arguments: bytes) -> None:
        """Call the handler from within the parser, which would take an error of ours for one of the request."""
        try:
            what(*arguments)
        except Exception:
            log.exception("the handler of a request failed")
            self.abort()

    def lost(self) -> None:
        """The connection is no more."""
        if not self.response_complete:
            self.disconnected = True
            self.handler.gone()

    # -- told by the handler -------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        return self._protocol.flow.write_paused and not self.disconnected

    def wants_body(self) -> None:
        if self._expects_100 and not self.disconnected:
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def pause(self) -> None:
        if not self.disconnected:
            self._protocol.flow.pause_reading()

    def resume(self) -> None:
        if not self.disconnected:
            self._protocol.flow.resume_reading()

    def begin(self, status: int, headers: Headers, data: bytes, *, more: bool) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s -> %s", self._method.decode(), self._protocol.url.partition(b"?")[0].decode(), status)
        lines = [STATUS_LINE[status]]
        measured = False
        for name, value in self._protocol.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
            if name == b"content-length":
                measured = True
        if status in _NO_BODY:
            self._head_only = True
        elif not measured and not self._head_only:
            if not more:
                lines.append(b"content-length: %d\r\n" % len(data))
            elif self._chunks_known:
                self._in_chunks = True
                lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._write(b"".join(lines), data, more=more)

    def write(self, data: bytes, *, more: bool) -> None:
        self._write(b"", data, more=more)

    def abort(self) -> None:
        self._protocol.transport.abort()

    def _write(self, head: bytes, data: bytes, *, more: bool) -> None:
        if self._head_only:
            data = b""
        elif self._in_chunks:
            data = (b"%x\r\n%s\r\n" % (len(data), data) if data else b"") + (b"" if more else b"0\r\n\r\n")
        protocol = self._protocol
        if not self.disconnected and (head or data):
            protocol.transport.write(head + data)
        if not more:
            self.response_complete = True
            if not self.keep_alive:
                protocol.transport.close()
            protocol.on_response_complete()


_UNUSED = asyncio.Event()  # uvicorn's protocol wakes the application by it
