"""ARM documents as the dictionaries that `az ml` prints, without the SDK.

Each function takes what REST answers and gives what the SDK's entity of it dumps: the same fields, values and order
(tests compare them with the SDK's). It does so only for what it knows: a document with anything else in it is
`UnfamiliarError`, and the caller asks the SDK.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

Document = dict[str, Any]
Entity = dict[str, Any]


class UnfamiliarError(Exception):
    """The document has something that is not known here; the SDK may."""


def known(document: Document, *names: str) -> None:
    """Refuse a document that has a value under any other name. Nulls and empty collections say nothing."""
    others = [key for key, value in document.items() if key not in names and value not in (None, {}, [], "")]
    if others:
        raise UnfamiliarError(f"unknown fields {others}")


def fields(**values: Any) -> Entity:
    """Fields that have a value, in this order. A trailing `_` keeps Python's own words apart."""
    return {name.rstrip("_"): value for name, value in values.items() if value is not None}


def snake(name: str) -> str:
    """`LowPriority` and `AADToken` as `low_priority` and `aad_token`."""
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()


def moment(text: str | None) -> datetime | None:
    if not text:
        return None
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        raise UnfamiliarError(f"time {text}")
    start, fraction, zone = match.groups()
    found = datetime.fromisoformat(f"{start}{(fraction or '.0').ljust(7, '0')}{zone.replace('Z', '+00:00')}")
    return found.astimezone(timezone.utc)


def seconds(duration: str | None) -> float | None:
    """An ISO 8601 duration without months, `PT1H30M`, in seconds."""
    if not duration:
        return None
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration)
    if match is None:
        raise UnfamiliarError(f"duration {duration}")
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def creation_context(document: Document) -> Entity | None:
    data = document.get("systemData")
    if not data:
        return None
    created, modified = moment(data.get("createdAt")), moment(data.get("lastModifiedAt"))
    return fields(
        created_at=created.isoformat() if created else None,
        created_by=data.get("createdBy"),
        created_by_type=data.get("createdByType"),
        last_modified_at=modified.isoformat() if modified else None,
        last_modified_by=data.get("lastModifiedBy"),
        last_modified_by_type=data.get("lastModifiedByType"),
    )


def identity(document: Document) -> Entity | None:
    own = document.get("identity")
    if not own:
        return None
    known(own, "type", "principalId", "tenantId")
    return fields(
        type=snake(own["type"]),
        principal_id=own.get("principalId"),
        tenant_id=own.get("tenantId"),
    )


def _asset_name(document: Document) -> tuple[str, str]:
    """Name and version, from `…/models/<name>/versions/<version>`."""
    *_, name, _, version = document["id"].split("/")
    return name, version


_ASSET = ("description", "tags", "properties", "isAnonymous", "isArchived", "provisioningState", "stage")


def environment(document: Document) -> Entity:
    properties = document["properties"]
    known(properties, *_ASSET, "image", "condaFile", "build", "osType", "environmentType")
    if properties.get("condaFile"):
        import yaml

        conda_file = yaml.safe_load(properties["condaFile"])
    else:
        conda_file = None
    build = properties.get("build")
    name, version = _asset_name(document)
    return fields(
        name=name,
        id=f"azureml:{document['id']}",
        description=properties.get("description"),
        tags=properties.get("tags") or {},
        version=version,
        creation_context=creation_context(document),
        build=fields(dockerfile_path=build.get("dockerfilePath"), path=build.get("contextUri")) if build else None,
        image=properties.get("image"),
        conda_file=conda_file,
        os_type=snake(properties["osType"]) if properties.get("osType") else None,
    )


def environment_container(document: Document) -> Entity:
    return fields(
        name=document["name"],
        id=f"azureml:{document['id']}",
        tags={},
        creation_context=creation_context(document),
        latest_version=document["properties"].get("latestVersion"),
    )


def model(document: Document) -> Entity:
    properties = document["properties"]
    known(properties, *_ASSET, "modelUri", "modelType", "flavors", "jobName")
    flavors = {name: flavor.get("data") for name, flavor in (properties.get("flavors") or {}).items()}
    name, version = _asset_name(document)
    return fields(
        name=name,
        id=f"azureml:{document['id']}",
        type=properties.get("modelType") or "custom_model",
        path=properties.get("modelUri"),
        version=version,
        description=properties.get("description"),
        properties=properties.get("properties") or {},
        tags=properties.get("tags") or {},
        stage=properties.get("stage"),
        flavors=flavors or None,
        creation_context=creation_context(document),
        job_name=properties.get("jobName"),
    )


def model_container(document: Document) -> Entity:
    return fields(
        name=document["name"],
        id=f"azureml:{document['id']}",
        type="custom_model",
        properties={},
        tags={},
        creation_context=creation_context(document),
        latest_version=document["properties"].get("latestVersion"),
    )


def data(document: Document) -> Entity:
    properties = document["properties"]
    known(properties, *_ASSET, "dataUri", "dataType")
    name, version = _asset_name(document)
    return fields(
        name=name,
        id=document["id"],
        description=properties.get("description"),
        tags=properties.get("tags") or {},
        version=version,
        creation_context=creation_context(document),
        path=properties["dataUri"],
        properties=properties.get("properties") or {},
        type=properties["dataType"],
    )


def data_container(document: Document) -> Entity:
    properties = document["properties"]
    return fields(
        name=document["name"],
        tags=properties.get("tags") or {},
        creation_context=creation_context(document),
        latest_version=properties.get("latestVersion"),
        properties=properties.get("properties") or {},
        type=properties["dataType"],
    )


def workspace(document: Document) -> Entity:
    properties = document["properties"]
    if (document.get("kind") or "Default").lower() != "default":
        raise UnfamiliarError(f"a {document['kind']} workspace")
    known(
        properties, "friendlyName", "description", "storageAccount", "keyVault", "applicationInsights",
        "containerRegistry", "hbiWorkspace", "discoveryUrl", "mlFlowTrackingUri", "publicNetworkAccess", "workspaceId",
        "provisioningState", "enableDataIsolation", "tenantId", "v1LegacyMode", "privateLinkCount",
        "allowPublicAccessWhenBehindVnet", "mlStudioWorkspaceId", "notebookInfo", "storageHnsEnabled", "creationTime",
    )  # fmt: skip
    return fields(
        name=document["name"],
        location=document.get("location"),
        id=document["id"],
        resource_group=document["id"].split("/")[4],
        description=properties.get("description"),
        discovery_url=properties.get("discoveryUrl"),
        display_name=properties.get("friendlyName"),
        hbi_workspace=properties.get("hbiWorkspace"),
        storage_account=properties.get("storageAccount"),
        container_registry=properties.get("containerRegistry"),
        key_vault=properties.get("keyVault"),
        application_insights=properties.get("applicationInsights"),
        tags=document.get("tags"),
        mlflow_tracking_uri=properties.get("mlFlowTrackingUri"),
        public_network_access=properties.get("publicNetworkAccess"),
        identity=identity(document),
        enable_data_isolation=properties.get("enableDataIsolation"),
    )


def compute(document: Document) -> Entity:
    outer = document["properties"]
    if outer["computeType"] != "AmlCompute":
        raise UnfamiliarError(outer["computeType"])
    known(
        outer, "computeType", "computeLocation", "description", "provisioningState", "createdOn", "modifiedOn",
        "isAttachedCompute", "disableLocalAuth", "properties",
    )  # fmt: skip
    inner = outer["properties"]
    known(
        inner, "vmSize", "vmPriority", "scaleSettings", "remoteLoginPortPublicAccess", "enableNodePublicIp", "osType",
        "allocationState", "allocationStateTransitionTime", "currentNodeCount", "targetNodeCount", "nodeStateCounts",
        "isolatedNetwork",
    )  # fmt: skip
    scale = inner.get("scaleSettings") or {}
    idle = seconds(scale.get("nodeIdleTimeBeforeScaleDown"))
    public = inner.get("enableNodePublicIp")
    return fields(
        name=document["name"],
        id=document["id"],
        type="amlcompute",
        location=outer.get("computeLocation") or document.get("location"),
        description=outer.get("description"),
        provisioning_state=outer.get("provisioningState"),
        tags=document.get("tags") or None,
        size=inner.get("vmSize"),
        tier=snake(inner["vmPriority"]),
        min_instances=scale.get("minNodeCount"),
        max_instances=scale.get("maxNodeCount"),
        idle_time_before_scale_down=int(idle) if idle is not None else None,
        ssh_public_access_enabled=inner.get("remoteLoginPortPublicAccess") == "Enabled",
        network_settings=None if public is None else {},
        identity=identity(document),
        enable_node_public_ip=True if public is None else public,
    )
