"""What the driver tells: progress in its log, failures with their tracebacks in files, the outcome as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .config import Config
from .tally import Failure, Tally

ERRORS = "user/error/failed_mini_batches.txt"
OVERVIEW = "job_progress_overview.txt"
_LINES = 100


def say(text: str) -> None:
    """A line in the run's main log."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


class Report:
    """Tells of one job."""

    def __init__(self, config: Config, tally: Tally) -> None:
        self._config = config
        self._tally = tally
        self._logs = Path(config.logs)
        self._step = max(tally.batches // _LINES, 1)
        self._traceback = ""
        self._warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Something that the people who posted the job should know."""
        self._warnings.append(text)
        say(f"WARNING: {text}")

    def scored(self, name: str, seconds: float, worker: str) -> None:
        """A mini-batch is done. Of very many only each n-th is told."""
        tally = self._tally
        if tally.done % self._step == 0 or tally.done == tally.batches:
            counts = f"{tally.done}/{tally.batches} mini-batches, {tally.rows} rows"
            say(f"{counts}; last {name} in {seconds:.2f} s on {worker}")

    def retried(self, number: int, reason: str, tries: int, traceback: str) -> None:
        most = self._config.max_retries + 1
        again = "trying it again" if tries < most else "giving it up"
        say(f"mini-batch {number} failed (try {tries} of {most}), {again}: {reason}")
        self._keep(f"mini-batch {number}, try {tries}: {reason}", traceback)
        self._traceback = traceback

    def failed(self, failure: Failure) -> None:
        say(f"FAILED {failure.sentence()}")

    def unusable(self, reason: str, traceback: str) -> None:
        self._keep(f"workers cannot start: {reason}", traceback)
        self._traceback = traceback
        if traceback:
            print(traceback, flush=True)

    def _keep(self, title: str, traceback: str) -> None:
        file = self._logs / ERRORS
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8", errors="replace") as out:
            out.write(f"{title}\n{traceback}\n")

    def end(self, message: str | None, started: float) -> None:
        """The summary, and the outcome for the workspace. `message` says why the job failed, None when it did not."""
        tally = self._tally
        lines = [
            f"Mini-batches: {tally.done} of {tally.batches}, {len(tally.failures)} failed",
            f"{tally.noun.capitalize() + 's:':<14}{tally.files}, {tally.failed_items} failed",
            f"{'Results:' if tally.config.table else 'Rows:':<14}{tally.rows}",
            f"Seconds:      {time.monotonic() - started:.1f}",
        ]
        lines += [f"Failed:       {failure.sentence()}" for failure in tally.failures[:_LINES]]
        if len(tally.failures) > _LINES:
            lines.append(f"Failed:       {len(tally.failures) - _LINES} more mini-batches, see logs/{ERRORS}")
        lines.append(f"Result:       {'completed' if message is None else 'failed. ' + message}")
        print("\n".join(lines), flush=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        (self._logs / OVERVIEW).write_text("\n".join(lines) + "\n", encoding="utf-8")
        write_outcome(
            self._config,
            message,
            files=tally.files,
            rows=tally.rows,
            failed=[failure.sentence() for failure in tally.failures],
            failed_files=tally.failed_items,
            warnings=self._warnings,
            traceback=self._traceback,
        )


def write_outcome(config: Config, message: str | None, **more: Any) -> None:
    """The outcome, whole or not at all. `traceback` is the last one that the script left."""
    content: dict[str, Any] = {
        "completed": message is None,
        "message": message,
        "files": 0,
        "rows": 0,
        "failed": [],
        "failed_files": 0,
        "warnings": [],
        "traceback": "",
    }
    content.update(more)
    draft = Path(f"{config.result}.draft")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(config.result)
