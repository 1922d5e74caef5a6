"""A lean HTTP/1.1 client for the inference servers on this machine: one request at a time on each connection.

It streams in both directions and keeps connections that the server keeps. gunicorn's sync workers, the inference
server's default, close after every answer and block on a connection that says nothing; so a connection is opened only
when there is something to send. That makes opening one part of every request, which is why this works on sockets and
in callbacks, and not on asyncio's transports and tasks: those take several turns of the event loop for the same.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque
from typing import Protocol

import httptools

WHOLE = 64 * 1024  # answers up to this size are handed on in one piece
_READ = 256 * 1024
_HIGH_WATER = 1024 * 1024
_IDLE_CONNECTIONS = 64
_NO_BODY = frozenset({204, 304})


class UpstreamError(ConnectionError):
    """The server broke off before its answer was whole."""


class Asker(Protocol):
    """Who asked, and is called back."""

    def answered(self) -> None:
        """More of the answer is there to `take`, or its end, or `error` says why there will be none."""

    def writable(self) -> None:
        """All that was written is sent."""


class Connection:
    """A connection to a server: `begin`, `write`; then the asker hears of the answer and takes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connected: socket.socket) -> None:
        self._loop = loop
        self._socket = connected
        self._reading = self._writing = False
        self._unsent: deque[memoryview] = deque()
        self._asker: Asker | None = None
        self.closed = False

    def begin(self, asker: Asker, *, answer_has_body: bool = True) -> None:
        """Get ready for a request. answer_has_body: False for HEAD, whose answer only announces one."""
        self._asker = asker
        self._parser = httptools.HttpResponseParser(self)
        self._answer_has_body = answer_has_body
        self._headed = self._complete = self._until_close = self._whole = self._kept = False
        self._cut_short = False
        self._chunks: list[bytes] = []
        self.error: Exception | None = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.resume()

    # -- the request ---------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send it, now or as soon as there is room. Nothing is sent any more once the answer has begun."""
        if self.answering:
            self._cut_short = True
            return
        if self._unsent:
            self._unsent.append(memoryview(data))
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._cut_short = True
            return  # the answer may still be there to read
        if sent < len(data):
            self._unsent.append(memoryview(data)[sent:])
            self._writing = True
            self._loop.add_writer(self._socket.fileno(), self._send_on)

    @property
    def full(self) -> bool:
        """Whether so much waits to be sent that no more should be written before `writable`."""
        return len(self._unsent) > 0 and sum(map(len, self._unsent)) > _HIGH_WATER

    @property
    def answering(self) -> bool:
        """Whether the answer has begun, or never will, so that the rest of the request no longer matters."""
        return self._headed or self.closed

    def _send_on(self) -> None:
        try:
            while self._unsent:
                data = self._unsent[0]
                sent = self._socket.send(data)
                if sent < len(data):
                    self._unsent[0] = data[sent:]
                else:
                    self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._send_no_more()
            return
        self._send_no_more()
        if self._asker is not None:
            self._asker.writable()

    def _send_no_more(self) -> None:
        """Before the socket is closed, too: another one may get its number at once."""
        if self._unsent:
            self._unsent.clear()
            self._cut_short = True
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket.fileno())

    # -- the answer ----------------------------------------------------------------------------------------------

    def take(self) -> bytes:
        """What came of the body since the last time."""
        chunks = self._chunks
        if not chunks:
            return b""
        self._chunks = []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def done(self) -> bool:
        """Whether the whole answer was received."""
        return self._complete

    @property
    def reusable(self) -> bool:
        return self._complete and self._kept and not self.closed and not self._cut_short and not self._unsent

    def resume(self) -> None:
        """Read on."""
        if not self._reading and not self.closed:
            self._reading = True
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket.fileno())

    def rest(self) -> None:
        """Nobody asks any more; should the server close or speak up meanwhile, it is closed."""
        self._asker = None
        self.resume()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.pause()
            self._send_no_more()
            self._socket.close()

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._ended(error)
            return
        if not data or self._asker is None:
            self._ended(None)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._ended(UpstreamError(f"the server's answer is not HTTP: {error}"))
            return
        if self._headed:
            self._send_no_more()
        if self._complete or (self._headed and not self._whole):
            self._asker.answered()

    def _ended(self, error: Exception | None) -> None:
        """The server closed the connection; without an error that may be the end of its answer."""
        self.close()
        if self._asker is None:
            return
        if error is None and self._headed and self._until_close:
            self._complete = True
        elif not self._complete:
            self.error = error or UpstreamError("the server closed the connection before its answer was whole")
        self._asker.answered()

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

    def on_message_complete(self) -> None:
        if self._headed:
            self._complete = True
            self._kept = bool(self._parser.should_keep_alive())  # the parser forgets it after this


class Pool:
    """The connections to one server."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._idle: list[Connection] = []

    def connection(self, asker: Asker, *, answer_has_body: bool = True) -> Connection:
        """A kept connection, else a new one, ready for a request. Raises OSError when nobody listens.

        On the loopback interface a connection is there at once; should it not be, what is written waits for it.
        """
        connection = self._kept() or self._new()
        connection.begin(asker, answer_has_body=answer_has_body)
        return connection

    def _kept(self) -> Connection | None:
        while self._idle:
            kept = self._idle.pop()
            if not kept.closed:
                return kept
        return None

    def _new(self) -> Connection:
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
        return Connection(asyncio.get_running_loop(), new)

    def give_back(self, connection: Connection) -> None:
        """Keep the connection if its answer was taken whole and the server keeps it, else close it."""
        if connection.reusable and len(self._idle) < _IDLE_CONNECTIONS:
            connection.rest()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class _Question:
    """Asks once and waits for the end of the answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.connection: Connection | None = None
        self.end: asyncio.Future[None] = loop.create_future()

    def answered(self) -> None:
        connection = self.connection
        assert connection is not None
        connection.take()
        if connection.error is not None:
            self.fail(connection.error)
        elif connection.done and not self.end.done():
            self.end.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.end.done():
            self.end.set_exception(error)

    def writable(self) -> None:
        pass


async def ask(pool: Pool, request: bytes, deadline: float) -> int:
    """The status of the answer to a request; the answer itself is dropped. deadline: on the loop's clock.

    Raises OSError, UpstreamError among them, and asyncio.TimeoutError.
    """
    loop = asyncio.get_running_loop()
    question = _Question(loop)
    has_body = not request.startswith(b"HEAD ")
    connection = question.connection = pool.connection(question, answer_has_body=has_body)
    timer = loop.call_at(deadline, question.fail, asyncio.TimeoutError())
    try:
        connection.write(request)
        await question.end
        return connection.status
    except BaseException:
        connection.close()
        raise
    finally:
        timer.cancel()
        pool.give_back(connection)
