"""Why a run ended without a result."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path


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


def disk_is_full(error: BaseException) -> bool:
    """Whether an error is the disk's, quota included."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full_message(folder: Path) -> str:
    free = shutil.disk_usage(folder).free // 2**20
    return (
        f"No space left on the disk of {folder} ({free} MB free). Free some space, or remove old jobs with "
        "`azureml-local reset`, and submit the job again."
    )
