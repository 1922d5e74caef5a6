"""Blob storage: plain files on disk behind the subset of the Blob API that the SDK and MLflow use.

Every workspace has a container for data and one for run artifacts (named in its datastores' documents); SDK uploads of
code get a fresh container each. A blob is a file, so steps read inputs and write outputs in place. `blob_api` answers
the REST calls.
"""

from __future__ import annotations

import hmac
import re
import shutil
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

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

    @property
    def uploads(self) -> Path:
        """Where uploads lie until they are whole, and what is known of blobs beside their bytes."""
        return self.root / ".uploads"

    def has_container(self, name: str) -> bool:
        return bool(_CONTAINER.fullmatch(name)) and (self.root / self.account / name).is_dir()

    def container(self, name: str) -> Path:
        """The container's folder, made when missing: clients never create containers themselves."""
        if not _CONTAINER.fullmatch(name):
            raise AzureError(400, "InvalidResourceName", f"The container name '{name}' is not valid.")
        folder = self.root / self.account / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_containers(self, prefix: str) -> None:
        """Delete the containers whose names begin so, with what is in them."""
        for folder in (self.root / self.account).glob(f"{prefix}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def path(self, container: str, blob: str = "") -> Path:
        """Where a blob (or a folder of blobs) lies. Refuses a path that leaves its container."""
        if ".." in Path(blob).parts or "\0" in blob:
            raise AzureError(400, "InvalidUri", f"The blob path '{blob}' leaves its container.")
        return self.container(container) / blob.lstrip("/")

    def url(self, container: str, blob: str = "") -> str:
        """The blob's URL without a signature. `blob` is its name as it is, not URL-quoted."""
        return f"https://{self.host}/{container}" + (f"/{quote(blob.lstrip('/'))}" if blob else "")

    def parse_url(self, url: str) -> tuple[str, str] | None:
        """(container, blob) of a URL of this account, signed or not; None for any other URL."""
        parts = urlsplit(url)
        if parts.scheme != "https" or (parts.hostname or "") != self.host:
            return None
        container, _, blob = unquote(parts.path).lstrip("/").partition("/")
        return container, blob

    def sas(self, container: str, *, permissions: str = "racwdl", seconds: float = SAS_SECONDS) -> str:
        """A query string that opens one container for a while: `sv=…&sig=…`."""
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._tokens.now() + seconds))
        signature = self._tokens.signature("sas", self.account, container, permissions, expiry)
        return f"sv=2021-08-06&sr=c&sp={permissions}&se={expiry.replace(':', '%3A')}&sig={signature}"

    def signed_url(self, container: str, blob: str, *, permissions: str = "racwdl") -> str:
        """The blob's URL with a signature that opens it."""
        return f"{self.url(container, blob)}?{self.sas(container, permissions=permissions)}"

    def sas_refusal(self, query: Mapping[str, str], container: str, permissions: str) -> str | None:
        """Why this SAS does not open the container for any of `permissions`, or None when it does."""
        granted, expiry = query.get("sp", ""), query.get("se", "")
        signature = self._tokens.signature("sas", self.account, container, granted, expiry)
        if not hmac.compare_digest(signature, query.get("sig", "")):
            return "Signature did not match: it was made for another container, other permissions or another time."
        end = datetime.strptime(expiry, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        if end.timestamp() <= self._tokens.now():
            return f"Signature not valid in the specified time frame: it expired at {expiry}."
        if not set(permissions) & set(granted):
            return f"The signature grants '{granted}', and this operation needs '{permissions}'."
        return None


def install(services: Services) -> None:
    services.blobs = BlobStore(services.paths.blobs, services.settings.storage_account, services.tokens)
