"""What `run()` returned, as rows of the output file.

A DataFrame's rows are written with a blank between the fields and quotes where a field has one, without header; each
element of a list as its text; so the file can be read as the documentation says:
`pd.read_csv("predictions.csv", header=None, sep=" ")`.

Source: learn.microsoft.com/azure/machine-learning/how-to-image-processing-batch and how-to-batch-scoring-script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ResultError(Exception):
    """`run()` returned something that cannot be written."""


@dataclass(frozen=True)
class Result:
    """The rows of one mini-batch, as the text to append. `items` says how many of its files were scored."""

    text: str
    rows: int
    items: int
    header: str = ""


def from_returned(returned: Any) -> Result:
    """The rows of a list, tuple, array, Series or DataFrame. Raises ResultError for anything else."""
    if isinstance(returned, Result):
        return returned
    if _is_frame(returned):
        text = returned.to_csv(sep=" ", index=False, header=False) if len(returned) else ""
        header = returned.head(0).to_csv(sep=" ", index=False).strip()
        return Result(text, len(returned), len(returned), header)
    if (
        isinstance(returned, (str, bytes, dict))
        or not hasattr(returned, "__len__")
        or not hasattr(returned, "__iter__")
    ):
        raise ResultError(
            f"run() returned {type(returned).__name__}. It must return a list or a pandas DataFrame with an element "
            "for each scored item."
        )
    return Result("".join(f"{element}\n" for element in returned), len(returned), len(returned))


def _is_frame(value: Any) -> bool:
    """Whether this is a pandas DataFrame, without importing pandas."""
    return any(cls.__name__ == "DataFrame" and cls.__module__.startswith("pandas.") for cls in type(value).__mro__)
