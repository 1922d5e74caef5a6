"""Failures that people are told about, and the exit codes of every script here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every script here; the runner only sees zero or not, people and tests see which."""

    OK = 0
    JOB_FAILED = 1  # Azure did its part, the job ended in Failed, Canceled, NotResponding or Paused
    BAD_INPUT = 2  # an input or a file it names is wrong; nothing was created
    SIGN_IN = 3  # no token, or no permission
    AZURE = 4  # Azure refused or failed a request
    TIMEOUT = 5  # timeout-minutes is over; the job was asked to cancel
    LOST = 6  # no answer from Azure for so long that waiting on makes no sense; the job may still run
    REJECTED = 7  # what was deployed did not pass; what served before serves on
    DEFECT = 70  # something that these scripts did not foresee; what had begun was undone as after any failure
    INTERRUPTED = 130  # SIGINT: the run was cancelled, and so was the job
    TERMINATED = 143  # SIGTERM: the same


@dataclass(frozen=True)
class Problem:
    """One wrong input or one wrong place in a file; `file` and `line` (from 1) become an annotation on GitHub."""

    message: str
    file: str = ""
    line: int = 0


@dataclass
class ActionError(Exception):
    """A failure the user is told about: what happened, why, what to do, where to read on. `detail`: Azure's text."""

    what: str
    cause: str = ""
    fix: str = ""
    link: str = ""
    detail: str = ""
    exit_code: ExitCode = ExitCode.AZURE
    problems: list[Problem] = field(default_factory=list)

    def __str__(self) -> str:
        return self.text()

    @property
    def reason(self) -> str:
        """The shortest that tells it: Azure's words, else what happened."""
        return self.detail or self.what

    def text(self) -> str:
        """The whole message, a line per part; used for the log and the summary alike."""
        parts = [self.what]
        parts += [f"- {problem.message}" for problem in self.problems]
        if self.cause:
            parts.append(f"Cause: {self.cause}")
        if self.fix:
            parts.append(f"Fix: {self.fix}")
        if self.link:
            parts.append(f"More: {self.link}")
        if self.detail:
            parts.append(f"Azure said: {self.detail}")
        return "\n".join(parts)


def unforeseen(error: Exception) -> ActionError:
    """What stands for an exception that nobody foresaw: an answer in another shape, a full disk, a mistake in here."""
    if isinstance(error, ActionError):
        return error
    what = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
    return ActionError(
        f"This was not foreseen: {what}",
        "An answer in a form that is not known here, a full disk, or a defect of this action.",
        "Run again. If it happens again, report it with the traceback in the log of this step.",
        exit_code=ExitCode.DEFECT,
    )


def bad_input(problems: list[Problem]) -> ActionError:
    """All wrong inputs in one error, so that one run tells them all."""
    count = len(problems)
    return ActionError(
        f"{count} problem{'s' if count > 1 else ''} with the inputs of this action; nothing was created.",
        problems=problems,
        exit_code=ExitCode.BAD_INPUT,
    )
