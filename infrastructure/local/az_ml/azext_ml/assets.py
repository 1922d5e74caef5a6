"""What the groups of versioned assets have in common: environments, data, components, models.

An asset has versions under a name; a version is addressed by number or by label. `AssetCommands("models")` has the
commands of one group, working on the SDK client's collection of that name.
"""

from __future__ import annotations

from typing import Any

from .sdk import Entity, asset_client, dump, dump_all, view_type


class AssetCommands:
    """The commands that differ between assets in nothing but the collection. az reads their arguments."""

    def __init__(self, collection: str) -> None:
        self.collection = collection

    def _operations(self, cmd: Any, resource_group: str | None, workspace: str | None, registry: str | None) -> Any:
        return getattr(asset_client(cmd, resource_group, workspace, registry), self.collection)

    def show(
        self,
        cmd: Any,
        name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        version: str | None = None,
        label: str | None = None,
    ) -> Entity:
        operations = self._operations(cmd, resource_group_name, workspace_name, registry_name)
        entity: Entity = dump(operations.get(name, version=version, label=label))
        return entity

    def list_(
        self,
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
        operations = self._operations(cmd, resource_group_name, workspace_name, registry_name)
        return dump_all(operations.list(name=name, list_view_type=view), max_results)

    def archive(
        self,
        cmd: Any,
        name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        version: str | None = None,
        label: str | None = None,
    ) -> None:
        operations = self._operations(cmd, resource_group_name, workspace_name, registry_name)
        operations.archive(name, version=version, label=label)

    def restore(
        self,
        cmd: Any,
        name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        version: str | None = None,
        label: str | None = None,
    ) -> None:
        operations = self._operations(cmd, resource_group_name, workspace_name, registry_name)
        operations.restore(name, version=version, label=label)

    def share(
        self,
        cmd: Any,
        name: str,
        version: str,
        share_with_name: str,
        share_with_version: str,
        registry_name: str,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
    ) -> Entity:
        operations = self._operations(cmd, resource_group_name, workspace_name, None)
        shared = operations.share(
            name=name,
            version=version,
            registry_name=registry_name,
            share_with_name=share_with_name,
            share_with_version=share_with_version,
        )
        entity: Entity = dump(shared)
        return entity
