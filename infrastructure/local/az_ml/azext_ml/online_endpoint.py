"""`az ml online-endpoint`. Reference: https://learn.microsoft.com/cli/azure/ml/online-endpoint"""

from __future__ import annotations

from typing import Any

from knack.log import get_logger

from . import serving_entities
from .entities import UnfamiliarError
from .rest import Workspace, without_sdk
from .sdk import Entity, Overrides, dump_all, is_missing, load, ml_client, open_in_browser, overriding, wait

logger = get_logger(__name__)
API_VERSION = "2022-02-01-preview"


def refuse_local(local: bool | None) -> None:
    """`--local` runs a deployment in Docker on this machine, beside any workspace. It is not offered here."""
    if local:
        from azure.cli.core.azclierror import InvalidArgumentValueError

        raise InvalidArgumentValueError(
            "--local needs Docker and is not supported by this extension. "
            "Leave it out: the local workspace already runs the deployment on this machine."
        )


def key_values(text: str) -> dict[str, str]:
    """`"blue=90 green=10"` as a dictionary."""
    pairs = (pair.partition("=") for pair in text.split())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _open(endpoint: Any) -> None:
    workspace, _, _ = endpoint.id.partition("/onlineEndpoints")
    tenant = getattr(endpoint.identity, "tenant_id", None)
    url = f"https://ml.azure.com/endpoints/realtime/{endpoint.name}/detail?wsid={workspace}&tid={tenant}"
    open_in_browser(url, "")


def _dump(endpoint: Any, *, web: bool) -> Entity:
    if web:
        _open(endpoint)
    entity: Entity = endpoint.dump()
    return entity


def show(
    cmd: Any, resource_group_name: str, workspace_name: str, name: str, local: bool = False, web: bool = False
) -> Entity:
    refuse_local(local)

    def with_sdk() -> Entity:
        return _dump(ml_client(cmd, resource_group_name, workspace_name).online_endpoints.get(name), web=web)

    if web:
        return with_sdk()
    workspace = Workspace(cmd, resource_group_name, workspace_name)
    path = f"onlineEndpoints/{name}"
    return without_sdk(lambda: serving_entities.online_endpoint(workspace.get(path, API_VERSION)), with_sdk)


def list_(cmd: Any, resource_group_name: str, workspace_name: str, local: bool = False) -> list[Entity]:
    refuse_local(local)

    def with_rest() -> list[Entity]:
        documents = Workspace(cmd, resource_group_name, workspace_name).pages("onlineEndpoints", API_VERSION)
        return [serving_entities.online_endpoint(document) for document in documents]

    def with_sdk() -> list[Entity]:
        return dump_all(ml_client(cmd, resource_group_name, workspace_name).online_endpoints.list())

    return without_sdk(with_rest, with_sdk)


def create(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    auth_mode: str | None = None,
    file: str | None = None,
    name: str | None = None,
    local: bool = False,
    no_wait: bool = False,
    params_override: Overrides | None = None,
    web: bool = False,
) -> Entity | None:
    refuse_local(local)
    fields = overriding(
        params_override,
        name=name.lower() if name else None,  # the service lowers names
        auth_mode=auth_mode.lower() if auth_mode else None,
    )
    client = ml_client(cmd, resource_group_name, workspace_name)
    endpoint = load("online_endpoint", file, fields)
    if _exists(client, endpoint.name):
        refuse_existing("An endpoint", "endpoint", "online-endpoint")
    poller = client.begin_create_or_update(endpoint)
    if no_wait:
        logger.warning(
            "Endpoint create request initiated. Status can be checked using `az ml online-endpoint show -n %s`\n",
            endpoint.name,
        )
        return None
    return _dump(wait(poller), web=web)


def _exists(client: Any, name: str) -> bool:
    try:
        client.online_endpoints.get(name)
    except Exception as error:
        if is_missing(error):
            return False
        raise
    return True


def refuse_existing(what: str, kind: str, group: str) -> None:
    """Creating is not updating: `az ml <group> create` refuses a name that is taken, as the official one does."""
    from azure.ai.ml.exceptions import ErrorTarget, ValidationException

    message = (
        f"(UserError) {what} with this name already exists. If you are trying to create a new {kind}, use a "
        f"different name. If you are trying to update an existing {kind}, use `az ml {group} update` instead."
    )
    target = ErrorTarget.ONLINE_ENDPOINT if kind == "endpoint" else ErrorTarget.ONLINE_DEPLOYMENT
    raise ValidationException(message=message, no_personal_data_message=message, target=target)


def delete(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    local: bool = False,
    no_wait: bool = False,
) -> None:
    refuse_local(local)
    client = ml_client(cmd, resource_group_name, workspace_name)
    if not _exists(client, name):
        raise ValueError(f"Online endpoint {name} does not exist.")
    if not no_wait:
        logger.warning(
            "Delete request initiated. If you interrupt this command or it times out while waiting for deletion "
            "to complete, status can be checked using `az ml online-endpoint show -n %s`\n",
            name,
        )
    wait(client.online_endpoints.begin_delete(name), no_wait=no_wait)


def invoke(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    request_file: str | None = None,
    online_deployment_name: str | None = None,
    local: bool = False,
) -> str:
    refuse_local(local)
    client = ml_client(cmd, resource_group_name, workspace_name)
    answer: str = client.online_endpoints.invoke(
        endpoint_name=name, request_file=request_file, deployment_name=online_deployment_name
    )
    return answer


def get_credentials(cmd: Any, resource_group_name: str, workspace_name: str, name: str) -> Any:
    def with_rest() -> Any:
        workspace = Workspace(cmd, resource_group_name, workspace_name)
        path = f"onlineEndpoints/{name}"
        if workspace.get(path, API_VERSION)["properties"]["authMode"].lower() != "key":
            raise UnfamiliarError("an endpoint without keys")
        return workspace.post(f"{path}/listKeys", API_VERSION)

    def with_sdk() -> Any:
        return ml_client(cmd, resource_group_name, workspace_name).online_endpoints.get_keys(name)

    return without_sdk(with_rest, with_sdk)


def regenerate_keys(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str,
    key_type: str = "primary",
    no_wait: bool = False,
) -> Any:
    client = ml_client(cmd, resource_group_name, workspace_name)
    return wait(client.online_endpoints.begin_regenerate_keys(name=name, key_type=key_type), no_wait=no_wait)


def update_get(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    name: str | None = None,
    file: str | None = None,
    local: bool = False,
) -> Any:
    """The endpoint as the file describes it, else as it is."""
    refuse_local(local)
    client = ml_client(cmd, resource_group_name, workspace_name)
    described = load("online_endpoint", file, overriding(None, name=name.lower() if name else None)) if file else None
    wanted = described.name if described else name
    try:
        current = client.online_endpoints.get(wanted)
    except Exception as error:
        if is_missing(error):
            raise ValueError("Endpoint does not exist.") from error
        raise
    return described or current


def update_set(
    cmd: Any,
    resource_group_name: str,
    workspace_name: str,
    parameters: Any,
    traffic: str | None = None,
    mirror_traffic: str | None = None,
    name: str | None = None,
    file: str | None = None,
    no_wait: bool = False,
    web: bool = False,
) -> Entity | None:
    client = ml_client(cmd, resource_group_name, workspace_name)
    if name:
        parameters.name = name
    if traffic:
        weights = key_values(traffic)
        if not all(weight.isnumeric() for weight in weights.values()):
            raise ValueError("Do not add a delimiter between traffic variables")
        parameters.traffic = weights
    if mirror_traffic:
        parameters.mirror_traffic = key_values(mirror_traffic)
    poller = client.begin_create_or_update(parameters)
    if no_wait:
        logger.warning(
            "Endpoint create request initiated. Status can be checked using `az ml online-endpoint show -n %s`\n",
            parameters.name,
        )
        return None
    return _dump(wait(poller), web=web)
