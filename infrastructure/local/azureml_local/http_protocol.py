"""uvicorn's HTTP protocol, with a short way for some requests, and with the connection's end in our hand."""

from __future__ import annotations

from typing import Any, Protocol, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .http_direct import DirectCycle, Handling

ABORT = "azureml_local.abort"


class FrontDoor(Protocol):
    """What the ASGI application has besides."""

    def direct(self, host: str) -> Handling | None:
        """What handles a request with this Host header without ASGI, if something does."""


class HttpProtocol(HttpToolsProtocol):
    """The scope has a function under ABORT that breaks the connection at once: HTTP has no word for that."""

    _direct: DirectCycle | None = None  # the one whose turn it is or was last
    url: bytes

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[ABORT] = self.transport.abort

    def on_headers_complete(self) -> None:
        handling = self._handling()
        if handling is None:
            super().on_headers_complete()
            return
        before = self.cycle
        cycle = self.cycle = DirectCycle(self, handling, self.parser.get_method())
        if before is None or before.response_complete:
            self._start(cycle)
        else:  # pipelined: it waits for its turn where uvicorn has them wait
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _handling(self) -> Handling | None:
        if self.parser.should_upgrade() or not self.url.startswith(b"/"):
            return None
        for name, value in self.headers:
            if name == b"host":
                return cast("FrontDoor", self.app).direct(value.decode("latin-1"))
        return None

    def _start(self, cycle: DirectCycle) -> None:
        self._direct = cycle
        cycle.start()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if isinstance(cycle, DirectCycle):
            self._start(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if isinstance(self.cycle, DirectCycle):
            self.cycle.received(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if isinstance(self.cycle, DirectCycle):
            self.cycle.received_all()
        else:
            super().on_message_complete()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._direct is not None:
            self._direct.handler.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._direct is not None:
            self._direct.lost()
