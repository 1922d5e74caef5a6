"""The resource store: ARM documents in SQLite, keyed by their id without regard to case.

A document is a whole ARM resource, `{"id", "name", "type", "properties", "systemData", "tags"?, …}`. Its parent is
its id less the last two segments' name: `…/models/taxi/versions/3` lies in the collection `…/models/taxi/versions`.
Durable at every moment: a write is one transaction in WAL mode, so kill -9 loses nothing that was answered.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Clock = Callable[[], datetime]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    key TEXT PRIMARY KEY,          -- id, lower case
    collection TEXT NOT NULL,      -- id less its last segment, lower case
    sequence INTEGER NOT NULL,     -- order of creation
    modified INTEGER NOT NULL,     -- order of last write
    body TEXT NOT NULL             -- the document, JSON
) STRICT;
CREATE INDEX IF NOT EXISTS by_collection ON resources (collection, sequence);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""

# Below a resource, or an internal record whose key has the id of one below it: `internal:/online-keys<endpoint id>`.
_OF = "substr(key, 1, length(:below)) = :below OR (key LIKE 'internal:/%' AND instr(key, :below) > 0)"


def _of(resource_id: str) -> dict[str, str]:
    return {"below": f"{resource_id.lower()}/"}


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def timestamp(moment: datetime) -> str:
    """ISO 8601 with microseconds and offset, as ARM's systemData has it."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def connect(path: Path | str, schema: str) -> sqlite3.Connection:
    """A database whose writes survive a kill -9, whole. Threads and transactions are the caller's to see to."""
    database = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None, timeout=30)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(schema)
    return database


class ResourceStore:
    """Get, put, delete and list documents. Safe from several threads; calls take well under a millisecond."""

    def __init__(self, path: Path | str, *, clock: Clock = utc_now) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._depth = 0
        self._db = connect(path, _SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all. May be nested. Never await inside."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def get(self, resource_id: str) -> Document | None:
        """The document with this id, or None."""
        with self._lock:
            row = self._db.execute("SELECT body FROM resources WHERE key = ?", (resource_id.lower(),)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, document: Document, *, by: str = "local") -> Document:
        """Create or replace the document under its own `id`; keeps `systemData.createdAt`, sets the rest.

        by: who writes, shown as `createdBy` / `lastModifiedBy`. Returns the document as stored.
        """
        key = str(document["id"]).lower()
        now = timestamp(self._clock())
        with self.transaction():
            old = self.get(key)
            created = (old or {}).get("systemData") or {
                "createdAt": now,
                "createdBy": by,
                "createdByType": "Application",
            }
            document = {
                **document,
                "systemData": {
                    "createdAt": created["createdAt"],
                    "createdBy": created["createdBy"],
                    "createdByType": created["createdByType"],
                    "lastModifiedAt": now,
                    "lastModifiedBy": by,
                    "lastModifiedByType": "Application",
                },
            }
            order = self.next_number("sequence")
            self._db.execute(
                "INSERT INTO resources (key, collection, sequence, modified, body) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET modified = excluded.modified, body = excluded.body",
                (key, key.rpartition("/")[0], order, order, json.dumps(document)),
            )
        return document

    def update(self, resource_id: str, change: Callable[[Document], None]) -> Document | None:
        """Read, change in place, write, in one transaction. None when it is not there (any more)."""
        with self.transaction():
            document = self.get(resource_id)
            if document is None:
                return None
            change(document)
            return self.put(document)

    def delete(self, resource_id: str) -> bool:
        """Remove the document and all below it. False when there was none."""
        key = resource_id.lower()
        with self.transaction():
            gone = self._db.execute("DELETE FROM resources WHERE key = ?", (key,)).rowcount
            self._db.execute("DELETE FROM resources WHERE substr(key, 1, ?) = ?", (len(key) + 1, key + "/"))
        return gone > 0

    def below(self, resource_id: str) -> Sequence[Document]:
        """Every document below one, however deep, and every internal record of them."""
        with self._lock:
            rows = self._db.execute(f"SELECT body FROM resources WHERE {_OF}", _of(resource_id)).fetchall()  # noqa: S608
        return [json.loads(row[0]) for row in rows]

    def purge(self, resource_id: str) -> None:
        """Remove a document, all below it, and every internal record and counter of them: as if it had never been."""
        with self.transaction():
            self.delete(resource_id)
            self._db.execute(f"DELETE FROM resources WHERE {_OF}", _of(resource_id))  # noqa: S608
            key = resource_id.lower()
            self._db.execute("DELETE FROM counters WHERE substr(name, -?) = ?", (len(key), key))

    def list(self, collection: str, *, newest_first: bool = False) -> list[Document]:
        """The documents directly in a collection such as `<workspace id>/models`, in order of creation."""
        order = "DESC" if newest_first else "ASC"
        with self._lock:
            rows = self._db.execute(
                f"SELECT body FROM resources WHERE collection = ? ORDER BY sequence {order}",  # noqa: S608
                (collection.lower(),),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def next_number(self, name: str) -> int:
        """A number that was never given before under this name: 1, 2, 3, … Durable."""
        with self.transaction():
            row = self._db.execute(
                "INSERT INTO counters (name, value) VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                (name,),
            ).fetchone()
        return int(row[0])
