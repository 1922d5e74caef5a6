"""Markdown for job summaries, made so that no text breaks out of its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from errors import ActionError


def cell(text: str) -> str:
    """Text that stays in its table cell and is no markup."""
    return re.sub(r"([\\|*_<>`\[\]])", r"\\\1", text.replace("\r", " ").replace("\n", " "))


def code(text: str) -> str:
    """A name in a table's cell, set as code."""
    return "`" + " ".join(text.splitlines()).replace("`", "'").replace("|", "\\|") + "`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are taken as they are."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def fenced(text: str, language: str = "text") -> str:
    """A code block whose fence is longer than any in the text."""
    longest = max((len(found) for found in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def told(title: str, error: ActionError) -> str:
    """A failure as a section: what happened, why, what to do, and Azure's own words."""
    parts = [f"### ❌ {title}", f"**{cell(error.what)}**"]
    if error.problems:
        parts.append("\n".join(f"- {cell(problem.message)}" for problem in error.problems))
    if error.cause:
        parts.append(f"**Cause:** {cell(error.cause)}")
    if error.fix:
        parts.append(f"**Fix:** {error.fix}" + (f" [More]({error.link})" if error.link else ""))
    if error.detail:
        parts.append("Azure said:\n\n" + fenced(error.detail).rstrip())
    return "\n\n".join(parts) + "\n"
