"""What is built and how much room it takes; removing what has not been used longest."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from . import locks
from .build import LOCKS, READY


@dataclass(frozen=True)
class Kept:
    """One environment on disk. `ready` is False for one that is being built or was left half-built."""

    key: str
    path: Path
    name: str  # of the environment version it was first built for; "" when half-built
    python: str
    size: int  # bytes of its own: files shared with uv's cache by hard links count once, here
    last_used: datetime
    ready: bool


def built(root: Path) -> list[Kept]:
    """The environments below `root`, the most recently used first."""
    found = (
        [_describe(path) for path in root.iterdir() if path.is_dir() and path.name != LOCKS] if root.is_dir() else []
    )
    return sorted(found, key=lambda kept: kept.last_used, reverse=True)


def prune(root: Path, keep: int = 0) -> list[Kept]:
    """Remove all but the `keep` most recently used environments; returns the removed ones.

    One that is being built right now is left alone, a half-built one never counts as kept. The caller sees to it
    that no job uses what goes: processes keep no lock on their environment.
    """
    everything = built(root)
    kept = {environment.key for environment in [e for e in everything if e.ready][:keep]}
    removed = []
    for environment in everything:
        if environment.key in kept or locks.held(root / LOCKS / environment.key):
            continue
        (environment.path / READY).unlink(missing_ok=True)  # first of all: a removal cut short must not look ready
        shutil.rmtree(environment.path)
        removed.append(environment)
    return removed


def _describe(path: Path) -> Kept:
    marker = path / READY
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        used = marker.stat().st_mtime
    except (OSError, ValueError):
        content, used = None, path.stat().st_mtime
    return Kept(
        key=path.name,
        path=path,
        name=str(content["name"]) if content else "",
        python=str(content["python"]) if content else "",
        size=sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() or file.is_symlink()),
        last_used=datetime.fromtimestamp(used, tz=timezone.utc),
        ready=content is not None,
    )
