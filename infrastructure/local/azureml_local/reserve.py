"""A little disk space kept for the moment when there is none: so that what failed for it can still be written down."""

from __future__ import annotations

import os
from pathlib import Path

SIZE = 4 * 2**20


class Reserve:
    """A file of `size` bytes that can be given back."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size
        self._released = False

    def hold(self) -> None:
        """Take the space, unless it is taken; where the disk has too little, there is no reserve."""
        try:
            with self._path.open("ab") as file:
                missing = self._size - file.tell()
                if missing > 0:
                    file.write(b"\0" * missing)
                    file.flush()
                    os.fsync(file.fileno())
            self._released = False
        except OSError:
            self._path.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the space back."""
        self._path.unlink(missing_ok=True)
        self._released = True

    def hold_again(self) -> None:
        """Take it again after it was given back."""
        if self._released:
            self.hold()
