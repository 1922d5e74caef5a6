"""The files to score, and how they are dealt out.

Mini-batches are made of whole files, so many at a time, in the order of their names; that files differ in size plays no
part. Source: learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script, "How is work distributed?".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class InputError(Exception):
    """There is nothing to score; the message says where."""


@dataclass(frozen=True)
class MiniBatch:
    """Some files, or some rows of a table in a file of their own.

    names: what people are told: files relative to the input, or which rows.  items: files or rows.
    key: the values of the partition keys.
    """

    number: int
    files: tuple[str, ...]
    names: tuple[str, ...]
    items: int
    key: dict[str, Any] | None = None
    table: bool = False


def find_files(root: str, *, recursive: bool) -> tuple[list[str], int]:
    """The files of an input (a folder, or one file), sorted; and how many in subfolders were left out."""
    path = Path(root)
    if path.is_file():
        return [str(path)], 0
    if not path.is_dir():
        raise InputError(f"There is no file or folder at the input's path {root}.")
    found, below = [], 0
    for folder, folders, names in os.walk(path, followlinks=True):
        folders.sort()
        if folder == str(path) or recursive:
            found += [str(Path(folder, name)) for name in names]
        else:
            below += len(names)
    found.sort()
    if not found and below:
        raise InputError(
            f"The input folder has no files of its own, only {below} in subfolders, and those are not scored: "
            "batch deployments read one folder. Put the files into one folder."
        )
    if not found:
        raise InputError("The input folder is empty: there is nothing to score.")
    return found, below


def split(files: list[str], root: str, size: int) -> list[MiniBatch]:
    """`size` files to each mini-batch, the last one may have fewer."""
    base = root if Path(root).is_dir() else Path(root).parent
    return [
        MiniBatch(
            number=start // size,
            files=tuple(files[start : start + size]),
            names=tuple(os.path.relpath(file, base) for file in files[start : start + size]),
            items=len(files[start : start + size]),
        )
        for start in range(0, len(files), size)
    ]
