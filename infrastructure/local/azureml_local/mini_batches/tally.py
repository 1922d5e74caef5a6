"""Counting what was scored and what failed, and when it is too much.

A file fails when its mini-batch failed in all its tries (exception, time limit, dead worker), or when `run()` returned
fewer elements than it was given files. Source: `error_threshold` and `mini_batch_error_threshold` in
learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch and reference-yaml-job-parallel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .config import NO_LIMIT, Config
from .inputs import MiniBatch

_NAMED = 10


@dataclass(frozen=True)
class Failure:
    """What went wrong with a mini-batch. `items` of its files count as failed; `tries` is 0 for a short result."""

    batch: MiniBatch
    items: int
    reason: str
    tries: int

    def suspects(self) -> tuple[str, ...]:
        """The files that the reason itself names, else all files of the mini-batch."""
        named = tuple(name for name in self.batch.names if _mentions(self.reason, Path(name).name))
        return named or self.batch.names

    def sentence(self) -> str:
        """`a.csv, b.csv: ValueError: … (mini-batch 3, tried 4 times)`"""
        names = self.suspects()
        shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        others = len(self.batch.names) - len(names)
        where = f"mini-batch {self.batch.number}" + (f" with {others} other file{'s' * (others > 1)}" if others else "")
        tried = f", tried {self.tries} times" if self.tries > 1 else ""
        return f"{shown}: {self.reason} ({where}{tried})"


@dataclass
class Tally:
    """Counts of one job over `files` files (of a table: rows) in `batches` mini-batches."""

    config: Config
    files: int
    batches: int
    done: int = 0
    rows: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def noun(self) -> str:
        return "row" if self.config.table else "file"

    @property
    def failed_items(self) -> int:
        return sum(failure.items for failure in self.failures)

    def succeeded(self, batch: MiniBatch, count: int, rows: int) -> Failure | None:
        """Note a result; a failure when it has fewer elements than the mini-batch had files."""
        self.done += 1
        self.rows += rows
        missing = batch.items - count
        if missing <= 0 or batch.table:  # of a table, `run()` may as well return a summary
            return None
        reason = f"run() returned {count} result{'s' * (count != 1)} for {batch.items} files"
        failure = Failure(batch, missing, reason, 0)
        self.failures.append(failure)
        return failure

    def failed(self, batch: MiniBatch, reason: str, tries: int) -> Failure:
        self.done += 1
        failure = Failure(batch, batch.items, reason, tries)
        self.failures.append(failure)
        return failure

    def exceeded(self) -> str | None:
        """Which threshold is exceeded, as a sentence; None when the job may go on."""
        config = self.config
        if NO_LIMIT < config.error_threshold < self.failed_items:
            return (
                f"{_counted(self.failed_items, self.noun)} of {self.files} failed, and error_threshold is "
                f"{config.error_threshold}."
            )
        batches = len(self.failures)
        if NO_LIMIT < config.mini_batch_error_threshold < batches:
            return (
                f"{_counted(batches, 'mini-batch')} of {self.batches} failed, and mini_batch_error_threshold is "
                f"{config.mini_batch_error_threshold}."
            )
        if batches * 100 > config.failed_percent * self.batches:
            return (
                f"{_counted(batches, 'mini-batch')} of {self.batches} failed, and allowed_failed_percent is "
                f"{config.failed_percent}."
            )
        return None


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def _counted(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
