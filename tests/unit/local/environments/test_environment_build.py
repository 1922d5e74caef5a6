"""Building, sharing and cancelling, with a stand-in for uv that needs no network (a shell script)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from azureml_local.environments import cleanup, locks
from azureml_local.environments.build import EnvironmentBuilder, EnvironmentBuildError
from azureml_local.environments.spec import EnvironmentSpec

# `venv … PATH` makes bin/python; `pip install … -` keeps what it is given on stdin. $MODE of the test decides the rest.
UV = """#!/bin/sh
for last; do :; done
case "$1" in
venv) mkdir -p "$last/bin" && ln -s {python} "$last/bin/python" && echo venv >> {calls} ;;
pip)
  echo "$last" >> {calls}
  if [ "$last" = - ]; then
    cat > {given}
    case "$(cat {mode})" in
    fail) echo "error: No solution found" ; echo " cause: there is no version of six==9.9 at https://me:secret@host/x"
      exit 1 ;;
    conflict)
      if [ $(wc -l < {given}) -gt 1 ]; then
        echo "error: No solution found"; echo " cause: a and b are incompatible"; exit 1
      fi ;;
    hang) echo $$ > {pid}; echo "Downloading six"; sleep 60 & wait ;;
    slow) sleep 0.2 ;;
    esac
    echo "Resolved 1 package"; echo " + six==1.16.0"
  fi ;;
esac
"""
SPEC = EnvironmentSpec("taxi:3", conda={"dependencies": [{"pip": ["six"]}]})


class Stand:
    """A builder over the script, and what the script saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "environments"
        files = {name: folder / name for name in ("calls", "given", "mode", "pid")}
        script = folder / "uv"
        script.write_text(UV.format(python=sys.executable, **files))
        script.chmod(0o755)
        self.mode("")
        self.lines: list[str] = []
        self.builder = EnvironmentBuilder(self.root, uv=script, env={"PIP_CONFIG_FILE": "/dev/null"})

    def mode(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().split()

    def ensure(self, spec: EnvironmentSpec = SPEC) -> Path:
        return asyncio.run(self.builder.ensure(spec, self.lines.append)).path

    @property
    def path(self) -> Path:
        return self.root / self.builder.key(SPEC)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_built_once_then_kept(stand: Stand) -> None:
    first = stand.ensure()
    assert first == stand.path
    assert (first / "bin" / "python").exists()
    assert (stand.folder / "given").read_text() == "six\n"
    assert stand.lines[0].startswith("environment taxi:3: building it with Python 3.")
    assert stand.lines[1:-1] == ["  Resolved 1 package"]  # the list of single packages is left out
    assert stand.lines[-1].startswith("environment taxi:3: ready after ")
    calls = stand.calls()
    stand.lines.clear()
    assert stand.ensure() == first
    assert (stand.calls(), stand.lines) == (calls, [])


def test_a_half_built_one_is_built_anew(stand: Stand) -> None:
    stand.path.mkdir(parents=True)
    (stand.path / "left-over").touch()
    stand.ensure()
    assert not (stand.path / "left-over").exists()
    assert (stand.path / ".ready").exists()


def test_one_whose_interpreter_was_uninstalled_is_built_anew(stand: Stand) -> None:
    python = stand.ensure() / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.10")
    stand.ensure()
    assert python.exists()


def test_jobs_at_once_share_one_build(stand: Stand) -> None:
    stand.mode("slow")

    async def three() -> None:
        await asyncio.gather(*[stand.builder.ensure(SPEC, stand.lines.append) for _ in range(3)])

    asyncio.run(three())
    assert stand.calls().count("venv") == 1
    waiting = f"environment taxi:3: waiting for process {os.getpid()}, which is building the same environment"
    assert stand.lines.count(waiting) == 2


def test_a_failure_is_readable_and_leaves_nothing(stand: Stand) -> None:
    stand.mode("fail")
    with pytest.raises(EnvironmentBuildError) as failed:
        stand.ensure()
    assert str(failed.value).startswith("environment taxi:3: the package six==9.9 was not found:")
    assert failed.value.log.endswith("there is no version of six==9.9 at https://***@host/x")
    assert "secret" not in "\n".join(stand.lines)
    assert not stand.path.exists()
    stand.mode("")
    stand.ensure()  # and the lock is free again


def test_parts_that_exclude_each_other_are_installed_one_after_the_other(stand: Stand) -> None:
    stand.mode("conflict")
    spec = EnvironmentSpec("taxi:3", conda={"dependencies": ["a=1", {"pip": ["b"]}]})
    first = asyncio.run(stand.builder.ensure(spec, stand.lines.append))
    again = asyncio.run(stand.builder.ensure(spec, stand.lines.append))
    assert (stand.folder / "given").read_text() == "b\n"
    assert "environment taxi:3: its parts exclude each other, so they are installed one after the other" in stand.lines
    assert first.warnings == again.warnings
    assert "installed one after the other, as Azure ML does, and later ones replaced versions" in first.warnings[0]


def test_one_part_that_excludes_itself_is_refused(stand: Stand) -> None:
    stand.mode("conflict")
    with pytest.raises(EnvironmentBuildError, match="the versions asked for exclude each other"):
        stand.ensure(EnvironmentSpec("taxi:3", conda={"dependencies": ["a=1", "b=2"]}))


def gone(group: int) -> bool:
    """Whether a killed process group is gone within seconds: a grandchild is when init has taken note of it."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_cancelling_ends_the_whole_process_group(stand: Stand) -> None:
    stand.mode("hang")

    async def cancelled() -> None:
        downloading = asyncio.Event()
        task = asyncio.create_task(
            stand.builder.ensure(SPEC, lambda line: downloading.set() if "Downloading" in line else None)
        )
        await downloading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    group = int((stand.folder / "pid").read_text())
    assert gone(group)
    assert not locks.held(stand.root / ".locks" / stand.path.name)
    stand.mode("")
    stand.ensure()


def test_a_lock_stays_with_the_children_of_a_killed_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    async def start_child() -> subprocess.Popen[bytes]:
        async with locks.locked(lock, lambda _: None) as descriptor:
            return subprocess.Popen(["sleep", "60"], pass_fds=(descriptor,))

    child = asyncio.run(start_child())
    try:
        assert locks.held(lock)
    finally:
        child.kill()
        child.wait()
    assert not locks.held(lock)


def test_a_root_that_cannot_be_written_is_named(stand: Stand) -> None:
    stand.root.write_text("a file")
    with pytest.raises(EnvironmentBuildError, match=r"environment taxi:3: cannot write to .*environments: "):
        stand.ensure()


def test_the_marker_holds_no_password(stand: Stand) -> None:
    lines = ("--extra-index-url https://me:secret@host/simple", "six @ https://me:secret@host/six.whl")
    path = stand.ensure(EnvironmentSpec("taxi:3", conda={}, pip_requirements=lines))
    marker = json.loads((path / ".ready").read_text())
    assert marker["requirements"] == ["six @ https://***@host/six.whl"]
    assert (stand.folder / "given").read_text() == "\n".join(lines) + "\n"


def test_constraints_and_extra_indexes_reach_uv(stand: Stand) -> None:
    spec = EnvironmentSpec("taxi:3", conda={}, pip_requirements=("six",), constraints=("six<2",))
    path = stand.ensure(spec)
    assert (path / "constraints.txt").read_text() == "six<2\n"


def test_pruning_keeps_the_most_recently_used(stand: Stand) -> None:
    paths = [stand.ensure(EnvironmentSpec(f"e:{n}", conda={}, pip_requirements=(f"six=={n}",))) for n in range(3)]
    for age, path in zip((30, 10, 20), paths, strict=True):
        os.utime(path / ".ready", (1000 - age, 1000 - age))
    half = stand.root / "half-built"
    half.mkdir()
    listed = cleanup.built(stand.root)
    assert [(kept.name, kept.ready) for kept in listed] == [("", False), ("e:1", True), ("e:2", True), ("e:0", True)]
    assert listed[1].size > 0
    assert {removed.path for removed in cleanup.prune(stand.root, keep=1)} == {half, paths[0], paths[2]}
    assert [kept.path for kept in cleanup.built(stand.root)] == [paths[1]]


def test_pruning_leaves_alone_what_is_being_built(stand: Stand) -> None:
    path = stand.ensure()

    async def prune_meanwhile() -> list[cleanup.Kept]:
        async with locks.locked(stand.root / ".locks" / path.name, lambda _: None):
            return cleanup.prune(stand.root)

    assert asyncio.run(prune_meanwhile()) == []
    assert path.exists()


def test_there_is_nothing_to_list_before_the_first_build(tmp_path: Path) -> None:
    assert cleanup.built(tmp_path / "environments") == []
    assert cleanup.prune(tmp_path / "environments") == []
