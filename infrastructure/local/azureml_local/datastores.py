"""Datastores: names for blob containers. Two are there from the start, in containers of the workspace's own.

Source: Microsoft.MachineLearningServices 2024-10-01-preview, Datastores.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .assets.listing import page
from .errors import AzureError, bad_request
from .routing import WS, Host, WorkspaceRef, workspace_of
from .services import Services
from .store import Document

BLOB_STORE = "workspaceblobstore"
ARTIFACT_STORE = "workspaceartifactstore"

_TYPE = "Microsoft.MachineLearningServices/workspaces/datastores"
_NAME = re.compile(r"[a-z0-9_]{1,255}", re.IGNORECASE)
_SECRETS = "internal:/datastore-secrets"
_KINDS = ("AzureBlob", "AzureDataLakeGen1", "AzureDataLakeGen2", "AzureFile", "OneLake")


def seed(services: Services, workspace: Document) -> None:
    """The datastores that every workspace has, once."""
    guid = workspace["properties"]["workspaceId"]
    parts = str(workspace["id"]).split("/")
    seeded = {
        BLOB_STORE: (f"azureml-blobstore-{guid}", True),
        ARTIFACT_STORE: (f"azureml-{guid}", False),
    }
    for name, (container, is_default) in seeded.items():
        identifier = f"{workspace['id']}/datastores/{name}"
        services.blobs.container(container)
        if services.store.get(identifier) is not None:
            continue
        services.store.put(
            {
                "id": identifier,
                "name": name,
                "type": _TYPE,
                "properties": {
                    "datastoreType": "AzureBlob",
                    "accountName": services.blobs.account,
                    "containerName": container,
                    "endpoint": "core.windows.net",
                    "protocol": "https",
                    "isDefault": is_default,
                    "credentials": {"credentialsType": "Sas"},
                    "serviceDataAccessAuthIdentity": "None",
                    "subscriptionId": parts[2],
                    "resourceGroup": parts[4],
                    "description": None,
                    "properties": {},
                    "tags": {},
                },
            }
        )


def find(services: Services, workspace: WorkspaceRef, name: str) -> Document:
    """The datastore's document, or Azure's 404."""
    document = services.store.get(f"{workspace.id}/datastores/{name}")
    if document is None:
        raise AzureError(404, "UserError", f"Could not find datastore: {name}.")
    return document


def container_of(services: Services, workspace: WorkspaceRef, name: str) -> str:
    """The local blob container behind a datastore. A datastore elsewhere is an error that says so."""
    document = find(services, workspace, name)
    given = document["properties"]
    container = given.get("containerName")
    local = given["datastoreType"] == "AzureBlob" and given.get("accountName") == services.blobs.account
    if not local or not services.blobs.has_container(str(container)):
        where = f"{given['datastoreType']} '{given.get('accountName')}/{container or given.get('filesystem') or ''}'"
        raise bad_request(
            f"The datastore '{document['name']}' is {where}, which the local workspace cannot read. "
            f"Locally, data must lie in {BLOB_STORE} or in another container of account '{services.blobs.account}'."
        )
    return str(container)


def path_of(services: Services, workspace: WorkspaceRef, name: str, path: str) -> Path:
    """Where a datastore's path lies on disk; it need not exist."""
    return services.blobs.path(container_of(services, workspace, name), path)


def _checked(name: str, body: Document) -> dict[str, Any]:
    """The properties of a datastore to be created, or a 400 that says what is wrong."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The datastore name '{name}' is not valid. It may have up to 255 letters, digits and underscores.",
            target="name",
        )
    given: dict[str, Any] = body.get("properties") or {}
    kind = given.get("datastoreType")
    if kind not in _KINDS:
        raise bad_request(f"datastoreType '{kind}' is not one of {', '.join(_KINDS)}.", target="datastoreType")
    needed = {"AzureBlob": ("accountName", "containerName"), "AzureDataLakeGen2": ("accountName", "filesystem"),
              "AzureFile": ("accountName", "fileShareName")}.get(kind, ())  # fmt: skip
    for field in needed:
        if not given.get(field):
            raise bad_request(f"A datastore of type {kind} needs '{field}'.", target=field)
    return given


def install(services: Services) -> None:
    """Routes of datastores; seeds those of the workspaces there are and will be."""
    store, routes = services.store, services.routes
    for reference in services.workspaces():
        document = store.get(reference.id)
        assert document is not None
        seed(services, document)
    services.on_workspace.append(lambda document: seed(services, document))

    @routes.get(Host.ARM, WS + "/datastores")
    async def list_datastores(request: Request) -> Response:
        documents = store.list(f"{workspace_of(request).id}/datastores")
        if (wanted := request.query_params.get("isDefault")) is not None:
            documents = [d for d in documents if d["properties"].get("isDefault", False) == (wanted.lower() == "true")]
        if names := request.query_params.get("names"):
            documents = [d for d in documents if d["name"] in names.split(",")]
        return page(request, documents)

    @routes.get(Host.ARM, WS + "/datastores/{name}")
    async def get_datastore(request: Request) -> Response:
        return JSONResponse(find(services, workspace_of(request), request.path_params["name"]))

    @routes.post(Host.ARM, WS + "/datastores/{name}/listSecrets")
    async def list_secrets(request: Request) -> Response:
        document = find(services, workspace_of(request), request.path_params["name"])
        kept = store.get(f"{_SECRETS}{document['id']}")
        if kept is not None:
            return JSONResponse(kept["secrets"])
        given = document["properties"]
        if given.get("accountName") != services.blobs.account:
            raise bad_request(f"The datastore '{document['name']}' has no stored credential.")
        return JSONResponse({"secretsType": "Sas", "sasToken": services.blobs.sas(given["containerName"])})

    @routes.put(Host.ARM, WS + "/datastores/{name}")
    async def put_datastore(request: Request) -> Response:
        body, workspace, name = await request.json(), workspace_of(request), request.path_params["name"]
        given = _checked(name, body)
        identifier = f"{workspace.id}/datastores/{name}"
        old = store.get(identifier)
        if name.lower() in (BLOB_STORE, ARTIFACT_STORE):
            raise bad_request(f"The datastore '{name}' belongs to the workspace and cannot be changed.")
        credentials = dict(given.get("credentials") or {"credentialsType": "None"})
        secrets = credentials.pop("secrets", None)
        document = store.put(
            {
                "id": old["id"] if old else identifier,
                "name": old["name"] if old else name,
                "type": _TYPE,
                "properties": {
                    "isDefault": False,
                    "description": None,
                    "properties": {},
                    "tags": {},
                    **given,
                    "credentials": credentials,
                },
            }
        )
        if secrets:
            store.put({"id": f"{_SECRETS}{document['id']}", "secrets": secrets})
        return JSONResponse(document, status_code=200 if old else 201)

    @routes.delete(Host.ARM, WS + "/datastores/{name}")
    async def delete_datastore(request: Request) -> Response:
        workspace, name = workspace_of(request), request.path_params["name"]
        if name.lower() in (BLOB_STORE, ARTIFACT_STORE):
            raise bad_request(f"The datastore '{name}' belongs to the workspace and cannot be deleted.")
        identifier = f"{workspace.id}/datastores/{name}"
        store.delete(f"{_SECRETS}{identifier}")
        return Response(status_code=200 if store.delete(identifier) else 204)
