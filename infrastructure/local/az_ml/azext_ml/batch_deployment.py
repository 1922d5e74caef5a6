"""`az ml batch-deployment`. Reference: https://learn.microsoft.com/cli/azure/ml/batch-deployment"""

from __future__ import annotations

from typing import Any

from knack.log import get_logger

from . import serving_entities
from .rest import Workspace, without_sdk
from .sdk import Entity, Overrides, dump, dump_all, import_sdk, load, ml_client, outcome, overriding, wait

logger = get_logger(__name__)
API_VERSION = "2024-01-01-preview"
_REQUESTED = (
    "Batch deployment update/create request initiated. "
    "Status can be checked using `az ml batch-deployment show -e %s -n %s`\n"
)


def _kind(file: str | None) -> str:
    """The SDK's name of the kind of deployment that the file describes: of a model, of a pipeline, or the old form."""
    import_sdk()
    from azure.ai.ml.entities._load_functions import _try_load_yaml_dict

    kind = _try_load_yaml_dict(file).get("type") if file else None
    return {"model": "model_batch_deployment", "pipeline": "pipeline_component_batch_deployment"}.get(
        str(kind), "batch_deployment"
    )


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    endpoint_name: str | None = None,
    name: str | None = None,
    no_wait: bool = False,
    set_default: bool = False,
    params_override: Overrides | None = None,
    skip_script_validation: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from azure.ai.ml.entities import PipelineComponent

    deployment = load(_kind(file), file, overriding(params_override, name=name, endpoint_name=endpoint_name))
    if isinstance(getattr(deployment, "component", None), PipelineComponent):
        deployment.component = client.components.create_or_update(deployment.component).id
    poller = client.begin_create_or_update(deployment, skip_script_validation=skip_script_validation)
    if no_wait:
        logger.warning(_REQUESTED, deployment.endpoint_name, deployment.name)
    created = outcome(poller, no_wait=no_wait)
    if set_default:
        endpoint = client.batch_endpoints.get(deployment.endpoint_name)
        endpoint.defaults = {"deployment_name": deployment.name}
        wait(client.begin_create_or_update(endpoint))
    return created


def show(cmd: Any, resource_group_name: str, workspace_name: str, name: str, endpoint_name: str) -> Entity:
    def with_rest() -> Entity:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        path = f"batchEndpoints/{endpoint_name}/deployments/{name}"
        return serving_entities.batch_deployment(workspace.get(path, API_VERSION))

    def with_sdk() -> Entity:
        client = ml_client(cmd, resource_group_name, workspace_name)
        return dump(client.batch_deployments.get(name, endpoint_name))

    return without_sdk(with_rest, with_sdk)


def list_(cmd: Any, resource_group_name: str, workspace_name: str, endpoint_name: str) -> list[Entity]:
    def with_rest() -> list[Entity]:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        documents = workspace.pages(f"batchEndpoints/{endpoint_name}/deployments", API_VERSION)
        return [serving_entities.batch_deployment(document) for document in documents]

    def with_sdk() -> list[Entity]:
        client = ml_client(cmd, resource_group_name, workspace_name)
        return dump_all(client.batch_deployments.list(endpoint_name))

    return without_sdk(with_rest, with_sdk)


def list_jobs(cmd: Any, resource_group_name: str, workspace_name: str, name: str, endpoint_name: str) -> list[Entity]:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return dump_all(client.batch_deployments.list_jobs(endpoint_name=endpoint_name, name=name))


def delete(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    endpoint_name: str,
    no_wait: bool = False,
) -> None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    poller = client.batch_deployments.begin_delete(name, endpoint_name)
    if no_wait:
        logger.warning(
            "Delete request initiated. Status can be checked using `az ml batch-deployment show -e %s -n %s`\n",
            endpoint_name,
            name,
        )
        return
    logger.warning("Deleting batch deployment %s ", name)
    wait(poller)
    logger.warning("Done ")


def update_get(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str | None = None,
    endpoint_name: str | None = None,
    file: str | None = None,
) -> Entity:
    """The deployment as the file describes it, else as it is."""
    if not file:
        return show(cmd, resource_group_name, workspace_name, str(name), str(endpoint_name))
    fields = overriding(None, name=name, endpoint_name=endpoint_name)
    entity: Entity = load(_kind(file), file, fields)._to_dict()
    return entity


def update_set(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    parameters: Entity,
    file: str | None = None,
    no_wait: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from azure.ai.ml import entities

    classes = {
        "model_batch_deployment": entities.ModelBatchDeployment,
        "pipeline_component_batch_deployment": entities.PipelineComponentBatchDeployment,
        "batch_deployment": entities.BatchDeployment,
    }
    deployment = classes[_kind(file)]._load(data=parameters, yaml_path=file)
    poller = client.begin_create_or_update(deployment)
    if no_wait:
        logger.warning(_REQUESTED, deployment.endpoint_name, deployment.name)
    return outcome(poller, no_wait=no_wait)
