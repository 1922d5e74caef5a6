"""Every step's log on the runner's log while it is written, and its tail kept for the summary."""

from __future__ import annotations

import codecs
import re
from collections import deque
from dataclasses import dataclass, field

from errors import unforeseen
from github import Runner
from job_status import TERMINAL
from workspace import Run, Workspace

#: The files people wrote to with print and logging: today's runtime, then what older ones call it.
_LOGS = (re.compile(r"user_logs/std_log[\D]*0*(_ps)?\.txt$"), re.compile(r"azureml-logs/\d+_driver_log.*\.txt$"))
_NESTED = ("pipeline", "hyperdrive", "sweep")
KEPT = 200  # last lines kept of each run


@dataclass
class _Stream:
    """One log file: bytes read so far, and the text after its last newline."""

    read: int = 0
    rest: str = ""
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )


@dataclass
class StepLog:
    """A run as last seen, with the tail of its logs."""

    run: Run
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    streams: dict[str, _Stream] = field(default_factory=dict)
    shown: str = ""
    complete: bool = False
    error: str = ""


class LogFollower:
    """Looks again and again at a job's runs and prints what is new.

    It never raises: a log that cannot be read is told once and tried again with the next look. Its workspace should
    try each request once only, so that the wait for the job's end is not held up.
    """

    def __init__(self, workspace: Workspace, job: str, runner: Runner) -> None:
        self._workspace = workspace
        self._job = job
        self._runner = runner
        self._warned = False
        self.steps: dict[str, StepLog] = {}

    def look(self, state: str) -> None:
        """Print what is new. `state` is the job's; once it is terminal each log is read to its end."""
        try:
            runs = self._runs(self._job)
            for run in runs:
                self._follow(run, ended=state in TERMINAL)
            if not runs:  # a single command: the job is its own only run
                own = Run(self._job, self._job, state, "", "", "", "", "", origin=self._job)
                if state in TERMINAL or state in ("Running", "Finalizing"):
                    self._follow(own, ended=state in TERMINAL)
        except Exception as error:  # noqa: BLE001 - whatever a log is like, the job is waited for
            if not self._warned:
                self._runner.say(f"The steps' logs cannot be read now ({unforeseen(error).reason}); trying on.")
                self._warned = True

    def _runs(self, parent: str) -> list[Run]:
        found: list[Run] = []
        for run in sorted(self._workspace.children(parent), key=lambda each: (each.created, each.name)):
            inner = self._runs(run.id) if any(word in run.kind.lower() for word in _NESTED) else []
            found += inner or [run]
        return found

    def _follow(self, run: Run, *, ended: bool) -> None:
        step = self.steps.setdefault(run.id, StepLog(run))
        step.run = run
        if run.status not in TERMINAL:
            self._announce(step)
        if step.complete or run.status in ("", "NotStarted", "Queued"):
            return
        details = self._workspace.details(run.id)
        error = ((details.get("error") or {}).get("error") or {}).get("message")
        step.error = str(error or run.error)
        logs = {str(path): str(url) for path, url in (details.get("logFiles") or {}).items()}
        wanted = next((found for found in ([p for p in logs if pattern.search(p)] for pattern in _LOGS) if found), [])
        finished = run.status in TERMINAL or ended
        for path in sorted(wanted):
            self._read(step, path, logs[path], finished=finished)
        step.complete = finished
        self._announce(step)

    def _announce(self, step: StepLog) -> None:
        """Tell a step's new state; an end comes after the last line of its log."""
        run = step.run
        if run.status != step.shown and run.id != self._job:
            self._runner.say(f"[{run.name}] {run.status}" + (f" (reused from run {run.origin})" if run.reused else ""))
        step.shown = run.status

    def _read(self, step: StepLog, path: str, url: str, *, finished: bool) -> None:
        stream = step.streams.setdefault(path, _Stream())
        headers = {"Range": f"bytes={stream.read}-"} if stream.read else {}
        response = self._workspace.rest.raw("GET", url, headers=headers, attempts=1, anonymous=True)
        data = b""
        if response.status == 206:
            data = response.body
        elif response.status == 200:  # the whole file: the first look, or a store that ignores ranges
            data = response.body[stream.read :]
        stream.read += len(data)
        text = stream.rest + stream.decoder.decode(data, final=finished)
        complete, newline, stream.rest = text.rpartition("\n")
        if finished and stream.rest:
            complete, newline, stream.rest = text, "\n", ""
        if newline:
            lines = complete.splitlines()
            step.tail.extend(lines)
            if not step.run.reused:  # the log of work that was done before is for the summary only
                self._runner.foreign(f"[{step.run.name}]", "\n".join(lines))
