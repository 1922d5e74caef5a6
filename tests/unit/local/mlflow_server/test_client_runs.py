"""Runs that clients make with MLflow alone are seen among the workspace's jobs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from azureml_local import arm, assets, blobs, compute, datastores, jobs, mlflow_server, operations
from azureml_local.jobs import recovery
from azureml_local.mlflow_server import ClientRun
from support.local_server import ARM, Server, make_server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return make_server(tmp_path, operations, arm, blobs, datastores, assets, compute, mlflow_server, jobs)


def tell(server: Server, run_id: str, status: str, *, name: str = "first", **tags: str) -> None:
    services = server.services
    hooks = services.mlflow.on_run_created if status == "RUNNING" else services.mlflow.on_run_updated
    run = ClientRun(
        services.workspaces()[0], run_id, "7", "taxi", name, status, 1, None, {"mlflow.user": "ana", **tags}
    )

    async def all_hooks() -> None:
        for hook in hooks:
            await hook(run)

    asyncio.run(all_hooks())


def shown(server: Server, path: str = "") -> Any:
    url = f"{ARM}{server.services.settings.workspace_id}/jobs{path}"
    return asyncio.run(server.call("GET", url)).json()


def test_a_run_on_a_laptop_is_a_job_from_its_start_to_its_end(server: Server) -> None:
    tell(server, "run-1", "RUNNING", team="a")
    (job,) = shown(server)["value"]
    properties = job["properties"]
    assert (job["name"], job["systemData"]["createdBy"]) == ("run-1", "ana")
    assert (properties["jobType"], properties["status"]) == ("Command", "Running")
    assert (properties["experimentName"], properties["tags"]) == ("taxi", {"team": "a"})
    tell(server, "run-1", "FINISHED", name="renamed")
    properties = shown(server, "/run-1")["properties"]
    assert (properties["status"], properties["displayName"]) == ("Completed", "renamed")


def test_a_nested_run_belongs_to_its_parent(server: Server) -> None:
    tell(server, "run-1", "RUNNING")
    tell(server, "run-2", "RUNNING", **{"mlflow.parentRunId": "run-1"})
    assert [job["name"] for job in shown(server)["value"]] == ["run-1"]
    workspace = server.services.workspaces()[0]
    (child,) = server.services.jobs.runs.children(workspace, "run-1")
    assert (child.name, child.root) == ("run-2", "run-1")


def test_a_restart_leaves_a_laptops_run_alone(server: Server) -> None:
    tell(server, "run-1", "RUNNING")
    asyncio.run(recovery.recover(server.services.jobs.engine))
    assert shown(server, "/run-1")["properties"]["status"] == "Running"


def test_a_clients_run_can_be_canceled(server: Server) -> None:
    tell(server, "run-1", "RUNNING")
    asyncio.run(server.services.jobs.cancel(server.services.workspaces()[0], "run-1"))
    assert shown(server, "/run-1")["properties"]["status"] == "Canceled"
    tell(server, "run-1", "FINISHED")
    assert shown(server, "/run-1")["properties"]["status"] == "Canceled"


def test_a_job_is_not_ended_by_what_a_client_says_of_its_run(server: Server) -> None:
    tell(server, "run-1", "RUNNING")
    runs = server.services.jobs.runs
    run = runs.get(server.services.workspaces()[0], "run-1")
    assert run is not None
    runs.change(run, lambda current: type(current)(**{**current.__dict__, "kind": "command"}))
    tell(server, "run-1", "FAILED")
    assert shown(server, "/run-1")["properties"]["status"] == "Running"
