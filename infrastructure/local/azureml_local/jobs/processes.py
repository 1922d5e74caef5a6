"""Processes of a step: a group of their own that is ended whole, with whatever they started and forgot.

Every process inherits a token in its environment (AZUREML_LOCAL_PROCESS_TOKEN), so those that left the group for a
session of their own are found too, where the system shows environments (/proc). A process id is never believed alone:
the moment the process started is recorded with it, so that an innocent process with the same id is left in peace.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TOKEN = "AZUREML_LOCAL_PROCESS_TOKEN"  # noqa: S105 - a name
GRACE_SECONDS = 1.0
_PROC = Path("/proc")


@dataclass(frozen=True)
class Launch:
    """One process to start: its output goes to the end of `log` as it is written."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    log: Path


class Handle(Protocol):
    """A started process, leader of its group."""

    @property
    def pid(self) -> int: ...

    @property
    def started(self) -> str: ...

    async def wait(self) -> int:
        """Its exit code; minus the signal's number when a signal ended it."""
        ...


class Launcher(Protocol):
    """What starts and ends processes; tests give their own."""

    async def start(self, launch: Launch) -> Handle: ...

    async def end(self, pids: Iterable[tuple[int, str]], token: str) -> None:
        """End the groups of these processes and everything that carries the token; returns when they are gone."""
        ...


class _Process:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.started = start_time(process.pid) or ""

    async def wait(self) -> int:
        return await self._process.wait()


class SystemLauncher:
    """Real processes."""

    async def start(self, launch: Launch) -> Handle:
        with launch.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *launch.arguments,
                env=dict(launch.environment),
                cwd=launch.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return _Process(process)

    async def end(self, pids: Iterable[tuple[int, str]], token: str) -> None:
        await asyncio.to_thread(end_processes, list(pids), token)


def end_processes(pids: Sequence[tuple[int, str]], token: str, grace: float = GRACE_SECONDS) -> None:
    """TERM, up to `grace` seconds, then KILL, until nothing is left. Blocks at most about twice the grace."""
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    signalled = False
    while time.monotonic() < deadline + grace:
        alive = _alive(pids, token)
        if not alive:
            return
        if time.monotonic() >= deadline:
            number = signal.SIGKILL
        if not signalled or number == signal.SIGKILL:
            for pid, group in alive:
                with suppress(ProcessLookupError, PermissionError):
                    if group:
                        os.killpg(pid, number)
                    else:
                        os.kill(pid, number)
            signalled = True
        time.sleep(0.02)


def _alive(pids: Sequence[tuple[int, str]], token: str) -> list[tuple[int, bool]]:
    """(process id, is a group) of what is left of these groups and of the token's bearers."""
    found: list[tuple[int, bool]] = []
    for pid, started in pids:
        if _group_is_ours(pid, started, token):
            found.append((pid, True))
    found += [(pid, False) for pid in bearers(token)]
    return found


def _group_is_ours(pid: int, started: str, token: str) -> bool:
    """Whether a process group with this id exists and is the one that was started."""
    now = start_time(pid)
    if now is not None:
        return now == started and not _is_zombie(pid)
    # The leader is gone: its id stays reserved as long as the group has members, and those carry the token.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, 0)
        return _PROC.is_dir() and any(_process_group(bearer) == pid for bearer in bearers(token))
    return False


def start_time(pid: int) -> str | None:
    """When a process started, in the system's own terms; None when there is no such process."""
    if _PROC.is_dir():
        try:
            return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
        except (OSError, IndexError):
            return None
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def bearers(token: str) -> list[int]:
    """The living processes of this user whose environment has the token. None where the system hides environments."""
    if not token or not _PROC.is_dir():
        return []
    wanted = f"{TOKEN}={token}".encode()
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return [pid for pid in found if not _is_zombie(pid)]


def _is_zombie(pid: int) -> bool:
    with suppress(OSError, IndexError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def _process_group(pid: int) -> int | None:
    with suppress(OSError, ProcessLookupError):
        return os.getpgid(pid)
    return None
