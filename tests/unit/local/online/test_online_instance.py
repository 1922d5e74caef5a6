"""One instance: started, seen to be ready, restarted, ended. The inference server is a stand-in of twenty lines here,
started by the real launcher; tests/wire has the real one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from azureml_local.jobs import processes
from azureml_local.online.deployment_rules import Probe
from azureml_local.online.instance import Instance, InstanceError, Serving, start_all

SERVER = """
import os, runpy, socket, sys, time
if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
    sys.exit("no socket was handed over")
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("serving", arguments["--entry_script"], flush=True)
runpy.run_path(arguments["--entry_script"])["init"]()
listening = socket.socket(fileno=3)
while True:
    connection, _ = listening.accept()
    asked = connection.recv(65536)
    body = str(os.getpid()).encode()
    head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"
    connection.sendall(head % len(body) + body)
    connection.close()
"""


class Ledger:
    def __init__(self) -> None:
        self.running: dict[str, list[tuple[int, str]]] = {}

    def remember(self, token: str, pids: list[tuple[int, str]]) -> None:
        self.running[token] = pids

    def forget(self, token: str) -> None:
        self.running.pop(token, None)


class Bench:
    """A folder with a stand-in server and a scoring script."""

    def __init__(self, folder: Path, init: str = "pass", **probe: float) -> None:
        for name, text in (
            ("azureml_inference_server_http/__init__.py", ""),
            ("azureml_inference_server_http/__main__.py", SERVER),
            ("gunicorn/__init__.py", ""),
            ("gunicorn/config.py", "def make_settings():\n    return {}\n"),
            ("score.py", f"import os, time\ndef init():\n    {init}\n"),
        ):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.ledger = Ledger()
        self.changes: list[bool] = []
        probing = Probe(0, probe.get("period", 60), 1, int(probe.get("failures", 3)), 1)
        self.serving = Serving(
            python=Path(sys.executable),
            script=folder / "score.py",
            cwd=folder,
            environment={"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "FOLDER": str(folder)},
            log=folder / "server.log",
            liveness=probing,
            readiness=probing,
        )
        self.instance = self.another()

    def another(self) -> Instance:
        made = Instance(self.serving, 0, self.ledger, lambda: self.changes.append(made.target.ready))
        return made

    def log(self) -> str:
        return self.serving.log.read_text()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in 20 s"
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    return processes.start_time(pid) is None


def test_started_ready_and_ended(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def check() -> None:
        instance = bench.instance
        await instance.start()
        pid = instance.pid
        assert pid is not None
        assert instance.target.ready
        assert list(bench.ledger.running.values()) == [[(pid, processes.start_time(pid))]]
        await instance.stop()
        assert gone(pid)
        assert bench.ledger.running == {}
        assert bench.changes == [True, False]
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", instance.target.port)) != 0

    asyncio.run(check())
    assert f"serving {tmp_path / 'score.py'}" in bench.log()


def test_an_init_that_fails_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, init="raise SystemExit(3)")

    async def check() -> None:
        with pytest.raises(InstanceError, match=r"The server exited with code 3\."):
            await bench.instance.start()

    asyncio.run(check())
    assert bench.ledger.running == {}
    assert bench.changes == []


def test_an_init_that_takes_longer_than_the_probes_allow(tmp_path: Path) -> None:
    bench = Bench(tmp_path, init="time.sleep(60)", period=0.2, failures=2)

    async def check() -> None:
        with pytest.raises(InstanceError, match=r"did not answer within 0\.4 s, the time that its probes allow"):
            await bench.instance.start()

    asyncio.run(check())
    assert bench.ledger.running == {}


def test_a_server_that_dies_is_started_again_on_its_port(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def check() -> None:
        instance = bench.instance
        await instance.start()
        first, port = instance.pid, instance.target.port
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: instance.target.ready and instance.pid not in (None, first))
        assert instance.target.port == port
        assert bench.changes == [True, False, True]
        await instance.stop()

    asyncio.run(check())
    assert "azureml-local: instance 0: The server was ended by signal 9. It is started again." in bench.log()


def test_a_server_that_stops_answering_is_started_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, period=0.1, failures=2)

    async def check() -> None:
        instance = bench.instance
        await instance.start()
        first = instance.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        await until(lambda: instance.target.ready and instance.pid not in (None, first))
        assert gone(first)
        await instance.stop()

    asyncio.run(check())
    assert "The liveness probe failed too often." in bench.log()


def test_two_who_end_it_at_once_both_wait_until_it_is_gone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def check() -> None:
        instance = bench.instance
        await instance.start()
        pid = instance.pid
        assert pid is not None

        async def stopped() -> bool:
            await instance.stop()
            return gone(pid)

        assert all(await asyncio.gather(stopped(), stopped()))

    asyncio.run(check())
    assert bench.ledger.running == {}


def test_when_one_of_several_fails_the_others_are_ended(tmp_path: Path) -> None:
    once = (
        'mark = os.environ["FOLDER"] + "/mark"; os.path.exists(mark) and os._exit(4); open(mark, "w"); time.sleep(0.5)'
    )
    bench = Bench(tmp_path, init=once)

    async def check() -> None:
        with pytest.raises(InstanceError, match=r"exited with code 4"):
            await start_all([bench.instance, bench.another()])

    asyncio.run(check())
    assert bench.ledger.running == {}
