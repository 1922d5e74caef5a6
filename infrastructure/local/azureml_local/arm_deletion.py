"""Deleting workspaces and resource groups: what runs in them is ended first, then nothing of them is left.

Azure keeps a deleted workspace for a while; here it is gone at once, so its name is free again. The workspace of the
settings, and its group, are what all clients are pointed at: they cannot be deleted, only emptied by a reset.

Source: Microsoft.MachineLearningServices 2024-04-01, Workspaces - Delete; Microsoft.Resources 2021-04-01, Resource
Groups - Delete.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil

from starlette.requests import Request
from starlette.responses import Response

from .assets import uploads
from .errors import AzureError, conflict
from .mlflow_server import MlflowUnavailableError
from .registries import resources as registries
from .routing import GROUP, WS, Host, WorkspaceRef, workspace_of
from .services import Services
from .store import Document


async def _end_all(services: Services, workspace: WorkspaceRef) -> None:
    """Cancel the jobs and remove the online endpoints of a workspace, until there are none."""
    cancelled: set[str] = set()
    while True:
        running = [run for run in services.jobs.runs.all(workspace) if not run.ended and run.name not in cancelled]
        endpoints = services.store.list(f"{workspace.id}/onlineEndpoints")
        if not running and not endpoints:
            return
        for run in sorted(running, key=lambda run: run.parent is not None):  # a job takes its steps with it
            cancelled.add(run.name)
            await services.jobs.cancel(workspace, run.name)
        for endpoint in endpoints:
            await services.online.remove_endpoint(endpoint["id"])


def _containers(services: Services, workspace: WorkspaceRef, document: Document) -> set[str]:
    """The blob containers that are this workspace's alone: its two, and one for each upload that it registered."""
    guid = document["properties"]["workspaceId"]
    named = re.compile(re.escape(uploads.prefix(services, workspace)) + r"[0-9a-f-]{36}")
    uploaded = {found for each in services.store.below(workspace.id) for found in named.findall(json.dumps(each))}
    return {f"azureml-blobstore-{guid}", f"azureml-{guid}", *uploaded}


async def delete_workspace(services: Services, workspace: WorkspaceRef) -> None:
    """End what runs in a workspace and forget it. Raises AzureError, and then it is still there."""
    document = services.store.get(workspace.id)
    if document is None:
        return
    await _end_all(services, workspace)
    try:
        await services.mlflow.forget(workspace)
    except MlflowUnavailableError as error:
        raise AzureError(503, "ServiceUnavailable", f"Its MLflow runs cannot be deleted now: {error}") from error
    await _end_all(services, workspace)  # what came meanwhile; from its last look on, nothing is awaited until purge
    containers = _containers(services, workspace, document)
    services.store.purge(workspace.id)
    for container in containers:
        if services.blobs.has_container(container):
            await asyncio.to_thread(shutil.rmtree, services.blobs.path(container), ignore_errors=True)


async def _delete_group(services: Services, group: Document) -> None:
    for workspace in services.workspaces():
        if workspace.id.lower().startswith(f"{group['id'].lower()}/"):
            await delete_workspace(services, workspace)
    for registry in services.registries():
        if registry.arm_id.lower().startswith(f"{group['id'].lower()}/"):
            registries.delete(services, registry)
    services.store.purge(group["id"])


def _keep(what: str, name: str) -> AzureError:
    return conflict(
        f"The {what} '{name}' is the one that `azureml-local env` points every client at, so it cannot be deleted. "
        "`azureml-local reset` empties it, with everything else; others can be deleted.",
        code="CannotDeleteSeededResource",
    )


def install(services: Services) -> None:
    """The two DELETE routes."""
    settings = services.settings

    @services.routes.delete(Host.ARM, WS)
    async def remove_workspace(request: Request) -> Response:
        workspace = workspace_of(request)
        if workspace.id.lower() == settings.workspace_id.lower():
            raise _keep("workspace", workspace.name)

        async def work() -> None:
            await delete_workspace(services, workspace)

        return services.operations.start(request, work, name=f"delete workspace {workspace.name}")

    @services.routes.delete(Host.ARM, GROUP)
    async def remove_group(request: Request) -> Response:
        name = request.path_params["group"]
        group = services.store.get(f"/subscriptions/{settings.subscription_id}/resourceGroups/{name}")
        if group is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        if name.lower() == settings.resource_group.lower():
            raise _keep("resource group", group["name"])

        async def work() -> None:
            await _delete_group(services, group)

        return services.operations.start(request, work, name=f"delete group {name}")
