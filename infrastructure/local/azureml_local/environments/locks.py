"""A file lock that several processes share, and that survives in the children of a killed one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

POLL_SECONDS = 0.1


@contextlib.asynccontextmanager
async def locked(path: Path, waiting: Callable[[str], None]) -> AsyncIterator[int]:
    """Hold the lock on `path`; yields its file descriptor. `waiting` is told the holder's process id, once.

    Pass the descriptor on to child processes that write under the lock: if this process is killed, the lock stays
    taken until they are gone too, so nobody starts to write where an orphan still does.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        told = False
        while not _taken(descriptor):
            if not told:
                waiting(os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown")
                told = True
            await asyncio.sleep(POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        # Closing, not unlocking: a descriptor that a child still has keeps the lock.
        os.close(descriptor)


def held(path: Path) -> bool:
    """Whether somebody holds the lock on `path` now."""
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
