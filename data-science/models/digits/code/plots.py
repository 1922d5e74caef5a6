"""The pictures of an evaluation, as matplotlib figures that need no screen."""

from __future__ import annotations

from typing import Any

import images
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix


def confusion(actual: Any, predicted: Any) -> Figure:
    """How often each digit was taken for each other."""
    counts = confusion_matrix(actual, predicted, labels=images.CLASSES)
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            if count:
                colour = "white" if count > counts.max() / 2 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour)
    axes.set(xlabel="taken for", ylabel="is", title="Test images", xticks=images.CLASSES, yticks=images.CLASSES)
    return figure


def mistakes(test: pd.DataFrame, predicted: Any, at_most: int = 12) -> Figure:
    """The first test images that were taken for something else."""
    wrong = test[test[images.TARGET].to_numpy() != predicted].head(at_most)
    taken = predicted[test[images.TARGET].to_numpy() != predicted]
    figure = Figure(figsize=(8, 6), layout="constrained")
    figure.suptitle(f"{len(taken)} of {len(test)} test images were taken for another digit")
    for place, (row, said) in enumerate(zip(wrong.itertuples(index=False), taken, strict=False), start=1):
        axes = figure.add_subplot(3, 4, place)
        pixels = [getattr(row, name) for name in images.PIXELS]
        axes.imshow([pixels[at : at + images.SIDE] for at in range(0, len(pixels), images.SIDE)], cmap="gray_r")
        axes.set(title=f"{getattr(row, images.TARGET)} as {said}", xticks=[], yticks=[])
    return figure
