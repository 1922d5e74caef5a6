"""Process groups: real processes are started, and nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from azureml_local.jobs.processes import TOKEN, Launch, SystemLauncher, bearers, end_processes, start_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")


def launch(folder: Path, command: str, token: str = "t0") -> Launch:
    environment = {"PATH": os.environ["PATH"], TOKEN: token}
    return Launch(["bash", "-c", command], environment, folder, folder / "log.txt")


def test_output_is_in_the_log_as_it_is_written(tmp_path: Path) -> None:
    async def run() -> int:
        return await (await SystemLauncher().start(launch(tmp_path, "echo out; echo err >&2; exit 3"))).wait()

    assert asyncio.run(run()) == 3
    assert (tmp_path / "log.txt").read_text() == "out\nerr\n"


def test_the_whole_group_is_ended_and_so_is_what_left_it(tmp_path: Path) -> None:
    token = f"token-{os.getpid()}-a"
    command = "setsid sleep 600 & (trap '' TERM; while :; do sleep 600; done) & echo ready; wait"

    async def run() -> None:
        launcher = SystemLauncher()
        handle = await launcher.start(launch(tmp_path, command, token))
        while "ready" not in (tmp_path / "log.txt").read_text() or len(bearers(token)) < 4:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(end_processes, [(handle.pid, handle.started)], token, 0.1)
        await handle.wait()

    asyncio.run(run())
    assert bearers(token) == []


def test_what_a_finished_command_left_in_the_background_is_ended(tmp_path: Path) -> None:
    token = f"token-{os.getpid()}-b"

    async def run() -> None:
        launcher = SystemLauncher()
        handle = await launcher.start(launch(tmp_path, "sleep 600 & exit 0", token))
        assert await handle.wait() == 0
        assert bearers(token)
        await launcher.end([(handle.pid, handle.started)], token)

    asyncio.run(run())
    assert bearers(token) == []


def test_an_innocent_process_with_the_same_id_is_left_in_peace() -> None:
    innocent = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        end_processes([(innocent.pid, "another start")], "nobody's token", 0.05)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_ending_what_is_gone_returns_at_once() -> None:
    gone = subprocess.Popen(["true"], start_new_session=True)
    started = start_time(gone.pid) or ""
    gone.wait()
    before = time.monotonic()
    end_processes([(gone.pid, started)], "nobody's token", 30)
    assert time.monotonic() - before < 15
