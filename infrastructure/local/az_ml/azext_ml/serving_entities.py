"""Endpoints and deployments, online and batch, as `az ml` prints them, without the SDK; as in `entities`."""

from __future__ import annotations

from .entities import (
    Document,
    Entity,
    UnfamiliarError,
    creation_context,
    fields,
    identity,
    known,
    moment,
    seconds,
    snake,
)

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%f%z"


def online_endpoint(document: Document) -> Entity:
    properties = document["properties"]
    known(
        properties, "authMode", "description", "properties", "provisioningState", "publicNetworkAccess", "scoringUri",
        "swaggerUri", "traffic", "mirrorTraffic",
    )  # fmt: skip
    network = properties.get("publicNetworkAccess")
    system = document["systemData"]
    created, modified = moment(system.get("createdAt")), moment(system.get("lastModifiedAt"))
    if created is None or modified is None:
        raise UnfamiliarError("an endpoint that nobody made")
    made = {
        "createdBy": system.get("createdBy"),
        "createdAt": created.strftime(_TIME_FORMAT),
        "lastModifiedAt": modified.strftime(_TIME_FORMAT),
    }
    return fields(
        id=document["id"],
        name=document["name"],
        description=properties.get("description"),
        tags=document.get("tags") or {},
        provisioning_state=properties.get("provisioningState"),
        properties={**made, **(properties.get("properties") or {})},
        auth_mode=snake(properties["authMode"]),
        scoring_uri=properties.get("scoringUri"),
        location=document.get("location"),
        openapi_uri=properties.get("swaggerUri"),
        identity=identity(document),
        traffic=properties.get("traffic") or {},
        kind=document.get("kind"),
        mirror_traffic=properties.get("mirrorTraffic") or {},
        public_network_access=snake(network) if network else None,
    )


def online_deployment(document: Document) -> Entity:
    properties = document["properties"]
    if properties.get("endpointComputeType") != "Managed":
        raise UnfamiliarError(f"a {properties.get('endpointComputeType')} deployment")
    known(
        properties, "endpointComputeType", "model", "environmentId", "codeConfiguration", "environmentVariables",
        "instanceType", "appInsightsEnabled", "provisioningState", "description", "properties", "scaleSettings",
        "requestSettings", "livenessProbe", "readinessProbe", "egressPublicNetworkAccess",
    )  # fmt: skip
    code, scale = properties.get("codeConfiguration"), properties.get("scaleSettings") or {}
    known(scale, "scaleType")
    network = properties.get("egressPublicNetworkAccess")
    return fields(
        name=document["name"],
        endpoint_name=document["id"].split("/")[-3],
        description=properties.get("description"),
        id=document["id"],
        tags=document.get("tags") or {},
        properties=properties.get("properties") or {},
        model=_asset(properties.get("model")),
        code_configuration=fields(code=code.get("codeId"), scoring_script=code.get("scoringScript")) if code else None,
        environment=_asset(properties.get("environmentId")),
        environment_variables=properties.get("environmentVariables") or {},
        app_insights_enabled=properties.get("appInsightsEnabled"),
        scale_settings={"type": snake(scale["scaleType"])} if scale else None,
        request_settings=_request_settings(properties.get("requestSettings")),
        liveness_probe=_probe(properties.get("livenessProbe")),
        readiness_probe=_probe(properties.get("readinessProbe")),
        provisioning_state=properties.get("provisioningState"),
        instance_count=document["sku"].get("capacity"),
        type_="managed",
        instance_type=properties.get("instanceType"),
        egress_public_network_access=snake(network) if network else None,
        creation_context=creation_context(document),
    )


def _asset(identifier: str | None) -> str | None:
    """An ARM id gets the prefix; the id of an asset in a registry, `azureml://registries/…`, has it."""
    if not identifier or identifier.startswith("azureml:"):
        return identifier or None
    return f"azureml:{identifier}"


def _whole_seconds(duration: str | None) -> int | None:
    """The SDK drops fractions of a second, here and in milliseconds."""
    value = seconds(duration)
    return None if value is None else int(value)


def _request_settings(settings: Document | None) -> Entity | None:
    if not settings:
        return None
    known(settings, "requestTimeout", "maxConcurrentRequestsPerInstance", "maxQueueWait")
    timeout, queue = _whole_seconds(settings.get("requestTimeout")), _whole_seconds(settings.get("maxQueueWait"))
    return fields(
        request_timeout_ms=None if timeout is None else timeout * 1000,
        max_concurrent_requests_per_instance=settings.get("maxConcurrentRequestsPerInstance"),
        max_queue_wait_ms=None if queue is None else queue * 1000,
    )


def _probe(probe: Document | None) -> Entity | None:
    if not probe:
        return None
    known(probe, "failureThreshold", "successThreshold", "timeout", "period", "initialDelay")
    return fields(
        period=_whole_seconds(probe.get("period")),
        initial_delay=_whole_seconds(probe.get("initialDelay")),
        timeout=_whole_seconds(probe.get("timeout")),
        success_threshold=probe.get("successThreshold"),
        failure_threshold=probe.get("failureThreshold"),
    )


def batch_endpoint(document: Document) -> Entity:
    properties = document["properties"]
    known(
        properties, "authMode", "description", "properties", "provisioningState", "scoringUri", "swaggerUri",
        "defaults",
    )  # fmt: skip
    defaults = properties.get("defaults") or {}
    known(defaults, "deploymentName")
    return fields(
        id=document["id"],
        name=document["name"],
        description=properties.get("description"),
        tags=document.get("tags") or {},
        provisioning_state=properties.get("provisioningState"),
        properties=properties.get("properties") or {},
        auth_mode=snake(properties["authMode"]),
        scoring_uri=properties.get("scoringUri"),
        location=document.get("location"),
        openapi_uri=properties.get("swaggerUri"),
        defaults=fields(deployment_name=defaults.get("deploymentName")),
    )


def batch_deployment(document: Document) -> Entity:
    properties = document["properties"]
    known(
        properties, "model", "compute", "environmentId", "codeConfiguration", "environmentVariables", "errorThreshold",
        "loggingLevel", "maxConcurrencyPerInstance", "miniBatchSize", "outputAction", "outputFileName", "retrySettings",
        "resources", "provisioningState", "description", "properties",
    )  # fmt: skip
    model, code = properties.get("model") or {}, properties.get("codeConfiguration")
    known(model, "referenceType", "assetId")
    retry, resources = properties.get("retrySettings"), properties.get("resources")
    if not (model and retry and resources):
        raise UnfamiliarError("a deployment without model, retry settings or resources")
    known(resources, "instanceCount", "properties")
    known(retry, "maxRetries", "timeout")
    return fields(
        name=document["name"],
        endpoint_name=document["id"].split("/")[-3],
        description=properties.get("description"),
        id=document["id"],
        tags=document.get("tags") or {},
        properties=properties.get("properties") or {},
        model=_asset(model["assetId"]),
        code_configuration=fields(code=code.get("codeId"), scoring_script=code.get("scoringScript")) if code else None,
        environment=_asset(properties.get("environmentId")),
        environment_variables=properties.get("environmentVariables") or {},
        compute=_asset(properties.get("compute")),
        error_threshold=properties.get("errorThreshold"),
        retry_settings=fields(max_retries=retry.get("maxRetries"), timeout=_whole_seconds(retry.get("timeout"))),
        mini_batch_size=properties.get("miniBatchSize"),
        logging_level=properties.get("loggingLevel"),
        output_action=snake(properties["outputAction"]),
        output_file_name=properties.get("outputFileName") if properties["outputAction"] == "AppendRow" else None,
        max_concurrency_per_instance=properties.get("maxConcurrencyPerInstance"),
        resources=fields(instance_count=resources.get("instanceCount"), properties=resources.get("properties") or {}),
        creation_context=creation_context(document),
        provisioning_state=properties.get("provisioningState"),
    )
