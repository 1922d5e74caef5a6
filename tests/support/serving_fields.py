"""Every field of azure-ai-ml's schemas of endpoints and deployments, and what becomes of it in the local workspace."""

from __future__ import annotations

from typing import Any

HONOURED = "honoured"
CLIENT = "client"  # the SDK's or the service's own: never sent, or only shown
REFUSED = "refused"  # with one error, unless it says what is the only way anyway


def ignored(**properties: Any) -> dict[str, Any]:
    """Taken and told to be ignored: the REST properties that the field becomes."""
    return properties


def _below(prefix: str, *names: str) -> dict[str, Any]:
    return {f"{prefix}.{name}": HONOURED for name in names}


_SHOWN = dict.fromkeys(("id", "$schema", "provisioning_state", "creation_context"), CLIENT)
_PROBE = ("failure_threshold", "initial_delay", "period", "success_threshold", "timeout")
_CODE = {**_below("code_configuration", "code", "scoring_script"), "code_configuration.$schema": CLIENT}
_RESOURCES = {
    "resources.instance_count": HONOURED,
    "resources.instance_type": ignored(resources={"instanceType": "Standard_F4s_v2"}),
    "resources.locations": ignored(resources={"locations": ["westeurope"]}),
    "resources.max_instance_count": ignored(resources={"maxInstanceCount": 4}),
    "resources.properties": ignored(resources={"properties": {"a": "b"}}),
    "resources.docker_args": ignored(resources={"dockerArgs": "--init"}),
    "resources.shm_size": ignored(resources={"shmSize": "2g"}),
}
_SCORING = (
    "environment_variables", "error_threshold", "logging_level", "max_concurrency_per_instance", "mini_batch_size",
    "output_action", "output_file_name", "retry_settings.max_retries", "retry_settings.timeout",
)  # fmt: skip
_NAMED = dict.fromkeys(("name", "description", "tags", "properties"), HONOURED)
_BATCH_MODEL = {
    **_NAMED, **_SHOWN, **_CODE, **_RESOURCES,
    **dict.fromkeys(("endpoint_name", "model", "environment", "compute", "environment_variables"), HONOURED),
    "error_threshold": HONOURED, "type": HONOURED,
}  # fmt: skip

ONLINE_ENDPOINT: dict[str, Any] = {
    **_NAMED,
    **_SHOWN,
    **dict.fromkeys(("auth_mode", "traffic", "mirror_traffic"), HONOURED),
    **dict.fromkeys(("kind", "openapi_uri", "scoring_uri", "identity.principal_id", "identity.tenant_id"), CLIENT),
    "location": CLIENT,  # the SDK sends the workspace's
    "public_network_access": ignored(publicNetworkAccess="Disabled"),
    "identity.type": ignored(identity={"type": "UserAssigned"}),
    "identity.user_assigned_identities": ignored(identity={"type": "SystemAssigned,UserAssigned"}),
}
ONLINE_DEPLOYMENT: dict[str, Any] = {
    **_NAMED, **_SHOWN, **_CODE,
    **_below("liveness_probe", *_PROBE), **_below("readiness_probe", *_PROBE),
    **dict.fromkeys(("endpoint_name", "model", "environment", "environment_variables", "instance_count"), HONOURED),
    **_below("request_settings", "max_concurrent_requests_per_instance", "request_timeout_ms"),
    "request_settings.max_queue_wait_ms": ignored(requestSettings={"maxQueueWait": "PT1S"}),
    "instance_type": ignored(instanceType="Standard_F4s_v2"),
    "app_insights_enabled": ignored(appInsightsEnabled=True),
    "model_mount_path": ignored(modelMountPath="/models"),
    "egress_public_network_access": ignored(egressPublicNetworkAccess="disabled"),
    "private_network_connection": ignored(privateNetworkConnection=True),
    **{f"data_collector.{name}": ignored(dataCollector={"collections": {"model_inputs": {}}})
       for name in ("collections", "request_logging", "rolling_rate", "sampling_rate")},
    "type": REFUSED,  # managed is the only one; kubernetes is 501
    **{f"scale_settings.{name}": REFUSED
       for name in ("type", "max_instances", "min_instances", "polling_interval", "target_utilization_percentage")},
}  # fmt: skip
BATCH_ENDPOINT: dict[str, Any] = {
    **_NAMED,
    **_SHOWN,
    **dict.fromkeys(("openapi_uri", "scoring_uri", "location"), CLIENT),
    # The SDK's own constructor takes none of them.
    **{f"identity.{name}": CLIENT for name in ("type", "principal_id", "tenant_id", "user_assigned_identities")},
    "auth_mode": REFUSED,
    "defaults.deployment_name": HONOURED,
}
MODEL_BATCH_DEPLOYMENT: dict[str, Any] = {
    **_BATCH_MODEL,
    **_below("settings", *_SCORING, "instance_count"),
}
BATCH_DEPLOYMENT: dict[str, Any] = {
    **_BATCH_MODEL,
    **dict.fromkeys(_SCORING, HONOURED),
    **dict.fromkeys(("component", "job_definition"), HONOURED),
}
PIPELINE_BATCH_DEPLOYMENT: dict[str, Any] = {
    **_NAMED,
    **_SHOWN,
    **dict.fromkeys(("component", "endpoint_name", "job_definition", "settings", "type"), HONOURED),
}

# By the SDK's name of the schema's class, with the module that has it.
SCHEMAS = {
    "_endpoint.online.online_endpoint.ManagedOnlineEndpointSchema": ONLINE_ENDPOINT,
    "_deployment.online.online_deployment.ManagedOnlineDeploymentSchema": ONLINE_DEPLOYMENT,
    "_endpoint.batch.batch_endpoint.BatchEndpointSchema": BATCH_ENDPOINT,
    "_deployment.batch.model_batch_deployment.ModelBatchDeploymentSchema": MODEL_BATCH_DEPLOYMENT,
    "_deployment.batch.batch_deployment.BatchDeploymentSchema": BATCH_DEPLOYMENT,
    "_deployment.batch.pipeline_component_batch_deployment_schema.PipelineComponentBatchDeploymentSchema":
        PIPELINE_BATCH_DEPLOYMENT,
}  # fmt: skip
