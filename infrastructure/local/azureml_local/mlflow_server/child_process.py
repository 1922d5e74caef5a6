"""One life of the MLflow server's process: started on a socket of the parent's, asked whether it answers, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

END_SECONDS = 3.0


class ChildProcess:
    """A process that serves on an inherited listening socket for as long as its stdin is open."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, python: Path, script: Path, configuration: Mapping[str, Any], *, folder: Path, log: Path
    ) -> ChildProcess:
        """Run the script and write the configuration, one JSON line, to its stdin.

        configuration: `socket` is the descriptor that the child inherits. log: gets its stdout and stderr.
        """
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                str(python),
                "-Iu",
                str(script),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd=str(folder),
                pass_fds=[configuration["socket"]],
                start_new_session=True,
            )
        assert process.stdin is not None
        process.stdin.write(json.dumps(configuration).encode() + b"\n")
        with suppress(ConnectionError):  # it died already: the caller sees it end
            await process.stdin.drain()
        return cls(process, log)

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        return await self._process.wait()

    async def end(self) -> None:
        """End it, by force if need be, and wait until it is gone."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                return
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._process.wait(), END_SECONDS)

    def last_words(self) -> str:
        """The end of its log."""
        with suppress(OSError), self._log.open(errors="replace") as file:
            return f"The end of {self._log}:\n" + "".join(deque(file, maxlen=8)).rstrip()
        return ""


def _environment() -> dict[str, str]:
    """Only what Python needs: no proxy, no token, no MLflow setting of the caller reaches the server."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "GIT_PYTHON_REFRESH": "quiet", "OPENBLAS_NUM_THREADS": "1"}
