"""Tools are built once, by one at a time, and what builds them can be stopped."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from azureml_local import tools
from azureml_local.paths import StatePaths
from azureml_local.tools import ToolError

# A uv whose `venv` makes the folder and whose `pip sync` is given.
UV = """#!/bin/sh
echo "$1 $2" >> {calls}
if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last/bin"; exit 0; fi
{pip}
"""


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return StatePaths(tmp_path / "state", tmp_path / "cache")


def uv_that(does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a uv in place whose `pip sync` is this shell code; the file that tells how it was called."""
    calls, program = tmp_path / "calls", tmp_path / "uv"
    program.write_text(UV.format(calls=calls, pip=does))
    program.chmod(0o755)
    monkeypatch.setattr(tools, "uv_binary", lambda: program)
    return calls


def silent(_: str) -> None:
    pass


def stopped_after(seen: Path) -> threading.Event:
    """Set as soon as the file is there."""
    stopped = threading.Event()

    def watch() -> None:
        while not seen.exists():
            time.sleep(0.005)
        stopped.set()

    threading.Thread(target=watch, daemon=True).start()
    return stopped


def test_a_tool_is_built_once(paths: StatePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = uv_that("exit 0", tmp_path, monkeypatch)
    said: list[str] = []
    folder = tools.ensure(paths, "mlflow", said.append)
    assert tools.ensure(paths, "mlflow", said.append) == folder
    assert said == ["installing mlflow (once)"]
    assert calls.read_text() == "venv --quiet\npip sync\n"


def test_a_tool_that_cannot_be_built_leaves_nothing(
    paths: StatePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_that("echo no such index >&2; exit 2", tmp_path, monkeypatch)
    with pytest.raises(ToolError, match=r"mlflow could not be installed into .*\nno such index\nIs the package index"):
        tools.ensure(paths, "mlflow", silent)
    assert not tools.tool_folder(paths, "mlflow").exists()


def test_an_installation_that_is_stopped_ends_uv_and_the_next_one_completes(
    paths: StatePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    uv_that(f"touch {started}; sleep 600 & wait", tmp_path, monkeypatch)
    with pytest.raises(ToolError, match="stopped while installing"):
        tools.ensure(paths, "mlflow", silent, stopped_after(started))
    assert not tools.tool_folder(paths, "mlflow").exists()
    uv_that("exit 0", tmp_path, monkeypatch)
    assert (tools.ensure(paths, "mlflow", silent) / ".ready").exists()


def test_waiting_for_another_installation_can_be_stopped(
    paths: StatePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = uv_that("exit 0", tmp_path, monkeypatch)
    lock = paths.tools / "mlflow.lock"
    with tools.file_lock(lock), pytest.raises(ToolError, match=f"stopped while waiting for {lock}"):
        tools.ensure(paths, "mlflow", silent, stopped_after(lock))
    assert not calls.exists()


def test_uv_has_the_lock_as_long_as_it_lives(
    paths: StatePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workspace that is killed leaves uv behind: nobody may build in the same folder then."""
    descriptors = tmp_path / "descriptors"
    uv_that(f"ls -l /proc/$$/fd > {descriptors}", tmp_path, monkeypatch)
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    tools.ensure(paths, "mlflow", silent)
    assert str(paths.tools / "mlflow.lock") in descriptors.read_text()
