"""The state folder belongs to one server at a time, and a server without its folder has no business to go on."""

from __future__ import annotations

import asyncio
import fcntl
import os
from typing import TextIO

from .paths import StatePaths

LOOK_SECONDS = 2.0


class StateLock:
    """Holds the state folder's lock file, which has this process's id. The kernel lets go when the process ends."""

    def __init__(self, paths: StatePaths) -> None:
        """Exits with a message when another server has the folder."""
        self._path = paths.lock
        self._handle: TextIO = self._path.open("a+")
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._handle.close()
            raise SystemExit(f"azureml-local: another server holds {paths.root}") from None
        self._handle.truncate(0)
        self._handle.write(str(os.getpid()))
        self._handle.flush()

    def held(self) -> bool:
        """Whether the folder is still there and this server's: somebody may have removed it, or made a new one."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._handle.fileno()))
        except OSError:
            return False

    async def until_lost(self, seconds: float = LOOK_SECONDS) -> None:
        """Returns when the folder is no longer this server's; looks, by one `stat`, every so many seconds."""
        while self.held():
            await asyncio.sleep(seconds)

    def close(self) -> None:
        self._handle.close()
