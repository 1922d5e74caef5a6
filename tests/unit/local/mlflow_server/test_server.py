"""The supervisor, with small children in place of MLflow: tests/wire runs the real one."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from azureml_local import tools
from azureml_local.mlflow_server import MlflowServer, MlflowUnavailableError
from azureml_local.tools import ToolError
from support.local_server import make_server

# Answers every request with the secret it was sent and its own process id; `/die` ends it, stdin's end ends it.
CHILD = """
import http.server, json, os, socket, sys, threading

configuration = json.loads(sys.stdin.readline())

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        secret = self.headers.get("X-Azureml-Local-Secret")
        status = 200 if secret == configuration["secret"] else 403
        body = json.dumps({"mlflow": "test", "pid": os.getpid(), "path": self.path}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=configuration["socket"])
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""


def run(
    folder: Path,
    child: str,
    scenario: Callable[[MlflowServer], Awaitable[None]],
    python: Callable[[], Path] = lambda: Path(sys.executable),
) -> None:
    script = folder / "child.py"
    script.write_text(child)
    services = make_server(folder).services

    async def started() -> None:
        server = MlflowServer(services, child=script, python=python, pauses=(0.01, 0.01))
        await server.start()
        try:
            await asyncio.wait_for(scenario(server), 30)
        finally:
            await server.stop()
            await services.stop_tasks()

    asyncio.run(started())


async def pid_of(server: MlflowServer) -> int:
    workspace = server._seeded()
    answer = await server.call("GET", "/x", workspace)
    assert answer.status == 200
    return int(answer.body.split(b'"pid": ')[1].split(b",")[0])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_answers_with_its_secret_and_is_gone_after_stop(tmp_path: Path) -> None:
    pids = []

    async def scenario(server: MlflowServer) -> None:
        pids.append(await pid_of(server))

    run(tmp_path, CHILD, scenario)
    assert not alive(pids[0])


def test_a_child_that_dies_is_started_again_and_callers_do_not_notice(tmp_path: Path) -> None:
    async def scenario(server: MlflowServer) -> None:
        first = await pid_of(server)
        with pytest.raises(MlflowUnavailableError, match=r"broke off .*mlflow\.log"):
            await server.call("GET", "/die", server._seeded())
        assert await pid_of(server) != first

    run(tmp_path, CHILD, scenario)


def test_a_child_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    async def scenario(server: MlflowServer) -> None:
        with pytest.raises(MlflowUnavailableError) as told:
            await server.wait_ready()
        assert "it ended with 4 while starting" in str(told.value)
        assert "no module named mlflow" in str(told.value)

    run(tmp_path, "import sys; print('no module named mlflow'); sys.exit(4)", scenario)


def test_an_environment_that_cannot_be_built_is_told_and_tried_again(tmp_path: Path) -> None:
    attempts = []

    def python() -> Path:
        attempts.append(1)
        if len(attempts) == 1:
            raise ToolError("mlflow could not be installed: no route to host")
        return Path(sys.executable)

    async def scenario(server: MlflowServer) -> None:
        with pytest.raises(MlflowUnavailableError, match="does not start: mlflow could not be installed"):
            await server.wait_ready()
        while len(attempts) < 2:
            await asyncio.sleep(0.001)
        await pid_of(server)

    run(tmp_path, CHILD, scenario, python)


def test_a_stop_ends_the_installation_that_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def ensure(_paths: object, name: str, _say: object, stopped: threading.Event) -> Path:
        assert name == "mlflow"
        begun.set()
        assert stopped.wait(30), "nobody stopped it"
        ended.set()
        raise ToolError("stopped while installing")

    monkeypatch.setattr(tools, "ensure", ensure)
    services = make_server(tmp_path).services

    async def stop_early() -> None:
        server = MlflowServer(services)
        await server.start()
        assert await asyncio.to_thread(begun.wait, 30)
        await server.stop()
        assert await asyncio.to_thread(ended.wait, 30)

    asyncio.run(stop_early())


def test_before_the_start_and_after_the_stop_it_says_so(tmp_path: Path) -> None:
    services = make_server(tmp_path).services

    async def scenario() -> None:
        server = MlflowServer(services)
        with pytest.raises(MlflowUnavailableError, match="was not started"):
            await server.wait_ready()

    asyncio.run(scenario())
