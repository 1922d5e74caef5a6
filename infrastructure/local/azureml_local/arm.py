"""The control plane around a workspace: subscriptions, resource groups, workspaces.

Source: ARM REST 2022-12-01 (subscriptions, groups) and Microsoft.MachineLearningServices 2024-04-01 (workspaces).
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import AzureError, bad_request, not_found
from .routing import GROUP, SUBSCRIPTION, WS, Host, workspace_of
from .services import Services
from .settings import workspace_id
from .store import Document

_WORKSPACES = "/providers/Microsoft.MachineLearningServices/workspaces"
_WORKSPACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")


def subscription_document(services: Services) -> Document:
    settings = services.settings
    return {
        "id": f"/subscriptions/{settings.subscription_id}",
        "subscriptionId": settings.subscription_id,
        "tenantId": settings.tenant_id,
        "displayName": settings.subscription_name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def create_group(services: Services, name: str, location: str, tags: dict[str, str] | None = None) -> Document:
    """A resource group, as ARM shows it."""
    return services.store.put(
        {
            "id": f"/subscriptions/{services.settings.subscription_id}/resourceGroups/{name}",
            "name": name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": location,
            "tags": tags or {},
            "properties": {"provisioningState": "Succeeded"},
        }
    )


def check_workspace_name(name: object) -> None:
    """Raises AzureError for a name that Azure would refuse."""
    if not isinstance(name, str) or not _WORKSPACE_NAME.fullmatch(name):
        raise bad_request(
            f"Workspace name '{name}' is invalid. It must be between 3 and 33 characters of letters, digits, "
            "'-' and '_', and start with a letter or a digit.",
            code="ValidationError",
        )


def create_workspace(services: Services, group: str, name: str, body: Document | None = None) -> Document:
    """A workspace with its own storage containers; the settings' workspace keeps the settings' guid."""
    settings = services.settings
    body = body or {}
    given: dict[str, Any] = body.get("properties") or {}
    identifier = workspace_id(settings.subscription_id, group, name)
    existing = services.store.get(identifier)
    seeded = (group.lower(), name.lower()) == (settings.resource_group.lower(), settings.workspace.lower())
    guid = settings.workspace_guid if seeded else str(uuid.uuid4())
    if existing is not None:
        guid = existing["properties"]["workspaceId"]
        identifier, name = existing["id"], existing["name"]
    prefix = f"/subscriptions/{settings.subscription_id}/resourceGroups/{group}/providers"
    document = services.store.put(
        {
            "id": identifier,
            "name": name,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": settings.location,
            "tags": body.get("tags") or {},
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": {
                "type": "SystemAssigned",
                "principalId": settings.object_id,
                "tenantId": settings.tenant_id,
            },
            "properties": {
                "friendlyName": given.get("friendlyName") or name,
                "description": given.get("description") or "",
                "workspaceId": guid,
                "tenantId": settings.tenant_id,
                "provisioningState": "Succeeded",
                "discoveryUrl": f"https://{settings.api_host}/discovery",
                "mlFlowTrackingUri": f"azureml://{settings.api_host}/mlflow/v1.0{identifier}",
                "storageAccount": f"{prefix}/Microsoft.Storage/storageAccounts/{settings.storage_account}",
                "keyVault": f"{prefix}/Microsoft.KeyVault/vaults/{name}-kv",
                "applicationInsights": f"{prefix}/Microsoft.Insights/components/{name}-ai",
                "containerRegistry": None,
                "publicNetworkAccess": "Enabled",
                "hbiWorkspace": False,
                "allowPublicAccessWhenBehindVnet": False,
                "storageHnsEnabled": False,
                "v1LegacyMode": False,
                "mlStudioWorkspaceId": guid,
                "enableDataIsolation": False,
            },
        }
    )
    for hook in services.on_workspace:
        hook(document)
    return document


def seed(services: Services) -> None:
    """The group and workspace that the settings name, once."""
    settings = services.settings
    group = f"/subscriptions/{settings.subscription_id}/resourceGroups/{settings.resource_group}"
    if services.store.get(group) is None:
        create_group(services, settings.resource_group, settings.location)
    if services.store.get(settings.workspace_id) is None:
        create_workspace(services, settings.resource_group, settings.workspace)


def install(services: Services) -> None:
    """Routes of management.azure.com above the workspace, and the workspace itself."""
    settings, store = services.settings, services.store
    seed(services)

    def group_of(request: Request) -> Document:
        name = request.path_params["group"]
        document = store.get(f"/subscriptions/{settings.subscription_id}/resourceGroups/{name}")
        if document is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return document

    @services.routes.get(Host.ARM, "/subscriptions")
    async def subscriptions(_: Request) -> Response:
        return JSONResponse({"value": [subscription_document(services)], "count": {"type": "Total", "value": 1}})

    @services.routes.get(Host.ARM, "/tenants")
    async def tenants(_: Request) -> Response:
        tenant = {
            "id": f"/tenants/{settings.tenant_id}",
            "tenantId": settings.tenant_id,
            "displayName": "Local",
        }
        return JSONResponse({"value": [tenant]})

    @services.routes.get(Host.ARM, SUBSCRIPTION)
    async def subscription(_: Request) -> Response:
        return JSONResponse(subscription_document(services))

    async def provider(request: Request) -> Response:
        """There is nothing to register here: what the local workspace does, it does at once."""
        name = request.path_params["provider"]
        if not name.lower().startswith("microsoft."):
            raise AzureError(404, "InvalidResourceNamespace", f"The resource namespace '{name}' is invalid.")
        identifier = f"/subscriptions/{settings.subscription_id}/providers/{name}"
        return JSONResponse(
            {"id": identifier, "namespace": name, "registrationState": "Registered", "resourceTypes": []}
        )

    services.routes.post(Host.ARM, SUBSCRIPTION + "/providers/{provider}/register")(provider)
    services.routes.get(Host.ARM, SUBSCRIPTION + "/providers/{provider}")(provider)

    @services.routes.get(Host.ARM, SUBSCRIPTION + "/resourceGroups")
    async def groups(_: Request) -> Response:
        return JSONResponse({"value": store.list(f"/subscriptions/{settings.subscription_id}/resourceGroups")})

    @services.routes.put(Host.ARM, GROUP)
    async def put_group(request: Request) -> Response:
        body = await request.json()
        name = request.path_params["group"]
        existed = store.get(f"/subscriptions/{settings.subscription_id}/resourceGroups/{name}")
        document = create_group(
            services,
            existed["name"] if existed else name,
            body.get("location") or settings.location,
            body.get("tags"),
        )
        return JSONResponse(document, status_code=200 if existed else 201)

    @services.routes.get(Host.ARM, GROUP)
    async def get_group(request: Request) -> Response:
        return JSONResponse(group_of(request))

    @services.routes.head(Host.ARM, GROUP)
    async def head_group(request: Request) -> Response:
        name = request.path_params["group"]
        found = store.get(f"/subscriptions/{settings.subscription_id}/resourceGroups/{name}")
        return Response(status_code=204 if found else 404)

    @services.routes.get(Host.ARM, SUBSCRIPTION + _WORKSPACES)
    async def workspaces(_: Request) -> Response:
        return JSONResponse({"value": [store.get(reference.id) for reference in services.workspaces()]})

    @services.routes.get(Host.ARM, GROUP + _WORKSPACES)
    async def group_workspaces(request: Request) -> Response:
        return JSONResponse({"value": store.list(group_of(request)["id"] + _WORKSPACES)})

    @services.routes.put(Host.ARM, WS)
    async def put_workspace(request: Request) -> Response:
        group = group_of(request)
        name = request.path_params["workspace"]
        check_workspace_name(name)
        existed = services.workspace(settings.subscription_id, group["name"], name)
        document = create_workspace(services, group["name"], name, await request.json())
        return JSONResponse(document, status_code=200 if existed else 201)

    @services.routes.patch(Host.ARM, WS)
    async def patch_workspace(request: Request) -> Response:
        body = await request.json()
        given: dict[str, Any] = body.get("properties") or {}

        def change(document: Document) -> None:
            document["tags"] = body["tags"] if body.get("tags") is not None else document["tags"]
            for name in ("friendlyName", "description"):
                if given.get(name) is not None:
                    document["properties"][name] = given[name]

        return JSONResponse(store.update(workspace_of(request).id, change))

    @services.routes.get(Host.ARM, WS)
    async def get_workspace(request: Request) -> Response:
        document = store.get(workspace_of(request).id)
        if document is None:
            raise not_found("workspace", request.path_params["workspace"])
        return JSONResponse(document)

    @services.routes.get(Host.API, "/discovery", authenticated=False)
    async def discovery(request: Request) -> Response:
        base = f"https://{request.url.netloc}"
        names = (
            "api",
            "history",
            "hyperdrive",
            "execution",
            "modelmanagement",
            "notebooks",
            "experimentation",
        )
        return JSONResponse(dict.fromkeys((*names, "mlflow", "studio"), base))
