from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from azureml_local import batch as batch_endpoints
from azureml_local.jobs.processes import SystemLauncher
from azureml_local.jobs.runs import Run
from support.local_jobs import Jobs, make_jobs

HOST = "https://{}.westeurope.inference.ml.azure.com"
SCRIPT = """
    import os

    def init():
        global model
        folder = os.environ["AZUREML_MODEL_DIR"]
        (name,) = os.listdir(folder)
        model = open(os.path.join(folder, name)).read()

    def run(mini_batch):
        return [f"{model} {os.path.basename(path)} {int(open(path).read())}" for path in mini_batch]
"""


@dataclass
class Batch:
    """A workspace in memory with the model `m:1`, the code `c`, the environment `plain:1` and the cluster `cpu`.

    Environments are pretended, scoring is not: it runs in real processes with this Python.
    """

    jobs: Jobs

    @property
    def model(self) -> str:
        return f"{self.jobs.workspace.id}/models/m/versions/1"

    @property
    def code(self) -> str:
        return f"{self.jobs.workspace.id}/codes/c/versions/1"

    def write_code(self, **files: str) -> None:
        """Put Python files into the code folder."""
        for name, content in files.items():
            self.jobs.file(f"code/{name}.py", textwrap.dedent(content))

    def ok(self, answer: tuple[int, Any]) -> Any:
        status, body = answer
        assert status in (200, 201, 202), body
        return body

    def refused(self, answer: tuple[int, Any]) -> tuple[int, str]:
        status, body = answer
        return status, body["error"]["message"]

    async def endpoint(self, name: str = "letters", **properties: Any) -> tuple[int, Any]:
        body = {"location": "westeurope", "properties": {"authMode": "aadToken", **properties}}
        answer: tuple[int, Any] = await self.jobs.arm("PUT", f"/batchEndpoints/{name}", body)
        return answer

    async def deployment(self, name: str = "blue", endpoint: str = "letters", **properties: Any) -> tuple[int, Any]:
        """A deployment with the script `score.py`; None takes a property away."""
        given = {
            "model": {"referenceType": "Id", "assetId": self.model},
            "codeConfiguration": {"codeId": self.code, "scoringScript": "score.py"},
            "environmentId": f"{self.jobs.workspace.id}/environments/plain/versions/1",
            "compute": f"{self.jobs.workspace.id}/computes/cpu",
            "miniBatchSize": 1,
            "retrySettings": {"maxRetries": 0, "timeout": "PT20S"},
            **properties,
        }
        body = {"location": "westeurope", "properties": {k: v for k, v in given.items() if v is not None}}
        path = f"/batchEndpoints/{endpoint}/deployments/{name}"
        answer: tuple[int, Any] = await self.jobs.arm("PUT", path, body)
        return answer

    async def ready(self, **properties: Any) -> None:
        """The endpoint `letters` with the default deployment `blue`."""
        self.ok(await self.endpoint())
        self.ok(await self.deployment(**properties))
        self.ok(await self.endpoint(defaults={"deploymentName": "blue"}))

    async def call(
        self, method: str, path: str, body: Any = None, *, endpoint: str = "letters", **options: Any
    ) -> tuple[int, Any]:
        """A request to the endpoint's own address, with a token for Azure Machine Learning."""
        options.setdefault("token", self.jobs.server.token("https://ml.azure.com"))
        if body is not None:
            options["json"] = body
        answer = await self.jobs.server.call(method, HOST.format(endpoint) + path, **options)
        return answer.status_code, answer.json()

    async def invoke(self, uri: str, *, headers: dict[str, str] | None = None, **properties: Any) -> tuple[int, Any]:
        given = {"inputData": {"letters": {"jobInputType": "UriFolder", "uri": uri}}, **properties}
        return await self.call("POST", "/jobs", {"properties": given}, headers=headers or {})

    async def score(self, uri: str, **properties: Any) -> Run:
        """Invoke, and wait for the job's end."""
        name = self.ok(await self.invoke(uri, **properties))["name"]
        return await self.jobs.manager.wait(self.jobs.workspace, name)

    def files(self, folder: str, *contents: str) -> str:
        """Files a.txt, b.txt … with these contents; the folder's URI."""
        for letter, content in zip("abcdefgh", contents, strict=False):
            self.jobs.file(f"{folder}/{letter}.txt", content)
        return f"azureml://datastores/workspaceblobstore/paths/{folder}/"

    def text(self, uri: str) -> str:
        from azureml_local import uris

        return uris.resolve(self.jobs.services, self.jobs.workspace, uri).read_text()


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    jobs = make_jobs(tmp_path)
    jobs.manager.engine.launcher = SystemLauncher()
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    (tmp_path / "environment" / "bin" / "python").symlink_to(sys.executable)
    batch_endpoints.install(jobs.services)
    made = Batch(jobs)
    made.write_code(score=SCRIPT)
    model = jobs.file("models/weights.txt", "W")
    services, workspace = jobs.services, jobs.workspace
    place = services.blobs.url(f"azureml-blobstore-{services.settings.workspace_guid}", "code")

    async def prepare() -> None:
        made.ok(await jobs.arm("PUT", "/models/m/versions/1", {"properties": {"modelUri": model}}))
        made.ok(await jobs.arm("PUT", "/codes/c/versions/1", {"properties": {"codeUri": place}}))

    asyncio.run(prepare())
    assert workspace.name
    return made


def together(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def run() -> None:
        await work()

    asyncio.run(run())
