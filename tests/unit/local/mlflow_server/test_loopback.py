from __future__ import annotations

import asyncio

import pytest

from azureml_local.mlflow_server.loopback import Answer, call


def exchange(reply: bytes, body: bytes = b"") -> tuple[bytes, Answer]:
    """Send one request to a server that says `reply` and hangs up; what it received, and what the client made of it."""

    async def run() -> tuple[bytes, Answer]:
        received = bytearray()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.extend(await reader.readuntil(b"\r\n\r\n"))
            received.extend(await reader.readexactly(len(body)))
            writer.write(reply)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            answer = await call(port, "POST", "/a%20b?c=d", [("X-Secret", "s")], body)
        return bytes(received), answer

    return asyncio.run(run())


def test_a_request_and_its_answer() -> None:
    received, answer = exchange(b"HTTP/1.1 201 Created\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok", b"{}")
    assert received.startswith(b"POST /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert b"X-Secret: s\r\n" in received
    assert received.endswith(b"\r\n\r\n{}")
    assert answer == Answer(201, [("content-type", "a/b"), ("content-length", "2")], b"ok")


def test_an_answer_in_chunks_and_one_that_ends_with_the_connection() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert exchange(chunked)[1].body == b"abc"
    assert exchange(b"HTTP/1.1 200 OK\r\n\r\nall there is")[1].body == b"all there is"


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"not http at all\r\n\r\n"]
)
def test_a_broken_answer_is_a_connection_error(reply: bytes) -> None:
    with pytest.raises(ConnectionError):
        exchange(reply)
