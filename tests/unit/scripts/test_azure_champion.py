"""The best version on Azure, read off the tags that versions are registered with; never a reason to fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azure_champion import TITLE, look_up
from support.fake_azure import World, model_version

GATE = "models:\n  taxi:\n    gate: {metric: test_rmse, goal: minimize}\n"


@pytest.fixture
def repository(world: World) -> World:
    pipeline = Path("mlops/azureml/train/taxi_pipeline.yml")
    pipeline.parent.mkdir(parents=True)
    pipeline.touch()
    Path("mlops/models.yml").write_text(GATE)
    world.give(models='["taxi"]')
    return world


def version(number: str, **tags: str) -> dict[str, Any]:
    return model_version(number, tags=tags)


def champions(world: World) -> Any:
    assert world.run(TITLE, look_up) == 0, world.log
    return json.loads(world.outputs["champions"])


def test_the_best_recorded_version_is_told(repository: World) -> None:
    repository.azure.models["taxi"] = [
        version("4"), version("3", test_rmse="nan"), version("2", test_rmse="2.5"), version("1", test_rmse="2.25"),
    ]  # fmt: skip
    assert champions(repository) == {"taxi": {"workspace": "aml", "version": "1", "value": 2.25}}


def test_the_goal_decides_what_is_best(repository: World) -> None:
    Path("mlops/models.yml").write_text(GATE.replace("minimize", "maximize"))
    repository.azure.models["taxi"] = [version("2", test_rmse="2.5"), version("1", test_rmse="2.25")]
    assert champions(repository)["taxi"]["version"] == "2"


def test_nothing_registered_and_no_gate_are_nothing_to_tell(repository: World) -> None:
    assert champions(repository) == {}
    assert "taxi: nothing is registered in aml that the gate could look at." in repository.log
    Path("mlops/models.yml").write_text("models: {}\n")
    repository.azure.models["taxi"] = [version("1", test_rmse="2.25")]
    assert champions(repository) == {}


def test_what_azure_refuses_is_a_warning(repository: World) -> None:
    repository.azure.workspace_exists = False
    assert champions(repository) == {}
    assert "::warning title=champions on Azure::The champions on Azure are not told. " in repository.log


def test_without_a_workspace_nobody_is_asked(repository: World) -> None:
    repository.env["INPUT_WORKSPACE_NAME"] = ""
    assert champions(repository) == {}
    assert repository.azure.requests == []
