"""Files of a datastore over the Blob service's REST: list, download, upload. Standard library only.

Access is by the SAS that the workspace gives for the datastore, or, where its storage takes identities only, by a token
of the signed-in identity. Source: https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api and
https://learn.microsoft.com/rest/api/azureml/datastores/list-secrets
"""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET  # answers of Azure's storage, over TLS
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from clock import Clock
from errors import ActionError, ExitCode
from known_failures import failure
from rest import RETRY_STATUSES, AzureError, Credential, error_of, retry_after
from transport import Request, Response, Transport, TransportError
from workspace import PREVIEW, Workspace

STORAGE = "https://storage.azure.com"
_VERSION = "2021-12-02"
_PIECE = 8 * 1024 * 1024  # bytes read or written at once
_ATTEMPTS = 5
_LONGEST_WAIT = 60.0  # seconds
_URI = re.compile(r"azureml://(?:.*/)?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)")


@dataclass(frozen=True)
class Place:
    """Where a datastore's path is."""

    datastore: str
    path: str

    @classmethod
    def of(cls, uri: str) -> Place | None:
        """From a short or long `azureml://…/datastores/D/paths/P`; None for anything else."""
        match = _URI.fullmatch(uri)
        return cls(match["datastore"], match["path"]) if match else None


@dataclass
class BlobStore:
    """One datastore's container."""

    url: str
    sas: str
    credential: Credential | None
    transport: Transport
    clock: Clock

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        datastore: str,
        identity: Callable[[], Credential],
        transport: Transport,
        clock: Clock,
        mask: Callable[[str], None],
    ) -> BlobStore:
        """The container behind a datastore. Raises ActionError for a kind of datastore that has no blobs."""
        document = workspace.rest.get(workspace.url(f"/datastores/{quote(datastore)}"))
        found = document.get("properties") or {}
        container = found.get("containerName") or found.get("filesystem")
        if not container or not found.get("accountName"):
            kind = found.get("datastoreType", "of unknown kind")
            raise ActionError(
                f"Datastore {datastore} is {kind}; only blob and data lake storage can be read here.",
                exit_code=ExitCode.BAD_INPUT,
            )
        suffix = str(found.get("endpoint") or "core.windows.net")
        url = f"https://{found['accountName']}.blob.{suffix}/{container}"
        sas = ""
        try:
            path = workspace.url(f"/datastores/{quote(datastore)}/listSecrets", PREVIEW)
            secrets = workspace.rest.call("POST", path, {"expirableSecret": True}).json()
            sas = str(secrets.get("sasToken") or "").lstrip("?")
        except AzureError as error:
            if error.status in (401, 403):
                raise
        if sas:
            mask(sas)
        return cls(url, sas, None if sas else identity(), transport, clock)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Blobs whose names begin with `prefix`: name -> size in bytes."""
        found: dict[str, int] = {}
        marker = ""
        while True:
            query = {"restype": "container", "comp": "list", "prefix": prefix, **({"marker": marker} if marker else {})}
            response = self._checked("GET", "", query)
            root = ET.fromstring(response.body)  # noqa: S314 - not from a stranger, see the import
            for blob in root.iter("Blob"):
                if blob.findtext(".//hdi_isfolder") != "true":
                    found[blob.findtext("Name") or ""] = int(blob.findtext(".//Content-Length") or 0)
            marker = root.findtext("NextMarker") or ""
            if not marker:
                return found

    def download(self, prefix: str, folder: Path) -> list[Path]:
        """Write every blob below `prefix` into `folder`, by its path below the prefix; the files, sorted."""
        files = []
        stem = prefix.rstrip("/")
        for name, size in sorted(self.sizes(stem).items()):
            inside = name.removeprefix(stem).lstrip("/") or Path(name).name
            if name != stem and not name.startswith(f"{stem}/"):
                continue
            target = folder / inside
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ActionError(f"The storage has a file {name}, whose name leads out of {folder}.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for start in range(0, size, _PIECE):
                    end = min(start + _PIECE, size) - 1
                    file.write(self._checked("GET", name, {}, {"x-ms-range": f"bytes={start}-{end}"}).body)
            files.append(target)
        return files

    def upload(self, source: Path, below: str) -> str:
        """Put a file, or a folder's files, under `below`/<hash of the content>/<name>; that path.

        What is there already with the same content is not sent again.
        """
        files = [source] if source.is_file() else sorted(each for each in source.rglob("*") if each.is_file())
        inside = {each: each.relative_to(source.parent).as_posix() for each in files}
        whole = hashlib.sha256()
        for each in files:
            whole.update(inside[each].encode() + b"\0")
            with each.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    whole.update(piece)
        prefix = f"{below}/{whole.hexdigest()[:32]}"
        there = self.sizes(f"{prefix}/")
        for each in files:
            name = f"{prefix}/{inside[each]}"
            if there.get(name) != each.stat().st_size:
                self._put(each, name)
        return f"{prefix}/{source.name}"

    def _put(self, path: Path, name: str) -> None:
        if path.stat().st_size <= _PIECE:
            self._checked("PUT", name, {}, {"x-ms-blob-type": "BlockBlob"}, path.read_bytes())
            return
        blocks: list[str] = []
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                block = base64.b64encode(f"{len(blocks):08d}".encode()).decode()
                blocks.append(block)
                self._checked("PUT", name, {"comp": "block", "blockid": block}, {}, piece)
        listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        self._checked("PUT", name, {"comp": "blocklist"}, {"Content-Type": "application/xml"}, body.encode())

    def _checked(
        self,
        method: str,
        name: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """One request with patience; ActionError for what is refused or never answered. The SAS is never told."""
        parts = "&".join(part for part in (urlencode(query), self.sas) if part)
        url = self.url + (f"/{quote(name)}" if name else "") + (f"?{parts}" if parts else "")
        sent = {"x-ms-version": _VERSION, **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/octet-stream")
        last = ""
        renew = False
        for attempt in range(_ATTEMPTS):
            if self.credential is not None:
                sent["Authorization"] = f"Bearer {self.credential.token(renew=renew)}"
            wait = 2.0**attempt
            try:
                response = self.transport(Request(method, url, sent, body, 120.0))
            except TransportError as error:
                last = str(error)
                if "CERTIFICATE_VERIFY_FAILED" in last:  # waiting does not mend that
                    break
            else:
                if 200 <= response.status < 300:
                    return response
                last = f"{response.status} {' '.join(error_of(response))}".strip()
                if response.status == 401 and self.credential is not None and not renew:
                    renew = True  # ended or revoked before its time
                    continue
                if response.status not in RETRY_STATUSES:
                    break
                wait = min(retry_after(response.headers) or wait, _LONGEST_WAIT)
            if attempt + 1 < _ATTEMPTS:
                self.clock.sleep(wait)
        raise failure(f"{method} of {name or 'the list of files'} at {self.url} failed.", last)
