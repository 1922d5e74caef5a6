"""Tables as mini-batches: rows of an MLTable, by size or by the values of partition keys, as pandas DataFrames.

The driver reads the table once and leaves each mini-batch's rows in a file for the worker that gets it. pandas is that
of the step's own environment, where the entry script needs it anyhow.

Source: learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline, "Mini-batches".
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from .config import Config
from .inputs import InputError, MiniBatch

_NO_HEADER = "no_header"


def split_table(config: Config) -> tuple[list[MiniBatch], int]:
    """The mini-batches of the table in `config.table`, and its rows."""
    try:
        import pandas  # noqa: PLC0415 - in the step's environment only
    except ImportError as error:
        raise InputError("The input is a table, so the step's environment needs the package pandas.") from error
    table: Any = config.table
    frame = pandas.concat([_read(file, table, pandas) for file in table["files"]], ignore_index=True)
    for name, options in table["steps"][1:]:
        frame = _transformed(frame, name, options)
    if not len(frame):
        raise InputError("The input table has no rows: there is nothing to score.")
    if config.partition_keys:
        parts = _by_keys(frame, config.partition_keys)
    else:
        parts = _by_size(frame, sum(Path(file).stat().st_size for file in table["files"]), config.mini_batch_bytes)
    batches = []
    for number, (label, key, rows) in enumerate(parts):
        file = Path(config.scratch) / f"table-{number}.pickle"
        rows.reset_index(drop=True).to_pickle(str(file))
        batches.append(MiniBatch(number, (str(file),), (label,), len(rows), key, table=True))
    return batches, len(frame)


def read_rows(file: str) -> Any:
    """The rows that the driver left for a worker."""
    import pandas  # noqa: PLC0415

    return pandas.read_pickle(file)  # noqa: S301 - written by the driver of this very run


def _read(file: str, table: dict[str, Any], pandas: Any) -> Any:
    name, options = table["steps"][0]
    if name == "read_parquet":
        frame = pandas.read_parquet(file)
    elif name == "read_json_lines":
        frame = pandas.read_json(file, lines=True, encoding=options.get("encoding", "utf-8"))
    else:
        headless = options.get("header") == _NO_HEADER
        frame = pandas.read_csv(
            file,
            sep=options.get("delimiter", ","),
            encoding=options.get("encoding", "utf-8"),
            header=None if headless else 0,
            dtype=str if options.get("infer_column_types") is False else None,
            keep_default_na=not options.get("empty_as_string", False),
        )
        if headless:
            frame.columns = [f"Column{number}" for number in range(1, frame.shape[1] + 1)]
    if options.get("include_path_column"):
        frame.insert(0, "Path", file)
    for step, given in table["steps"][1:]:
        if step == "extract_columns_from_partition_format":
            for column, value in _of_path(file, table["base"], str(given)).items():
                frame[column] = value
    return frame


def _of_path(file: str, base: str, given: str) -> dict[str, str]:
    """Columns whose values are parts of the file's path: `{Store}/{Brand}/` or `/{Store}_{Brand}.csv`."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(given.strip("/")))
    path = os.path.relpath(file, base).replace(os.sep, "/")
    match = re.match(pattern, path)
    if match is None:
        raise InputError(f"The file '{path}' of the input table is not named as the partition format '{given}' says.")
    return match.groupdict()


def _transformed(frame: Any, name: str, options: Any) -> Any:
    if name in ("keep_columns", "drop_columns"):
        columns = [options] if isinstance(options, str) else list(options)
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise InputError(f"The input table has no column '{missing[0]}', which {name} names.")
        return frame[columns] if name == "keep_columns" else frame.drop(columns=columns)
    if name == "take":
        return frame.head(_count(options))
    return frame.iloc[_count(options) :] if name == "skip" else frame


def _count(options: Any) -> int:
    """`take: 5`, or `take: {count: 5}`."""
    return int(options["count"] if isinstance(options, dict) else options)


def _by_keys(frame: Any, keys: list[str]) -> list[tuple[str, dict[str, Any] | None, Any]]:
    missing = [key for key in keys if key not in frame.columns]
    if missing:
        known = ", ".join(map(str, frame.columns))
        raise InputError(f"The input table has no column '{missing[0]}' to partition by; its columns are: {known}.")
    parts: list[tuple[str, dict[str, Any] | None, Any]] = []
    for values, rows in frame.groupby(keys, sort=True):
        found = values if isinstance(values, tuple) else (values,)
        key = {name: value.item() if hasattr(value, "item") else value for name, value in zip(keys, found)}  # noqa: B905
        parts.append((", ".join(f"{name}={value}" for name, value in key.items()), key, rows))
    return parts


def _by_size(frame: Any, size: int, wanted: int) -> list[tuple[str, dict[str, Any] | None, Any]]:
    """As many rows at a time as take about `wanted` bytes of the files."""
    count = max(int(len(frame) * wanted / max(size, 1)), 1)
    return [
        (f"rows {start + 1}-{min(start + count, len(frame))}", None, frame.iloc[start : start + count])
        for start in range(0, len(frame), count)
    ]
