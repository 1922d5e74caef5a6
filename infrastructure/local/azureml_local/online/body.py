"""The body of a request on its way to an instance: small ones in one piece, large ones as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from .upstream import Connection

WHOLE = 1024 * 1024  # bodies up to this size are read before an instance is asked for
MIRRORED = 64 * 1024 * 1024  # larger ones are not copied to a mirror

WhenWhole = Callable[[bytes, bytes], None]


class RequestBody:
    """Reads a body once. `framing` is the header line that tells the instance where it ends."""

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes]) -> None:
        self._receive = receive
        length = headers.get(b"content-length")
        self._length = int(length) if length is not None and length.isdigit() else None
        self._chunked = b"transfer-encoding" in headers
        self._first = b""
        self._more = self._chunked or bool(self._length)
        self._when_whole: WhenWhole | None = None
        self.framing = b""

    async def begin(self) -> None:
        """Read a small body whole, of a large one its first piece."""
        pieces: list[bytes] = []
        size = 0
        # An unknown length may turn out to be small, and then needs no chunks.
        wanted = WHOLE + 1 if self._length is None or self._length <= WHOLE else 1
        while self._more and size < wanted:
            piece = await self._next()
            pieces.append(piece)
            size += len(piece)
        self._first = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._more and self._length is None:
            self.framing = b"transfer-encoding: chunked\r\n"
        elif self._more or self._first or self._length is not None:
            self.framing = _length_header(self._length if self._length is not None else size)

    def when_whole(self, call: WhenWhole) -> None:
        """Have this called with (body, its framing) once all of it was read."""
        self._when_whole = call
        if not self._more:
            call(self._first, self.framing)
            self._when_whole = None

    async def send_to(self, connection: Connection, head: bytes) -> None:
        """Write head and body; stops early when the instance answers early."""
        if not self._more:
            await connection.send(head + self._first)
            return
        chunked = self._length is None
        await connection.send(head + _piece(self._first, chunked))
        kept: list[bytes] | None = [self._first] if self._when_whole else None
        size = len(self._first)
        while self._more and not connection.answering:
            piece = await self._next()
            size += len(piece)
            if kept is not None:
                kept.append(piece)
                if size > MIRRORED:
                    kept = None
            if piece:
                await connection.send(_piece(piece, chunked))
        if chunked and not self._more:
            await connection.send(b"0\r\n\r\n")
        if kept is not None and self._when_whole is not None and not self._more:
            self._when_whole(b"".join(kept), _length_header(size))

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._more = bool(message.get("more_body"))
        body: bytes = message.get("body", b"")
        return body


def _length_header(size: int) -> bytes:
    return b"content-length: %d\r\n" % size


def _piece(data: bytes, chunked: bool) -> bytes:
    if not chunked:
        return data
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""
