"""What `list` commands print: az's table columns, and for some commands the fields of every output format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Entity = dict[str, Any]


def _pick(rows: Iterable[Entity], columns: dict[str, str]) -> list[Entity]:
    """Rows with the fields `columns` names, `{title: dotted path}`; a missing one is None."""
    return [{title: _at(row, path) for title, path in columns.items()} for row in rows]


def _at(row: Any, path: str) -> Any:
    for key in path.split("."):
        row = row.get(key) if isinstance(row, dict) else None
    return row


def _columns(**columns: str) -> Callable[[Iterable[Entity]], list[Entity]]:
    named = {title.replace("__", " "): path for title, path in columns.items()}
    return lambda rows: _pick(rows, named)


workspaces = _columns(name="name", location="location", description="description")
datastores = _columns(name="name", storage__type="type", storage__account__name="account_name")
jobs = _columns(
    name="name",
    status="status",
    experiment="experiment_name",
    compute__target="compute",
    job__type="type",
    created__on="creation_context.created_at",
)
schedules = _columns(
    name="name", description="description", is_enabled="is_enabled", provisioning_state="provisioning_state"
)
connections = _columns(name="name", target="target")
registries = _columns(name="name", location="location", description="description")
sizes = _columns(
    **{
        name: name
        for name in (
            "name", "family", "v_cp_us", "gpus", "os_vhd_size_mb", "max_resource_volume_mb", "memory_gb",
            "low_priority_capable", "premium_io", "supported_compute_types",
        )
    }
)  # fmt: skip
usage = _columns(
    aml_workspace_location="aml_workspace_location",
    type="type",
    unit="unit",
    current_value="current_value",
    limit="limit",
    name="name.value",
)
online_endpoints = _columns(
    name="name",
    location="location",
    traffic="traffic",
    mirror_traffic="mirror_traffic",
    provisioning_state="provisioning_state",
    kind="kind",
    tags="tags",
)
online_deployments = _columns(
    name="name",
    endpoint_name="endpoint_name",
    provisioning_state="provisioning_state",
    instance_type="instance_type",
    model="model",
    type="type",
)
batch_endpoints = _columns(
    id="id",
    name="name",
    deployment_name="defaults.deploymentName",
    location="location",
    provisioning_state="provisioning_state",
    scoring_uri="scoring_uri",
    auth_mode="auth_mode",
)
batch_deployments = _columns(
    id="id",
    name="name",
    model="model",
    code="code_configuration.code",
    environment="environment",
    compute="compute",
    tags="tags",
    creation_context="creation_context",
    provisioning_state="provisioning_state",
)
batch_deployment_jobs = _columns(name="name", status="properties.status", output="properties.output")


def computes(rows: Iterable[Entity]) -> list[Entity]:
    return [
        {
            "name": row.get("name"),
            "compute type": row.get("type"),
            "state": row.get("state") or row.get("provisioning_state"),
            "Instance type": row.get("size"),
        }
        for row in rows
    ]


def in_order(rows: list[Entity]) -> list[Entity]:
    """The rows as they are: given any table transformer, az keeps the columns' order."""
    return rows


def environments(rows: Iterable[Entity]) -> list[Entity]:
    """Names with `latest version` (containers) or `version` (versions of one name), in every output format."""
    return [_named(row) for row in rows]


def _named(row: Entity) -> Entity:
    entry: Entity = {"name": row.get("name")}
    if row.get("latest_version"):
        entry["latest version"] = row["latest_version"]
    if row.get("version"):
        entry["version"] = row["version"]
    return entry


def data(rows: Iterable[Entity]) -> list[Entity]:
    found = []
    for row in rows:
        entry = _named(row)
        if row.get("version"):
            entry |= {"data type": row.get("type"), "path": row.get("path")}
        found.append(entry)
    return found


def components(rows: Iterable[Entity]) -> list[Entity]:
    found = []
    for row in rows:
        entry = _named(row)
        if row.get("version"):
            entry["Component type"] = row.get("type")
        found.append(entry)
    return found


def models(rows: Iterable[Entity]) -> list[Entity]:
    """Models in every output format: the type is called `model type`, null when only the name was listed."""
    found = []
    for row in rows:
        names = ("name", "tags", "stage", "id", "properties", "description", "creation_context")
        entry = {name: row.get(name, "" if name == "description" else None) for name in names}
        if row.get("latest_version"):
            entry["latest version"] = row["latest_version"]
        if row.get("version"):
            entry |= {"version": row["version"], "model type": row.get("type"), "path": row.get("path")}
        found.append(entry)
    return found
