"""How far predicted fares are from the true ones."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error


def regression_scores(split: str, actual: Any, predicted: Any) -> dict[str, float]:
    """`<split>_rmse` and `<split>_mae` in dollars, `<split>_r2` (1 is perfect, 0 no better than the mean)."""
    return {
        f"{split}_rmse": float(root_mean_squared_error(actual, predicted)),
        f"{split}_mae": float(mean_absolute_error(actual, predicted)),
        f"{split}_r2": float(r2_score(actual, predicted)),
    }
