"""`az ml compute`. Reference: https://learn.microsoft.com/cli/azure/ml/compute"""

from __future__ import annotations

from itertools import islice
from typing import Any

from . import entities
from .rest import Workspace, without_sdk
from .sdk import Entity, Overrides, dump, dump_all, load, ml_client, outcome, overriding, wait

API_VERSION = "2023-08-01-preview"
_UPDATABLE = {"amlcompute", "computeinstance", "kubernetes", "synapsespark"}


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    def with_sdk() -> Entity:
        return dump(ml_client(cmd, resource_group_name, workspace_name).compute.get(name))

    workspace = Workspace(cmd, resource_group_name, workspace_name)
    return without_sdk(lambda: entities.compute(workspace.get(f"computes/{name}", API_VERSION)), with_sdk)


def list_(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    type: str | None = None,  # noqa: A002  the option is --type
    max_results: str | None = None,
) -> list[Entity]:
    def with_sdk() -> list[Entity]:
        client = ml_client(cmd, resource_group_name, workspace_name)
        return dump_all(client.compute.list(compute_type=type), max_results)

    def with_rest() -> list[Entity]:
        documents = Workspace(cmd, resource_group_name, workspace_name).pages("computes", API_VERSION)
        wanted = (d for d in documents if type is None or d["properties"]["computeType"].lower() == type.lower())
        return [entities.compute(document) for document in islice(wanted, int(max_results) if max_results else None)]

    return without_sdk(with_rest, with_sdk)


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str | None = None,
    type: str | None = None,  # noqa: A002  the option is --type
    vnet_name: str | None = None,
    subnet: str | None = None,
    admin_username: str | None = None,
    admin_password: str | None = None,
    ssh_key_value: str | None = None,
    ssh_public_access_enabled: str | None = None,
    file: str | None = None,
    size: str | None = None,
    no_wait: bool = False,
    user_tenant_id: str | None = None,
    user_object_id: str | None = None,
    min_instances: str | None = None,
    max_instances: str | None = None,
    idle_time_before_scale_down: str | None = None,
    description: str | None = None,
    identity_type: str | None = None,
    user_assigned_identities: str | None = None,
    enable_node_public_ip: str | None = None,
    tier: str | None = None,
    tags: dict[str, str] | None = None,
    location: str | None = None,
    params_override: Overrides | None = None,
) -> Entity | None:
    fields = overriding(
        params_override,
        name=name,
        type=type.lower() if type else None,
        network_settings__vnet_name=vnet_name,
        network_settings__subnet=subnet,
        ssh_settings__admin_username=admin_username,
        ssh_settings__admin_password=admin_password,
        ssh_settings__ssh_key_value=ssh_key_value,
        ssh_public_access_enabled=ssh_public_access_enabled,
        size=size,
        create_on_behalf_of__user_tenant_id=user_tenant_id,
        create_on_behalf_of__user_object_id=user_object_id,
        min_instances=min_instances,
        max_instances=max_instances,
        idle_time_before_scale_down=idle_time_before_scale_down,
        description=description,
        identity__type=identity_type,
        identity__user_assigned_identities=_identities(user_assigned_identities),
        enable_node_public_ip=enable_node_public_ip,
        tier=tier,
        tags=tags,
        location=location,
    )
    client = ml_client(cmd, resource_group_name, workspace_name)
    compute = load("compute", file, fields)
    return outcome(client.begin_create_or_update(compute), no_wait=no_wait)


def _identities(resource_ids: str | None) -> list[Entity] | None:
    return [{"resource_id": one} for one in resource_ids.split(",")] if resource_ids else None


def delete(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name, workspace_name).compute.begin_delete(name), no_wait=no_wait)


def start(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name, workspace_name).compute.begin_start(name), no_wait=no_wait)


def stop(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name, workspace_name).compute.begin_stop(name), no_wait=no_wait)


def restart(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    wait(ml_client(cmd, resource_group_name, workspace_name).compute.begin_restart(name), no_wait=no_wait)


def list_nodes(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> list[Entity]:
    return dump_all(ml_client(cmd, resource_group_name, workspace_name).compute.list_nodes(name=name))


def list_sizes(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    location: str | None = None,
    type: str | None = None,  # noqa: A002  the option is --type
) -> list[Entity]:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return dump_all(client.compute.list_sizes(location=location, compute_type=type))


def list_usage(cmd: Any, resource_group_name: str, workspace_name: str, location: str | None = None) -> list[Entity]:
    return dump_all(ml_client(cmd, resource_group_name, workspace_name).compute.list_usage(location=location))


def update_get(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    return show(cmd, resource_group_name, workspace_name, name)


def update_set(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    parameters: Entity,
    max_instances: str | None = None,
    min_instances: str | None = None,
    idle_time_before_scale_down: str | None = None,
    identity_type: str | None = None,
    user_assigned_identities: str | None = None,
    tags: dict[str, str] | None = None,
    no_wait: bool = False,
) -> Entity | None:
    kind = parameters["type"]
    if kind not in _UPDATABLE:
        from knack.util import CLIError

        raise CLIError(
            f"Only AmlCompute/KubernetesCompute cluster properties are supported, compute name {name}, is {kind} type."
        )
    current: Overrides = [{key: value} for key, value in parameters.items() if key != "ssh_settings"]
    fields = overriding(
        current,
        name=name,
        max_instances=max_instances,
        min_instances=min_instances,
        idle_time_before_scale_down=idle_time_before_scale_down,
        identity__type=identity_type,
        identity__user_assigned_identities=_identities(user_assigned_identities),
        tags=tags,
    )
    client = ml_client(cmd, resource_group_name, workspace_name)
    poller = client.compute.begin_update(load("compute", None, fields))
    return outcome(poller, no_wait=no_wait)
