"""Worker processes as the driver sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from .inputs import MiniBatch


@dataclass(eq=False)
class Worker:
    """One process, leader of its own group. `since` is when it began what it does now."""

    name: str
    process: subprocess.Popen[bytes]
    tasks: BinaryIO
    answers: int
    lifeline: int
    since: float = field(default_factory=time.monotonic)
    ready: bool = False
    batch: MiniBatch | None = None
    unread: bytes = b""

    def give(self, batch: MiniBatch, rows: Path) -> bool:
        """Hand a mini-batch over; False when the process is gone."""
        self.batch, self.since = batch, time.monotonic()
        task = {
            "number": batch.number,
            "files": batch.files,
            "rows": str(rows),
            "table": batch.table,
            "key": batch.key,
        }
        try:
            self.tasks.write(json.dumps(task).encode() + b"\n")
            self.tasks.flush()
        except OSError:
            return False
        return True

    def read(self) -> list[dict[str, Any]] | None:
        """The answers that came, None at the end of the process."""
        data = os.read(self.answers, 65536)
        if not data:
            return None
        *lines, self.unread = (self.unread + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self) -> str:
        """Kill it with all it started, and say how it ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        for close in (self.tasks.close, lambda: os.close(self.answers), lambda: os.close(self.lifeline)):
            with suppress(OSError):
                close()
        if code >= 0:
            return f"the worker process exited with code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        hint = "; the machine may have run out of memory" if -code == signal.SIGKILL else ""
        return f"the worker process was ended by {name}{hint}"


class Pool:
    """Starts workers, with their output in the run's logs: `logs/user/stdout/<node>/<process>.stdout.txt`."""

    def __init__(self, config_file: str, logs: Path, processes: int) -> None:
        self._config = config_file
        self._logs = logs / "user"
        self._processes = processes

    def start(self, place: int) -> Worker:
        """A worker for a place, counted over all nodes."""
        node, number = f"node{place // self._processes}", f"process{place % self._processes:03d}"
        for_worker, tasks = os.pipe()
        answers, from_worker = os.pipe()
        watched, lifeline = os.pipe()
        descriptors = (for_worker, from_worker, watched)
        program = str(Path(__file__).with_name("__main__.py"))
        with self._log("stdout", node, number) as out, self._log("stderr", node, number) as err:
            process = subprocess.Popen(
                [sys.executable, program, self._config, "worker", *map(str, descriptors)],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        for descriptor in descriptors:
            os.close(descriptor)
        return Worker(f"{node}/{number}", process, os.fdopen(tasks, "wb"), answers, lifeline)

    def _log(self, stream: str, node: str, number: str) -> BinaryIO:
        folder = self._logs / stream / node
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / f"{number}.{stream}.txt").open("ab")
