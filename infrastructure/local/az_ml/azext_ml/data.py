"""`az ml data`. Reference: https://learn.microsoft.com/cli/azure/ml/data"""

from __future__ import annotations

from typing import Any

from .assets import DATA, asset_commands
from .sdk import Entity, Overrides, asset_client, dump, load, overriding

show, list_, archive, restore, share = asset_commands("data", DATA)


def create(
    cmd: Any,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    file: str | None = None,
    name: str | None = None,
    description: str | None = None,
    version: str | None = None,
    skip_validation: bool = False,
    params_override: Overrides | None = None,
    type: str | None = None,  # noqa: A002  the option is --type
    path: str | None = None,
    datastore: str | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    fields = overriding(
        params_override,
        name=name,
        description=description,
        version=version,
        type=type,
        path=path,
        datastore=datastore,
    )
    asset = load("data", file, fields)
    asset._skip_validation = skip_validation
    return dump(client.data.create_or_update(asset))


def update_get(
    cmd: Any,
    name: str,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    version: str | None = None,
    label: str | None = None,
) -> Any:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    return client.data.get(name, version=version, label=label)


def update_set(
    cmd: Any,
    parameters: Any,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    return dump(client.data.create_or_update(parameters))
