"""Full disks and damaged state folders, said in words."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from pathlib import Path

import pytest

from azureml_local import arm, operations, problems, server, settings
from azureml_local.paths import StatePaths
from azureml_local.reserve import Reserve
from support.local_jobs import Jobs, make_jobs
from support.local_server import ARM, make_server

FULL = sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize("error", [FULL, OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x")])
def test_a_full_disk_is_told_by_the_system_and_by_sqlite(error: Exception) -> None:
    assert problems.disk_is_full(error)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "x"), sqlite3.OperationalError("database is locked")])
def test_other_troubles_are_no_full_disk(error: Exception) -> None:
    assert not problems.disk_is_full(error)


def test_a_full_disk_ends_a_command_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end, problems.full_disk_of(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(end.value).startswith(f"azureml-local: No space left on the disk of {tmp_path} (")
    assert "Free some space, or remove old jobs with `azureml-local reset`" in str(end.value)


@pytest.mark.parametrize("name", ["workspace.db", "token-key.pem"])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, name: str) -> None:
    paths = StatePaths(tmp_path / "state", tmp_path / "cache")
    paths.create()
    (paths.root / name).write_text("no such thing, and longer than the header of a database would have to be\n" * 9)
    with pytest.raises(SystemExit) as end:
        server.build(paths, settings.load(paths))
    assert str(end.value).startswith(f"azureml-local: {paths.root / name} is damaged (")
    assert "`azureml-local reset`" in str(end.value)


def test_damaged_settings_are_named_with_the_way_out(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path / "state", tmp_path / "cache")
    paths.create()
    paths.settings.write_text('{"tenant_id": 1')
    with pytest.raises(SystemExit, match=r"settings\.json is damaged .*`azureml-local reset`"):
        settings.load(paths)


def test_a_reserve_is_taken_given_back_and_taken_again(tmp_path: Path) -> None:
    file = tmp_path / "reserve"
    reserve = Reserve(file, 1000)
    reserve.hold_again()
    assert not file.exists()
    reserve.hold()
    reserve.hold()
    assert file.stat().st_size == 1000
    reserve.release()
    assert not file.exists()
    reserve.hold_again()
    assert file.stat().st_size == 1000


def test_clients_are_told_507(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_server(tmp_path, operations, arm)

    def full(*_: object, **__: object) -> None:
        raise FULL

    monkeypatch.setattr(made.services.store, "put", full)
    url = f"{ARM}/subscriptions/{made.services.settings.subscription_id}/resourceGroups/g"
    answer = asyncio.run(made.call("PUT", url, json={}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "InsufficientStorage")
    assert "Free some space" in answer.json()["error"]["message"]


def test_a_run_that_a_full_disk_ends_is_failed_and_not_running_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: Jobs = make_jobs(tmp_path)
    reserve = jobs.services.paths.root / "reserve"
    jobs.services.reserve.hold()
    advance = jobs.manager.runs.advance

    def until_there_is_space(run: object, status: str, **more: object) -> object:
        if reserve.exists() and status in ("Finalizing", "Completed", "Failed"):
            raise FULL
        return advance(run, status, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs.manager.runs, "advance", until_there_is_space)
    command = {
        "jobType": "Command",
        "command": "echo",
        "environmentId": f"{jobs.workspace.id}/environments/plain/versions/1",
        "computeId": "cpu",
    }
    run = asyncio.run(jobs.run(command))
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["code"] == "DiskFull"
    assert not reserve.exists()
