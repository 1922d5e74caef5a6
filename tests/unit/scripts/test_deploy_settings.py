"""Settings of the deploy workflows from three kinds of event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy_settings import BATCH, ONLINE, settle
from models import MANIFEST
from support.fake_azure import World

FILES = (
    "mlops/azureml/deploy/{kind}/taxi_{kind}-endpoint.yml",
    "mlops/azureml/deploy/{kind}/taxi_{kind}-deployment.yml",
)


@pytest.fixture(params=["online", "batch"])
def kind(request: pytest.FixtureRequest, world: World) -> str:
    for name in FILES:
        path = Path(name.format(kind=request.param))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(request.param)


def run(world: World, kind: str, inputs: object, payload: object = None) -> int:
    world.env.update(INPUTS=json.dumps(inputs), PAYLOAD=json.dumps(payload))
    return world.run("settings", settle(kind))


def test_nothing_given_deploys_the_newest_taxi(world: World, kind: str) -> None:
    assert run(world, kind, None) == 0, world.log
    found = world.outputs
    assert found["azure-model"] == "azureml:taxi@latest"
    assert found["endpoint-file"] == f"mlops/azureml/deploy/{kind}/taxi_{kind}-endpoint.yml"
    assert found["endpoint-name"] == ""
    assert set(found) == {*{"online": ONLINE, "batch": BATCH}[kind], "azure-model"}


def test_what_training_hands_on_is_deployed(world: World, kind: str) -> None:
    given = {"model": "taxi", "model-name": "taxi-fares", "model-version": "7"}
    assert run(world, kind, given) == 0, world.log
    assert world.outputs["azure-model"] == "azureml:taxi-fares:7"


def test_a_registrys_version_is_deployed_where_the_caller_says_so(world: World, kind: str) -> None:
    world.env["AZURE_MODEL"] = "azureml://registries/shared/models/taxi/versions/7"
    assert run(world, kind, {"model": "taxi", "model-version": "7"}) == 0, world.log
    assert world.outputs["azure-model"] == "azureml://registries/shared/models/taxi/versions/7"


def test_booleans_of_a_form_are_texts(world: World) -> None:
    for name in FILES:
        path = Path(name.format(kind="online"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert run(world, "online", {"rollback": False, "keep-previous": True}) == 0, world.log
    assert (world.outputs["rollback"], world.outputs["keep-previous"]) == ("false", "true")


def test_tests_are_made_with_the_files_that_are_there(world: World) -> None:
    for name in (*(each.format(kind="online") for each in FILES), "data/taxi/taxi-request.json"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert run(world, "online", {}) == 0
    assert world.outputs["request-file"] == "data/taxi/taxi-request.json"
    assert world.outputs["expect"] == ""


def test_the_manifest_names_another_endpoint_and_cluster(world: World, kind: str) -> None:
    MANIFEST.parent.mkdir(parents=True, exist_ok=True)
    MANIFEST.write_text(f"models:\n  taxi:\n    cluster: {{name: big}}\n    {kind}:\n      endpoint-name: fares-eu\n")
    assert run(world, kind, {}) == 0, world.log
    assert world.outputs["endpoint-name"] == "fares-eu"
    assert world.outputs.get("cluster-name", "big") == "big"


def test_a_payload_has_the_same_names(world: World, kind: str) -> None:
    assert run(world, kind, None, {"model-version": "4", "endpoint-name": "fares"}) == 0
    assert world.outputs["azure-model"] == "azureml:taxi:4"
    assert world.outputs["endpoint-name"] == "fares"
    assert run(world, kind, None, {"version": "4"}) == 2
    assert "client_payload has 'version'; it may have environment, resource-group" in world.log


def test_wrong_settings_are_told_together(world: World, kind: str) -> None:
    assert run(world, kind, {"endpoint-name": "1x", "model-version": "a b", "deployment-file": "none.yml"}) == 2
    for part in ("endpoint-name is '1x'", "model-version is 'a b'", "deployment-file is 'none.yml'"):
        assert part in world.log


def test_a_request_that_the_manifest_names_and_is_not_there_is_handed_on_to_be_refused(world: World) -> None:
    """Left out, the deployment would go untested."""
    for name in FILES:
        path = Path(name.format(kind="online"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    MANIFEST.write_text("models:\n  taxi:\n    request-file: data/requst.json\n")
    assert run(world, "online", None) == 0, world.log
    assert world.outputs["request-file"] == "data/requst.json"
    assert world.outputs["expect"] == "", "a convention, and no such file"
