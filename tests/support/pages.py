"""The repository's pages as the tests read them: prose without code, fenced code by language, inline code, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from azureml_local.paths import REPOSITORY

#: Where pages are; what is downloaded or built elsewhere is none of ours.
FOLDERS = ("actions", "data", "data-science", "docs", "examples", "infrastructure", "mlops", ".github")
_FENCE = re.compile(r"^( *)```([\w-]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    file: Path

    @property
    def name(self) -> str:
        return self.file.relative_to(REPOSITORY).as_posix()

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def fences(self, language: str) -> list[str]:
        """The texts of the fenced blocks of a language."""
        return [text for _, found, text in _FENCE.findall(self.text) if found == language]

    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def inline(self) -> list[str]:
        """What stands in backticks."""
        return _INLINE.findall(self.prose())

    def links(self) -> list[str]:
        """The targets of links."""
        return _LINK.findall(_INLINE.sub("", self.prose()))

    def anchors(self) -> set[str]:
        """What `#…` can name in this page: its headings as GitHub spells them."""
        headings = re.findall(r"^#+ (.*)$", self.prose(), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def commands(self) -> Iterator[list[str]]:
        """Every command that the page tells people to type, as words."""
        for block in self.fences("bash"):
            yield from commands(block)
        for text in self.inline():
            yield from commands(text)


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell text: one a line, pipe, `&&`, `$(…)`; comments and variables' assignments left out."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        for part in re.split(r"\$\(|&&|\|(?!\|)|;", line):
            inner = part.strip().removesuffix('"').removesuffix(")") if "$(" in line else part.strip()
            try:
                words = shlex.split(inner, comments=True)
            except ValueError:  # half of something quoted
                continue
            if words:
                yield words


def pages() -> list[Page]:
    """Every page of the repository."""
    files = sorted(REPOSITORY.glob("*.md"))
    for folder in FOLDERS:
        files += sorted((REPOSITORY / folder).rglob("*.md"))
    return [Page(file) for file in files]


def repository_files() -> set[str]:
    """Paths of the files and (with / at the end) folders that pages may name."""
    found = {path.name for path in REPOSITORY.iterdir() if path.is_file()}
    for folder in (*FOLDERS, "scripts", "tests"):
        for path in (REPOSITORY / folder).rglob("*"):
            if "__pycache__" not in path.parts:
                found.add(path.relative_to(REPOSITORY).as_posix() + ("/" if path.is_dir() else ""))
        found.add(f"{folder}/")
    return found
