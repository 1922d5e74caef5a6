"""The rows: a CSV file with a column `label`, and any others of numbers or text to tell it from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

TARGET = "label"


def read(file: Path) -> pd.DataFrame:
    """All rows. Raises ValueError naming the file and what is wrong with it."""
    try:
        frame = pd.read_csv(file)
    except (FileNotFoundError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise ValueError(f"{file} cannot be read as CSV: {error}") from None
    if TARGET not in frame.columns:
        raise ValueError(f"{file} has no column '{TARGET}'; it has: {', '.join(map(str, frame.columns))}")
    empty = frame.index[frame[TARGET].isna()]
    if len(empty):
        raise ValueError(f"{file}, line {int(empty[0]) + 2}: {TARGET} is empty (in {len(empty)} rows)")
    if frame[TARGET].nunique() < 2:
        raise ValueError(f"{file}: every row has the same {TARGET}; there is nothing to learn")
    return frame


def split(frame: pd.DataFrame, *, test_share: float, seed: int) -> dict[str, pd.DataFrame]:
    """`train` and `test`, every label as frequent in both. Raises ValueError when a part would miss one."""
    if not 0 < test_share < 1:
        raise ValueError(f"--test-share is {test_share:g}; it must lie between 0 and 1")
    train, test = train_test_split(frame, test_size=test_share, random_state=seed, stratify=frame[TARGET])
    return {"train": train.sort_index(), "test": test.sort_index()}


def features(frame: pd.DataFrame) -> pd.DataFrame:
    """What the label is told from: every other column. Whole numbers become floats, which may be missing one day."""
    found = frame.drop(columns=TARGET)
    whole = [name for name in found.columns if pd.api.types.is_integer_dtype(found[name])]
    return found.astype(dict.fromkeys(whole, float))
