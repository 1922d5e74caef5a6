"""What the groups of versioned assets have in common: environments, data, components, models.

An asset has versions under a name; a version is addressed by number or by label. `asset_commands("models")` makes the
commands of one group, working on the SDK client's collection of that name. They are plain functions, not methods: az
takes methods apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from . import entities
from .entities import Document, UnfamiliarError
from .rest import Workspace, without_sdk
from .sdk import Entity, asset_client, dump, dump_all, view_type


@dataclass(frozen=True)
class Rest:
    """How to read a kind of asset over REST: its collection and API version, and what its documents become."""

    collection: str
    api_version: str
    version: Callable[[Document], Entity]
    container: Callable[[Document], Entity]

    def show(self, workspace: Workspace, name: str, version: str | None, label: str | None) -> Entity:
        """A version by number, or the one that was made last."""
        if bool(version) == bool(label) or (label and label != "latest"):
            raise UnfamiliarError("which version")  # the SDK says what is wrong with it
        if ":" in name or "/" in name:
            raise UnfamiliarError(f"name {name}")
        if version:
            path = f"{self.collection}/{name}/versions/{version}"
            return self.version(workspace.get(path, self.api_version))
        versions = f"{self.collection}/{name}/versions"
        newest = {"$orderBy": "createdtime desc", "$top": "1"}
        for document in workspace.get(versions, self.api_version, **newest)["value"]:
            return self.version(document)
        raise UnfamiliarError("no version")

    def list(self, workspace: Workspace, name: str | None, view: str, limit: int | None) -> list[Entity]:
        """The containers, or the versions of one."""
        path = f"{self.collection}/{name}/versions" if name else self.collection
        documents = workspace.pages(path, self.api_version, listViewType=view)
        read = self.version if name else self.container
        return [read(document) for document in islice(documents, limit)]


ENVIRONMENTS = Rest("environments", "2023-04-01-preview", entities.environment, entities.environment_container)
DATA = Rest("data", "2023-04-01-preview", entities.data, entities.data_container)
MODELS = Rest("models", "2023-08-01-preview", entities.model, entities.model_container)


class AssetCommands(NamedTuple):
    """The commands that differ between assets in nothing but the collection."""

    show: Callable[..., Entity]
    list_: Callable[..., list[Entity]]
    archive: Callable[..., None]
    restore: Callable[..., None]
    share: Callable[..., Entity]


def asset_commands(collection: str, rest: Rest | None = None) -> AssetCommands:
    """The commands of one collection of the SDK's client. az reads their arguments.

    rest: how to show and list without the SDK; None where only the SDK can. Registries are the SDK's alone.
    """

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
        def with_sdk() -> Entity:
            operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
            return dump(operations.get(name, version=version, label=label))

        if rest is None or registry_name or not (resource_group_name and workspace_name):
            return with_sdk()
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        return without_sdk(lambda: rest.show(workspace, name, version, label), with_sdk)

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

        def with_sdk() -> list[Entity]:
            operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
            return dump_all(operations.list(name=name, list_view_type=view), max_results)

        if rest is None or registry_name or not (resource_group_name and workspace_name):
            return with_sdk()
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        limit = int(max_results) if max_results else None
        return without_sdk(lambda: rest.list(workspace, name, view, limit), with_sdk)

    def changing(verb: str) -> Callable[..., None]:
        def command(
            cmd: Any,
            name: str,
            resource_group_name: str | None = None,
            workspace_name: str | None = None,
            registry_name: str | None = None,
            version: str | None = None,
            label: str | None = None,
        ) -> None:
            operations = operations_of(cmd, resource_group_name, workspace_name, registry_name)
            getattr(operations, verb)(name, version=version, label=label)

        return command

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
        return dump(shared)

    return AssetCommands(show, list_, changing("archive"), changing("restore"), share)


def update_setter(entity: str, **options: Any) -> Callable[..., Entity]:
    """The setter of `update` of one of the SDK's entities, given as az's dictionary. options: of its `_load`."""

    def update_set(
        cmd: Any,
        parameters: Entity,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
    ) -> Entity:
        client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
        from azure.ai.ml import entities as of_sdk

        return dump(client.create_or_update(getattr(of_sdk, entity)._load(data=parameters, **options)))

    return update_set
