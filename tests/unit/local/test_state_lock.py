"""One server a state folder, and none without its folder."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from azureml_local.paths import StatePaths
from azureml_local.state_lock import StateLock


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    made = StatePaths(tmp_path / "state", tmp_path / "cache")
    made.create()
    return made


def test_the_lock_names_its_process_and_keeps_others_out(paths: StatePaths) -> None:
    lock = StateLock(paths)
    assert paths.lock.read_text() == str(os.getpid())
    with pytest.raises(SystemExit, match=f"another server holds {paths.root}"):
        StateLock(paths)
    lock.close()
    StateLock(paths).close()


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_server_whose_folder_or_lock_file_is_removed_learns_of_it(paths: StatePaths, what: str) -> None:
    lock = StateLock(paths)
    assert lock.held()

    async def removed_meanwhile() -> None:
        lost = asyncio.create_task(lock.until_lost(0.001))
        await asyncio.sleep(0.01)
        assert not lost.done()
        if what == "folder":
            shutil.rmtree(paths.root)
        else:
            paths.lock.unlink()
        await asyncio.wait_for(lost, 5)

    asyncio.run(removed_meanwhile())
    paths.create()
    other = StateLock(paths)
    assert other.held()
    assert not lock.held()
