"""Rows of batch inputs and predictions: counted the same way on both sides."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

_TABLES = (".csv", ".tsv", ".txt", "")
_LINES = (".jsonl", ".ndjson")


def rows_of(path: Path) -> Iterator[str]:
    """The rows of one file as text: a quoted line break does not end a row, an empty line is none."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        if path.suffix.lower() not in _TABLES:
            yield from (line.rstrip("\r\n") for line in file if line.strip())
            return
        reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        yield from (", ".join(row) for row in reader if any(cell.strip() for cell in row))


def count_rows(files: Iterable[Path]) -> int:
    """Rows of predictions: batch deployments write them without a header."""
    return sum(sum(1 for _ in rows_of(path)) for path in files)


def first_rows(files: Iterable[Path], count: int = 5) -> list[str]:
    """The first rows of the predictions."""
    return list(islice((row for path in files for row in rows_of(path)), count))


def input_rows(source: Path) -> int | None:
    """Rows of a local input: CSV files have a header each, JSON lines none; None when the files are something else."""
    files = [source] if source.is_file() else sorted(each for each in source.rglob("*") if each.is_file())
    files = [each for each in files if not each.name.startswith(".")]
    if not files or any(each.suffix.lower() not in (".csv", *_LINES) for each in files):
        return None
    return sum(
        max(0, count_rows([each]) - 1) if each.suffix.lower() == ".csv" else count_rows([each]) for each in files
    )
