"""The last step of a delivery's stage: the deployment that has scored becomes the batch endpoint's default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from errors import ExitCode
from set_batch_default import TITLE, set_default
from support.fake_endpoints import EndpointWorld


@pytest.fixture
def world(tmp_path: Path) -> EndpointWorld:
    made = EndpointWorld(tmp_path)
    made.azure.add("batchEndpoints", "folders", {"blue": 100, "green": 0})
    made.give(endpoint_name="folders", deployment_name="green")
    return made


def endpoint(world: EndpointWorld) -> dict[str, Any]:
    return world.azure.endpoints["batchEndpoints/folders"]


def test_the_deployment_becomes_the_default_and_the_mark_goes(world: EndpointWorld) -> None:
    assert world.run(TITLE, set_default) == ExitCode.OK, world.log
    assert endpoint(world)["properties"]["defaults"] == {"deploymentName": "green"}
    assert endpoint(world)["tags"] == {}
    assert "The default of folders is green (before: blue)." in world.log


def test_a_deployment_that_is_gone_is_no_default(world: EndpointWorld) -> None:
    world.give(deployment_name="red")
    assert world.run(TITLE, set_default) == ExitCode.AZURE
    assert "Batch endpoint folders has no deployment red." in world.log
    assert endpoint(world)["properties"]["defaults"] == {"deploymentName": "blue"}


def test_it_waits_for_another_run_and_leaves_its_default_alone(world: EndpointWorld) -> None:
    endpoint(world)["tags"]["deploy-lock"] = "octo/models:5:1:deploy:abc 9999999999 url"
    assert world.run(TITLE, set_default) == ExitCode.TIMEOUT
    assert "is held by another run" in world.log
    assert endpoint(world)["properties"]["defaults"] == {"deploymentName": "blue"}
