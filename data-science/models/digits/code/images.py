"""The images of handwritten digits that scikit-learn ships, as rows of numbers.

1,797 images of 8 by 8 pixels, each pixel a whole number from 0 (paper) to 16 (ink); the label is the digit, 0 to 9.
"""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TARGET = "digit"
SIDE = 8
INK = 16
PIXELS = tuple(f"p{row}{column}" for row in range(SIDE) for column in range(SIDE))
CLASSES = tuple(range(10))


def all_images() -> pd.DataFrame:
    """One row an image: `digit`, then its pixels row by row, `p00` to `p77`."""
    bunch = load_digits()
    frame = pd.DataFrame(bunch.data, columns=list(PIXELS))
    frame.insert(0, TARGET, bunch.target.astype("int64"))
    return frame


def split(frame: pd.DataFrame, *, test_share: float, seed: int) -> dict[str, pd.DataFrame]:
    """`train` and `test`, every digit as frequent in both. Raises ValueError when a part would miss a digit."""
    if not 0 < test_share < 1:
        raise ValueError(f"--test-share is {test_share:g}; it must lie between 0 and 1")
    try:
        train, test = train_test_split(frame, test_size=test_share, random_state=seed, stratify=frame[TARGET])
    except ValueError as error:
        raise ValueError(f"--test-share {test_share:g} is too small or too large: {error}") from None
    return {"train": train.sort_index(), "test": test.sort_index()}
