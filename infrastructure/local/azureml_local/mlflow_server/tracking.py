"""The MLflow API at the workspace's address: `/mlflow/v{1,2}.0/WS/api/2.0/mlflow/…`.

Tracking calls go to the MLflow server (server.py), registry calls to the workspace's model documents (registry.py), and
runs that clients make themselves are told to whoever asked to know (`MlflowServer.on_run_created`).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import AzureError
from azureml_local.routing import WS, Host, workspace_of
from azureml_local.services import Services

from .artifacts import Artifacts
from .errors import MlflowError, invalid
from .loopback import Answer
from .registry import OPERATIONS, Registry
from .server import ClientRun, MlflowServer, RunHook
from .supervisor import MlflowUnavailableError

log = logging.getLogger("azureml_local")

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_REGISTRY = ("registered-models/", "model-versions/")


def install_tracking(services: Services, server: MlflowServer, artifacts: Artifacts) -> None:
    """The routes below the tracking URI."""

    async def answer(request: Request) -> Response:
        path = request.path_params["path"]
        workspace = workspace_of(request)
        try:
            if path.startswith(_REGISTRY):
                principal = getattr(request.state.principal, "name", "local")
                host = request.url.netloc
                registry = Registry(services, workspace, host, principal)
                return await _registry(request, registry, path)
            if path == "artifacts/list":
                return await _list_artifacts(request, server, artifacts)
            if path.startswith("logged-models"):
                raise MlflowError(
                    "ENDPOINT_NOT_FOUND",
                    "Logged models belong to MLflow 3. Azure ML's tracking server speaks MLflow 2: pin 'mlflow<3'.",
                )
            return await _forward(request, server, path)
        except MlflowError as error:
            return error.response()
        except AzureError as error:
            code = "RESOURCE_DOES_NOT_EXIST" if error.status == 404 else "INVALID_PARAMETER_VALUE"
            return MlflowError(code, error.message).response()
        except MlflowUnavailableError as error:
            return MlflowError("TEMPORARILY_UNAVAILABLE", str(error)).response()

    for prefix in ("/api/2.0/mlflow", "/api/2.0/preview/mlflow"):
        for method in _METHODS:
            services.routes.add(Host.API, method, f"/mlflow/{{api}}{WS}{prefix}/{{path:path}}")(answer)


async def _registry(request: Request, registry: Registry, path: str) -> Response:
    operation = OPERATIONS.get((request.method, path.rstrip("/")))
    if operation is None:
        raise MlflowError("ENDPOINT_NOT_FOUND", f"No API found for {request.method} /mlflow/{path}")
    given = _query(request) if request.method == "GET" else {}
    body = await request.body()
    if body:
        content = json.loads(body)
        if not isinstance(content, dict):
            raise invalid("The request body must be a JSON object.")
        given |= content
    return JSONResponse(operation(registry, given))


def _query(request: Request) -> dict[str, Any]:
    """Query parameters; one that is repeated (`order_by`) is a list."""
    values: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        values.setdefault(name, []).append(value)
    return {name: found if len(found) > 1 else found[0] for name, found in values.items()}


async def _list_artifacts(request: Request, server: MlflowServer, artifacts: Artifacts) -> Response:
    """One level of a run's artifacts, for MLflow clients that ask the tracking server."""
    workspace = workspace_of(request)
    run_id = request.query_params.get("run_id") or request.query_params.get("run_uuid") or ""
    below = request.query_params.get("path", "").strip("/")
    forwarded = await server.call("GET", f"/api/2.0/mlflow/runs/get?{request.url.query}", workspace)
    if forwarded.status != 200:
        return _response(forwarded)
    found: dict[str, dict[str, Any]] = {}
    for path, file in await asyncio.to_thread(artifacts.files, artifacts.of_run(workspace, run_id), below):
        rest = path[len(below) :].lstrip("/") if below else path
        first, deeper, _ = rest.partition("/")
        name = f"{below}/{first}" if below else first
        if deeper:
            found[name] = {"path": name, "is_dir": True}
        elif first:
            found[name] = {"path": name, "is_dir": False, "file_size": file.stat().st_size}
    uri = json.loads(forwarded.body)["run"]["info"]["artifact_uri"]
    return JSONResponse({"root_uri": uri, "files": list(found.values())})


async def _forward(request: Request, server: MlflowServer, path: str) -> Response:
    """The call as it came, to the MLflow server; hooks are told of runs that were made or changed."""
    base = "/api/2.0/preview/mlflow/" if "/api/2.0/preview/mlflow/" in request.url.path.lower() else "/api/2.0/mlflow/"
    query = f"?{request.url.query}" if request.url.query else ""
    answer = await server.call(
        request.method,
        base + quote(path) + query,
        workspace_of(request),
        await request.body(),
        content_type=request.headers.get("content-type"),
    )
    if answer.status == 200 and request.method == "POST":
        if path == "runs/create" and server.on_run_created:
            await _tell(request, server, server.on_run_created, json.loads(answer.body)["run"])
        elif path == "runs/update" and server.on_run_updated:
            run_id = json.loads(answer.body)["run_info"]["run_id"]
            run = await server.run(run_id, workspace=workspace_of(request))
            await _tell(request, server, server.on_run_updated, run)
    return _response(answer)


async def _tell(request: Request, server: MlflowServer, hooks: Sequence[RunHook], run: dict[str, Any]) -> None:
    workspace = workspace_of(request)
    info = run["info"]
    client_run = ClientRun(
        workspace=workspace,
        run_id=info["run_id"],
        experiment_id=info["experiment_id"],
        experiment_name=await server.experiment_name(info["experiment_id"], workspace),
        name=info.get("run_name") or info["run_id"],
        status=info["status"],
        start_time=int(info.get("start_time") or 0),
        end_time=int(info["end_time"]) if info.get("end_time") else None,
        tags={tag["key"]: tag["value"] for tag in run.get("data", {}).get("tags", [])},
    )
    for outcome in await asyncio.gather(*(hook(client_run) for hook in hooks), return_exceptions=True):
        if isinstance(outcome, Exception):  # MLflow has the run: the client's call went well all the same
            log.error("a hook failed for run %s", client_run.run_id, exc_info=outcome)


def _response(answer: Answer) -> Response:
    kind = next((value for name, value in answer.headers if name == "content-type"), "application/json")
    return Response(answer.body, status_code=answer.status, media_type=kind)
