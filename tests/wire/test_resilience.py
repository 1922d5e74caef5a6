"""What a person does to a workspace: starts it twice, kills it, stops it in the middle, spoils its files."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from azureml_local import settings
from azureml_local.workflow_run import facts
from conftest import COMMAND, LocalWorkspace, start_workspace

pytestmark = pytest.mark.wire


def until(what: str, condition: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkspace]:
    """One workspace for all of these tests, each of which leaves it up; its ports and its files change."""
    folder = tmp_path_factory.mktemp("resilience")
    started = start_workspace(folder / "state", folder / "home")
    yield started
    started.local("down")


def call(workspace: LocalWorkspace, method: str, path: str, body: object = None) -> Any:
    config = settings.load(workspace.paths)
    url = f"{config.workspace_id}{path}?api-version=2024-04-01"
    return facts.call(workspace.paths, config, method, "management.azure.com", url, body)


def server_pid(workspace: LocalWorkspace) -> int:
    return int(json.loads(workspace.paths.process.read_text())["pid"])


def descendants(pid: int) -> dict[int, str]:
    """Process ids and command lines of all that a process started, and what these started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = {}, [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            waiting.append(child)
            with suppress(OSError):
                found[child] = (Path("/proc") / str(child) / "cmdline").read_text().replace("\0", " ")
    return found


def runs(workspace: LocalWorkspace, part: str) -> bool:
    """Whether the server has a process with this in its command line."""
    return any(part in line for line in descendants(server_pid(workspace)).values())


def submit(workspace: LocalWorkspace, name: str, command: str, **environment: str) -> None:
    """A command job in an environment of its own."""
    path = f"/environments/{name}/versions/1"
    call(workspace, "PUT", path, {"properties": {"image": "python:3.11-slim", **environment}})
    used = settings.load(workspace.paths).workspace_id + path
    job = {"jobType": "Command", "command": command, "environmentId": used}
    call(workspace, "PUT", f"/jobs/{name}", {"properties": job})


def status(workspace: LocalWorkspace, name: str) -> str:
    return str(call(workspace, "GET", f"/jobs/{name}")["properties"]["status"])


def test_down_ends_everything_that_runs(ours: LocalWorkspace, tmp_path: Path) -> None:
    """A job with a child that left its group, MLflow's server, an environment under construction."""
    marker = tmp_path / "pids"
    with socket.socket() as index:  # a package index that never answers
        index.bind(("127.0.0.1", 0))
        index.listen()
        pip = f'["--index-url http://127.0.0.1:{index.getsockname()[1]}/simple", "a-package"]'
        submit(ours, "building", "true", condaFile=f"dependencies: [python=3.11, pip, {{pip: {pip}}}]")
        submit(ours, "long", f"setsid sleep 600 & echo $! $$ > {marker}; sleep 600")
        until("the job's start", lambda: marker.exists() and marker.read_text())
        for part in ("mlflow", "uv pip install", "sleep 600"):
            until(part, functools.partial(runs, ours, part))
        running = {server_pid(ours), *descendants(server_pid(ours)), *map(int, marker.read_text().split())}
        assert ours.local("down").stderr == "azureml-local: stopped\n"
    assert [pid for pid in running if Path(f"/proc/{pid}").exists()] == []
    assert ours.local("down").stderr == "azureml-local: not running\n"
    ours.local("up")
    assert [status(ours, name) for name in ("long", "building")] == ["Failed", "Failed"]


def test_two_that_start_at_once_share_one_server(ours: LocalWorkspace) -> None:
    ours.local("down")
    command = [*COMMAND, "--state", str(ours.paths.root), "up"]
    both = [subprocess.Popen(command, env=ours.environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(told)
    assert all(f"ready (pid {server_pid(ours)})" in text for text in told)


def test_a_foreign_process_and_a_taken_port_do_no_harm(ours: LocalWorkspace) -> None:
    ours.local("down")
    foreign = subprocess.Popen(["sleep", "600"])
    record = {"pid": foreign.pid, "nonce": "x", "started": 0}
    ours.paths.process.write_text(json.dumps(record))
    port = settings.load(ours.paths).proxy_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert ours.local("down").stderr == "azureml-local: not running\n"
        ours.paths.process.write_text(json.dumps(record))
        done = ours.local("up")
    assert foreign.poll() is None
    foreign.kill()
    foreign.wait()
    port = ours.settings.proxy_port
    assert (
        f"port {port} is in use by another program: taking new ports; evaluate `azureml-local env` again" in done.stderr
    )


def test_a_workspace_killed_under_a_workflow_comes_back_and_says_what_is_lost(
    ours: LocalWorkspace, tmp_path: Path
) -> None:
    """The watch that `run` keeps: here around a `workflow` that only waits."""
    code = f"""
import threading, time
from pathlib import Path
from azureml_local.paths import StatePaths
from azureml_local.workflow_run.watch import watching
ended = threading.Event()
with watching(StatePaths.from_environment({str(ours.paths.root)!r}), ended.set):
    Path({str(tmp_path / "watching")!r}).touch()
    ended.wait(60)
"""
    submit(ours, "lost", "sleep 600")
    until("the job's start", lambda: status(ours, "lost") == "Running")
    python = COMMAND[0]
    watch = subprocess.Popen([python, "-c", code], env=ours.environment, stderr=subprocess.PIPE, text=True)
    until("the watch", (tmp_path / "watching").exists)
    os.kill(server_pid(ours), signal.SIGKILL)

    def back() -> bool:
        try:
            return status(ours, "lost") == "Failed"
        except OSError:
            return False

    until("the workspace's return", back)
    ours.local("down")
    told = watch.communicate(timeout=30)[1]
    assert "the workspace was killed; what ran on it is lost" in told
    assert "ready again (pid " in told
    assert told.endswith("azureml-local: the workspace was stopped: ending the workflow\n")
    ours.local("up")


def test_a_damaged_database_is_named_and_reset_mends_it(ours: LocalWorkspace) -> None:
    ours.local("down")
    ours.paths.database.write_text("spoiled\n" * 200)
    done = ours.local("up", check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"azureml-local: {ours.paths.database} is damaged (file is not a database).")
    assert "`azureml-local reset`" in last
    ours.local("reset", "-y")
    assert ours.local("env", check=False).returncode == 3
    ours.local("up")


def test_a_server_whose_state_folder_is_removed_ends_with_all_that_runs(ours: LocalWorkspace, tmp_path: Path) -> None:
    """Comes last: nothing is left of the workspace."""
    marker = tmp_path / "pids"
    submit(ours, "orphan", f"setsid sleep 600 & echo $! $$ > {marker}; sleep 600")
    until("the job's start", lambda: marker.exists() and marker.read_text())
    until("MLflow's server", functools.partial(runs, ours, "mlflow"))
    running = {server_pid(ours), *descendants(server_pid(ours)), *map(int, marker.read_text().split())}
    shutil.rmtree(ours.paths.root)
    until("the end of all", lambda: not [pid for pid in running if Path(f"/proc/{pid}").exists()])
    assert not ours.paths.root.exists()
    assert ours.local("down").stderr == "azureml-local: not running\n"
