"""Jobs as `az ml job show` prints them, without the SDK: commands and pipelines of commands.

As in `entities`, what is not known here is `UnfamiliarError`: sweeps, AutoML, Spark, distribution, control flow.
"""

from __future__ import annotations

import re
from typing import Any

from .entities import Document, Entity, UnfamiliarError, creation_context, fields, known, seconds, snake

_MODES = {
    "ReadOnlyMount": "ro_mount",
    "ReadWriteMount": "rw_mount",
    "Download": "download",
    "Direct": "direct",
    "EvalMount": "eval_mount",
    "EvalDownload": "eval_download",
    "Upload": "upload",
}
_HIDDEN_TAGS = ("_aml_system_", "platform_config")
_BINDING = re.compile(r"\$\{\{.*\}\}")


def job(document: Document, tenant: str) -> Entity:
    """A job's document. tenant: the signed-in one's id, for the link to the studio."""
    properties = document["properties"]
    if not properties:
        raise UnfamiliarError("a step of a pipeline")  # the SDK reads it from run history
    kinds = {"Command": _command, "Pipeline": _pipeline}
    kind = properties.get("jobType")
    if kind not in kinds:
        raise UnfamiliarError(f"a {kind} job")
    return kinds[kind](document, properties, tenant)


_COMMON = (
    "jobType", "status", "displayName", "experimentName", "description", "tags", "properties", "services", "inputs",
    "outputs", "computeId", "componentId", "isArchived", "parentJobName", "secretsConfiguration",
)  # fmt: skip


def _head(document: Document, properties: Document, tenant: str) -> Entity:
    """The fields that every job starts with."""
    tags = {
        name: value
        for name, value in (properties.get("tags") or {}).items()
        if not any(hidden in name for hidden in _HIDDEN_TAGS)
    }
    return fields(
        name=document["name"],
        id=f"azureml:{document['id']}",
        description=properties.get("description"),
        tags=tags,
        creation_context=creation_context(document),
        services=_services(properties.get("services"), tenant),
        display_name=properties.get("displayName"),
        status=properties.get("status"),
        experiment_name=properties.get("experimentName"),
        properties=properties.get("properties") or {},
    )


def _services(services: Document | None, tenant: str) -> Entity | None:
    if services is None:
        return None
    found = {}
    for name, service in services.items():
        known(service, "jobServiceType", "endpoint")
        endpoint = service.get("endpoint")
        if name == "Studio" and endpoint:
            endpoint = f"{endpoint}&tid={tenant}"
        found[name] = fields(endpoint=endpoint, type_=service.get("jobServiceType"))
    return found


def _command(document: Document, properties: Document, tenant: str) -> Entity:
    known(properties, *_COMMON, "command", "codeId", "environmentId", "environmentVariables", "resources", "limits")
    if properties.get("componentId") or properties.get("parentJobName"):
        raise UnfamiliarError("a command job of a component or of a parent")
    code = properties.get("codeId")
    return {
        **_head(document, properties, tenant),
        **fields(
            compute=_short(properties.get("computeId")),
            command=properties["command"],
            code=f"azureml:{code}" if code else None,
            environment=_short(properties.get("environmentId")),
            environment_variables=properties.get("environmentVariables") or {},
            resources=_resources(properties.get("resources")),
            type_="command",
            limits=_limits(properties.get("limits")),
        ),
        "inputs": {name: _job_input(value) for name, value in (properties.get("inputs") or {}).items()},
        "outputs": {name: _job_output(value) for name, value in (properties.get("outputs") or {}).items()},
    }


def _pipeline(document: Document, properties: Document, tenant: str) -> Entity:
    known(properties, *_COMMON, "settings", "jobs")
    if properties.get("componentId"):
        raise UnfamiliarError("a pipeline job of a component")
    entity: Entity = {
        **_head(document, properties, tenant),
        **fields(compute=_short(properties.get("computeId")), type_="pipeline"),
        "settings": _settings(properties.get("settings") or {}),
        "inputs": {name: _job_input(value) for name, value in (properties.get("inputs") or {}).items()},
        "outputs": {name: _job_output(value) for name, value in (properties.get("outputs") or {}).items()},
        "jobs": {name: _node(value) for name, value in (properties.get("jobs") or {}).items()},
    }
    pruned: Entity = _without_empty(entity)
    return pruned


def _without_empty(value: Any) -> Any:
    """Pipelines are shown without nulls and empty mappings, at any depth; commands keep theirs."""
    if isinstance(value, dict):
        pruned = {name: _without_empty(part) for name, part in value.items()}
        return {name: part for name, part in pruned.items() if part is not None and part != {}}
    return [_without_empty(part) for part in value] if isinstance(value, list) else value


def _settings(settings: Document) -> Entity:
    settings = {snake(key): value for key, value in settings.items()}
    known(settings, "default_compute", "default_datastore", "continue_on_step_failure", "force_rerun", "_source")
    return fields(
        default_datastore=_short(settings.get("default_datastore")),
        default_compute=_short(settings.get("default_compute")),
        continue_on_step_failure=settings.get("continue_on_step_failure"),
        force_rerun=settings.get("force_rerun"),
    )


def _node(node: Document) -> Entity:
    """A step: its component and what is bound to it."""
    known(
        node, "name", "type", "display_name", "inputs", "outputs", "_source", "componentId", "computeId", "resources",
        "environment_variables", "limits",
    )  # fmt: skip
    if node.get("type") != "command":
        raise UnfamiliarError(f"a {node.get('type')} step")
    limits = {name: value for name, value in (node.get("limits") or {}).items() if name != "job_limits_type"}
    known(limits, "timeout")
    timeout = seconds(limits.get("timeout"))
    return fields(
        environment_variables=node.get("environment_variables"),
        resources=node.get("resources"),
        inputs={name: _node_input(value) for name, value in (node.get("inputs") or {}).items()},
        outputs={name: _node_output(value) for name, value in (node.get("outputs") or {}).items()},
        component=_short(node["componentId"]),
        type_="command",
        compute=_short(node.get("computeId")),
        limits={"timeout": int(timeout)} if timeout is not None else None,
    )


def _short(arm_id: str | None) -> str | None:
    """`azureml:name` or `azureml:name:version` of an ARM id; a plain name gets the prefix, too. What is in a registry
    keeps its id."""
    if not arm_id:
        return None
    if arm_id.startswith("azureml://registries/"):
        return arm_id
    match = re.search(r"/workspaces/[^/]+/[^/]+/([^/]+)(?:/versions/([^/]+))?$", arm_id)
    if match is None:
        if "/" in arm_id or ":" in arm_id:
            raise UnfamiliarError(f"id {arm_id}")
        return f"azureml:{arm_id}"
    name, version = match.groups()
    return f"azureml:{name}:{version}" if version else f"azureml:{name}"


def _path(uri: str | None) -> str | None:
    """An input's or output's path: a registered asset by its short name, anything else as it is."""
    if uri and uri.startswith("/subscriptions/"):
        return _short(uri)
    if uri and "://" not in uri and not uri.startswith("azureml:"):
        raise UnfamiliarError(f"path {uri}")
    return uri


def _job_input(value: Document) -> Any:
    if value["jobInputType"] == "literal":
        return value["value"]
    known(value, "jobInputType", "mode", "uri")
    return fields(mode=_mode(value), type_=value["jobInputType"], path=_path(value.get("uri")))


def _job_output(value: Document) -> Entity:
    known(value, "jobOutputType", "mode", "uri", "assetName", "assetVersion")
    return fields(
        name=value.get("assetName"),
        version=value.get("assetVersion"),
        mode=_mode(value),
        type_=value["jobOutputType"],
        path=_path(value.get("uri")),
    )


def _node_input(value: Document) -> Any:
    if value["job_input_type"] == "literal":
        known(value, "job_input_type", "value")
        return {"path": value["value"]} if _BINDING.search(str(value["value"])) else value["value"]
    known(value, "job_input_type", "mode", "uri")
    return fields(mode=_mode(value), type_=value["job_input_type"], path=_path(value.get("uri")))


def _node_output(value: Document) -> Any:
    if value.get("type") == "literal":
        known(value, "type", "value")
        return value["value"]
    known(value, "job_output_type", "mode")
    return fields(mode=_mode(value), type_=value["job_output_type"])


def _mode(value: Document) -> str | None:
    mode = value.get("mode")
    if mode is None:
        return None
    if mode not in _MODES:
        raise UnfamiliarError(f"mode {mode}")
    return _MODES[mode]


def _resources(resources: Document | None) -> Entity | None:
    if not resources:
        return None
    known(resources, "instanceCount", "properties")
    return fields(instance_count=resources.get("instanceCount"), properties=resources.get("properties") or {})


def _limits(limits: Document | None) -> Entity | None:
    if not limits:
        return None
    known(limits, "jobLimitsType", "timeout")
    timeout = seconds(limits.get("timeout"))
    return {"timeout": int(timeout)} if timeout is not None else {}
