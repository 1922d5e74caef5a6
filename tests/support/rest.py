"""A running local workspace by its REST API, through its proxy, as any HTTPS client calls it."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from azureml_local.paths import StatePaths
from azureml_local.settings import Settings

VERSION = "?api-version=2023-04-01-preview"


@dataclass
class Rest:
    """Calls below one workspace, signed in as its service principal."""

    paths: StatePaths
    settings: Settings
    _token: str = field(default="", repr=False)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(**self._connection(), **options)

    def async_client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self._connection(), **options)

    def _connection(self) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=str(self.paths.certificates / "ca.pem"))
        return {"proxy": f"http://127.0.0.1:{self.settings.proxy_port}", "verify": context, "timeout": 60}

    def token(self, audience: str = "https://management.azure.com/") -> str:
        """An access token, by client secret."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret,
            "scope": f"{audience}/.default",
        }
        url = f"https://login.microsoftonline.com/{self.settings.tenant_id}/oauth2/v2.0/token"
        with self.client() as client:
            return str(client.post(url, data=form).json()["access_token"])

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call of management.azure.com; `path` goes below the workspace."""
        self._token = self._token or self.token()
        url = f"https://management.azure.com{self.settings.workspace_id}{path}{VERSION}"
        with self.client() as client:
            return client.request(method, url, json=body, headers={"Authorization": f"Bearer {self._token}"})

    def done(self, answer: httpx.Response, seconds: float = 120) -> dict[str, Any]:
        """The end of the long-running operation that an answer began."""
        assert answer.status_code in (200, 201, 202), answer.text
        deadline = time.monotonic() + seconds
        with self.client() as client:
            while True:
                url, headers = answer.headers["azure-asyncoperation"], {"Authorization": f"Bearer {self._token}"}
                state = client.get(url, headers=headers).json()
                if state["status"] != "InProgress":
                    return dict(state)
                assert time.monotonic() < deadline, f"not ended after {seconds} s: {json.dumps(state)}"
                time.sleep(0.05)

    def succeed(self, method: str, path: str, body: Any = None) -> None:
        """A long-running call that must end well."""
        state = self.done(self.call(method, path, body))
        assert state["status"] == "Succeeded", state

    def put_code(self, name: str, **files: str) -> str:
        """Register a folder of files as code, version 1; returns its id. `score="…"` is the file score.py."""
        container = self.call("GET", "/datastores/workspaceblobstore").json()["properties"]["containerName"]
        folder = self.paths.blobs / self.settings.storage_account / container / "code" / name
        folder.mkdir(parents=True)
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(text)
        url = f"https://{self.settings.storage_account}.blob.core.windows.net/{container}/code/{name}"
        answer = self.call("PUT", f"/codes/{name}/versions/1", {"properties": {"codeUri": url}})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def put_model(self, name: str, version: str, files: dict[str, str]) -> None:
        """Register a folder of files as a custom model, where there is none yet; the folder is called <name>-model."""
        if self.call("GET", f"/models/{name}/versions/{version}").status_code == 200:
            return
        container = self.call("GET", "/datastores/workspaceblobstore").json()["properties"]["containerName"]
        where = f"models/{version}/{name}-model"
        folder = self.paths.blobs / self.settings.storage_account / container / where
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        uri = f"azureml://datastores/workspaceblobstore/paths/{where}"
        body = {"properties": {"modelUri": uri, "modelType": "custom_model"}}
        answer = self.call("PUT", f"/models/{name}/versions/{version}", body)
        assert answer.status_code in (200, 201), answer.text
