"""Why a run ended without a result."""

from __future__ import annotations


class JobFailedError(Exception):
    """A run failed. `code` and the message become the run's error; `tail` is the end of its log."""

    def __init__(self, code: str, message: str, *, tail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.tail = tail


class PreemptedError(Exception):
    """The node was taken away; the run goes back to the queue."""


class TimedOutError(Exception):
    """The run took longer than its `limits.timeout`."""
