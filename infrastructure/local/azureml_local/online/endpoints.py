"""REST routes of online endpoints.

Source: Microsoft.MachineLearningServices 2022-02-01-preview and 2023-04-01-preview, Online Endpoints.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import endpoint_names, ignored_settings
from azureml_local.assets.listing import page
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import WS, Host, WorkspaceRef, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document

from . import access, endpoint_rules
from .manager import OnlineManager

COLLECTION = WS + "/onlineEndpoints"
ONE = COLLECTION + "/{endpoint}"
_IDENTITIES = ("SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned", "None")
TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


def find(services: Services, workspace: WorkspaceRef, name: str) -> Document:
    """The endpoint's document, or Azure's 404."""
    document = services.store.get(f"{workspace.id}/onlineEndpoints/{name}")
    if document is None:
        raise AzureError(
            404, "ResourceNotFound", f"Online endpoint '{name}' not found in workspace '{workspace.name}'."
        )
    return document


def set_state(services: Services, identifier: str, state: str) -> Document | None:
    def change(document: Document) -> None:
        document["properties"]["provisioningState"] = state

    return services.store.update(identifier, change)


def install(services: Services, manager: OnlineManager) -> None:
    """Routes of endpoints and their keys."""
    store, routes = services.store, services.routes
    told = ignored_settings.Told()

    def document_of(request: Request) -> Document:
        return find(services, workspace_of(request), request.path_params["endpoint"])

    def completed(request: Request, body: Document, old: Document | None) -> Document:
        """The endpoint as it is going to be. Raises before anything is changed."""
        workspace, name = workspace_of(request), request.path_params["endpoint"]
        given: dict[str, Any] = body.get("properties") or {}
        endpoint_rules.refuse_kubernetes(body)
        identifier = old["id"] if old else f"{workspace.id}/onlineEndpoints/{name}"
        deployments = manager.deployments(identifier)
        servable = {str(each["name"]): manager.serves(each["id"]) for each in deployments}
        traffic = endpoint_rules.traffic(given.get("traffic"), deployments, servable)
        mirror = endpoint_rules.mirror_traffic(given.get("mirrorTraffic"), deployments, traffic, servable)
        name = old["name"] if old else name
        host = endpoint_names.host(services, name)
        return {
            "id": identifier,
            "name": name,
            "type": TYPE,
            "location": body.get("location") or services.settings.location,
            "tags": body.get("tags") or {},
            "kind": "Managed",
            "identity": _identity(services, body.get("identity")),
            "properties": {
                "authMode": endpoint_rules.auth_mode(given.get("authMode")),
                "description": given.get("description"),
                "properties": {str(key): str(value) for key, value in (given.get("properties") or {}).items()},
                "traffic": traffic,
                "mirrorTraffic": mirror,
                "compute": None,
                "publicNetworkAccess": endpoint_rules.public_network_access(given.get("publicNetworkAccess")),
                "scoringUri": f"https://{host}/score",
                "swaggerUri": f"https://{host}/swagger.json",
                "provisioningState": "Updating" if old else "Creating",
            },
        }

    def finish(document: Document) -> Document | None:
        """The operation's end: the routes follow the document, and what is ignored of it is told."""
        for note in told.new(ignored_settings.of_online_endpoint(document)):
            services.log.warning("online endpoints: %s", note)
        finished = set_state(services, document["id"], "Succeeded")
        manager.publish(document["id"])
        return finished

    @routes.get(Host.ARM, COLLECTION)
    async def list_endpoints(request: Request) -> Response:
        return page(request, store.list(f"{workspace_of(request).id}/onlineEndpoints"))

    @routes.get(Host.ARM, ONE)
    async def get_endpoint(request: Request) -> Response:
        return JSONResponse(document_of(request))

    @routes.put(Host.ARM, ONE)
    async def put_endpoint(request: Request) -> Response:
        body = await request.json()
        workspace, name = workspace_of(request), request.path_params["endpoint"]
        endpoint_names.check("endpoint", name)
        old = store.get(f"{workspace.id}/onlineEndpoints/{name}")
        if old is not None:
            endpoint_rules.refuse_if_busy("endpoint", old)
        endpoint_names.check_free(services, workspace, "onlineEndpoints", name)
        operation = str(uuid.uuid4())
        made = completed(request, body, old)
        made["properties"]["properties"].update(
            {
                "azureml.onlineendpointid": made["id"].lower(),
                "AzureAsyncOperationUri": services.operations.status_uri(request, operation),
            }
        )
        document = store.put(made, by=_caller(request))
        given = (body.get("properties") or {}).get("keys") or {}
        for which in ("primary", "secondary"):
            if given.get(f"{which}Key"):
                manager.keys.regenerate(document["id"], which, str(given[f"{which}Key"]))

        async def work() -> Document | None:
            return finish(document)

        status = 200 if old else 201
        return services.operations.start(
            request, work, name=f"endpoint {name}", body=document, status=status, identifier=operation
        )

    @routes.patch(Host.ARM, ONE)
    async def patch_endpoint(request: Request) -> Response:
        """Tags and identity, what Azure's PATCH changes."""
        body, old = await request.json(), document_of(request)
        endpoint_rules.refuse_if_busy("endpoint", old)

        def change(document: Document) -> None:
            document["tags"] = {**document["tags"], **(body.get("tags") or {})}
            if body.get("identity"):
                document["identity"] = _identity(services, body["identity"])
            document["properties"]["provisioningState"] = "Updating"

        document = store.update(old["id"], change)
        assert document is not None

        async def work() -> Document | None:
            return finish(document)

        return services.operations.start(request, work, name=f"endpoint {old['name']}", body=document)

    @routes.delete(Host.ARM, ONE)
    async def delete_endpoint(request: Request) -> Response:
        """Deployments go with their endpoint."""
        document = store.get(f"{workspace_of(request).id}/onlineEndpoints/{request.path_params['endpoint']}")
        if document is None:
            return Response(status_code=204)
        endpoint_rules.refuse_if_busy("endpoint", document)
        for deployment in manager.deployments(document["id"]):
            endpoint_rules.refuse_if_busy("deployment", deployment)
        set_state(services, document["id"], "Deleting")

        async def work() -> None:
            await manager.remove_endpoint(document["id"])

        return services.operations.start(request, work, name=f"delete endpoint {document['name']}")

    @routes.post(Host.ARM, ONE + "/listKeys")
    async def list_keys(request: Request) -> Response:
        document = document_of(request)
        _refuse_other_mode(document, access.KEY, "keys")
        keys = manager.keys.of(document["id"])
        return JSONResponse({"primaryKey": keys.primary, "secondaryKey": keys.secondary})

    @routes.post(Host.ARM, ONE + "/regenerateKeys")
    async def regenerate_keys(request: Request) -> Response:
        body, document = await request.json(), document_of(request)
        _refuse_other_mode(document, access.KEY, "keys")
        endpoint_rules.refuse_if_busy("endpoint", document)
        which = str(body.get("keyType") or "").lower()
        if which not in ("primary", "secondary"):
            raise bad_request(f"keyType '{body.get('keyType')}' is not one of Primary, Secondary.", target="keyType")

        async def work() -> None:
            manager.keys.regenerate(document["id"], which, body.get("keyValue"))
            manager.publish(document["id"])

        return services.operations.start(request, work, name=f"regenerate keys of {document['name']}")

    @routes.post(Host.ARM, ONE + "/token")
    async def get_token(request: Request) -> Response:
        document = document_of(request)
        _refuse_other_mode(document, access.AML_TOKEN, "Azure ML tokens")
        return JSONResponse(access.issue_token(services.tokens, endpoint_names.host(services, document["name"])))


def _caller(request: Request) -> str:
    principal = request.state.principal
    return principal.name if principal is not None else "local"


def _refuse_other_mode(document: Document, mode: str, what: str) -> None:
    if document["properties"]["authMode"] != mode:
        raise bad_request(
            f"The endpoint '{document['name']}' does not use {what}: its authMode is "
            f"{document['properties']['authMode']}.",
            target="authMode",
        )


def _identity(services: Services, given: Document | None) -> Document:
    """A managed identity, the workspace's own principal in either case."""
    settings = services.settings
    said = str((given or {}).get("type") or "SystemAssigned")
    kind = next(
        (known for known in _IDENTITIES if known.lower().replace(",", "") == re.sub("[ ,_]", "", said).lower()), None
    )
    if kind is None:
        raise bad_request(f"The identity type '{said}' is not one of {'; '.join(_IDENTITIES)}.", target="identity")
    named = (given or {}).get("userAssignedIdentities") or {}
    if kind == "None":
        return {"type": "None"}
    identity: Document = {"type": kind, "principalId": settings.object_id, "tenantId": settings.tenant_id}
    if named:
        identity["userAssignedIdentities"] = {
            name: {"principalId": settings.object_id, "clientId": settings.client_id} for name in named
        }
    return identity
