"""What the groups of versioned assets have in common: environments, data, components, models.

An asset has versions under a name; a version is addressed by number or by label. `asset_commands("models")` makes the
commands of one group, working on the SDK client's collection of that name. They are plain functions, not methods: az
takes methods apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .sdk import Entity, asset_client, dump, dump_all, view_type


@dataclass(frozen=True)
class AssetCommands:
    """The commands that differ between assets in nothing but the collection."""

    show: Callable[..., Entity]
    list_: Callable[..., list[Entity]]
    archive: Callable[..., None]
    restore: Callable[..., None]
    share: Callable[..., Entity]


def asset_commands(collection: str) -> AssetCommands:
    """The commands of one collection of the SDK's client. az reads their arguments."""

    def operations_of(cmd: Any, resource_group: str | None, workspace: str | None, registry: str | None) -> Any:
        return getattr(asset_client(cmd, resource_group, workspace, registry), collection)

    def show(
        cmd: Any,
        name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        version: str | None = None,
        label: str | None = None,
    ) -> Entity:
        operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
        entity: Entity = dump(operations.get(name, version=version, label=label))
        return entity

    def list_(
        cmd: Any,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        name: str | None = None,
        max_results: str | None = None,
        include_archived: bool = False,
        archived_only: bool = False,
    ) -> list[Entity]:
        view = view_type(include_archived=include_archived, archived_only=archived_only)
        operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
        return dump_all(operations.list(name=name, list_view_type=view), max_results)

    def archive(
        cmd: Any,
        name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        version: str | None = None,
        label: str | None = None,
    ) -> None:
        operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
        operations.archive(name, version=version, label=label)

    def restore(
        cmd: Any,
        name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        version: str | None = None,
        label: str | None = None,
    ) -> None:
        operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
        operations.restore(name, version=version, label=label)

    def share(
        cmd: Any,
        name: str,
        version: str,
        share_with_name: str,
        share_with_version: str,
        registry_name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
    ) -> Entity:
        operations = operations_of(cmd, resource_group_name, workspace_name, None)
        shared = operations.share(
            name=name,
            version=version,
            registry_name=registry_name,
            share_with_name=share_with_name,
            share_with_version=share_with_version,
        )
        entity: Entity = dump(shared)
        return entity

    return AssetCommands(show, list_, archive, restore, share)
