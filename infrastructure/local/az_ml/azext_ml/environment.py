"""`az ml environment`. Reference: https://learn.microsoft.com/cli/azure/ml/environment"""

from __future__ import annotations

from typing import Any

from .assets import ENVIRONMENTS, asset_commands, update_setter
from .sdk import Entity, Overrides, asset_client, dump, load, overriding

show, list_, archive, restore, share = asset_commands("environments", ENVIRONMENTS)
update_get, update_set = show, update_setter("Environment")


def create(
    cmd: Any,
    resource_group_name: str | None = None,
    workspace_name: str | None = None,
    registry_name: str | None = None,
    file: str | None = None,
    name: str | None = None,
    version: str | None = None,
    tags: dict[str, str] | None = None,
    description: str | None = None,
    image: str | None = None,
    conda_file: str | None = None,
    build_context: str | None = None,
    dockerfile_path: str = "/Dockerfile",
    os_type: str | None = None,
    datastore: str | None = None,
    params_override: Overrides | None = None,
) -> Entity:
    client = asset_client(cmd, resource_group_name, workspace_name, registry_name)
    fields = overriding(
        params_override,
        name=name,
        version=version,
        tags=tags,
        description=description,
        image=image,
        conda_file=conda_file,
        build={"path": build_context, "dockerfile_path": dockerfile_path} if build_context else None,
        os_type=os_type,
        datastore=datastore,
    )
    return dump(client.create_or_update(load("environment", file, fields)))
