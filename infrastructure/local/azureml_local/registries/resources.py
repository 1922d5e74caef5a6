"""The registry itself: create, show, list, update, delete, and the discovery by which clients find it.

A registry's name is one in the world, so clients ask any region for it before they know its subscription.

Source: Microsoft.MachineLearningServices 2022-10-01-preview, Registries; the service client registry_discovery of
azure-ai-ml 1.31. The local workspace is one machine: every region that a registry names is served from here.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets import uploads
from azureml_local.errors import AzureError, bad_request, conflict
from azureml_local.routing import GROUP, REGISTRY, SUBSCRIPTION, Host, RegistryRef, registry_id, registry_of
from azureml_local.services import MICROSOFTS, Services
from azureml_local.store import Document

_REGISTRIES = "/providers/Microsoft.MachineLearningServices/registries"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")


def create(services: Services, registry: RegistryRef, body: Document) -> Document:
    """Make a registry, or update the one that is there. Raises AzureError for a body that Azure would refuse."""
    location, regions = _checked(registry.name, body)
    settings = services.settings
    given: Document = body.get("properties") or {}
    old = services.store.get(registry.arm_id)
    if old is not None and old["location"] != location:
        raise conflict(
            f"The registry '{registry.name}' is in '{old['location']}' and cannot move to '{location}'.",
            code="InvalidResourceLocation",
        )
    host = f"{location}.api.azureml.ms"
    return services.store.put(
        {
            "id": registry.arm_id,
            "name": registry.name,
            "type": registry.resource_type,
            "location": location,
            "tags": body.get("tags") or {},
            "identity": {
                "type": "SystemAssigned",
                "principalId": settings.object_id,
                "tenantId": settings.tenant_id,
            },
            "properties": {
                "description": given.get("description"),
                "discoveryUrl": f"https://{host}/registrymanagement/v1.0/registries/{registry.name}/discovery",
                "intellectualPropertyPublisher": given.get("intellectualPropertyPublisher"),
                "managedResourceGroup": {
                    "resourceId": f"/subscriptions/{registry.subscription}/resourceGroups/azureml-rg-{registry.name}"
                },
                "mlFlowRegistryUri": f"azureml://{host}/mlflow/v1.0{registry.arm_id}",
                "publicNetworkAccess": given.get("publicNetworkAccess") or "Enabled",
                "regionDetails": [_region(services, registry, region) for region in regions],
                "provisioningState": "Succeeded",
            },
        }
    )


def _checked(name: str, body: Document) -> tuple[str, list[Document]]:
    """The location and the regions that a body asks for."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"Registry name '{name}' is invalid. It must be between 3 and 33 characters of letters, digits, '-' and "
            "'_', and start with a letter or a digit.",
            code="ValidationError",
            target="name",
        )
    location = re.sub(r"\s", "", str(body.get("location") or "")).lower()
    if not location:
        raise bad_request("A registry needs a 'location'.", target="location")
    regions: list[Document] = (body.get("properties") or {}).get("regionDetails") or []
    if not regions or not all(region.get("location") for region in regions):
        raise bad_request(
            "A registry needs 'replication_locations', each with a 'location'. Name its own location at least.",
            target="regionDetails",
        )
    for region in regions:
        for field, account in (("storageAccountDetails", "userCreatedStorageAccount"),
                               ("acrDetails", "userCreatedAcrAccount")):  # fmt: skip
            if any(details.get(account) for details in region.get(field) or []):
                raise bad_request(
                    f"The registry '{name}' cannot use a storage account or container registry that exists: Azure "
                    "makes its own. Leave out storage_config and container_registry, or give a type only.",
                    target=field,
                )
    return location, regions


def _region(services: Services, registry: RegistryRef, given: Document) -> Document:
    """A region with the accounts that Azure would make in it."""
    providers = f"/subscriptions/{registry.subscription}/resourceGroups/azureml-rg-{registry.name}/providers"

    def account(given: Document | None, field: str, kind: str, name: str, defaults: Document) -> Document:
        asked = {key: value for key, value in ((given or {}).get(field) or {}).items() if value is not None}
        return {field: {**defaults, **asked, "armResourceId": {"resourceId": f"{providers}/{kind}/{name}"}}}

    storage: list[Document] = given.get("storageAccountDetails") or [{}]
    registries: list[Document] = given.get("acrDetails") or [{}]
    name = re.sub(r"[^a-z0-9]", "", registry.name.lower())
    return {
        "location": re.sub(r"\s", "", str(given["location"])).lower(),
        "storageAccountDetails": [
            account(
                details, "systemCreatedStorageAccount", "Microsoft.Storage/storageAccounts", services.blobs.account,
                {"storageAccountHnsEnabled": False, "storageAccountType": "standard_lrs",
                 "storageAccountName": services.blobs.account},
            )
            for details in storage
        ],
        "acrDetails": [
            account(
                details, "systemCreatedAcrAccount", "Microsoft.ContainerRegistry/registries", name,
                {"acrAccountSku": "Premium", "acrAccountName": name},
            )
            for details in registries
        ],
    }  # fmt: skip


def discovery_document(services: Services, registry: RegistryRef) -> Document:
    """Where a registry is: its subscription and group, and the host that serves its assets."""
    document = services.store.get(registry.arm_id)
    location = str(document["location"]) if document else "eastus"
    named = [str(region["location"]) for region in document["properties"]["regionDetails"]] if document else []
    regions = list(dict.fromkeys([location, *named, services.settings.location]))
    return {
        "registryName": registry.name,
        "tenantId": services.settings.tenant_id,
        "primaryRegion": location,
        "regions": regions,
        "subscriptionId": registry.subscription,
        "resourceGroup": registry.group,
        "workspaceName": None,
        "primaryRegionResourceProviderUri": f"https://cert-{location}.experiments.azureml.net/",
        "registryFqdns": {region: {"uri": f"cert-{region}.experiments.azureml.net"} for region in regions},
    }


def delete(services: Services, registry: RegistryRef) -> bool:
    """Delete a registry, its assets and its files."""
    with services.store.transaction():
        gone = services.store.delete(registry.arm_id)
        services.store.delete(registry.id)
    services.blobs.drop_containers(uploads.prefix(services, registry))
    return gone


def install(services: Services) -> None:
    """Routes of registries and of their discovery."""
    store, routes = services.store, services.routes

    def done(request: Request, document: Document | None, *, status: int) -> Response:
        async def work() -> Document | None:
            return document

        return services.operations.start(request, work, name="registry", body=document, status=status)

    @routes.put(Host.ARM, GROUP + _REGISTRIES + "/{name}")
    async def put_registry(request: Request) -> Response:
        parameters = request.path_params
        group = store.get(f"/subscriptions/{parameters['subscription']}/resourceGroups/{parameters['group']}")
        if group is None:
            raise AzureError(
                404, "ResourceGroupNotFound", f"Resource group '{parameters['group']}' could not be found."
            )
        registry = RegistryRef(str(group["id"]).split("/")[2], group["name"], parameters["name"])
        existing = services.registry(registry.name)
        if existing is not None and existing.arm_id.lower() != registry.arm_id.lower():
            raise conflict(
                f"The registry name '{registry.name}' is taken, in resource group '{existing.group}'. Names of "
                "registries are unique: choose another one.",
                code="RegistryNameNotAvailable",
            )
        document = create(services, existing or registry, await request.json())
        return done(request, document, status=200 if existing else 201)

    @routes.get(Host.ARM, REGISTRY)
    async def get_registry(request: Request) -> Response:
        return JSONResponse(store.get(registry_of(request).arm_id))

    @routes.patch(Host.ARM, REGISTRY)
    async def patch_registry(request: Request) -> Response:
        body: dict[str, Any] = await request.json()

        def change(document: Document) -> None:
            document["tags"] = body["tags"] if body.get("tags") is not None else document["tags"]

        return JSONResponse(store.update(registry_of(request).arm_id, change))

    @routes.delete(Host.ARM, GROUP + _REGISTRIES + "/{name}")
    async def delete_registry(request: Request) -> Response:
        parameters = request.path_params
        registry = services.registry(parameters["name"])
        asked = registry_id(parameters["subscription"], parameters["group"], parameters["name"])
        if registry is None or registry.arm_id.lower() != asked.lower():
            return Response(status_code=204)
        delete(services, registry)
        return done(request, None, status=202)

    @routes.get(Host.ARM, GROUP + _REGISTRIES)
    async def list_by_group(request: Request) -> Response:
        group = f"/subscriptions/{request.path_params['subscription']}/resourceGroups/{request.path_params['group']}"
        return JSONResponse({"value": store.list(group + _REGISTRIES)})

    @routes.get(Host.ARM, SUBSCRIPTION + _REGISTRIES)
    async def list_by_subscription(_: Request) -> Response:
        return JSONResponse({"value": [store.get(registry.arm_id) for registry in services.registries()]})

    @routes.get(Host.API, "/registrymanagement/v1.0/registries/{name}/discovery")
    async def discover(request: Request) -> Response:
        name = request.path_params["name"]
        registry = services.registry(name)
        if registry is None:
            raise AzureError(
                404,
                "UserError",
                f"The registry '{name}' was not found. Create it (`az ml registry create`), or check its name"
                f"{_there_are(services)}",
            )
        return JSONResponse(discovery_document(services, registry))


def _there_are(services: Services) -> str:
    names = [registry.name for registry in services.registries()]
    return f"; there are: {', '.join([*names, MICROSOFTS.name])}."
