"""The stages that a model is delivered through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages import TITLE, find
from support.fake_azure import World


def stages(world: World, text: str) -> int:
    Path("mlops/azureml/train").mkdir(parents=True, exist_ok=True)
    Path("mlops/azureml/train/taxi_pipeline.yml").touch()
    Path("mlops/models.yml").write_text(text)
    world.env["INPUT_MODEL"] = "taxi"
    return world.run(TITLE, find)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:\n  taxi:\n    paths: [x]\n", ["dev", "test", "prod"]),
        ("models:\n  taxi:\n    environments: [prod, dev]\n", ["dev", "prod"]),
        ("models:\n  taxi:\n    environments: [dev]\n", ["dev"]),
    ],
)
def test_the_manifest_chooses_the_stages(world: World, text: str, expected: list[str]) -> None:
    assert stages(world, text) == 0, world.log
    assert json.loads(world.outputs["environments"]) == expected
    assert world.outputs["environment-file"].endswith("taxi_environment_conda.yml")


@pytest.mark.parametrize("given", ["[test, prod]", "[dev, staging]"])
def test_stages_that_the_workflow_does_not_have_are_refused(world: World, given: str) -> None:
    assert stages(world, f"models:\n  taxi:\n    environments: {given}\n") == 2
    assert "it must have dev, and may have test and prod, the stages of deliver-model." in world.log


def test_an_unknown_model_is_refused(world: World) -> None:
    stages(world, "models:\n  taxi:\n    paths: [x]\n")
    world.env["INPUT_MODEL"] = "fare"
    assert world.run(TITLE, find) == 2
    assert "model is 'fare': it must be one of taxi." in world.log
