"""The pictures of an evaluation, as matplotlib figures that need no screen."""

from __future__ import annotations

from typing import Any

import pandas as pd
import rows
from matplotlib.figure import Figure


def predicted_against_actual(actual: Any, predicted: Any) -> Figure:
    """One dot a trip; a perfect model has all on the diagonal."""
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(actual, predicted, s=6, alpha=0.4)
    top = float(max(actual.max(), predicted.max()))
    axes.plot([0, top], [0, top], color="black", linewidth=1)
    axes.set(xlabel="fare paid, $", ylabel="fare predicted, $", title="Test rows")
    return figure


def error_by_hour(test: pd.DataFrame, predicted: Any) -> Figure:
    """Mean absolute error for each hour of pickup: where traffic makes the fare hard to tell."""
    errors = (test[rows.TARGET] - predicted).abs().groupby(test["pickup_hour"]).mean()
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.bar(errors.index, errors.to_numpy())
    axes.set(xlabel="hour of pickup", ylabel="mean absolute error, $", title="Test rows")
    return figure
