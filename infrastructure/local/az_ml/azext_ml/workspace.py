"""`az ml workspace`. Reference: https://learn.microsoft.com/cli/azure/ml/workspace

Only what works on a workspace that is there, and the plain forms of create and update.
"""

from __future__ import annotations

from typing import Any

from . import entities
from .rest import Workspace, without_sdk
from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, outcome, overriding, wait


def show(cmd: Any, resource_group_name: str, name: str) -> Entity:
    def with_sdk() -> Entity:
        return dump(ml_client(cmd, resource_group_name).workspaces.get(name))

    workspace = Workspace(cmd, resource_group_name, name)
    return without_sdk(lambda: entities.workspace(workspace.get("", "2024-10-01-preview")), with_sdk)


def list_(
    cmd: Any,
    resource_group_name: str | None = None,
    max_results: str | None = None,
    filtered_kinds: str | None = None,
) -> list[Entity]:
    client = ml_client(cmd, resource_group_name)
    scope = "resource_group" if resource_group_name else "subscription"
    return dump_all(client.workspaces.list(scope=scope, filtered_kinds=filtered_kinds), max_results)


def list_keys(cmd: Any, resource_group_name: str, name: str) -> Any:
    return ml_client(cmd, resource_group_name).workspaces.get_keys(name)


def create(
    cmd: Any,
    resource_group_name: str,
    name: str | None = None,
    display_name: str | None = None,
    description: str | None = None,
    tags: dict[str, str] | None = None,
    file: str | None = None,
    location: str | None = None,
    params_override: Overrides | None = None,
    no_wait: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name)
    fields = overriding(
        params_override,
        name=name,
        display_name=display_name,
        description=description,
        tags=tags,
        location=location,
    )
    poller = client.workspaces.begin_create(load("workspace", file, fields))
    return outcome(poller, no_wait=no_wait)


def delete(
    cmd: Any,
    resource_group_name: str,
    name: str,
    all_resources: bool = False,
    permanently_delete: bool = False,
    no_wait: bool = False,
) -> None:
    client = ml_client(cmd, resource_group_name)
    poller = client.workspaces.begin_delete(
        name, delete_dependent_resources=all_resources, permanently_delete=permanently_delete
    )
    wait(poller, no_wait=no_wait)


def update_get(cmd: Any, resource_group_name: str, name: str) -> Entity:
    return show(cmd, resource_group_name, name)


def update_set(
    cmd: Any,
    resource_group_name: str,
    name: str,
    parameters: Entity,
    display_name: str | None = None,
    description: str | None = None,
    file: str | None = None,
    no_wait: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name)
    tags = parameters.get("tags") or {}
    fields = overriding(None, name=name, display_name=display_name, description=description)
    workspace = load("workspace", file, fields)
    workspace.tags = {**(workspace.tags or {}), **tags}
    return outcome(client.workspaces.begin_update(workspace), no_wait=no_wait)
