"""Blob storage: plain files on disk behind the subset of the Blob API that the SDK and MLflow use.

Every workspace has its own container `azureml-blobstore-<workspace guid>` for data and `azureml` for run artifacts; SDK
uploads of code get a fresh container each. A blob is a file, so steps read inputs and write outputs in place.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from .errors import AzureError
from .services import Services
from .tokens import Tokens

_CONTAINER = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]")
SAS_SECONDS = 24 * 3600


class BlobStore:
    """Containers and blobs below one folder: `<root>/<account>/<container>/<path>`."""

    def __init__(self, root: Path, account: str, tokens: Tokens) -> None:
        self.root = root
        self.account = account
        self._tokens = tokens

    @property
    def host(self) -> str:
        return f"{self.account}.blob.core.windows.net"

    def container(self, name: str) -> Path:
        """The container's folder, made when missing: clients never create containers themselves."""
        if not _CONTAINER.fullmatch(name):
            raise AzureError(400, "InvalidResourceName", f"The container name '{name}' is not valid.")
        folder = self.root / self.account / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def path(self, container: str, blob: str = "") -> Path:
        """Where a blob (or a folder of blobs) lies. Refuses a path that leaves its container."""
        folder = self.container(container)
        target = folder / blob.lstrip("/")
        if ".." in Path(blob).parts or "\0" in blob:
            raise AzureError(400, "InvalidUri", f"The blob path '{blob}' leaves its container.")
        return target

    def url(self, container: str, blob: str = "") -> str:
        """The blob's URL without a signature."""
        return f"https://{self.host}/{container}" + (f"/{blob.lstrip('/')}" if blob else "")

    def sas(self, container: str, *, permissions: str = "racwdl", seconds: float = SAS_SECONDS) -> str:
        """A query string that opens one container for a while: `sv=…&sig=…`."""
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._tokens.now() + seconds))
        signature = self._tokens.signature("sas", self.account, container, permissions, expiry)
        return f"sv=2021-08-06&sr=c&sp={permissions}&se={expiry.replace(':', '%3A')}&sig={signature}"

    def signed_url(self, container: str, blob: str, *, permissions: str = "racwdl") -> str:
        """The blob's URL with a signature that opens it."""
        return f"{self.url(container, blob)}?{self.sas(container, permissions=permissions)}"


def install(services: Services) -> None:
    services.blobs = BlobStore(services.paths.blobs, services.settings.storage_account, services.tokens)
