"""What a blob has beside its bytes: content type, MD5, metadata, ETag.

Kept in SQLite next to the blobs and tied to the very file they were set on: steps write outputs in place, and what was
said of a file before (such as "this upload is complete") must not be believed of another one of the same name.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from stat import S_ISREG

from azureml_local import store

DEFAULT_TYPE = "application/octet-stream"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS properties (
    container TEXT NOT NULL, blob TEXT NOT NULL,
    stamp TEXT NOT NULL,           -- the file this was said of
    content_type TEXT NOT NULL, md5 TEXT, metadata TEXT NOT NULL,
    PRIMARY KEY (container, blob)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Content:
    """What an upload says of itself. md5: base64 of the digest, None when unknown. metadata: names in lower case."""

    content_type: str = DEFAULT_TYPE
    md5: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Properties:
    """A blob as it is now. size in bytes, modified in seconds since the epoch."""

    size: int
    modified: float
    etag: str
    content: Content

    @property
    def last_modified(self) -> str:
        return formatdate(self.modified, usegmt=True)


def _stamp(status: os.stat_result) -> str:
    """Differs between any two files that a name has ever stood for."""
    return f"{status.st_mtime_ns:X}{status.st_ino:X}{status.st_size:X}"


class PropertyStore:
    """Properties by container and blob name; safe from several threads."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._db = store.connect(path, _SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def get(self, container: str, blob: str, file: Path) -> Properties | None:
        """The properties of the blob in `file`, or None when there is no such file."""
        try:
            status = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not S_ISREG(status.st_mode):
            return None
        stamp = _stamp(status)
        with self._lock:
            row = self._db.execute(
                "SELECT content_type, md5, metadata FROM properties WHERE container = ? AND blob = ? AND stamp = ?",
                (container, blob, stamp),
            ).fetchone()
        content = Content(row[0], row[1], json.loads(row[2])) if row else Content()
        return Properties(status.st_size, status.st_mtime, f'"0x{stamp}"', content)

    def put(self, container: str, blob: str, file: Path, content: Content) -> Properties:
        """Say this of the blob as it is in `file` now."""
        status = file.stat()
        stamp = _stamp(status)
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO properties VALUES (?, ?, ?, ?, ?, ?)",
                (container, blob, stamp, content.content_type, content.md5, json.dumps(content.metadata)),
            )
        return Properties(status.st_size, status.st_mtime, f'"0x{stamp}"', content)

    def forget(self, container: str, blob: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM properties WHERE container = ? AND blob = ?", (container, blob))
