"""The way of a request: which deployment, what the instance gets, what the caller gets. Instances are sockets here.

Each test goes both ways: straight from the connection, and by the front door, as requests do while a fault is on.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from azureml_local.http_direct import Handling
from azureml_local.online import asgi
from azureml_local.online.access import KEY, Guard, Keys
from azureml_local.online.backend import Backend, Target
from azureml_local.online.exchange import Exchange
from azureml_local.online.router import EndpointRoute, Router, choose
from support.http_front import protocols
from support.local_server import Server, make_server

HOST = "taxi.westeurope.inference.ml.azure.com"
AUTH = {"Authorization": "Bearer key", "Host": HOST}
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

Answer = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Instance:
    """A server on a loopback port that records what it gets and answers as told."""

    answer: bytes | Answer = OK
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await _body(head.lower(), reader)
                self.heads.append(head)
                self.bodies.append(body)
                if callable(self.answer):
                    await self.answer(head, body, writer)
                else:
                    writer.write(self.answer)
                if b"connection: close" in str(self.answer).lower().encode():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    if b"transfer-encoding: chunked" in head:
        pieces = []
        while size := int(await reader.readline(), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(pieces)
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length)) if length else b""


@pytest.fixture(params=["straight", "front door"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endpoint, "straight", request.param == "straight")


@dataclass
class Endpoint:
    """An endpoint `taxi` with instances behind its deployments, and a client for it."""

    router: Router
    backends: Mapping[str, Backend]
    server: Server
    port: int = 0
    straight: ClassVar[bool] = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asgi.Answer(self.router, Request(scope))(scope, receive, send)

    def direct(self, host: str) -> Handling | None:
        return functools.partial(Exchange, self.router) if self.straight else None

    async def call(self, method: str = "POST", path: str = "/score", **options: Any) -> httpx.Response:
        headers = {**AUTH, **options.pop("headers", {})}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", verify=False) as client:
            return await client.request(method, path, headers=headers, **options)


@asynccontextmanager
async def endpoint(
    folder: Path,
    instances: Mapping[str, Instance],
    traffic: Sequence[tuple[str, int]] = (("blue", 100),),
    mirror: Sequence[tuple[str, int]] = (),
    *,
    chance: Callable[[], float] = lambda: 0.0,
    timeout: float = 5,
) -> AsyncIterator[Endpoint]:
    server = make_server(folder)
    router = Router(chance=chance)
    backends, listening = {}, []
    for name, instance in instances.items():
        listener = await asyncio.start_server(instance.serve, "127.0.0.1", 0)
        instance.port = listener.sockets[0].getsockname()[1]
        listening.append(listener)
        backends[name] = Backend(name)
        backends[name].replace([Target(instance.port, ready=True)], concurrency=100, timeout=timeout)
    guard = Guard(KEY, HOST, Keys("key", "other"), server.services.tokens)
    router.endpoints["taxi"] = EndpointRoute("taxi", guard, traffic, mirror, backends)
    taxi = Endpoint(router, backends, server)
    front = await asyncio.get_running_loop().create_server(protocols(taxi), "127.0.0.1", 0)
    listening.append(front)
    taxi.port = front.sockets[0].getsockname()[1]
    try:
        yield taxi
    finally:
        for backend in backends.values():
            for target in backend.targets:
                target.pool.close()
        for listener in listening:
            listener.close()


def test_ten_thousand_choices_are_as_the_weights_say() -> None:
    chance = random.Random(7)
    counted = collections.Counter(choose((("blue", 90), ("green", 10)), chance.random()) for _ in range(10_000))
    assert abs(counted["blue"] / 10_000 - 0.9) < 0.02
    assert sum(counted.values()) == 10_000


def test_the_ends_of_the_traffic() -> None:
    assert choose((("blue", 50), ("green", 50)), 0.0) == "blue"
    assert choose((("blue", 50), ("green", 50)), 0.4999) == "blue"
    assert choose((("blue", 50), ("green", 50)), 0.5) == "green"
    assert choose((("blue", 50), ("green", 50)), 0.999999) == "green"
    assert choose((), 0.5) is None


def test_the_instance_gets_the_request_without_the_key_and_the_caller_learns_who_answered(tmp_path: Path) -> None:
    async def check() -> None:
        blue = Instance()
        async with endpoint(tmp_path, {"blue": blue}) as taxi:
            answer = await taxi.call(path="/score?version=2", content=b'{"a": 1}', headers={"X-Mine": "1"})
        assert (answer.status_code, answer.content) == (200, b"{}")
        assert answer.headers["azureml-model-deployment"] == "blue"
        assert answer.headers["x-request-id"]
        head = blue.heads[0].lower()
        assert head.startswith(b"post /score?version=2 http/1.1\r\n")
        assert b"x-mine: 1\r\n" in head
        assert f"host: {HOST}\r\n".encode() in head
        assert b"authorization" not in head
        assert b"bearer" not in head
        assert f"x-request-id: {answer.headers['x-request-id']}".encode() in head
        assert blue.bodies == [b'{"a": 1}']

    asyncio.run(check())


def test_a_callers_request_id_comes_back(tmp_path: Path) -> None:
    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance()}) as taxi:
            answer = await taxi.call(headers={"x-request-id": "mine", "x-ms-client-request-id": "theirs"})
        assert answer.headers.get_list("x-request-id") == ["mine"]
        assert answer.headers["x-ms-client-request-id"] == "theirs"

    asyncio.run(check())


def test_refusals_never_reach_an_instance(tmp_path: Path) -> None:
    async def check() -> None:
        blue = Instance()
        async with endpoint(tmp_path, {"blue": blue}, traffic=()) as taxi:
            wrong = await taxi.call(headers={"Authorization": "Bearer wrong"})
            unknown = await taxi.call(headers={"azureml-model-deployment": "pink"})
            nowhere = await taxi.call()
            elsewhere = await taxi.call(headers={"Host": "other.westeurope.inference.ml.azure.com"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "Unauthorized")
        assert unknown.status_code == 404
        assert "has no deployment 'pink'" in unknown.json()["error"]["message"]
        assert nowhere.status_code == 404
        assert "has no deployment with traffic" in nowhere.json()["error"]["message"]
        assert elsewhere.status_code == 404
        assert "no online endpoint 'other'" in elsewhere.json()["error"]["message"]
        assert blue.connections == 0

    asyncio.run(check())


def test_the_header_wins_over_the_traffic_in_any_case(tmp_path: Path) -> None:
    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance(), "green": Instance()}) as taxi:
            answer = await taxi.call(headers={"azureml-model-deployment": "GREEN"})
        assert answer.headers["azureml-model-deployment"] == "green"

    asyncio.run(check())


@pytest.mark.parametrize("status", [201, 400, 404, 500, 503])
def test_any_status_but_200_is_a_model_error_with_the_models_own_body(tmp_path: Path, status: int) -> None:
    raw = f"HTTP/1.1 {status} X\r\nContent-Length: 4\r\nX-Theirs: 1\r\n\r\noops".encode()

    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance(raw)}) as taxi:
            answer = await taxi.call()
        assert (answer.status_code, answer.text) == (424, "oops")
        assert answer.headers["ms-azureml-model-error-statuscode"] == str(status)
        assert answer.headers["ms-azureml-model-error-reason"] == "model_error"
        assert answer.headers["x-theirs"] == "1"

    asyncio.run(check())


def test_a_slow_model_is_408_and_its_connection_is_not_used_again(tmp_path: Path) -> None:
    async def forever(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def check() -> None:
        blue = Instance(forever)
        async with endpoint(tmp_path, {"blue": blue}, timeout=0.05) as taxi:
            answer = await taxi.call()
            assert answer.status_code == 408
            assert "did not answer within 0.05 s (request_timeout)" in answer.json()["error"]["message"]
            assert answer.headers["ms-azureml-model-error-reason"] == "model_timeout"
            blue.answer = OK
            assert (await taxi.call()).status_code == 200
            assert blue.connections == 2
            assert taxi.backends["blue"].pending == 0

    asyncio.run(check())


def test_a_server_that_hangs_up_or_talks_nonsense_is_a_model_error(tmp_path: Path) -> None:
    async def hang_up(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def check() -> None:
        blue = Instance(hang_up)
        async with endpoint(tmp_path, {"blue": blue}) as taxi:
            gone = await taxi.call()
            blue.answer = b"hello?\r\n\r\n"
            nonsense = await taxi.call()
        assert gone.status_code == nonsense.status_code == 424
        assert gone.headers["ms-azureml-model-error-statuscode"] == "502"
        assert "closed the connection before its answer was whole" in gone.json()["error"]["message"]
        assert "is not HTTP" in nonsense.json()["error"]["message"]

    asyncio.run(check())


def test_too_many_and_not_ready(tmp_path: Path) -> None:
    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance()}) as taxi:
            blue = taxi.backends["blue"]
            blue.pending = blue.limit
            many = await taxi.call()
            blue.pending = 0
            blue.targets[0].ready = False
            down = await taxi.call()
            blue.starting = True
            starting = await taxi.call()
        assert many.status_code == 429
        assert many.headers["ms-azureml-model-error-reason"] == "too_many_pending_request"
        assert "has 200 requests in hand, the most it takes" in many.json()["error"]["message"]
        assert (down.status_code, down.headers["ms-azureml-model-error-reason"]) == (424, "model_not_ready")
        assert (starting.status_code, starting.headers["retry-after"]) == (503, "1")

    asyncio.run(check())


def test_large_bodies_pass_both_ways_with_and_without_a_length(tmp_path: Path) -> None:
    size = 8 * 1024 * 1024

    async def echo(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 300_000):
            piece = body[at : at + 300_000]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"y" * (size // 64)

    async def check() -> None:
        blue = Instance(echo)
        async with endpoint(tmp_path, {"blue": blue}) as taxi:
            known = await taxi.call(content=b"x" * size)
            unknown = await taxi.call(content=pieces())
        assert known.content == b"x" * size
        assert unknown.content == b"y" * size
        assert f"content-length: {size}".encode() in blue.heads[0]
        assert b"transfer-encoding: chunked" in blue.heads[1]

    asyncio.run(check())


def test_an_answer_that_comes_before_the_whole_request_is_passed_on(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        await asyncio.sleep(0.2)  # a close at once would reset the connection before the answer was read
        writer.close()

    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance()}) as taxi:
            listener = await asyncio.start_server(serve, "127.0.0.1", 0)
            target = Target(listener.sockets[0].getsockname()[1], ready=True)
            taxi.backends["blue"].replace([target], concurrency=1, timeout=5)
            answer = await taxi.call(content=b"x" * 32 * 1024 * 1024)
            listener.close()
        assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "413")

    asyncio.run(check())


def test_an_answer_without_a_length_ends_with_the_connection(tmp_path: Path) -> None:
    async def old(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
        await writer.drain()
        writer.close()

    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance(old)}) as taxi:
            assert (await taxi.call()).text == "until the end"

    asyncio.run(check())


def test_an_answer_that_breaks_off_breaks_off_for_the_caller(tmp_path: Path) -> None:
    async def half(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        await writer.drain()
        writer.close()

    async def check() -> None:
        async with endpoint(tmp_path, {"blue": Instance(half)}) as taxi:
            with pytest.raises(httpx.TransportError):
                await taxi.call()
            assert taxi.backends["blue"].pending == 0

    asyncio.run(check())


def test_large_requests_wait_for_a_turn_and_are_held_up_meanwhile(tmp_path: Path) -> None:
    async def check() -> None:
        blue = Instance()
        async with endpoint(tmp_path, {"blue": blue}) as taxi:
            backend = taxi.backends["blue"]
            backend.replace(backend.targets, concurrency=1, timeout=5)
            busy = backend.take()
            assert busy is not None
            asked = asyncio.create_task(taxi.call(content=b"x" * 6_000_000))
            while backend.pending < 2:
                await asyncio.sleep(0.01)
            refused = await taxi.call()
            backend.release(busy)
            assert (await asked).status_code == 200
            assert backend.pending == 0
        assert refused.status_code == 429
        assert blue.bodies == [b"x" * 6_000_000]

    asyncio.run(check())


def test_a_caller_that_leaves_gives_its_turn_back_when_its_request_was_not_whole(tmp_path: Path) -> None:
    async def check() -> None:
        blue = Instance()
        async with endpoint(tmp_path, {"blue": blue}) as taxi:
            backend = taxi.backends["blue"]
            _, writer = await asyncio.open_connection("127.0.0.1", taxi.port)
            head = (
                f"POST /score HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer key\r\nContent-Length: 9000000\r\n\r\n"
            )
            writer.write(head.encode() + b"x" * 3_000_000)
            while backend.pending < 1:
                await asyncio.sleep(0.01)
            writer.close()
            while backend.pending:
                await asyncio.sleep(0.01)
            assert backend.targets[0].in_flight == 0
        assert blue.bodies == []

    asyncio.run(asyncio.wait_for(check(), 10))


def test_head_has_no_body(tmp_path: Path) -> None:
    async def check() -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
        async with endpoint(tmp_path, {"blue": Instance(answer)}) as taxi:
            head = await taxi.call("HEAD", "/")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "7")

    asyncio.run(check())


def test_connections_are_kept_when_the_server_keeps_them(tmp_path: Path) -> None:
    async def check() -> None:
        kept = Instance()
        async with endpoint(tmp_path, {"blue": kept}) as taxi:
            for _ in range(3):
                assert (await taxi.call()).status_code == 200
        assert kept.connections == 1
        closing = Instance(OK.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"))
        async with endpoint(tmp_path / "2", {"blue": closing}) as taxi:
            for _ in range(3):
                assert (await taxi.call()).status_code == 200
        assert closing.connections == 3

    asyncio.run(check())


def test_the_mirror_gets_copies_and_never_answers(tmp_path: Path) -> None:
    async def check() -> None:
        blue, green = Instance(), Instance(b"HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad")
        chances = iter([0.0, 0.0, 0.0, 0.9, 0.0, 0.0])  # traffic and mirror of each of three requests
        async with endpoint(
            tmp_path, {"blue": blue, "green": green}, mirror=[("green", 50)], chance=lambda: next(chances)
        ) as taxi:
            bodies = [b"small", b"not mirrored", b"z" * 3_000_000]
            answers = [await taxi.call(content=body) for body in bodies]
            while len(green.bodies) < 2:
                await asyncio.sleep(0.01)
            taxi.backends["green"].targets[0].ready = False  # a mirror that is down is not noticed
            taxi.router.chance = lambda: 0.0
            answers.append(await taxi.call())
            await asyncio.sleep(0.01)
        assert [answer.status_code for answer in answers] == [200] * 4
        assert {answer.headers["azureml-model-deployment"] for answer in answers} == {"blue"}
        assert sorted(map(len, green.bodies)) == [5, 3_000_000]
        assert b"authorization" not in green.heads[0].lower()

    asyncio.run(check())
