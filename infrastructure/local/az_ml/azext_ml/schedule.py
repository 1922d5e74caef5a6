"""`az ml schedule`. Reference: https://learn.microsoft.com/cli/azure/ml/schedule"""

from __future__ import annotations

from typing import Any

from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, outcome, overriding, view_type, wait


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    name: str | None = None,
    no_wait: bool = False,
    params_override: Overrides | None = None,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    schedule = load("schedule", file, overriding(params_override, name=name))
    return outcome(client.schedules.begin_create_or_update(schedule), no_wait=no_wait)


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    return dump(ml_client(cmd, resource_group_name, workspace_name).schedules.get(name))


def list_(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    max_results: str | None = None,
    include_disabled: bool = False,
    disabled_only: bool = False,
) -> list[Entity]:
    views = {"All": "All", "ArchivedOnly": "DisabledOnly", "ActiveOnly": "EnabledOnly"}
    view = views[view_type(include_archived=include_disabled, archived_only=disabled_only)]
    client = ml_client(cmd, resource_group_name, workspace_name)
    return dump_all(client.schedules.list(list_view_type=view), max_results)


def enable(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> Any:
    poller = ml_client(cmd, resource_group_name, workspace_name).schedules.begin_enable(name)
    return outcome(poller, no_wait=no_wait)


def disable(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> Any:
    poller = ml_client(cmd, resource_group_name, workspace_name).schedules.begin_disable(name)
    return outcome(poller, no_wait=no_wait)


def trigger(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Any:
    return dump(ml_client(cmd, resource_group_name, workspace_name).schedules.trigger(name))


def delete(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name, workspace_name).schedules.begin_delete(name), no_wait=no_wait)


def update_get(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Any:
    return ml_client(cmd, resource_group_name, workspace_name).schedules.get(name)


def update_set(
    cmd: Any, resource_group_name: str, workspace_name: str, parameters: Any, no_wait: bool = False
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return outcome(client.schedules.begin_create_or_update(parameters), no_wait=no_wait)
