"""A workspace in memory with storage, assets and compute, called as clients call it, for unit tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from azureml_local import arm, assets, blob_api, blobs, compute, datastores, operations, registries
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from support.local_server import ARM, Server, make_server


@dataclass
class Storage:
    """The workspace's ARM and Blob API. Every method is one request."""

    server: Server

    @property
    def services(self) -> Services:
        return self.server.services

    @property
    def workspace(self) -> WorkspaceRef:
        return self.services.workspaces()[0]

    @property
    def container(self) -> str:
        """The container of workspaceblobstore."""
        return datastores.container_of(self.services, self.workspace, datastores.BLOB_STORE)

    def arm(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """A request below the workspace, such as GET `/models/m/versions/1`."""
        url = ARM + self.workspace.id + path
        if body is not None:
            options["json"] = body
        return asyncio.run(self.server.call(method, url, **options))

    def blob(self, method: str, path: str = "", query: str = "", **options: Any) -> httpx.Response:
        """A request to the container of workspaceblobstore, with a signature for everything unless `sas` says other."""
        sas = options.pop("sas", None)
        signature = self.services.blobs.sas(self.container) if sas is None else sas
        url = f"{self.services.blobs.url(self.container, path)}?{'&'.join(filter(None, (query, signature)))}"
        token = options.pop("token", "")
        return asyncio.run(self.server.call(method, url, token=token, **options))

    def file(self, path: str, content: str = "x") -> str:
        """Put a file into workspaceblobstore; its azureml:// URI."""
        target = self.services.blobs.path(self.container, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        return f"azureml://datastores/workspaceblobstore/paths/{path}"


def make_storage(folder: Path) -> Storage:
    return Storage(make_server(folder, operations, arm, blobs, blob_api, datastores, assets, registries, compute))


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an ARM error."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]
