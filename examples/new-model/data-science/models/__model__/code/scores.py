"""How well predicted labels agree with the true ones."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import accuracy_score, f1_score


def classification_scores(split: str, actual: Any, predicted: Any) -> dict[str, float]:
    """`<split>_accuracy` and `<split>_f1` (mean over the labels), both 0..1."""
    return {
        f"{split}_accuracy": float(accuracy_score(actual, predicted)),
        f"{split}_f1": float(f1_score(actual, predicted, average="macro")),
    }
