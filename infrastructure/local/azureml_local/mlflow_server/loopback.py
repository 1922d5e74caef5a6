"""A small HTTP/1.1 client for a server on this machine: one connection a request, the whole answer in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import h11

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def call(port: int, method: str, target: str, headers: Headers, body: bytes = b"") -> Answer:
    """Send one request to 127.0.0.1:port. Raises ConnectionError when the server breaks off, OSError when it is gone.

    target: path and query, percent-encoded. The caller bounds the time (`asyncio.timeout` or `wait_for`).
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        connection = h11.Connection(h11.CLIENT)
        framing = [("Host", "127.0.0.1"), ("Connection", "close"), ("Content-Length", str(len(body)))]
        request = h11.Request(method=method, target=target, headers=[*framing, *headers])
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return await _answer(connection, reader)
    finally:
        writer.close()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    head: h11.Response | None = None
    chunks: list[bytes] = []
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise ConnectionError(f"the server broke off its answer ({error})") from error
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            chunks.append(bytes(event.data))
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            break
    if head is None:
        raise ConnectionError("the server closed the connection without an answer")
    names = [(name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers]
    return Answer(head.status_code, names, b"".join(chunks))
