"""The Blob service's REST API, as far as the SDK, MLflow and az use it, over the files of `blobs.BlobStore`.

Source: learn.microsoft.com/rest/api/storageservices/blob-service-rest-api.
"""

from __future__ import annotations

from azureml_local.services import Services

from . import routes
from .properties import PropertyStore
from .upload import Uploads


def install(services: Services) -> None:
    """Routes of `<account>.blob.core.windows.net`."""
    blobs = services.blobs
    blobs.uploads.mkdir(parents=True, exist_ok=True)
    properties = PropertyStore(blobs.uploads / "properties.db")
    uploads = Uploads(blobs, properties)
    uploads.forget_abandoned()
    routes.install(services, properties, uploads)

    async def close() -> None:
        properties.close()

    services.on_stop.append(close)
