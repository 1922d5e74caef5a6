"""The files of a docker build context: which of them a path inside the image stands for."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import EnvironmentBuildError

_LISTED = 10


@dataclass(frozen=True)
class Copy:
    """A COPY or ADD instruction: paths in the context, patterns among them, and the absolute path in the image."""

    sources: tuple[str, ...]
    target: str


class ContextFiles:
    """Finds files, and never one outside of the context. `where` names the Dockerfile in messages."""

    def __init__(self, context: Path, where: str) -> None:
        self._root = context.resolve()
        self._where = where

    def dockerfile(self, name: str) -> Path:
        """The Dockerfile itself, by its path in the context. Raises EnvironmentBuildError, as the others do."""
        path = self._inside(self._root / name)
        if path is None:
            raise EnvironmentBuildError(
                f"{self._where}: the docker build context has no such file. Set `dockerfile_path` to the Dockerfile's "
                f"path inside the context; the context has: {self._listing()}."
            )
        return path

    def find(self, name: str, workdir: str, copies: Sequence[Copy]) -> Path:
        """The file that a path inside the image stands for, by the copies made before; the last one counts."""
        wanted = posixpath.normpath(posixpath.join(workdir, name))
        tried: list[Path] = []
        for copy in reversed(copies):
            into = posixpath.normpath(copy.target)
            for source in copy.sources:
                folder = (self._root / source.lstrip("/")).resolve()
                if folder.is_dir():
                    tried.append(folder / posixpath.relpath(wanted, into))
                    continue
                if wanted == into:
                    tried.append(folder)
                for match in sorted(self._root.glob(source.lstrip("/"))) if source.strip("/.") else []:
                    if wanted == posixpath.join(into, match.name):
                        tried.append(match)
        tried.append(self._root / name.lstrip("/"))  # a bind mount, or a COPY that is not understood
        for path in tried:
            if (found := self._inside(path)) is not None:
                return found
        raise EnvironmentBuildError(
            f"{self._where}: it installs from '{name}', which is not in the docker build context. "
            f"The context has: {self._listing()}."
        )

    def beside(self, path: Path, name: str) -> Path:
        """The file that a file of the context includes."""
        other = self._inside(path.parent / name)
        if other is None:
            raise EnvironmentBuildError(
                f"{self._where}: {path.name} includes '{name}', which is not in the build context."
            )
        return other

    def _inside(self, path: Path) -> Path | None:
        resolved = path.resolve()
        return resolved if resolved.is_file() and resolved.is_relative_to(self._root) else None

    def _listing(self) -> str:
        names = sorted(path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return ", ".join(names[:_LISTED]) + more if names else "no files"
