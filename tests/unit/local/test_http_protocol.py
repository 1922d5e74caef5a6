"""Requests that are answered straight from the connection: what HTTP asks of us, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from azureml_local.http_direct import Caller, Handling, Headers
from support.http_front import protocols

Scripted = Callable[["Handled"], None]


@dataclass
class Handled:
    """A request, kept for the test; `script` answers it."""

    caller: Caller
    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    script: Scripted
    received: bytes = b""
    events: list[str] = field(default_factory=list)

    def begin(self) -> None:
        self.events.append("begin")
        self.caller.wants_body()

    def body(self, data: bytes) -> None:
        self.received += data

    def body_ended(self) -> None:
        self.script(self)

    def drained(self) -> None:
        self.events.append("drained")

    def gone(self) -> None:
        self.events.append("gone")


def echo(handled: Handled) -> None:
    handled.caller.begin(200, [], handled.target + b" " + handled.received, more=False)


@dataclass
class Front:
    """Hosts called `short` go straight, all others become ASGI requests."""

    script: Scripted = echo
    handled: list[Handled] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"asgi"})

    def direct(self, host: str) -> Handling | None:
        return self._handle if host == "short" else None

    def _handle(self, caller: Caller, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Handled:
        self.handled.append(Handled(caller, method, target, headers, self.script))
        return self.handled[-1]


@asynccontextmanager
async def connected(front: Front) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.get_running_loop().create_server(protocols(front), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1], limit=2**25)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


def said(front: Front, *sent: bytes) -> bytes:
    """All that comes back for these bytes, until the server closes the connection."""

    async def talk() -> bytes:
        async with connected(front) as (reader, writer):
            for piece in sent:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            return await asyncio.wait_for(reader.read(), 5)

    return asyncio.run(talk())


CLOSE = b"Connection: close\r\n\r\n"


def test_pipelined_requests_are_answered_in_order_by_whoever_they_are_for() -> None:
    front = Front()
    requests = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: %s\r\nContent-Length: 1\r\n%s\r\nx" % (number, host, end)
        for number, (host, end) in enumerate(
            [(b"short", b""), (b"other", b""), (b"short", b""), (b"short", b"Connection: close\r\n")]
        )
    )
    answers = said(front, requests)
    assert answers.count(b"HTTP/1.1 200 OK") == 4
    places = [answers.index(body) for body in (b"/0 x", b"asgi", b"/2 x", b"/3 x")]
    assert places == sorted(places)
    assert answers.count(b"connection: close") == 1


def test_the_body_is_asked_for_only_where_it_is_wanted_and_comes_in_pieces() -> None:
    front = Front()
    head = b"POST /a HTTP/1.1\r\nHost: short\r\nExpect: 100-continue\r\nContent-Length: 6\r\n" + CLOSE
    answer = said(front, head, b"abc", b"def")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"content-length: 9\r\nconnection: close\r\n\r\n/a abcdef")
    assert (b"content-length", b"6") in front.handled[0].headers


def test_an_answer_of_unknown_length_comes_in_chunks_or_ends_with_the_connection() -> None:
    def stream(handled: Handled) -> None:
        handled.caller.begin(200, [], b"one", more=True)
        handled.caller.write(b"", more=True)
        handled.caller.write(b"two", more=False)

    chunks = said(Front(stream), b"GET / HTTP/1.1\r\nHost: short\r\n" + CLOSE)
    assert chunks.endswith(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    old = said(Front(stream), b"GET / HTTP/1.0\r\nHost: short\r\n\r\n")
    assert old.endswith(b"connection: close\r\n\r\nonetwo")
    assert b"chunked" not in old


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_some_answers_have_no_body(method: bytes, status: int) -> None:
    def answer(handled: Handled) -> None:
        handled.caller.begin(status, [(b"x-mine", b"1")], b"a body", more=False)

    got = said(Front(answer), method + b" / HTTP/1.1\r\nHost: short\r\n" + CLOSE)
    assert got.endswith(b"x-mine: 1\r\nconnection: close\r\n\r\n")


def test_an_error_of_the_handler_is_not_taken_for_one_of_the_request(caplog: pytest.LogCaptureFixture) -> None:
    def fail(handled: Handled) -> None:
        raise ValueError("ours")

    with suppress(ConnectionResetError):
        assert said(Front(fail), b"GET / HTTP/1.1\r\nHost: short\r\n" + CLOSE) == b""
    assert "the handler of a request failed" in caplog.text
    assert "ValueError: ours" in caplog.text


def test_a_broken_request_is_400() -> None:
    assert said(Front(), b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request")


def test_a_caller_that_reads_slowly_or_leaves_is_told_of() -> None:
    size = 16 * 1024 * 1024

    def large(handled: Handled) -> None:
        handled.caller.begin(200, [], b"x" * size, more=True)

    async def check() -> None:
        front = Front(large)
        async with connected(front) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: short\r\n\r\n")
            while not front.handled or not front.handled[0].caller.full:
                await asyncio.sleep(0.01)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(size)
            handled = front.handled[0]
            while "drained" not in handled.events:
                await asyncio.sleep(0.01)
            assert not handled.caller.full
            writer.close()
            while handled.events[-1] != "gone":
                await asyncio.sleep(0.01)
            handled.caller.write(b"to nobody", more=False)  # goes nowhere and harms nobody
            assert handled.events[0] == "begin"

    asyncio.run(asyncio.wait_for(check(), 10))


def test_a_request_may_be_held_up() -> None:
    async def check() -> None:
        front = Front()
        async with connected(front) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: short\r\nContent-Length: 4\r\n\r\na")
            while not front.handled:
                await asyncio.sleep(0.01)
            caller = front.handled[0].caller
            caller.pause()
            writer.write(b"bcd")
            await asyncio.sleep(0.05)
            assert front.handled[0].received == b"a"
            caller.resume()
            assert (await reader.readuntil(b"/ abcd")).startswith(b"HTTP/1.1 200 OK")

    asyncio.run(asyncio.wait_for(check(), 10))
