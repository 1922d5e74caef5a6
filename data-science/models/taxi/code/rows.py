"""The rows of the taxi set: what a valid one is, and which of train, validation and test it belongs to.

Standard library only, no I/O but reading CSV: the rules can be tested anywhere in milliseconds.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TARGET = "cost"
CATEGORIES: dict[str, tuple[str, ...]] = {"store_forward": ("N", "Y"), "vendor": ("1", "2")}
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Number:
    """A numeric column and the closed range its values must be in."""

    low: float
    high: float
    whole: bool = True

    def problem(self, text: str) -> str | None:
        """What is wrong with a cell, or None. `text` is the cell as the file has it."""
        try:
            value = float(text)
        except ValueError:
            return f"{text!r} is not a number" if text.strip() else "is empty"
        if not math.isfinite(value):
            return f"{text!r} is not a finite number"
        if self.whole and value != int(value):
            return f"{text!r} is not a whole number"
        if not self.low <= value <= self.high:
            return f"{text!r} is outside {self.low:g}..{self.high:g}"
        return None


def _moment(end: str) -> dict[str, Number]:
    ranges = {
        "weekday": (0, 6), "month": (1, 12), "monthday": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 59),
    }  # fmt: skip
    return {f"{end}_{part}": Number(low, high) for part, (low, high) in ranges.items()}


# Dollars, miles, degrees. The box around the city is wide: it is there to catch swapped or missing coordinates.
NUMBERS: dict[str, Number] = {
    TARGET: Number(0.01, 500, whole=False),
    "distance": Number(0, 200, whole=False),
    "dropoff_latitude": Number(40, 42, whole=False),
    "dropoff_longitude": Number(-75, -73, whole=False),
    "passengers": Number(1, 9),
    "pickup_latitude": Number(40, 42, whole=False),
    "pickup_longitude": Number(-75, -73, whole=False),
    **_moment("pickup"),
    **_moment("dropoff"),
}
COLUMNS = (*NUMBERS, *CATEGORIES)
FEATURES = tuple(column for column in COLUMNS if column != TARGET)


class InvalidRows(ValueError):  # noqa: N818 - it names the rows, the errors are its text
    """The data cannot be trained on. The message names file, line, column and value."""


def csv_files(source: Path) -> list[Path]:
    """`source` itself, or all CSV files in it by name. Raises InvalidRows when there is none."""
    if source.is_file():
        return [source]
    found = sorted(path for path in source.glob("*.csv") if path.is_file())
    if not found:
        raise InvalidRows(f"{source}: neither a file nor a folder with *.csv files in it")
    return found


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number (1 is the header) and cells of each row. Raises InvalidRows when a column is missing.

    Columns may come in any order; additional ones are left out.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        try:
            header = next(reader, [])
            missing = [column for column in COLUMNS if column not in header]
            if missing:
                has = ", ".join(header) or "nothing"
                raise InvalidRows(f"{path.name}: missing column {', '.join(missing)}; the header has: {has}")
            places = {column: header.index(column) for column in COLUMNS}
            for cells in reader:
                if cells:  # an empty line is no row
                    row = {column: cells[at] if at < len(cells) else "" for column, at in places.items()}
                    yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise InvalidRows(f"{path.name}, after line {reader.line_num}: not CSV in UTF-8: {error}") from error


def problems(row: dict[str, str]) -> list[str]:
    """Everything wrong with one row, each naming its column; empty for a valid row."""
    found = [f"{column} {said}" for column, number in NUMBERS.items() if (said := number.problem(row[column]))]
    for column, allowed in CATEGORIES.items():
        if row[column] not in allowed:
            found.append(f"{column} {row[column]!r} is not one of {', '.join(allowed)}")
    return found


def normal(row: dict[str, str]) -> dict[str, str]:
    """A valid row with its whole numbers written as such: one stray `3.0` would turn a column into floats, and the
    model's signature with it."""
    return {
        column: str(int(float(cell))) if column in NUMBERS and NUMBERS[column].whole else cell
        for column, cell in row.items()
    }


def split_of(row: dict[str, str], seed: int, validation_share: float, test_share: float) -> str:
    """The split a row belongs to, decided by its own content.

    Unlike a shuffle, this keeps a row in its split when rows are added, so that a model trained last month is not
    tested on what it was trained on, and equal rows never stand on both sides.
    """
    content = ",".join(row[column] for column in COLUMNS)
    digest = hashlib.sha256(f"{seed}:{content}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < test_share:
        return "test"
    return "validation" if position < test_share + validation_share else "train"


def check_shares(validation_share: float, test_share: float) -> None:
    """Raises ValueError unless all three splits can get rows."""
    for name, share in (("validation-share", validation_share), ("test-share", test_share)):
        if not 0 < share < 1:
            raise ValueError(f"--{name} is {share:g}; it must lie between 0 and 1")
    if validation_share + test_share >= 1:
        raise ValueError(
            f"--validation-share {validation_share:g} and --test-share {test_share:g} leave nothing to train on; "
            "their sum must be below 1"
        )


@dataclass(frozen=True)
class Prepared:
    """The valid rows of each split and what was left out (one message a bad row)."""

    splits: dict[str, list[dict[str, str]]]
    rejected: list[str]

    def counts(self) -> dict[str, int]:
        """Rows of each split, and of the rejected."""
        return {**{name: len(rows) for name, rows in self.splits.items()}, "rejected": len(self.rejected)}


def prepare(
    files: Iterable[Path], *, seed: int, validation_share: float, test_share: float, max_bad_rows: int
) -> Prepared:
    """Read, check and split. Raises InvalidRows when more than `max_bad_rows` are bad or a split stays empty."""
    splits: dict[str, list[dict[str, str]]] = {name: [] for name in SPLITS}
    rejected: list[str] = []
    for path in files:
        for line, row in read_rows(path):
            wrong = problems(row)
            if wrong:
                rejected.append(f"{path.name}, line {line}: {'; '.join(wrong)}")
                continue
            good = normal(row)
            splits[split_of(good, seed, validation_share, test_share)].append(good)
    if len(rejected) > max_bad_rows:
        shown = "\n  ".join(rejected[:10])
        more = f"\n  ... and {len(rejected) - 10} more" if len(rejected) > 10 else ""
        raise InvalidRows(
            f"{len(rejected)} bad rows, at most {max_bad_rows} are allowed (--max-bad-rows):\n  {shown}{more}"
        )
    empty = [name for name, rows in splits.items() if not rows]
    if empty:
        total = sum(len(rows) for rows in splits.values())
        raise InvalidRows(f"{total} valid rows are too few: no row fell into {', '.join(empty)}")
    return Prepared(splits, rejected)
