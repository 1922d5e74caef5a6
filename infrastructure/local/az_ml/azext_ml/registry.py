"""`az ml registry`. Reference: https://learn.microsoft.com/cli/azure/ml/registry"""

from __future__ import annotations

from typing import Any

from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, outcome, overriding, wait


def create(
    cmd: Any,
    resource_group_name: str,
    file: str,
    name: str | None = None,
    location: str | None = None,
    tags: dict[str, str] | None = None,
    no_wait: bool = False,
    params_override: Overrides | None = None,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name)
    registry = load("registry", file, overriding(params_override, name=name, location=location, tags=tags))
    return outcome(client.registries.begin_create(registry=registry), no_wait=no_wait)


def show(cmd: Any, resource_group_name: str, name: str) -> Entity:
    return dump(ml_client(cmd, resource_group_name).registries.get(name))


def list_(cmd: Any, resource_group_name: str | None = None, max_results: str | None = None) -> list[Entity]:
    scope = "resource_group" if resource_group_name else "subscription"
    return dump_all(ml_client(cmd, resource_group_name).registries.list(scope=scope), max_results)


def delete(cmd: Any, resource_group_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name).registries.begin_delete(name=name), no_wait=no_wait)
