"""The text of a Dockerfile taken apart: its instructions, and the commands of a RUN line."""

from __future__ import annotations

import json
import posixpath
import re
import shlex

CONDA_TOOLS = {"conda", "mamba", "micromamba"}


def instructions(text: str) -> list[tuple[str, str]]:
    """(keyword, rest) of each instruction: continuations joined, comments dropped, here-documents folded in."""
    found: list[tuple[str, str]] = []
    lines = iter(text.splitlines())
    pending = ""
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        keyword, _, rest = pending.partition(" ")
        pending = ""
        heredoc = re.search(r"<<-?\s*['\"]?(\w+)['\"]?", rest)
        if heredoc and keyword.upper() in {"RUN", "COPY", "ADD"}:
            body = []
            for inner in lines:
                if inner.strip() == heredoc[1]:
                    break
                body.append(inner.strip())
            if keyword.upper() == "RUN":
                rest = " && ".join(part for part in body if part and not part.startswith("#"))
        found.append((keyword.upper(), rest.strip()))
    return found


def commands(run: str) -> list[list[str]]:
    """The commands of a RUN instruction, as argument lists, in the order they stand."""
    run = re.sub(r"^(--\w[\w-]*=\S+\s+)+", "", run.strip())
    if run.startswith("["):
        try:
            words = [str(word) for word in json.loads(run)]
        except ValueError:
            words = []
        if words[:2] in (["/bin/sh", "-c"], ["/bin/bash", "-c"], ["sh", "-c"], ["bash", "-c"]) and len(words) > 2:
            return commands(words[2])
        return [words] if words else []
    lexer = shlex.shlex(run, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word and set(word) <= set("&|;"):
                found.append([])
            else:
                found[-1].append(word)
    except ValueError:
        return [[run]]
    return [words for words in map(_plain, found) if words]


def _plain(words: list[str]) -> list[str]:
    """A command without `FOO=1`, sudo, `conda run -n x`, `python -m` and redirections before or after it."""
    words = [word for word in words if not re.match(r"^\d?>", word)]
    while words:
        head = posixpath.basename(words[0])
        if re.match(r"^\w+=", words[0]) or head in {"sudo", "exec", "time", "command", "eval"}:
            words = words[1:]
        elif head in CONDA_TOOLS and words[1:2] == ["run"]:
            words = words[2:]
            while words and words[0].startswith("-"):
                words = words[2:] if words[0] in {"-n", "--name", "-p", "--prefix"} else words[1:]
        elif re.fullmatch(r"python[\d.]*", head) and words[1:3] == ["-m", "pip"]:
            words = ["pip", *words[3:]]
        elif head == "uv" and words[1:2] == ["pip"]:
            words = ["pip", *words[2:]]
        elif head in {"bash", "sh"} and words[1:2] and words[1] in {"-c", "-lc", "-ec"} and len(words) > 2:
            inner = commands(words[2])
            return inner[0] if len(inner) == 1 else ["sh", "-c", words[2]]
        else:
            return [re.sub(r"^pip[\d.]+$", "pip", head), *words[1:]]
    return []
