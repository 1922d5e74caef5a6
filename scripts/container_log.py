"""The log of a deployment's container, reduced to what went wrong in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FILE = re.compile(r'\s*File "(?:.*[/\\])?(?P<file>[^/\\"]+)", line (?P<line>\d+), in (?P<function>.+)')
_STARTS = "Traceback (most recent call last)"
_NOISE = ("Check: ", "Code: ", "Message: ")
_MOST = 25


@dataclass(frozen=True)
class Raised:
    """An exception: its last line, where it was raised as `score.py, line 5, in init`, and its traceback."""

    what: str
    where: str
    traceback: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} ({self.where})" if self.where else self.what


def last_exception(log: str) -> Raised | None:
    """The exception that the log tells last; of a chain (`… direct cause of …`) the first, which is the cause."""
    lines = log.splitlines()
    begins = [number for number, line in enumerate(lines) if _STARTS in line]
    while len(begins) > 1 and _chained(lines[begins[-2] : begins[-1]]):
        begins.pop()
    if not begins:
        return None
    begin = begins[-1]
    end = begin + 1
    while end < len(lines) and (lines[end].startswith(" ") or not lines[end].strip()):
        end += 1
    if end == len(lines):
        return None
    frames = [found for found in map(_FILE.match, lines[begin:end]) if found]
    where = f"{frames[-1]['file']}, line {frames[-1]['line']}, in {frames[-1]['function']}" if frames else ""
    return Raised(lines[end].strip(), where, tuple(lines[begin : end + 1][-_MOST:]))


def _chained(lines: list[str]) -> bool:
    text = "\n".join(lines)
    return "The above exception was the direct cause" in text or "During handling of the above" in text


def told_by_azure(text: str) -> str:
    """What Azure says of a failed deployment, without the container's log that some answers repeat."""
    kept: list[str] = []
    for line in text.splitlines():
        if "container's log" in line or _STARTS in line:
            break
        if line.strip() and not line.startswith(_NOISE):
            kept.append(line.strip())
    return "\n".join(kept[:8])
