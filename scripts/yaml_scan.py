"""Where the scalars of a YAML file stand: enough to find names and referenced files with their line numbers.

The actions run with the standard library only, and the YAML's meaning is `az`'s business. This reads block and
one-line flow collections, quotes, comments and block scalars; anchors, tags and merge keys are passed through as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(
    r"""("(?P<d>[^"]*)"|'(?P<s>[^']*)'|(?P<p>[^\s#&*!|>'"%@`{\[\]},:-][^#{}\[\]]*?|-[^\s#:][^#]*?))\s*:(\s+|$)"""
)
_BLOCK = re.compile(r"[|>][0-9+-]{0,2}(\s+#.*)?$")


@dataclass(frozen=True)
class Scalar:
    """`path` from the root, list positions as digits; `line` counts from 1."""

    path: tuple[str, ...]
    value: str
    line: int


class YamlSyntaxError(ValueError):
    """A place that is not YAML at all; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class _Open:
    indent: int
    key: str
    item: bool
    count: int = 0


def scan(text: str) -> list[Scalar]:
    """All scalars of the first document, in order. Raises YamlSyntaxError for tabs that indent and open quotes."""
    return _Scanner(text.splitlines()).run()


class _Scanner:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0
        self._open: list[_Open] = []
        self._found: list[Scalar] = []

    def run(self) -> list[Scalar]:
        began = False
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            body = line.strip()
            if body in ("---", "...") or body.startswith("%"):
                if began and body != "---":
                    break
                if began:
                    break  # a second document
                continue
            if not body or body.startswith("#"):
                continue
            if "\t" in line[: len(line) - len(line.lstrip())]:
                raise YamlSyntaxError("a tab indents this line; YAML wants spaces", self._at)
            began = True
            self._line(len(line) - len(line.lstrip(" ")), line.strip())
        return self._found

    def _line(self, indent: int, body: str) -> None:
        while body == "-" or body.startswith("- "):
            self._item(indent)
            rest = body[1:].lstrip(" ")
            indent += len(body) - len(rest)
            body = rest
            if not body or body.startswith("#"):
                return
        match = _KEY.match(body)
        if match:
            groups = match.groupdict()
            key = next(groups[name] for name in ("d", "s", "p") if groups[name] is not None)
            while self._open and self._open[-1].indent >= indent:
                self._open.pop()
            self._open.append(_Open(indent, key.strip(), item=False))
            self._value(body[match.end() :], indent)
        elif self._found and self._continues(indent):
            last = self._found[-1]
            self._found[-1] = Scalar(last.path, f"{last.value} {_plain(body)}".strip(), last.line)
        else:
            self._value(body, indent - 1)

    def _continues(self, indent: int) -> bool:
        """Whether a line without key and dash goes on a plain scalar above it."""
        return bool(self._open) and indent > self._open[-1].indent and self._found[-1].path == self._path()

    def _item(self, indent: int) -> None:
        count = 0
        while self._open and (
            self._open[-1].indent > indent or (self._open[-1].indent == indent and self._open[-1].item)
        ):
            closed = self._open.pop()
            if closed.indent == indent and closed.item:
                count = closed.count + 1
        self._open.append(_Open(indent, str(count), item=True, count=count))

    def _path(self) -> tuple[str, ...]:
        return tuple(each.key for each in self._open)

    def _value(self, text: str, indent: int) -> None:
        line = self._at
        text = re.sub(r"^(&\S+|!\S*)\s*", "", text.strip())
        if not text or text.startswith("#"):
            return  # children follow, or null
        if _BLOCK.match(text):
            self._found.append(Scalar(self._path(), self._block(indent), line))
        elif text[0] in "{[":
            while not _balanced(text) and self._at < len(self._lines):
                text += " " + _plain(self._lines[self._at].strip())
                self._at += 1
            self._flow(_Flow(text), self._path(), line)
        elif text[0] in "\"'":
            while _closing(text) < 0:
                if self._at >= len(self._lines):
                    raise YamlSyntaxError("a quote is opened here and never closed", line)
                text += " " + self._lines[self._at].strip()
                self._at += 1
            self._found.append(Scalar(self._path(), _unquote(text[: _closing(text) + 1]), line))
        else:
            self._found.append(Scalar(self._path(), _plain(text), line))

    def _block(self, indent: int) -> str:
        kept: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            kept.append(line.strip())
            self._at += 1
        return "\n".join(kept).strip("\n")

    def _flow(self, flow: _Flow, path: tuple[str, ...], line: int) -> None:
        if flow.take("{"):
            while not flow.take("}") and not flow.ended:
                before = flow.at
                key = flow.word(":,}")
                if flow.take(":"):
                    self._flow(flow, (*path, key), line)
                flow.take(",")
                flow.move_on(before)
        elif flow.take("["):
            position = 0
            while not flow.take("]") and not flow.ended:
                before = flow.at
                self._flow(flow, (*path, str(position)), line)
                position += 1
                flow.take(",")
                flow.move_on(before)
        else:
            self._found.append(Scalar(path, flow.word(",}]"), line))


class _Flow:
    """A cursor over a flow collection's text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self._text)

    def move_on(self, before: int) -> None:
        """Skip a character that fits nowhere, rather than stand still."""
        if self.at == before:
            self.at += 1

    def take(self, char: str) -> bool:
        while not self.ended and self._text[self.at] == " ":
            self.at += 1
        if not self.ended and self._text[self.at] == char:
            self.at += 1
            return True
        return False

    def word(self, ends: str) -> str:
        self.take(" ")
        rest = self._text[self.at :]
        if rest[:1] in ("'", '"'):
            end = _closing(rest) + 1 or len(rest)
            self.at += end
            return _unquote(rest[:end])
        end = len(rest)
        for position, char in enumerate(rest):
            colon_in_word = char == ":" and rest[position + 1 : position + 2] not in ("", " ", ",", "}")
            if char in ends and not colon_in_word:
                end = position
                break
        self.at += end
        return rest[:end].strip()


def _plain(text: str) -> str:
    """A plain scalar without its comment."""
    return re.sub(r"(^|\s)#.*$", "", text).strip()


def _closing(text: str) -> int:
    """Position of the quote that closes the one `text` starts with; -1 when it is missing."""
    quote, at = text[0], 1
    while at < len(text):
        if quote == '"' and text[at] == "\\":
            at += 2
            continue
        if text[at] == quote:
            if quote == "'" and text[at + 1 : at + 2] == "'":
                at += 2
                continue
            return at
        at += 1
    return -1


def _unquote(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "'":
        return inner.replace("''", "'")
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), inner)


def _balanced(text: str) -> bool:
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
    return bare.count("{") <= bare.count("}") and bare.count("[") <= bare.count("]")
