"""The scanner agrees with PyYAML on what files really look like, and knows the lines."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from yaml_scan import YamlSyntaxError, scan

ROOT = Path(__file__).parents[3]

CASES = {
    "mapping": "a: 1\nb:\n  c: x # comment\n  d: 'it''s'\n  e: \"q # no\"\n",
    "list": "a:\n- x\n- y: 1\n  z: 2\n-   w: 3\nb: 4\n",
    "indented list": "a:\n  - x\n  - y: 1\n    z:\n      - 2\n      - 3\nb: 4\n",
    "flow": "a: {b: c, d: [e, 'f g'], h: '${{x}}'}\nl: [1, 2]\n",
    "flow over lines": "a: {b: c,\n   d: e}\nf: g\n",
    "block": "a: |\n  text: no key\n  - no item\nb: >-\n  folded\n  more\nc: d\n",
    "url": "a: https://x.y/z:1\nb: azureml:n@latest\nc: azureml://datastores/d/paths/p\n",
    "document start": "# head\n---\na: b\n",
    "binding": "a: ${{parent.inputs.x}}\nb: python x.py --d ${{inputs.d}}\n",
    "multi-line plain": "a: one\n  two\nb: three\n",
    "quoted key": "\"a b\": c\n'd': e\n",
    "null": "a:\nb: x\n",
    "channels": "channels:\n  - conda-forge\ndependencies:\n  - python=3.10\n  - pip:\n"
    "      - mlflow==2.16.2\n      - x>=1  # why\n",
    "$schema": "$schema: https://x/y.json\nname: n\n",
    "nested lists": "a:\n  - - x\n    - y\n",
}


def flat(document: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(document, dict):
        return {k: v for key, inner in document.items() for k, v in flat(inner, (*path, str(key))).items()}
    if isinstance(document, list):
        return {k: v for index, inner in enumerate(document) for k, v in flat(inner, (*path, str(index))).items()}
    return {path: " ".join(document.split())} if document else {}


def scanned(text: str) -> dict[tuple[str, ...], str]:
    return {scalar.path: " ".join(scalar.value.split()) for scalar in scan(text)}


@pytest.mark.parametrize("case", CASES)
def test_it_reads_what_yaml_reads(case: str) -> None:
    assert scanned(CASES[case]) == flat(yaml.load(CASES[case], yaml.BaseLoader))


@pytest.mark.parametrize(
    "file",
    sorted(
        path.relative_to(ROOT).as_posix()
        for folder in ("mlops", "data-science")
        for path in (ROOT / folder).rglob("*.yml")
    ),
)
def test_it_reads_every_yaml_of_this_repository(file: str) -> None:
    text = (ROOT / file).read_text()
    assert scanned(text) == flat(yaml.load(text, yaml.BaseLoader))


def test_lines_are_known() -> None:
    found = {scalar.path: scalar.line for scalar in scan("# c\na:\n  b: 1\n\n  c:\n    - 2\n    - {d: 3}\n")}
    assert found == {("a", "b"): 3, ("a", "c", "0"): 6, ("a", "c", "1", "d"): 7}


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a:\n\tb: 1\n", 2, "a tab indents this line"),
        ("a: 1\nb: 'x\nc: 2\n", 2, "a quote is opened here and never closed"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(YamlSyntaxError, match=why) as raised:
        scan(text)
    assert raised.value.line == line


def test_any_text_ends() -> None:
    """No text, however odd, makes the scanner stand still or fail with anything but its own error."""
    chosen = random.Random(1)
    for _ in range(3000):
        text = "".join(chosen.choice("ab: -[]{},'\"\n#|>&*$\t") for _ in range(chosen.randint(0, 25)))
        with contextlib.suppress(YamlSyntaxError):
            scan(text)
