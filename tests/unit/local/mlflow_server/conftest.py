from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from azureml_local import arm, assets, blobs, datastores, mlflow_server, operations
from support.local_server import Server, make_server

MLMODEL = "artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"


@dataclass
class Mlflow:
    """The MLflow API of a workspace in memory. The tracking server itself is not running."""

    server: Server

    @property
    def workspace_id(self) -> str:
        return self.server.services.settings.workspace_id

    @property
    def host(self) -> str:
        return f"https://{self.server.services.settings.api_host}"

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = options.pop("token", None)
        if token is None:
            token = self.server.token("https://ml.azure.com")
        return asyncio.run(self.server.call(method, self.host + path, token=token, **options))

    def call(self, operation: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """`POST registered-models/create` and so on; the JSON answer, with its status as `_status` when it failed."""
        method, _, path = operation.partition(" ")
        url = f"/mlflow/v2.0{self.workspace_id}/api/2.0/mlflow/{path}"
        answer = self.send(method, url, json=body, params=query) if body else self.send(method, url, params=query)
        content: dict[str, Any] = json.loads(answer.content)
        return content if answer.status_code == 200 else {**content, "_status": answer.status_code}

    def artifact_file(self, path: str) -> Path:
        services = self.server.services
        workspace = services.workspaces()[0]
        return datastores.path_of(services, workspace, "workspaceartifactstore", path)

    def log_model(self, run_id: str, path: str = "model", mlmodel: str | None = MLMODEL) -> str:
        """Files of a model in a run's artifacts, as if a client had uploaded them; its MLflow source."""
        folder = self.artifact_file(f"ExperimentRun/dcid.{run_id}/{path}")
        folder.mkdir(parents=True)
        (folder / "model.pkl").write_bytes(b"model")
        if mlmodel is not None:
            (folder / "MLmodel").write_text(mlmodel)
        host = self.server.services.settings.api_host
        return f"azureml://{host}/mlflow/v2.0{self.workspace_id}/experiments/1/runs/{run_id}/artifacts/{path}"


@pytest.fixture
def mlflow(tmp_path: Path) -> Mlflow:
    return Mlflow(make_server(tmp_path, operations, arm, blobs, datastores, assets, mlflow_server))
