"""The step after a cancelled deployment: it restores what the endpoint's mark says, and only for its own run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cancel_deployment import TITLE, cancel
from errors import ExitCode
from support.fake_endpoints import EndpointWorld

OWNER = "octo/models:987654321:1:deploy:abc"


@pytest.fixture
def world(tmp_path: Path) -> EndpointWorld:
    """A rollout that was killed at 50 %."""
    made = EndpointWorld(tmp_path)
    made.azure.add("onlineEndpoints", "fares", {"blue": 50, "green": 50})
    made.azure.tags("fares").update(
        {"deploy-lock": f"{OWNER} 9999999999 url", "deploy-before": '{"blue":100}', "a": "b"}
    )
    made.give(endpoint_name="fares", deployment_name="green", lock=OWNER)
    return made


def test_a_killed_rollout_is_undone(world: EndpointWorld) -> None:
    world.azure.change_seconds = 30
    world.azure.working["onlineEndpoints/fares"] = world.clock.time() + 40
    assert world.run(TITLE, cancel) == ExitCode.OK, world.log
    assert world.azure.traffic("fares") == {"blue": 100}
    assert list(world.azure.deployments["onlineEndpoints/fares"]) == ["blue"]
    assert world.azure.tags("fares") == {"a": "b"}
    assert "Endpoint fares: blue 100 %, as before." in world.log


def test_another_runs_endpoint_is_left_alone(world: EndpointWorld) -> None:
    world.give(lock="octo/models:5:1:deploy:abc")
    assert world.run(TITLE, cancel) == ExitCode.OK
    assert "does not carry this run's mark: nothing to undo." in world.log
    assert world.azure.traffic("fares") == {"blue": 50, "green": 50}


def test_what_was_committed_stays(world: EndpointWorld) -> None:
    world.azure.add("onlineEndpoints", "fares", {"blue": 0, "green": 100})
    world.azure.tags("fares")["deploy-lock"] = f"{OWNER} 9999999999 url"
    assert world.run(TITLE, cancel) == ExitCode.OK
    assert world.azure.traffic("fares") == {"green": 100}
    assert world.azure.tags("fares") == {}
    assert world.azure.deleted == []


@pytest.mark.parametrize("missing", ["lock", "endpoint_name"])
def test_nothing_begun_needs_nothing(world: EndpointWorld, missing: str) -> None:
    world.give(**{missing: ""})
    assert world.run(TITLE, cancel) == ExitCode.OK
    assert "No deployment had begun" in world.log
    assert world.azure.requests == []


def test_a_batch_endpoints_default_is_restored(world: EndpointWorld) -> None:
    world.azure.add("batchEndpoints", "folders", {"blue": 0, "green": 100})
    world.azure.tags("folders", "batchEndpoints").update(
        {"deploy-lock": f"{OWNER} 9999999999", "deploy-before": json.dumps({"blue": 100})}
    )
    world.give(endpoint_name="folders", kind="batch")
    assert world.run(TITLE, cancel) == ExitCode.OK, world.log
    found = world.azure.endpoints["batchEndpoints/folders"]
    assert found["properties"]["defaults"] == {"deploymentName": "blue"}
    assert found["tags"] == {}
    assert world.azure.deleted == []
