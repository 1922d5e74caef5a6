"""`az ml batch-endpoint`. Reference: https://learn.microsoft.com/cli/azure/ml/batch-endpoint"""

from __future__ import annotations

from typing import Any

from knack.log import get_logger

from . import serving_entities
from .online_endpoint import key_values
from .rest import Workspace, without_sdk
from .sdk import Entity, Overrides, dump, dump_all, is_missing, load, ml_client, overriding, wait

logger = get_logger(__name__)
API_VERSION = "2023-10-01"
_REQUESTED = (
    "Batch endpoint update/create request initiated. Status can be checked using `az ml batch-endpoint show -n %s`\n"
)


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Entity:
    def with_rest() -> Entity:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        return serving_entities.batch_endpoint(workspace.get(f"batchEndpoints/{name}", API_VERSION))

    def with_sdk() -> Entity:
        entity: Entity = ml_client(cmd, resource_group_name, workspace_name).batch_endpoints.get(name).dump()
        return entity

    return without_sdk(with_rest, with_sdk)


def list_(cmd: Any, resource_group_name: str, workspace_name: str) -> list[Entity]:
    def with_rest() -> list[Entity]:
        documents = Workspace(cmd, resource_group_name, workspace_name).pages("batchEndpoints", API_VERSION)
        return [serving_entities.batch_endpoint(document) for document in documents]

    def with_sdk() -> list[Entity]:
        return dump_all(ml_client(cmd, resource_group_name, workspace_name).batch_endpoints.list())

    return without_sdk(with_rest, with_sdk)


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str | None = None,
    name: str | None = None,
    no_wait: bool = False,
    params_override: Overrides | None = None,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    fields = overriding(params_override, name=name.lower() if name else None)  # the service lowers names
    endpoint = load("batch_endpoint", file, fields)
    poller = client.begin_create_or_update(endpoint)
    if no_wait:
        logger.warning(_REQUESTED, endpoint.name)
        return None
    return dump(wait(poller))


def delete(cmd: Any, resource_group_name: str, workspace_name: str, name: str, no_wait: bool = False) -> None:
    poller = ml_client(cmd, resource_group_name, workspace_name).batch_endpoints.begin_delete(name)
    if no_wait:
        logger.warning(
            "Delete request initiated. Status can be checked using `az ml batch-endpoint show -n %s`\n", name
        )
        return
    logger.warning("Deleting batch endpoint %s ", name)
    wait(poller)
    logger.warning("Done ")


def list_jobs(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> list[Any]:
    return list(ml_client(cmd, resource_group_name, workspace_name).batch_endpoints.list_jobs(endpoint_name=name))


def invoke(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    input: str | None = None,  # noqa: A002  the option is --input
    batch_deployment_name: str | None = None,
    input_type: str | None = None,
    output_path: str | None = None,
    job_name: str | None = None,
    mini_batch_size: str | None = None,
    instance_count: str | None = None,
    params_override: Overrides | None = None,
    file: str | None = None,
    inputs: Any = None,
    outputs: Any = None,
    experiment_name: str | None = None,
) -> Any:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from . import batch_inputs

    if batch_deployment_name:
        client.batch_endpoints._validate_deployment_name(name, batch_deployment_name)
    data = None
    if file:
        request = batch_inputs.from_file(file)
        inputs, outputs = request.inputs or inputs, request.outputs or outputs
        batch_deployment_name = batch_deployment_name or request.deployment
    elif input or input_type:
        data = batch_inputs.data_input(client, input, input_type)
    nested = batch_inputs.nested(params_override or [])
    inputs = batch_inputs.inputs(nested["inputs"]) if nested.get("inputs") else inputs
    outputs = batch_inputs.outputs(nested["outputs"]) if nested.get("outputs") else outputs

    settings = batch_inputs.settings(params_override or [])
    if mini_batch_size:
        settings.append({"mini_batch_size": mini_batch_size})
    if instance_count:
        settings.append({"compute.instance_count": instance_count})
    if output_path:
        settings += batch_inputs.output_dataset(output_path)
    if job_name:
        settings.append({"job_name": job_name})
    if experiment_name:
        settings.append({"properties": {"experimentName": experiment_name}})
    try:
        return client.batch_endpoints.invoke(
            endpoint_name=name,
            input=data,
            inputs=inputs,
            outputs=outputs,
            deployment_name=batch_deployment_name,
            params_override=settings,
        )
    except Exception as error:
        if is_missing(error) and batch_deployment_name is None:
            from knack.util import CLIError

            message = "Set a default deployment or provide a deployment name through cli command."
            raise CLIError(message) from error
        raise


def update_get(
    cmd: Any, resource_group_name: str, workspace_name: str, name: str | None = None, file: str | None = None
) -> Any:
    """The endpoint as the file describes it, else as it is."""
    client = ml_client(cmd, resource_group_name, workspace_name)
    if file:
        return load("batch_endpoint", file, overriding(None, name=name.lower() if name else None))
    return client.batch_endpoints.get(name)


def update_set(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    parameters: Any,
    defaults: str | None = None,
    name: str | None = None,
    no_wait: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    if name:
        parameters.name = name
    if defaults:
        parameters.defaults = key_values(defaults)
    poller = client.begin_create_or_update(parameters)
    if no_wait:
        logger.warning(_REQUESTED, parameters.name)
        return None
    return dump(wait(poller))
