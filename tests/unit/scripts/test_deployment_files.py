"""References to models, as deployments take them."""

from __future__ import annotations

from typing import Any

import pytest

from deployment_files import ModelVersion, resolve_model

SHARED = "azureml://registries/shared/models/taxi"


class Nowhere:
    """A workspace that nobody may ask."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


@pytest.mark.parametrize(
    ("reference", "found", "shown"),
    [
        (f"{SHARED}/versions/3", ModelVersion(f"{SHARED}/versions/3", "taxi", "3"), "taxi:3"),
        (f"{SHARED}/labels/latest", ModelVersion(f"{SHARED}/labels/latest", "taxi"), f"{SHARED}/labels/latest"[8:]),
        ("", ModelVersion(""), ""),
    ],
)
def test_a_registrys_model_is_passed_through_by_its_name(reference: str, found: ModelVersion, shown: str) -> None:
    resolved = resolve_model(Nowhere(), reference)  # type: ignore[arg-type]
    assert resolved == found
    assert resolved.shown == shown
