"""`az ml connection`. Reference: https://learn.microsoft.com/cli/azure/ml/connection"""

from __future__ import annotations

from typing import Any

from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, overriding


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    name: str | None = None,
    params_override: Overrides | None = None,
) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    connection = load("connection", file, overriding(params_override, name=name))
    return dump(client.connections.create_or_update(connection))


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    return dump(ml_client(cmd, resource_group_name, workspace_name).connections.get(name))


def list_(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    type: str | None = None,  # noqa: A002  the option is --type
    max_results: str | None = None,
) -> list[Entity]:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return dump_all(client.connections.list(connection_type=type), max_results)


def delete(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> None:
    ml_client(cmd, resource_group_name, workspace_name).connections.delete(name)
