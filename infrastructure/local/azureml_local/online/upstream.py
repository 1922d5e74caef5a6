"""A lean HTTP/1.1 client for the inference servers on this machine: one request at a time on each connection.

It streams in both directions and keeps connections that the server keeps. gunicorn's sync workers, the inference
server's default, close after every answer and block on a connection that says nothing; so a connection is opened only
when there is something to send.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import httptools

HeaderList = Sequence[tuple[bytes, bytes]]

WHOLE = 64 * 1024  # answers up to this size are handed on in one piece
_HIGH_WATER = 512 * 1024
_LOW_WATER = 64 * 1024
_IDLE_CONNECTIONS = 64
_NO_BODY = frozenset({204, 304})


class UpstreamError(ConnectionError):
    """The server broke off before its answer was whole."""


class Connection(asyncio.Protocol):
    """A connection to a server. `begin`, write, `head`, then `chunk` until it is empty."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._closed = False
        self.begin()

    def begin(self, *, answer_has_body: bool = True) -> None:
        """Get ready for a request. answer_has_body: False for HEAD, whose answer only announces one."""
        self._parser = httptools.HttpResponseParser(self)
        self._answer_has_body = answer_has_body
        self._headed = self._complete = self._until_close = self._paused = False
        self._whole = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []

    # -- for the caller ------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._closed:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until more may be written. Returns, too, when the answer is there already or the server is gone."""
        while self._writable is not None and not self._headed and self._error is None and not self._closed:
            await asyncio.shield(self._writable)

    @property
    def answering(self) -> bool:
        """Whether the answer has begun, so that the rest of the request no longer matters."""
        return self._headed or self._closed

    async def head(self) -> None:
        """Wait for status and headers; for small answers, until the whole body is there, too."""
        while not (self._complete or (self._headed and not self._whole)):
            await self._wait()

    async def chunk(self) -> bytes:
        """The next piece of the body; empty at its end."""
        while not self._chunks and not self._complete:
            await self._wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    @property
    def done(self) -> bool:
        """Whether the whole answer was received and taken."""
        return self._complete and not self._chunks

    @property
    def reusable(self) -> bool:
        return self.done and not self._closed and not self._until_close and bool(self._parser.should_keep_alive())

    @property
    def closed(self) -> bool:
        return self._closed

    def fail(self, error: BaseException) -> None:
        """Break off: whoever waits gets the error."""
        if self._error is None:
            self._error = error
        self.close()
        self._wake()

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._error is not None and not self._complete:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # -- asyncio.Protocol ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                self.fail(UpstreamError(f"the server's answer is not HTTP: {error}"))
            return
        if self._complete or (self._headed and not self._whole):
            self._wake()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._headed and self._until_close and exc is None:
            self._complete = True
        if not self._complete and self._error is None:
            self._error = UpstreamError("the server closed the connection before its answer was whole")
        self._wake()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # -- httptools -----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status == 100:  # an answer to Expect, which is never sent; the real one follows
            self.headers = []
            return
        self._headed = True
        length = next((int(value) for name, value in self.headers if name == b"content-length"), None)
        chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        if not self._answer_has_body or self.status in _NO_BODY:
            self._complete = True
        elif length is not None:
            self._whole = length <= WHOLE
        elif not chunked:
            self._until_close = True

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._headed:
            self._complete = True


class Pool:
    """The connections to one server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def connection(self) -> Connection:
        """A kept connection, else a new one. Raises OSError when nobody listens."""
        while self._idle:
            kept = self._idle.pop()
            if not kept.closed:
                kept.begin()
                return kept
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(loop), "127.0.0.1", self._port)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep the connection if its answer was taken whole and the server keeps it, else close it."""
        if connection.reusable and len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
