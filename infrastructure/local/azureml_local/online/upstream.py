"""A lean HTTP/1.1 client for the inference servers on this machine: one request at a time on each connection.

It streams in both directions and keeps connections that the server keeps. gunicorn's sync workers, the inference
server's default, close after every answer and block on a connection that says nothing; so a connection is opened only
when there is something to send. That makes opening one part of every request, which is why this works on sockets and
not on asyncio's transports: those take several turns of the event loop to open and close.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque

import httptools

WHOLE = 64 * 1024  # answers up to this size are handed on in one piece
_READ = 256 * 1024
_HIGH_WATER = 1024 * 1024
_IDLE_CONNECTIONS = 64
_NO_BODY = frozenset({204, 304})


class UpstreamError(ConnectionError):
    """The server broke off before its answer was whole."""


class Connection:
    """A connection to a server. `begin`, `send`, `head`, then `chunk` until it is `done`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connected: socket.socket) -> None:
        self._loop = loop
        self._socket = connected
        self._reading = self._writing = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._closed = False
        self.begin()

    def begin(self, *, answer_has_body: bool = True) -> None:
        """Get ready for a request. answer_has_body: False for HEAD, whose answer only announces one."""
        self._parser = httptools.HttpResponseParser(self)
        self._answer_has_body = answer_has_body
        self._headed = self._complete = self._until_close = self._whole = self._kept = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._read_on()

    # -- for the caller ------------------------------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Send it all; less when the answer begins meanwhile or the server is gone, which `head` will tell."""
        rest = memoryview(data)
        while rest and not self.answering:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await self._writable()
            except OSError:
                return  # the answer may still be there to read

    @property
    def answering(self) -> bool:
        """Whether the answer has begun, or never will, so that the rest of the request no longer matters."""
        return self._headed or self._closed

    async def head(self) -> None:
        """Wait for status and headers; for small answers, until the whole body is there, too."""
        while not (self._complete or (self._headed and not self._whole)):
            await self._wait()

    async def chunk(self) -> bytes:
        """The next piece of the body; empty at its end."""
        while not self._chunks and not self._complete:
            await self._wait()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        self._read_on()
        return data

    @property
    def done(self) -> bool:
        """Whether the whole answer was received and taken."""
        return self._complete and not self._chunks

    @property
    def reusable(self) -> bool:
        return self.done and not self._closed and self._kept

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
        if not self._closed:
            self._closed = True
            self._read_no_more()
            self._write_no_more()
            self._socket.close()

    # -- waiting -------------------------------------------------------------------------------------------------

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

    async def _writable(self) -> None:
        self._waiter = self._loop.create_future()
        self._writing = True
        self._loop.add_writer(self._socket.fileno(), self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._write_no_more()

    def _write_no_more(self) -> None:
        """Before the socket is closed: another one may get its number at once."""
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket.fileno())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- reading -------------------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        if not self._reading and not self._closed:
            self._reading = True
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def _read_no_more(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket.fileno())

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._ended(error)
            return
        if not data:
            self._ended(None)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._ended(UpstreamError(f"the server's answer is not HTTP: {error}"))
            return
        if self._complete or (self._headed and not self._whole):
            self._wake()
        if self._buffered > _HIGH_WATER:
            self._read_no_more()

    def _ended(self, error: Exception | None) -> None:
        """The server closed the connection; without an error that may be the end of its answer."""
        self.close()
        if error is None and self._headed and self._until_close:
            self._complete = True
        elif not self._complete and self._error is None:
            self._error = error or UpstreamError("the server closed the connection before its answer was whole")
        self._wake()

    # -- httptools -----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim answer; the real one follows
            self.headers = []
            return
        self._headed = True
        length: int | None = None
        chunked = False
        for name, value in self.headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = True
        if not self._answer_has_body or self.status in _NO_BODY:
            self._complete = True
        elif length is not None:
            self._whole = length <= WHOLE
        elif not chunked:
            self._until_close = True

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)

    def on_message_complete(self) -> None:
        if self._headed:
            self._complete = True
            self._kept = bool(self._parser.should_keep_alive())  # the parser forgets it after this


class Pool:
    """The connections to one server."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._idle: list[Connection] = []

    def connection(self) -> Connection:
        """A kept connection, else a new one. Raises OSError when nobody listens.

        On the loopback interface a connection is there at once; should it not be, sending waits for it.
        """
        while self._idle:
            kept = self._idle.pop()
            if not kept.closed:
                kept.begin()
                return kept
        loop = asyncio.get_running_loop()
        new = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            new.setblocking(False)
            new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = new.connect_ex(self._address)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except BaseException:
            new.close()
            raise
        return Connection(loop, new)

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
