"""How well predicted digits agree with the true ones."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import accuracy_score, f1_score, log_loss


def classification_scores(split: str, actual: Any, predicted: Any, probabilities: Any | None) -> dict[str, float]:
    """`<split>_accuracy` and `<split>_f1` (mean over the digits), both 0..1; `<split>_log_loss` where the model tells
    probabilities (one column a digit)."""
    found = {
        f"{split}_accuracy": float(accuracy_score(actual, predicted)),
        f"{split}_f1": float(f1_score(actual, predicted, average="macro")),
    }
    if probabilities is not None:
        found[f"{split}_log_loss"] = float(log_loss(actual, probabilities))
    return found
