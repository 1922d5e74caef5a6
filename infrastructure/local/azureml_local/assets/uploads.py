"""Where a client may put the files of an asset before it registers it: a fresh container and the signature to it.

Source: Microsoft.MachineLearningServices 2023-04-01, "Create Or Get Start Pending Upload".
"""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.routing import WS, Host
from azureml_local.services import Services


def install(services: Services, collection: str) -> None:
    """The route for one kind of asset."""

    @services.routes.post(Host.ARM, f"{WS}/{collection}/{{name}}/versions/{{version}}/startPendingUpload")
    async def start_pending_upload(request: Request) -> Response:
        blobs, settings = services.blobs, services.settings
        container = f"{settings.subscription_id[:10].rstrip('-')}-{uuid.uuid4()}"
        blobs.container(container)
        account = (
            f"/subscriptions/{settings.subscription_id}/resourceGroups/{request.path_params['group']}"
            f"/providers/Microsoft.Storage/storageAccounts/{blobs.account}"
        )
        return JSONResponse(
            {
                "pendingUploadId": str(uuid.uuid4()),
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": {
                    "blobUri": blobs.url(container),
                    "storageAccountArmId": account,
                    "credential": {
                        "credentialType": "SAS",
                        "sasUri": f"{blobs.url(container)}?{blobs.sas(container)}",
                    },
                },
            }
        )
