"""One Azure Machine Learning workspace over REST: its jobs, runs, metrics, models, environments and clusters.

Sources: https://learn.microsoft.com/rest/api/azureml/ (Jobs, Compute, Environments, Models, Workspaces); run
history and MLflow are the services that the workspace's `discoveryUrl` names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rest import ARM, AzureError, Rest
from transport import Response

API_VERSION = "2024-10-01"
PREVIEW = "2024-10-01-preview"


@dataclass(frozen=True)
class Run:
    """One run of run history: a pipeline's step, or the job itself. Times are ISO 8601 in UTC or "".

    `origin` is the run that did the work: an earlier one when Azure reused its result, else the run itself.
    """

    id: str
    name: str
    status: str
    kind: str
    created: str
    started: str
    ended: str
    error: str
    origin: str

    @property
    def reused(self) -> bool:
        return self.origin != self.id

    @classmethod
    def of(cls, document: dict[str, Any]) -> Run:
        """From run history's `Run`. The step's key in the pipeline is its display name."""
        properties = document.get("properties") or {}
        error = ((document.get("error") or {}).get("error") or {}).get("message") or ""
        return cls(
            id=str(document.get("runId", "")),
            name=str(document.get("displayName") or document.get("name") or document.get("runId", "")),
            status=str(document.get("status") or ""),
            kind=str(document.get("runType") or ""),
            created=str(document.get("createdUtc") or ""),
            started=str(document.get("startTimeUtc") or ""),
            ended=str(document.get("endTimeUtc") or ""),
            error=str(error),
            origin=str(properties.get("azureml.reusedrunid") or document.get("runId", "")),
        )


@dataclass(frozen=True)
class Model:
    """A registered model version; `job` is the run that made it, "" when unknown."""

    name: str
    version: str
    id: str
    job: str
    uri: str
    created: str
    tags: dict[str, str]

    @classmethod
    def of(cls, name: str, document: dict[str, Any]) -> Model:
        properties = document.get("properties") or {}
        return cls(
            name=name,
            version=str(document.get("name", "")),
            id=str(document.get("id", "")),
            job=str(properties.get("jobName") or ""),
            uri=str(properties.get("modelUri") or ""),
            created=str((document.get("systemData") or {}).get("createdAt") or ""),
            tags={str(key): str(value) for key, value in (properties.get("tags") or {}).items()},
        )


class Workspace:
    """Addresses and reads the workspace. Every method may raise what `Rest` raises."""

    def __init__(self, rest: Rest, subscription: str, resource_group: str, name: str) -> None:
        self.rest = rest
        self.subscription = subscription
        self.resource_group = resource_group
        self.name = name
        self.id = (
            f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
        )
        self._document: dict[str, Any] | None = None
        self._services: dict[str, str] | None = None
        self._runs: dict[str, dict[str, Any]] = {}

    def url(self, path: str = "", version: str = API_VERSION, **query: str) -> str:
        asked = "".join(f"&{quote(key)}={quote(value)}" for key, value in query.items())
        return f"{ARM}{self.id}{path}?api-version={version}{asked}"

    def scope_arguments(self) -> list[str]:
        """The same workspace for `az ml`."""
        return [
            "--subscription", self.subscription,
            "--resource-group", self.resource_group,
            "--workspace-name", self.name,
        ]  # fmt: skip

    def document(self) -> dict[str, Any]:
        """GET of the workspace, once. A missing workspace or a missing role is told here, before anything is made."""
        if self._document is None:
            document: dict[str, Any] = self.rest.get(self.url())
            self._document = document
        return self._document

    @property
    def location(self) -> str:
        return str(self.document().get("location", ""))

    def studio_url(self, path: str = "") -> str:
        return f"https://ml.azure.com/{path}?wsid={self.id}"

    def service(self, name: str) -> str:
        """Base address of one of the workspace's own services, as `history` and `api`."""
        if self._services is None:
            url = str((self.document().get("properties") or {}).get("discoveryUrl", ""))
            found: dict[str, str] = self.rest.get(url)
            self._services = found
        return (self._services.get(name) or self._services.get("api") or "").rstrip("/")

    # --- jobs and runs

    def job(self, name: str) -> dict[str, Any] | None:
        """Jobs - Get; None when there is no job of that name."""
        found: dict[str, Any] | None = self.rest.find(self.url(f"/jobs/{quote(name)}"))
        return found

    def cancel_job(self, name: str, timeout: float = 5.0) -> Response:
        """Jobs - Cancel, one attempt; it answers before the job has ended."""
        return self.rest.raw("POST", self.url(f"/jobs/{quote(name)}/cancel"), attempts=1, timeout=timeout)

    def _history(self, run: str, what: str = "") -> str:
        return f"{self.service('history')}/history/v1.0{self.id}/runs/{quote(run)}{what}"

    def children(self, run: str) -> list[Run]:
        """Run history: the runs below `run`, all pages."""
        found: list[Run] = []
        url = self._history(run, "/children")
        token = ""
        for _ in range(50):
            page = self.rest.get(url + (f"?$continuationToken={quote(token, safe='')}" if token else ""))
            found += [Run.of(item) for item in page.get("value") or []]
            token = str(page.get("continuationToken") or "")
            if not token:
                break
        return found

    def details(self, run: str) -> dict[str, Any]:
        """Run history: status, error, and `logFiles` {path: signed URL} of one run."""
        found: dict[str, Any] = self.rest.get(self._history(run, "/details"))
        return found

    def metrics(self, run: str) -> dict[str, float | str]:
        """MLflow: last value of every metric of one run; NaN and infinities as text, so that JSON can hold them."""
        return {name: _number(value) for name, value in self._mlflow(run, "metrics").items()}

    def parameters_and_tags(self, run: str) -> dict[str, str]:
        """MLflow: parameters and tags of one run, tags winning."""
        found = {**self._mlflow(run, "params"), **self._mlflow(run, "tags")}
        return {name: str(value) for name, value in found.items()}

    def _mlflow(self, run: str, part: str) -> dict[str, Any]:
        data = self._runs.get(run)
        if data is None:
            url = f"{self.service('api')}/mlflow/v2.0{self.id}/api/2.0/mlflow/runs/get?run_id={quote(run)}"
            found = self.rest.find(url) or {}
            data = (found.get("run") or {}).get("data") or {}
            self._runs[run] = data
        return {str(item["key"]): item.get("value") for item in data.get(part) or []}

    # --- assets and compute

    def compute(self, name: str) -> dict[str, Any] | None:
        """Compute - Get."""
        found: dict[str, Any] | None = self.rest.find(self.url(f"/computes/{quote(name)}"))
        return found

    def put_compute(self, name: str, body: dict[str, Any]) -> Response:
        """Compute - Create Or Update; a long-running operation."""
        return self.rest.call("PUT", self.url(f"/computes/{quote(name)}"), body)

    def patch_compute(self, name: str, body: dict[str, Any]) -> Response:
        """Compute - Update: the scale settings of a cluster; everything else stays."""
        return self.rest.call("PATCH", self.url(f"/computes/{quote(name)}"), body)

    def environment_version(self, name: str, version: str) -> dict[str, Any] | None:
        """Environment Versions - Get."""
        path = f"/environments/{quote(name)}/versions/{quote(version)}"
        found: dict[str, Any] | None = self.rest.find(self.url(path))
        return found

    def latest_environment(self, name: str) -> dict[str, Any] | None:
        """The newest version of an environment; None when it has none."""
        query = {"$orderBy": "createdtime desc", "$top": "1"}
        page = self.rest.find(self.url(f"/environments/{quote(name)}/versions", **query)) or {}
        found = page.get("value") or []
        return found[0] if found else None

    def model_names(self) -> list[str]:
        """Names of all models, whatever their versions."""
        return [str(item["name"]) for item in self.rest.pages(self.url("/models"))]

    def model_versions(self, name: str, newest: int = 30) -> list[Model]:
        """The newest versions of a model, newest first; empty when it does not exist."""
        query = {"$orderBy": "createdtime desc", "$top": str(newest)}
        try:
            found = self.rest.pages(self.url(f"/models/{quote(name)}/versions", **query), newest)
        except AzureError as error:
            if error.status == 404:
                return []
            raise
        return [Model.of(name, item) for item in found]

    def model_version_exists(self, name: str, version: str) -> bool:
        """Model Versions - Get."""
        return self.rest.find(self.url(f"/models/{quote(name)}/versions/{quote(version)}")) is not None


def _number(value: Any) -> float | str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else str(number)
