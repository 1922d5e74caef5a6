"""`az ml component`. Reference: https://learn.microsoft.com/cli/azure/ml/component"""

from __future__ import annotations

from typing import Any

from .assets import asset_commands, update_setter
from .sdk import Entity, Overrides, asset_client, dump, load, overriding

_commands = asset_commands("components")
list_, archive, restore = _commands.list_, _commands.archive, _commands.restore
update_get, update_set = _commands.show, update_setter("Component", yaml_path=".")


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
    return dump(client.create_or_update(component, skip_validation=skip_validation))


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
