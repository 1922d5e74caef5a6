"""The one error of this package."""

from __future__ import annotations


class EnvironmentBuildError(Exception):
    """An environment cannot be had. The text says what, where, and how to mend it.

    `log` is the tail of the installer's output (lines joined by newlines; empty when nothing was run).
    """

    def __init__(self, message: str, *, log: str = "") -> None:
        super().__init__(message)
        self.log = log
