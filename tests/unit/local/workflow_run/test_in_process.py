"""Predictions side by side: numbers, labels, rows of probabilities."""

from __future__ import annotations

import pytest

from azureml_local.workflow_run.in_process import same


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ([1.0, 2.0], [1.0 + 1e-12, 2.0], True),
        ([1.0, 2.0], [1.0, 2.1], False),
        ([1.0], [1.0, 2.0], False),
        (["no", "yes"], ["no", "yes"], True),
        (["no", "yes"], ["no", "no"], False),
        ([[0.1, 0.9]], [[0.1, 0.9]], True),
        ([1.0], {"error": "x"}, False),
        ([1.0], ["1.0"], False),
    ],
)
def test_same(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal
