"""`az ml component`. Reference: https://learn.microsoft.com/cli/azure/ml/component"""

from __future__ import annotations

from typing import Any

from .assets import asset_commands
from .sdk import Entity, Overrides, asset_client, dump, load, overriding

_commands = asset_commands("components")
list_, archive, restore = _commands.list_, _commands.archive, _commands.restore
update_get = _commands.show


def create(
    cmd: Any,
    file: str,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    name: str | None = None,
    version: str | None = None,
    params_override: Overrides | None = None,
    skip_validation: bool = False,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    component = load("component", file, overriding(params_override, name=name, version=version))
    entity: Entity = dump(client.create_or_update(component, skip_validation=skip_validation))
    return entity


def show(
    cmd: Any,
    name: str,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    version: str | None = None,
    label: str | None = None,
) -> Entity:
    if not version and not label:
        from knack.util import CLIError

        raise CLIError("Must provide either version or label.")
    return _commands.show(cmd, name, resource_group_name, workspace_name, registry_name, version, label)


def update_set(
    cmd: Any,
    parameters: Entity,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    from azure.ai.ml.entities import Component

    entity: Entity = dump(client.create_or_update(Component._load(data=parameters, yaml_path=".")))
    return entity
