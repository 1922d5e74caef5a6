"""A model version in a registry: shared once, and only this workspace's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from az_cli import Finished
from errors import ExitCode
from share_model import TITLE, share
from support.fake_azure import FakeAzure, World, answer, model_version, refusal
from transport import Response

GUID = "99999999-9999-9999-9999-999999999999"
OURS = f"azureml://locations/westeurope/workspaces/{GUID}/models/taxi/versions/3"


class AzureWithRegistry(FakeAzure):
    """A registry `shared` in another group; `versions` is what it has."""

    versions: dict[str, dict[str, Any]]

    def _arm(self, request: Any, path: str, query: Mapping[str, str]) -> Response:
        found = super()._arm(request, path, query)
        if path.endswith("/workspaces/aml"):
            return answer(200, {**found.json(), "properties": {**found.json()["properties"], "workspaceId": GUID}})
        return found

    def _history(self, path: str, query: Mapping[str, str]) -> Response:
        if path.startswith("/registrymanagement/"):
            if "/registries/shared/" not in path:
                return refusal(404, "RegistryNotFound")
            where = {"subscriptionId": "s", "resourceGroup": "rg-shared"}
            return answer(200, {**where, "primaryRegionResourceProviderUri": "https://cert-x.experiments.azureml.net/"})
        if "/registries/shared/models/taxi/versions/" in path:
            assert path.startswith("/mferp/managementfrontend/subscriptions/s/resourceGroups/rg-shared/")
            found = self.versions.get(path.rpartition("/")[2])
            return answer(200, {"properties": found}) if found else refusal(404, "NotFound")
        return super()._history(path, query)


@pytest.fixture
def azure(world: World) -> AzureWithRegistry:
    made = AzureWithRegistry()
    made.versions = {}
    made.models["taxi"] = [model_version("3")]
    world.azure = world.az.azure = made
    world.clock = made.clock
    world.give(model_name="taxi", model_version="3", registry="shared")

    def ml(argv: Sequence[str]) -> Finished:
        made.versions["3"] = {"originAssetId": OURS}
        return Finished(0, "{}", "")

    world.az.ml = ml
    return made


def test_a_version_is_shared_under_its_name_and_number(world: World, azure: AzureWithRegistry) -> None:
    assert world.run(TITLE, share) == ExitCode.OK, world.log
    (call,) = world.az.launches("ml model share")
    for option, value in (("--name", "taxi"), ("--share-with-name", "taxi"), ("--share-with-version", "3")):
        assert call[call.index(option) + 1] == value
    assert call[call.index("--registry-name") + 1] == "shared"
    assert world.outputs["azure-model"] == "azureml://registries/shared/models/taxi/versions/3"
    assert "Registry shared has it now: taxi:3" in world.log


def test_one_that_was_shared_before_is_left_alone(world: World, azure: AzureWithRegistry) -> None:
    azure.versions["3"] = {"originAssetId": OURS.replace("workspaces", "Workspaces")}
    assert world.run(TITLE, share) == ExitCode.OK, world.log
    assert world.az.launches("ml") == []
    assert "Registry shared has it already: taxi:3" in world.log


@pytest.mark.parametrize("origin", [OURS.replace(GUID, "another"), ""])
def test_another_model_of_that_number_is_refused(world: World, azure: AzureWithRegistry, origin: str) -> None:
    azure.versions["3"] = {"originAssetId": origin}
    assert world.run(TITLE, share) == ExitCode.BAD_INPUT
    assert "Registry shared has another model as taxi:3." in world.log
    assert f"its origin is {origin or 'not told'}." in world.log
    assert "azure-model" not in world.outputs


def test_a_registry_that_is_not_there_says_what_to_do(world: World, azure: AzureWithRegistry) -> None:
    world.give(registry="other")
    assert world.run(TITLE, share) == ExitCode.BAD_INPUT
    assert "There is no registry other, or this identity may not see it." in world.log
    assert "AzureML Registry User" in world.log


def test_a_version_that_is_not_there_is_refused(world: World, azure: AzureWithRegistry) -> None:
    world.give(model_version="4")
    assert world.run(TITLE, share) == ExitCode.BAD_INPUT
    assert "There is no model taxi:4 in workspace aml." in world.log


def test_what_az_says_is_told(world: World, azure: AzureWithRegistry, tmp_path: Path) -> None:
    world.az.ml = lambda _: Finished(1, "", "ERROR: (Forbidden) no write access to the registry")
    assert world.run(TITLE, share) != ExitCode.OK
    assert "taxi:3 could not be shared to registry shared." in world.log
    assert "no write access to the registry" in world.log
