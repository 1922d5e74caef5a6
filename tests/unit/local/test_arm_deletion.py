"""Workspaces and groups are deleted with all that runs and lies in them, and nothing of others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from azureml_local import arm_deletion, registries
from azureml_local.mlflow_server import MlflowUnavailableError
from azureml_local.routing import WorkspaceRef
from azureml_local.store import ResourceStore
from support.local_jobs import Jobs, make_jobs
from support.local_server import ARM

VERSION = "?api-version=2024-04-01"


@dataclass
class Online:
    """Endpoints whose servers are pretended."""

    jobs: Jobs
    removed: list[str] = field(default_factory=list)

    async def remove_endpoint(self, endpoint: str) -> None:
        self.removed.append(endpoint.rpartition("/")[2])
        self.jobs.services.store.delete(endpoint)


@dataclass
class World:
    """A workspace `other` in group `rg-other`, beside the seeded one."""

    jobs: Jobs
    online: Online
    forgotten: list[str] = field(default_factory=list)
    mlflow_is_away: bool = False

    @property
    def group(self) -> str:
        return f"/subscriptions/{self.jobs.services.settings.subscription_id}/resourceGroups/rg-other"

    @property
    def other(self) -> str:
        return f"{self.group}/providers/Microsoft.MachineLearningServices/workspaces/other"

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.jobs.server.call(method, f"{ARM}{path}{VERSION}", json=body)

    async def make(self) -> None:
        await self.call("PUT", self.group, {"location": "westeurope"})
        assert (await self.call("PUT", self.other, {})).status_code == 201

    async def deleted(self, path: str) -> dict[str, Any]:
        """The end of the operation that deletes this."""
        answer = await self.call("DELETE", path)
        assert answer.status_code == 202, answer.text
        while True:
            state = (await self.jobs.server.call("GET", answer.headers["azure-asyncoperation"])).json()
            if state["status"] != "InProgress":
                return dict(state)
            await asyncio.sleep(0.001)


@pytest.fixture
def world(tmp_path: Path) -> World:
    jobs = make_jobs(tmp_path)
    world = World(jobs, Online(jobs))
    jobs.services.online = world.online  # type: ignore[assignment]

    async def forget(workspace: WorkspaceRef) -> None:
        if world.mlflow_is_away:
            raise MlflowUnavailableError("it is still starting")
        world.forgotten.append(workspace.name)

    jobs.services.mlflow.forget = forget  # type: ignore[method-assign]
    registries.install(jobs.services)
    arm_deletion.install(jobs.services)
    return world


def test_a_workspace_goes_with_its_jobs_endpoints_files_and_runs(world: World) -> None:
    services = world.jobs.services

    async def check() -> None:
        await world.make()
        pending = (await world.call("POST", f"{world.other}/codes/c/versions/1/startPendingUpload", {})).json()
        uploaded = services.blobs.parse_url(pending["blobReferenceForConsumption"]["blobUri"])
        assert uploaded is not None
        (services.blobs.path(*uploaded) / "train.py").write_text("x")
        code = {"properties": {"codeUri": services.blobs.url(*uploaded)}}
        assert (await world.call("PUT", f"{world.other}/codes/c/versions/1", code)).status_code == 201
        await world.call("PUT", f"{world.other}/environments/e/versions/1", {"properties": {"image": "python:3.11"}})

        async def long(_: object) -> int:
            await asyncio.sleep(600)
            return 0

        world.jobs.launcher.programs["train"] = long
        job = {"jobType": "Command", "command": "train", "environmentId": f"{world.other}/environments/e/versions/1"}
        assert (await world.call("PUT", f"{world.other}/jobs/j1", {"properties": job})).status_code == 201
        services.store.put({"id": f"{world.other}/onlineEndpoints/taxi", "name": "taxi"})
        while not world.jobs.launcher.alive:
            await asyncio.sleep(0.001)
        containers = {folder.name for folder in (services.blobs.root / services.blobs.account).iterdir()}
        document = services.store.get(world.other)
        assert document is not None
        guid = document["properties"]["workspaceId"]

        assert (await world.deleted(world.other))["status"] == "Succeeded"
        assert not world.jobs.launcher.alive
        assert world.online.removed == ["taxi"]
        assert world.forgotten == ["other"]
        assert (await world.call("GET", world.other)).status_code == 404
        assert services.store.below(world.other) == []
        left = {folder.name for folder in (services.blobs.root / services.blobs.account).iterdir()}
        assert containers - left == {uploaded[0], f"azureml-{guid}", f"azureml-blobstore-{guid}"}

        assert (await world.call("PUT", world.other, {})).json()["properties"]["workspaceId"] != guid
        assert (await world.call("GET", f"{world.other}/jobs")).json()["value"] == []

    asyncio.run(check())


def test_a_group_goes_with_its_workspaces_and_registries_only(world: World) -> None:
    async def check() -> None:
        await world.make()
        registry = f"{world.group}/providers/Microsoft.MachineLearningServices/registries/shared"
        body = {"location": "westeurope", "properties": {"regionDetails": [{"location": "westeurope"}]}}
        assert (await world.call("PUT", registry, body)).status_code == 201
        assert (await world.deleted(world.group))["status"] == "Succeeded"
        assert (await world.call("HEAD", world.group)).status_code == 404
        assert (await world.call("GET", registry)).status_code == 404
        assert [workspace.name for workspace in world.jobs.services.workspaces()] == ["aml-local"]

    asyncio.run(check())


def test_what_every_client_is_pointed_at_cannot_be_deleted(world: World) -> None:
    settings = world.jobs.services.settings

    async def check() -> None:
        group = f"/subscriptions/{settings.subscription_id}/resourceGroups/{settings.resource_group.upper()}"
        for path, what in ((settings.workspace_id, "workspace 'aml-local'"), (group, "resource group 'rg-local'")):
            answer = await world.call("DELETE", path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CannotDeleteSeededResource")
            assert f"The {what} is the one that `azureml-local env` points" in answer.json()["error"]["message"]
            assert "`azureml-local reset` empties it" in answer.json()["error"]["message"]
        assert (await world.call("DELETE", world.group)).json()["error"]["code"] == "ResourceGroupNotFound"

    asyncio.run(check())


def test_a_workspace_whose_runs_cannot_be_deleted_is_still_there(world: World) -> None:
    async def check() -> None:
        await world.make()
        world.mlflow_is_away = True
        ended = await world.deleted(world.other)
        assert ended["error"]["message"] == "Its MLflow runs cannot be deleted now: it is still starting"
        assert (await world.call("GET", world.other)).status_code == 200
        world.mlflow_is_away = False
        assert (await world.deleted(world.other))["status"] == "Succeeded"

    asyncio.run(check())


def test_purging_takes_internal_records_and_counters_along_and_spares_the_neighbours(tmp_path: Path) -> None:
    store = ResourceStore(tmp_path / "db")
    for name in ("a", "ab"):
        for key in (f"/w/{name}", f"/w/{name}/jobs/j", f"internal:/keys/w/{name}/endpoints/e"):
            store.put({"id": key.upper().replace("INTERNAL", "internal")})
        store.next_number(f"runs/w/{name}")
    assert len(store.below("/W/A")) == 2
    store.purge("/W/A")
    assert (store.get("/w/a"), store.below("/w/a")) == (None, [])
    assert store.get("/w/ab") is not None
    assert len(store.below("/w/ab")) == 2
    assert (store.next_number("runs/w/a"), store.next_number("runs/w/ab")) == (1, 2)
