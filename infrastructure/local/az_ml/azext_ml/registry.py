"""`az ml registry`. Reference: https://learn.microsoft.com/cli/azure/ml/registry"""

from __future__ import annotations

from typing import Any

from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, outcome, overriding, wait


def create(
    cmd: Any,
    resource_group_name: str,
    file: str | None = None,
    name: str | None = None,
    location: str | None = None,
    public_network_access: str | None = None,
    tags: dict[str, str] | None = None,
    no_wait: bool = False,
    params_override: Overrides | None = None,
) -> Entity | None:
    if not file:  # regions can be said in a file only
        from azure.cli.core.azclierror import RequiredArgumentMissingError

        raise RequiredArgumentMissingError("Please provide --file/-f: a YAML file with the registry's regions.")
    client = ml_client(cmd, resource_group_name)
    fields = overriding(
        params_override, name=name, location=location, public_network_access=public_network_access, tags=tags
    )
    return outcome(client.registries.begin_create(registry=load("registry", file, fields)), no_wait=no_wait)


def show(cmd: Any, resource_group_name: str, name: str) -> Entity:
    return dump(ml_client(cmd, resource_group_name).registries.get(name))


def list_(cmd: Any, resource_group_name: str | None = None, max_results: str | None = None) -> list[Entity]:
    scope = "resource_group" if resource_group_name else "subscription"
    return dump_all(ml_client(cmd, resource_group_name).registries.list(scope=scope), max_results)


def update_get(cmd: Any, resource_group_name: str, name: str) -> Entity:
    return show(cmd, resource_group_name, name)


def update_set(
    cmd: Any,
    parameters: Entity,
    resource_group_name: str,
    file: str | None = None,
    public_network_access: str | None = None,
    tags: dict[str, str] | None = None,
    no_wait: bool = False,
) -> Entity | None:
    """What can change: tags, public network access, and by --file the regions (more of them)."""
    registries = ml_client(cmd, resource_group_name).registries
    name = parameters["name"]
    registry = load("registry", file, overriding(None, name=name)) if file else registries.get(name)
    registry.tags = tags or (registry.tags if file else parameters.get("tags"))
    registry.public_network_access = public_network_access or (
        registry.public_network_access if file else parameters.get("public_network_access")
    )
    return outcome(registries.begin_create(registry=registry), no_wait=no_wait)


def delete(cmd: Any, resource_group_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name).registries.begin_delete(name=name), no_wait=no_wait)
