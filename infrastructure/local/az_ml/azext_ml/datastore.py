"""`az ml datastore`. Reference: https://learn.microsoft.com/cli/azure/ml/datastore"""

from __future__ import annotations

from typing import Any

from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, overriding


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return dump(client.datastores.get(name, include_secrets=False))


def list_(cmd: Any, resource_group_name: str, workspace_name: str, max_results: str | None = None) -> list[Entity]:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return dump_all(client.datastores.list(include_secrets=False), max_results)


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    name: str | None = None,
    params_override: Overrides | None = None,
) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    datastore = load("datastore", file, overriding(params_override, name=name))
    return dump(client.datastores.create_or_update(datastore))


def delete(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> None:
    ml_client(cmd, resource_group_name, workspace_name).datastores.delete(name)


def update_get(
    cmd: Any, resource_group_name: str, workspace_name: str, file: str | None = None, name: str | None = None
) -> Entity:
    """The datastore in the file, else the one of that name."""
    if not file:
        return show(cmd, resource_group_name, workspace_name, str(name))
    return dump(load("datastore", file, overriding(None, name=name)))


def update_set(cmd: Any, resource_group_name: str, workspace_name: str, parameters: Entity) -> Entity:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from azure.ai.ml.entities import Datastore

    return dump(client.datastores.create_or_update(Datastore._load(parameters)))
