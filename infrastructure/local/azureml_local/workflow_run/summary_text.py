"""A job summary for the terminal: GitHub renders its Markdown and HTML, a terminal shows them as they are.

Tables are laid out in columns, links become their texts; diagrams and what is folded away are named, and left to the
file.
"""

from __future__ import annotations

import re

from .terminal import table

_FENCE = re.compile(r"^(`{3,})([\w-]*)\n.*?^\1`*$\n?", re.MULTILINE | re.DOTALL)
_FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>.*?</details>\n?", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]*\)")
_RULE = re.compile(r"\|[\s:|-]+\|")
_CELL = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\([\\|*_<>`\[\]])")
_SECTION = re.compile(r"^(#{4,6} .*)\n\n", re.MULTILINE)
_NO_SPACE_ABOVE = re.compile(r"(?<!\n)\n(?=#{1,6} )")
_HEADING = re.compile(r"#{1,6} +")
_KEPT = "\0{}\0"


def plain(markdown: str) -> str:
    """The text of a summary without markup, '' where all is folded away. Code blocks stay, but for diagrams."""
    blocks: list[str] = []
    left: list[str] = []

    def keep(found: re.Match[str]) -> str:
        if found[2] == "mermaid":
            left.append("a diagram")
            return ""
        blocks.append("\n".join(f"    {line}" for line in found[0].strip().splitlines()[1:-1]))
        return _KEPT.format(len(blocks) - 1) + "\n"

    def fold(found: re.Match[str]) -> str:
        left.append(re.sub(r"<[^>]+>", "", _inline(found[1])))
        return ""

    text = _FENCE.sub(keep, _FOLD.sub(fold, _COMMENT.sub("", markdown)))
    text = _SECTION.sub(r"\1\n", _NO_SPACE_ABOVE.sub("\n\n", text))
    lines = _tables([_inline(line) for line in text.splitlines()])
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    for index, block in enumerate(blocks):
        body = body.replace(_KEPT.format(index), block)
    return f"{body}\n\nAlso in the file: {', '.join(left)}" if body and left else body


def _inline(line: str) -> str:
    """A line without links, emphasis, code marks, and the mark of a heading; `_tables` takes the escapes away."""
    line = _LINK.sub(r"\1", _IMAGE.sub("", _HEADING.sub("", line, count=1) if line.startswith("#") else line))
    return re.sub(r"\*\*(.+?)\*\*", r"\1", re.sub(r"(`+)(.+?)\1", r"\2", line))


def _tables(lines: list[str]) -> list[str]:
    """Rows of Markdown tables in columns; nothing is escaped any more."""
    shown: list[str] = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|") and line.endswith("|") and len(line) > 1:
            if not _RULE.fullmatch(line):
                rows.append([_ESCAPED.sub(r"\1", cell.strip()) for cell in _CELL.split(line[1:-1])])
            continue
        if rows:
            width = max(len(row) for row in rows)
            filled = [tuple(row + [""] * (width - len(row))) for row in rows]
            shown.append(table(filled[1:], header=filled[0]))
            rows = []
        shown.append(_ESCAPED.sub(r"\1", line))
    return shown
