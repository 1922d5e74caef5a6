"""`az ml model`. Reference: https://learn.microsoft.com/cli/azure/ml/model"""

from __future__ import annotations

from typing import Any

from .assets import MODELS, asset_commands
from .sdk import Entity, Overrides, asset_client, dump, dump_all, load, overriding, view_type

_commands = asset_commands("models", MODELS)
show, archive, restore, share = _commands.show, _commands.archive, _commands.restore, _commands.share
update_get = show


def create(
    cmd: Any,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    name: str | None = None,
    version: str | None = None,
    file: str | None = None,
    path: str | None = None,
    type: str | None = None,  # noqa: A002  the option is --type
    description: str | None = None,
    tags: dict[str, str] | None = None,
    stage: str | None = None,
    datastore: str | None = None,
    params_override: Overrides | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    if not file and not (path and name):
        from azure.ai.ml.exceptions import ErrorTarget, ValidationErrorType, ValidationException

        message = "Please provide either --file/-f  or --name/-n and --path/-p."
        raise ValidationException(
            message=message,
            no_personal_data_message=message,
            target=ErrorTarget.MODEL,
            error_type=ValidationErrorType.MISSING_FIELD,
        )
    fields = overriding(
        params_override,
        name=name,
        version=version,
        path=path,
        type=type,
        description=description,
        tags=tags,
        stage=stage,
        datastore=datastore,
    )
    return dump(client.create_or_update(load("model", file, fields)))


def list_(
    cmd: Any,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    name: str | None = None,
    stage: str | None = None,
    max_results: str | None = None,
    include_archived: bool = False,
    archived_only: bool = False,
) -> list[Entity]:
    if not stage:
        return _commands.list_(
            cmd, resource_group_name, workspace_name, registry_name, name, max_results, include_archived, archived_only
        )
    view = view_type(include_archived=include_archived, archived_only=archived_only)
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    return dump_all(client.models.list(name=name, stage=stage, list_view_type=view), max_results)


def download(
    cmd: Any,
    name: str,
    version: str,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    download_path: str | None = None,
) -> None:
    folder = download_path or cmd.cli_ctx.local_context.current_dir
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    client.models.download(name=name, version=version, download_path=folder)


def package(
    cmd: Any,
    name: str,
    version: str,
    file: str,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    request = load("model_package", file)
    return dump(client.models.package(name=name, version=version, package_request=request))


def update_set(
    cmd: Any,
    parameters: Entity,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    stage: str | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    from azure.ai.ml.entities import Model

    model = Model._load(data=parameters, params_override=overriding(None, stage=stage))
    return dump(client.create_or_update(model))
