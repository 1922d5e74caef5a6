"""A registry's storage, as clients are let in: to upload the files of a version to be, to download those of one.

Source: the service client v2021_10_01_dataplanepreview of azure-ai-ml 1.31, temporary data references and data
references.
"""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets import references, uploads
from azureml_local.assets.references import Reference
from azureml_local.errors import bad_request, conflict
from azureml_local.routing import REGION_PREFIX, REGISTRY, Host, WorkspaceRef, registry_of
from azureml_local.services import Services
from azureml_local.store import Document


def _asset(services: Services, request: Request, body: Document) -> Reference:
    """The version that a request is about: named in its body, in a form that tells the collection too."""
    registry, text = registry_of(request), str(body.get("assetId") or "")
    nowhere = WorkspaceRef("", "", "", "")
    reference = references.parse(services, nowhere, text) if text.startswith("azureml://registries/") else None
    if reference is None or reference.home != registry or reference.version is None:
        raise bad_request(
            f"assetId '{text}' is not the id of a version in the registry '{registry.name}': "
            f"{registry.id}/models/NAME/versions/VERSION, for example.",
            target="assetId",
        )
    return reference


def install(services: Services) -> None:
    """Routes of data references, where the registry's assets are served."""
    routes = services.routes

    @routes.put(Host.REGION, REGION_PREFIX + REGISTRY + "/tempdatarefs/{name}/versions/{version}")
    async def upload_reference(request: Request) -> Response:
        asset = _asset(services, request, await request.json())
        home = registry_of(request)
        if services.store.get(f"{home.id}/{asset.collection}/{asset.name}/versions/{asset.version}"):
            # The client knows this status, and goes on without an upload.
            raise conflict(
                f"'{asset.name}' version '{asset.version}' is in the registry '{home.name}' already, and its files "
                "cannot be changed."
            )
        return JSONResponse(
            {
                "temporaryDataReferenceId": str(uuid.uuid4()),
                "temporaryDataReferenceType": "TemporaryBlobReference",
                "blobReferenceForConsumption": uploads.blob_reference(
                    services, home, uploads.fresh_container(services, home)
                ),
            }
        )

    @routes.post(Host.REGION, REGION_PREFIX + REGISTRY + "/datarefs/{name}/versions/{version}")
    async def download_reference(request: Request) -> Response:
        body = await request.json()
        _asset(services, request, body)
        home = registry_of(request)
        place = services.blobs.parse_url(str(body.get("blobUri") or ""))
        if place is None or not place[0].startswith(uploads.prefix(services, home)):
            raise bad_request(f"blobUri '{body.get('blobUri')}' is not in the registry's storage.", target="blobUri")
        reference = uploads.blob_reference(services, home, *place, permissions="rl")
        return JSONResponse({"blobReferenceForConsumption": reference})
