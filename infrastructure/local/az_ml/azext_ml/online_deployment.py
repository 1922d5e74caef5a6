"""`az ml online-deployment`. Reference: https://learn.microsoft.com/cli/azure/ml/online-deployment"""

from __future__ import annotations

from typing import Any

from knack.log import get_logger
from knack.util import CLIError

from . import serving_entities
from .online_endpoint import refuse_existing, refuse_local
from .rest import Workspace, without_sdk
from .sdk import (
    Entity,
    Overrides,
    dump,
    dump_all,
    is_missing,
    load,
    ml_client,
    open_in_browser,
    outcome,
    overriding,
    wait,
)

logger = get_logger(__name__)
API_VERSION = "2023-04-01-preview"
LOGS_API_VERSION = "2022-02-01-preview"
MAX_LOG_LINES = 5000
_CONTAINERS = {"inference-server": "InferenceServer", "storage-initializer": "StorageInitializer"}


def _open(client: Any, endpoint_name: str) -> None:
    endpoint = client.online_endpoints.get(endpoint_name)
    workspace, _, _ = endpoint.id.partition("/onlineEndpoints")
    open_in_browser(f"https://ml.azure.com/endpoints/realtime/{endpoint_name}/detail?wsid={workspace}", "")


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    file: str,
    endpoint_name: str | None = None,
    name: str | None = None,
    local: bool = False,
    local_enable_gpu: bool = False,
    vscode_debug: bool = False,
    no_wait: bool = False,
    all_traffic: bool = False,
    params_override: Overrides | None = None,
    web: bool = False,
    skip_script_validation: bool = False,
) -> Entity | None:
    refuse_local(local or local_enable_gpu or vscode_debug)
    client = ml_client(cmd, resource_group_name, workspace_name)
    deployment = load("online_deployment", file, overriding(params_override, name=name, endpoint_name=endpoint_name))
    _refuse_if_exists(client, deployment)
    if all_traffic and no_wait:
        logger.warning(
            "All traffic won't be set to deployment %s since no_wait option was provided. "
            "You can try to set all the traffic to this deployment once its has completed.",
            deployment.name,
        )
    elif all_traffic:
        logger.warning(
            "All traffic will be set to deployment %s once it has been provisioned.\n"
            "If you interrupt this command or it times out while waiting for the provisioning, "
            "you can try to set all the traffic to this deployment later once it has been provisioned.",
            deployment.name,
        )
    if web:
        _open(client, deployment.endpoint_name)
    poller = client.begin_create_or_update(deployment, skip_script_validation=skip_script_validation)
    created = outcome(poller, no_wait=no_wait)
    if all_traffic and not no_wait:
        endpoint = client.online_endpoints.get(deployment.endpoint_name)
        endpoint.traffic = {deployment.name: 100}
        wait(client.begin_create_or_update(endpoint))
    return created


def _refuse_if_exists(client: Any, deployment: Any) -> None:
    try:
        client.online_deployments.get(name=deployment.name, endpoint_name=deployment.endpoint_name)
    except Exception as error:
        if is_missing(error):
            return
        raise ValueError(
            "Unexpected error verifying a deployment with the provided name does not exist on this endpoint."
        ) from error
    refuse_existing("A deployment", "deployment", "online-deployment")


def show(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    endpoint_name: str,
    local: bool = False,
    web: bool = False,
) -> Entity:
    refuse_local(local)

    def with_rest() -> Entity:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        document = workspace.get(f"onlineEndpoints/{endpoint_name}/deployments/{name}", API_VERSION)
        return serving_entities.online_deployment(document)

    def with_sdk() -> Entity:
        client = ml_client(cmd, resource_group_name, workspace_name)
        return dump(client.online_deployments.get(name, endpoint_name))

    try:
        shown = without_sdk(with_rest, with_sdk)
    except Exception as error:
        if is_missing(error):
            raise ValueError("Deployment does not exist.") from error
        raise
    if web:
        _open(ml_client(cmd, resource_group_name, workspace_name), endpoint_name)
    return shown


def list_(
    cmd: Any, resource_group_name: str, workspace_name: str, endpoint_name: str, local: bool = False
) -> list[Entity]:
    refuse_local(local)

    def with_rest() -> list[Entity]:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        documents = workspace.pages(f"onlineEndpoints/{endpoint_name}/deployments", API_VERSION)
        return [serving_entities.online_deployment(document) for document in documents]

    def with_sdk() -> list[Entity]:
        client = ml_client(cmd, resource_group_name, workspace_name)
        return dump_all(client.online_deployments.list(endpoint_name))

    return without_sdk(with_rest, with_sdk)


def delete(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    endpoint_name: str,
    local: bool = False,
    no_wait: bool = False,
) -> None:
    refuse_local(local)
    client = ml_client(cmd, resource_group_name, workspace_name)
    wait(client.online_deployments.begin_delete(name, endpoint_name), no_wait=no_wait)


def get_logs(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    endpoint_name: str,
    lines: int = MAX_LOG_LINES,
    container: str | None = None,
    local: bool = False,
) -> None:
    """Print the log as it is, not as JSON."""
    refuse_local(local)
    body: Entity = {"tail": int(lines)}
    if container:
        if container not in _CONTAINERS:
            raise CLIError(f"--container is one of {', '.join(_CONTAINERS)}, not '{container}'.")
        body["containerType"] = _CONTAINERS[container]
    workspace = Workspace(cmd, resource_group_name, workspace_name)
    path = f"onlineEndpoints/{endpoint_name}/deployments/{name}/getLogs"
    log = (workspace.post(path, LOGS_API_VERSION, body) or {}).get("content") or ""
    print(log.replace("\\n", "\n"))


def update_get(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str | None = None,
    endpoint_name: str | None = None,
    file: str | None = None,
    local: bool = False,
) -> Entity:
    """With a file, what stands in it (--set changes that); without, the deployment as it is."""
    refuse_local(local)
    if file:
        described = from_file(file)
        described.update({key: value for key, value in (("name", name), ("endpoint_name", endpoint_name)) if value})
        return described
    return show(cmd, resource_group_name, workspace_name, str(name), str(endpoint_name))


def from_file(file: str) -> Entity:
    """The YAML's own fields, its paths still relative to it; the mappings that --set adds to are there in any case."""
    from azure.ai.ml.entities._load_functions import _try_load_yaml_dict

    described: Entity = _try_load_yaml_dict(file)
    return {"tags": {}, "environment_variables": {}, **described}


def update_set(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    parameters: Entity,
    file: str | None = None,
    no_wait: bool = False,
    web: bool = False,
    skip_script_validation: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    from azure.ai.ml.entities import OnlineDeployment

    if file:
        written = from_file(file)
        overrides = [{key: value} for key, value in parameters.items() if value != written.get(key)]
        parameters = load("online_deployment", file, overrides)._to_dict()
    OnlineDeployment._set_scale_settings(data=parameters)
    deployment = OnlineDeployment._load(data=parameters, yaml_path=file)
    if file:
        try:
            client.online_deployments.get(name=deployment.name, endpoint_name=deployment.endpoint_name)
        except Exception as error:
            if is_missing(error):
                raise ValueError("Deployment does not exist") from error
            raise
    if web:
        _open(client, deployment.endpoint_name)
    poller = client.begin_create_or_update(deployment, skip_script_validation=skip_script_validation)
    return outcome(poller, no_wait=no_wait)
