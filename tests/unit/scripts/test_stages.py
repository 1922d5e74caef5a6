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


def put(kind: str, *parts: str) -> None:
    folder = Path("mlops/azureml/deploy", kind)
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        (folder / f"taxi_{kind}-{part}.yml").touch()


ENTRY = "models:\n  taxi:\n    environments: [dev]\n"


@pytest.mark.parametrize(
    ("kinds", "more", "expected", "told"),
    [
        (("online", "batch"), "", ("true", "true"), "to its online and batch endpoints."),
        (("online",), "", ("true", "false"), "to its online endpoint."),
        (("batch",), "", ("false", "true"), "to its batch endpoint."),
        (("online", "batch"), "    batch: false\n", ("true", "false"), "to its online endpoint."),
        ((), "", ("false", "false"), "registered, not deployed."),
    ],
)
def test_files_and_manifest_say_what_a_model_is_delivered_to(
    world: World, kinds: tuple[str, ...], more: str, expected: tuple[str, str], told: str
) -> None:
    for kind in kinds:
        put(kind, "endpoint", "deployment")
    assert stages(world, ENTRY + more) == 0, world.log
    assert (world.outputs["online"], world.outputs["batch"]) == expected
    assert f"taxi goes through dev, {told}" in world.log


def test_the_cluster_of_batch_scoring_is_told(world: World) -> None:
    assert stages(world, ENTRY + "    cluster: {name: big, size: 8, tier: dedicated}\n") == 0, world.log
    told = {name: world.outputs[name] for name in ("cluster-name", "cluster-size", "node-sku", "tier")}
    assert told == {"cluster-name": "big", "cluster-size": "8", "node-sku": "Standard_DS3_v2", "tier": "dedicated"}


@pytest.mark.parametrize(
    ("entry", "variable", "expected"),
    [("", "", ""), ("", "team", "team"), ("    registry: own\n", "team", "own")],
)
def test_the_manifests_registry_wins_over_the_repositorys(
    world: World, entry: str, variable: str, expected: str
) -> None:
    world.give(registry=variable)
    assert stages(world, ENTRY + entry) == 0, world.log
    assert world.outputs["registry"] == expected
    assert (f"by registry {expected}, " in world.log) == bool(expected)


def test_a_registry_that_cannot_be_one_is_refused(world: World) -> None:
    world.give(registry="a b")
    assert stages(world, ENTRY) == 2
    assert "registry is 'a b': it must have 3 to 33 letters, digits, - or _" in world.log
    assert "(variable REGISTRY_NAME)" in world.log


def test_half_an_endpoint_is_refused_before_anything_is_trained(world: World) -> None:
    put("batch", "endpoint")
    assert stages(world, ENTRY) == 2
    assert "taxi_batch-deployment.yml does not exist, but the other one is there." in world.log


def test_files_that_the_manifest_names_must_be_there(world: World) -> None:
    assert stages(world, ENTRY + "    online: {deployment-file: mlops/fares.yml}\n") == 2
    assert "mlops/fares.yml does not exist, but models.taxi.online in mlops/models.yml needs it." in world.log
    assert "taxi_online-endpoint.yml does not exist" in world.log


def test_an_endpoint_is_described_or_left_out(world: World) -> None:
    assert stages(world, ENTRY + "    batch: true\n") == 2
    assert "mlops/models.yml, line 4: models.taxi.batch" in world.log


@pytest.mark.parametrize("given", ["[test, prod]", "[dev, staging]"])
def test_stages_that_the_workflow_does_not_have_are_refused(world: World, given: str) -> None:
    assert stages(world, f"models:\n  taxi:\n    environments: {given}\n") == 2
    assert "it must have dev, and may have test and prod, the stages of deliver-model." in world.log


def test_an_unknown_model_is_refused(world: World) -> None:
    stages(world, "models:\n  taxi:\n    paths: [x]\n")
    world.env["INPUT_MODEL"] = "fare"
    assert world.run(TITLE, find) == 2
    assert "model is 'fare': it must be one of taxi." in world.log
