"""What the workspace itself says of a job, asked over its own API as any client would: for the end of `demo`."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from azureml_local.paths import StatePaths
from azureml_local.settings import Settings
from azureml_local.tokens import Tokens


@dataclass(frozen=True)
class PipelineStep:
    """A child of a pipeline job. `seconds` is None when it never ran."""

    name: str
    status: str
    seconds: float | None


def call(
    paths: StatePaths,
    config: Settings,
    method: str,
    host: str,
    path: str,
    body: object = None,
    *,
    token: str | None = None,
) -> Any:
    """One call to the server under one of Azure's host names, as the state folder's own service principal.

    token: a key or token to present instead of an ARM token. Raises OSError with the answer's text from 400 on.
    """
    context = ssl.create_default_context(cafile=str(paths.certificates / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", config.server_port, context=context, timeout=60)
    token = token or Tokens.load(paths, config).issue("https://management.azure.com/")
    headers = {"Host": host, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 400:
        raise OSError(f"{method} {host}{path}: {answer.status} {content.decode(errors='replace')[:500]}")
    return json.loads(content) if content else None


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value).replace("Z", "+00:00")) if value else None


def pipeline_steps(paths: StatePaths, config: Settings, job: str) -> list[PipelineStep]:
    """The steps of a pipeline job in the order they began, reused ones first, from run history's children."""
    path = f"/history/v1.0{config.workspace_id}/runs/{quote(job)}/children"
    rows = call(paths, config, "GET", config.api_host, path).get("value", [])
    steps = []
    for row in sorted(rows, key=lambda row: str(row.get("startTimeUtc") or row.get("createdUtc") or "")):
        start, end = _moment(row.get("startTimeUtc")), _moment(row.get("endTimeUtc"))
        seconds = (end - start).total_seconds() if start and end else None
        reused = "azureml.reusedrunid" in (row.get("properties") or {})
        status = f"{row['status']} (reused)" if reused else str(row["status"])
        steps.append(PipelineStep(str(row.get("displayName") or row["runId"]), status, None if reused else seconds))
    return steps


def run_data(paths: StatePaths, config: Settings, run_id: str) -> dict[str, Any]:
    """Metrics, params and tags of one run: `{"metrics": {…}, "params": {…}, "tags": {…}}`, from MLflow."""
    path = f"/mlflow/v2.0{config.workspace_id}/api/2.0/mlflow/runs/get?run_id={quote(run_id)}"
    data = call(paths, config, "GET", config.api_host, path)["run"]["data"]
    return {kind: {row["key"]: row["value"] for row in data.get(kind, [])} for kind in ("metrics", "params", "tags")}


def ask_endpoint(paths: StatePaths, config: Settings, endpoint: str, request: Path) -> Any:
    """What an online endpoint answers to a request file, with its key or, without keys, with a token."""
    arm, root = "management.azure.com", f"{config.workspace_id}/onlineEndpoints/{endpoint}"
    document = call(paths, config, "GET", arm, f"{root}?api-version=2024-04-01")["properties"]
    token = Tokens.load(paths, config).issue("https://ml.azure.com")
    if document["authMode"] == "Key":
        token = call(paths, config, "POST", arm, f"{root}/listKeys?api-version=2024-04-01")["primaryKey"]
    elif document["authMode"] == "AMLToken":
        token = call(paths, config, "POST", arm, f"{root}/token?api-version=2024-04-01")["accessToken"]
    host = urlsplit(document["scoringUri"]).netloc
    return call(paths, config, "POST", host, "/score", json.loads(request.read_text()), token=token)
