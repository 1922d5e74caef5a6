"""MLTable files: which files a table is made of, and how they are read.

A table that user code loads needs nothing of this: it has the package `mltable` for that. Here they are read for the
mini-batches of parallel steps.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-mltable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

READERS = ("read_delimited", "read_parquet", "read_json_lines")
# What is done with the rows after that; mini_batches/tables.py does it.
STEPS = ("keep_columns", "drop_columns", "take", "skip", "extract_columns_from_partition_format")
_OPTIONS = {
    "read_delimited": ("delimiter", "encoding", "header", "infer_column_types", "empty_as_string",
                       "include_path_column", "support_multi_line", "path_column"),
    "read_parquet": ("include_path_column", "path_column"),
    "read_json_lines": ("encoding", "include_path_column", "invalid_lines", "path_column"),
}  # fmt: skip
_HEADERS = ("all_files_same_headers", "all_files_different_headers", "from_first_file", "no_header")


class TableError(Exception):
    """The table cannot be read here; the message says why."""


def read_table(root: Path, resolve: Callable[[str], Path]) -> dict[str, Any]:
    """`{"files": [path, …], "steps": [[name, options], …]}`: what a worker needs to know, the reader first.

    root: the folder of the file MLTable, or that file.  resolve: the path of an `azureml://` or `https://` URI.
    """
    file = root / "MLTable" if root.is_dir() else root
    if not file.is_file():
        raise TableError("there is no file 'MLTable' in the folder")
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError(f"the file MLTable is not YAML: {error}") from error
    if not isinstance(document, Mapping):
        raise TableError("the file MLTable is empty")
    files: list[Path] = []
    for entry in document.get("paths") or []:
        files += _files(entry, file.parent, resolve)
    if not files:
        raise TableError("its paths name no file")
    return {"files": [str(found) for found in files], "base": str(file.parent), "steps": _steps(document)}


def _files(entry: Any, base: Path, resolve: Callable[[str], Path]) -> list[Path]:
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise TableError(f"each of its paths must be one of file, folder, pattern, but one is '{entry}'")
    ((kind, given),) = entry.items()
    text = str(given)
    if "://" in text and kind != "pattern":
        place = resolve(text)
    elif "://" in text:
        raise TableError(f"the pattern '{text}' must be relative to the file MLTable")
    else:
        place = base / text
    if kind == "file":
        if not place.is_file():
            raise TableError(f"there is no file '{text}'")
        return [place]
    if kind == "folder":
        if not place.is_dir():
            raise TableError(f"there is no folder '{text}'")
        return sorted(found for found in place.rglob("*") if found.is_file() and found.name != "MLTable")
    if kind == "pattern":
        return sorted(found for found in base.glob(text.removeprefix("./")) if found.is_file())
    raise TableError(f"'{kind}' is not one of file, folder, pattern")


def _steps(document: Mapping[str, Any]) -> list[list[Any]]:
    steps: list[list[Any]] = []
    for given in document.get("transformations") or []:
        name, options = (given, None) if isinstance(given, str) else next(iter(given.items()))
        wanted = STEPS if steps else READERS
        if name not in wanted:
            raise TableError(f"of its transformations, '{name}' is not one that is done here: {', '.join(wanted)}")
        if name in _OPTIONS:
            options = dict(options or {})
            if unknown := sorted(set(options) - set(_OPTIONS[name])):
                raise TableError(f"{name} has the option '{unknown[0]}'; known are {', '.join(_OPTIONS[name])}")
            header = options.get("header", _HEADERS[0])
            if header not in _HEADERS:
                raise TableError(f"the header '{header}' of {name} is not one of {', '.join(_HEADERS)}")
        steps.append([str(name), options])
    if not steps:
        raise TableError(f"its transformations must begin with one of {', '.join(READERS)}")
    return steps
