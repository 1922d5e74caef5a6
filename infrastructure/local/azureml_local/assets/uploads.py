"""Where a client may put the files of an asset before it registers it: a fresh container and the signature to it; and
whether they are there when it does.

Source: Microsoft.MachineLearningServices 2023-04-01, "Create Or Get Start Pending Upload".
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import bad_request
from azureml_local.routing import REGISTRY, WS, Home, Host, RegistryRef, home_of
from azureml_local.services import Services
from azureml_local.store import Document


def check(services: Services, url: object, field: str) -> Path:
    """Where uploaded files lie. Raises AzureError when the URL is elsewhere, or when there is nothing.

    field: the property that has the URL, for messages.
    """
    if not url:
        raise bad_request(f"'{field}' is missing.", target=field)
    place = services.blobs.parse_url(str(url).replace(":443/", "/", 1))
    if place is None or not services.blobs.has_container(place[0]):
        raise bad_request(
            f"The {field} '{url}' is not in the storage account '{services.blobs.account}'. Upload the files first.",
            target=field,
        )
    path = services.blobs.path(*place)
    if not path.exists():
        raise bad_request(f"There is nothing at the {field} '{url}': upload the files first.", target=field)
    return path


def prefix(services: Services, home: Home) -> str:
    """What the names of the containers with a home's uploads begin with. A registry's are deleted with it."""
    if isinstance(home, RegistryRef):
        return f"registry-{hashlib.sha256(home.name.lower().encode()).hexdigest()[:12]}-"
    return f"{services.settings.subscription_id[:10].rstrip('-')}-"


def fresh_container(services: Services, home: Home) -> str:
    """A new container for the files of one version; its name."""
    container = f"{prefix(services, home)}{uuid.uuid4()}"
    services.blobs.container(container)
    return container


def blob_reference(
    services: Services, home: Home, container: str, blob: str = "", *, permissions: str = "racwdl"
) -> Document:
    """How a client reaches a blob: its URL, and its container's with a signature."""
    blobs = services.blobs
    sas = blobs.sas(container, permissions=permissions)
    account = (
        f"/subscriptions/{home.subscription}/resourceGroups/{home.group}"
        f"/providers/Microsoft.Storage/storageAccounts/{blobs.account}"
    )
    return {
        "blobUri": blobs.url(container, blob),
        "storageAccountArmId": account,
        "credential": {"credentialType": "SAS", "sasUri": f"{blobs.url(container)}?{sas}"},
    }


def install(services: Services, collection: str) -> None:
    """The routes for one kind of asset."""

    async def start_pending_upload(request: Request) -> Response:
        home = home_of(request)
        return JSONResponse(
            {
                "pendingUploadId": str(uuid.uuid4()),
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": blob_reference(services, home, fresh_container(services, home)),
            }
        )

    for base in (WS, REGISTRY):
        pattern = f"{base}/{collection}/{{name}}/versions/{{version}}/startPendingUpload"
        services.routes.post(Host.ARM, pattern)(start_pending_upload)
