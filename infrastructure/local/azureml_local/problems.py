"""What is wrong with a state folder, and what to do: said once, in words."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESET = "`azureml-local reset` removes the state (not the built tools and environments) and starts afresh."


def disk_is_full(error: BaseException) -> bool:
    """Whether an error is the disk's or its quota's, told by the system or by SQLite."""
    if isinstance(error, sqlite3.OperationalError):
        return "disk is full" in str(error)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_full(folder: Path) -> bool:
    """Whether the disk of this folder has no room to speak of."""
    return shutil.disk_usage(folder).free < 2**20


def disk_full_message(folder: Path) -> str:
    """`folder` is on the disk that is full."""
    free = shutil.disk_usage(folder).free // 2**20
    return (
        f"No space left on the disk of {folder} ({free} MB free). Free some space, or remove old jobs with "
        "`azureml-local reset`, and try again."
    )


@contextmanager
def full_disk_of(folder: Path) -> Iterator[None]:
    """Exits with a message when the disk of this folder is full."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if disk_is_full(error):
            raise SystemExit(f"azureml-local: {disk_full_message(folder)}") from error
        raise


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Exits with a message when what is read from this path cannot be what was written there."""
    try:
        yield
    except (ValueError, sqlite3.DatabaseError) as error:
        if disk_is_full(error):
            raise
        raise SystemExit(f"azureml-local: {path} is damaged ({error}). {RESET}") from error
