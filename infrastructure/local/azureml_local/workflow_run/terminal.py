"""A run on the terminal: one line when a job or step begins and ends, its log indented below, live."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

from .records import SUCCESS, Event, RunRecord

_MARKS = {"success": "✓", "failure": "✗", "cancelled": "■", "skipped": "-"}
_REASON_LINES = 8
_COLORS = {"✓": "32", "✗": "31", "■": "33", "error": "31", "warning": "33", "bold": "1", "dim": "2"}


def duration(seconds: float) -> str:
    """`0.4s`, `12s`, `3m 05s`."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


class Terminal:
    """Prints events. Colours only on a terminal; job names stand before lines so that parallel jobs stay readable."""

    def __init__(self, out: TextIO = sys.stdout, *, quiet: bool = False) -> None:
        self._out = out
        self._quiet = quiet
        self._colour = out.isatty()
        self._width = 0

    def _paint(self, text: str, style: str) -> str:
        return f"\033[{_COLORS[style]}m{text}\033[0m" if self._colour and style in _COLORS else text

    def _print(self, job: str, text: str) -> None:
        self._width = max(self._width, len(job))
        print(f"{self._paint(job.ljust(self._width), 'dim')} │ {text}", file=self._out, flush=True)

    def show(self, event: Event) -> None:
        """Print one event."""
        job = event.job.label if event.job else "act"
        if event.kind == "job-start":
            self._print(job, self._paint("job started", "bold"))
        elif event.kind == "job-end" and event.job:
            mark = _MARKS.get(event.job.result, "?")
            text = f"{mark} job {event.job.result} in {duration(event.job.seconds)}"
            self._print(job, self._paint(text, mark))
        elif event.kind == "environment" and event.job:
            self._print(job, f"environment {event.job.environment}: {event.job.review}")
        elif event.kind == "step-start" and event.step:
            self._print(job, self._paint(f"▸ {event.step.name}", "bold"))
        elif event.kind == "step-end" and event.step:
            mark = _MARKS.get(event.step.result, "?")
            text = f"{mark} {event.step.name} ({duration(event.step.seconds or 0)})"
            self._print(job, self._paint(text, mark))
        elif event.kind in {"error", "warning", "notice"}:
            for line in event.text.replace("%0A", "\n").splitlines() or [""]:
                self._print(job, self._paint(f"{event.kind}: {line}", event.kind))
        elif event.kind == "group" and not self._quiet:
            self._print(job, "  " + self._paint(f"── {event.text}", "dim"))
        elif event.kind == "line" and not self._quiet:
            self._print(job, f"  {event.text}")


def table(rows: list[tuple[str, ...]], *, header: tuple[str, ...]) -> str:
    """Columns under their header, wide enough for the longest cell."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(line.rstrip()[: max(limit, 80)] for line in lines)


def job_rows(record: RunRecord) -> list[tuple[str, ...]]:
    """A row for every job, with its GitHub environment and what its reviewers said; below one that did not succeed, its
    steps."""
    rows: list[tuple[str, ...]] = []
    for job in record.jobs.values():
        environment = f"{job.environment} ({job.review})" if job.environment else ""
        rows.append((f"{_MARKS.get(job.result, '?')} {job.label}", job.result, duration(job.seconds), environment))
        if job.result != "success":
            rows.extend(
                (f"    {step.name}", step.result or "cancelled", duration(step.seconds or 0), "") for step in job.steps
            )
    return rows


def reasons(record: RunRecord) -> list[str]:
    """Why a run failed, for its last screen: the first error of each job that did not succeed, without a log's tail."""
    told = []
    for job in record.jobs.values():
        if job.result in ("", SUCCESS) or job.held_back or not job.errors:
            continue
        lines = job.errors[0].replace("%0A", "\n").splitlines()[:_REASON_LINES]
        lines = lines[:-1] if lines[1:] and lines[-1].endswith(":") else lines  # what announces a log
        told.append("\n    ".join([f"✗ {job.label}: {lines[0]}", *lines[1:]]) if lines else f"✗ {job.label}")
    return told
