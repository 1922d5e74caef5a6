"""Artifacts of runs, of local uploads and of registered models: listing them, and signed URLs to put and get them.

azureml-mlflow asks run history (`/history/v1.0`) for a run's artifacts and the artifact service (`/artifact/v2.0`) for
others; both answer with SAS URLs, and the bytes travel by the Blob API. The files lie in the container of the
`workspaceartifactstore` datastore, where `az ml job download` and model registration find them.

Source: azureml-mlflow 1.62, azureml.mlflow._restclient.run_artifact and .artifact.
"""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import datastores, uris
from azureml_local.assets import models, versions
from azureml_local.errors import AzureError, bad_request, not_found
from azureml_local.routing import WS, Host, WorkspaceRef, workspace_of
from azureml_local.services import Services
from azureml_local.store import timestamp

from .locations import MODEL_ORIGIN, RUN_ORIGIN, is_plain, run_folder


@dataclass(frozen=True)
class Folder:
    """One artifact container: `origin` and `container` as the artifact service names it, and where it lies."""

    origin: str
    container: str
    blob_container: str
    prefix: str
    only: str | None = None  # a model that is a single file: its name within the prefix


class Artifacts:
    """Paths, listings and signed URLs. Paths are relative to their artifact container, with `/`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def of_run(self, workspace: WorkspaceRef, run_id: str) -> Folder:
        if not is_plain(run_id) or "/" in run_id:
            raise bad_request(f"The run id '{run_id}' is not valid.")
        container = datastores.container_of(self._services, workspace, datastores.ARTIFACT_STORE)
        return Folder(RUN_ORIGIN, f"dcid.{run_id}", container, run_folder(run_id))

    def of_origin(self, workspace: WorkspaceRef, origin: str, container: str) -> Folder:
        if not is_plain(f"{origin}/{container}"):
            raise bad_request(f"The artifact container '{origin}/{container}' is not valid.")
        if origin == MODEL_ORIGIN:
            return self._of_model(workspace, container)
        blob_container = datastores.container_of(self._services, workspace, datastores.ARTIFACT_STORE)
        return Folder(origin, container, blob_container, f"{origin}/{container}")

    def _of_model(self, workspace: WorkspaceRef, container: str) -> Folder:
        """`name:version`: the folder that holds the model's file or folder."""
        name, _, version = container.rpartition(":")
        document = versions.find(self._services, models.KIND, workspace, name, version)
        location = uris.locate(self._services, workspace, document["properties"]["modelUri"])
        if location is None:
            raise not_found("model version", container)
        home = location.workspace or workspace
        prefix, _, last = location.path.rpartition("/")
        blob_container = datastores.container_of(self._services, home, location.datastore)
        return Folder(MODEL_ORIGIN, container, blob_container, prefix, last)

    def root(self, folder: Folder) -> Path:
        """Where the container's paths begin; it need not exist."""
        return self._services.blobs.path(folder.blob_container, folder.prefix)

    def file(self, folder: Folder, path: str) -> Path | None:
        """One artifact, or None when there is no such file."""
        if not is_plain(path) or (folder.only and path.partition("/")[0] != folder.only):
            return None
        found = self.root(folder) / path
        return found if found.is_file() else None

    def files(self, folder: Folder, below: str = "") -> list[tuple[str, Path]]:
        """(path, file) of every artifact in a container, sorted; only `below` and what is under it, when given."""
        wanted = below.strip("/") or folder.only or ""
        if wanted and (not is_plain(wanted) or (folder.only and wanted.partition("/")[0] != folder.only)):
            return []
        root = self.root(folder)
        start = root / wanted
        found = [start] if start.is_file() else sorted(file for file in start.rglob("*") if file.is_file())
        return [(file.relative_to(root).as_posix(), file) for file in found]

    def prepare(self, folder: Folder, path: str) -> dict[str, Any]:
        """Make room for an artifact, and where to put it. Logging the same path again replaces it, as on Azure ML.

        The plugin uploads with `If-None-Match: *`, so what was there must go first.
        """
        if not is_plain(path):
            raise bad_request(
                f"The artifact path '{path}' is not valid: it must be relative and stay in its container."
            )
        target = self.root(folder) / path
        if target.is_dir():
            raise AzureError(409, "ArtifactConflict", f"'{path}' is a folder of artifacts already, not a file.")
        target.unlink(missing_ok=True)
        return self.information(folder, path, permissions="rcw")

    def information(self, folder: Folder, path: str, *, permissions: str = "r") -> dict[str, Any]:
        """ArtifactContentInformation: the signed URL of one artifact."""
        blob = f"{folder.prefix}/{path}".strip("/")
        return {
            "contentUri": self._services.blobs.signed_url(folder.blob_container, blob, permissions=permissions),
            "origin": folder.origin,
            "container": folder.container,
            "path": path,
            "tags": {},
        }


def _entry(folder: Folder, path: str, file: Path | None) -> dict[str, Any]:
    """An artifact as the services list it."""
    moment = datetime.fromtimestamp(file.stat().st_mtime, timezone.utc) if file else datetime.now(timezone.utc)
    return {
        "artifactId": f"{folder.origin}/{folder.container}/{path}",
        "origin": folder.origin,
        "container": folder.container,
        "path": path,
        "etag": None,
        "createdTime": timestamp(moment),
        "dataPath": None,
        "tags": {},
    }


def install_artifacts(services: Services, artifacts: Artifacts) -> None:
    """The artifact routes of run history and of the artifact service."""

    def folder_of(request: Request) -> Folder:
        names = request.path_params
        if "run" in names:
            return artifacts.of_run(workspace_of(request), names["run"])
        return artifacts.of_origin(workspace_of(request), names["origin"], names["container"])

    async def create(request: Request) -> Response:
        """POST …/batch/metadata `{"paths": [{"path"}]}`: signed URLs to upload to."""
        folder = folder_of(request)
        if folder.origin == MODEL_ORIGIN:
            raise bad_request("The files of a registered model can't be changed. Register a new version.")
        paths = [str(entry["path"]) for entry in (await request.json()).get("paths", [])]
        information = {path: artifacts.prepare(folder, path) for path in paths}
        entries = {path: _entry(folder, path, None) for path in paths}
        return JSONResponse({"artifacts": entries, "artifactContentInformation": information, "errors": {}})

    def path_of(request: Request) -> str:
        """In the query; azureml-core, below older plugins, writes it at the end of the URL's path."""
        return str(request.path_params.get("path") or request.query_params.get("path", ""))

    async def listing(request: Request) -> Response:
        folder = folder_of(request)
        found = await to_thread(artifacts.files, folder, path_of(request))
        value = [_entry(folder, path, file) for path, file in found]
        return JSONResponse({"value": value, "continuationToken": None, "nextLink": None})

    async def content(request: Request) -> Response:
        folder, path = folder_of(request), path_of(request)
        if artifacts.file(folder, path) is None:
            raise not_found("artifact", f"{folder.origin}/{folder.container}/{path}")
        return JSONResponse(artifacts.information(folder, path))

    async def contents(request: Request) -> Response:
        folder = folder_of(request)
        found = await to_thread(artifacts.files, folder, path_of(request))
        value = [artifacts.information(folder, path) for path, _ in found]
        return JSONResponse({"value": value, "continuationToken": None, "nextLink": None})

    by_origin = f"/artifact/v2.0{WS}/artifacts"
    services.routes.get(Host.API, by_origin + "/contentinfo/{origin}/{container}/{path:path}")(content)
    services.routes.get(Host.API, by_origin + "/prefix/contentinfo/{origin}/{container}/{path:path}")(contents)
    for base in (
        f"/history/v1.0{WS}/experiments/{{experiment}}/runs/{{run}}/artifacts",
        f"/history/v1.0{WS}/experimentids/{{experiment}}/runs/{{run}}/artifacts",
        by_origin + "/{origin}/{container}",
    ):
        services.routes.post(Host.API, base + "/batch/metadata")(create)
        services.routes.get(Host.API, base)(listing)
        for name, handler in (("/path", listing), ("/contentinfo", content), ("/prefix/contentinfo", contents)):
            services.routes.get(Host.API, base + name)(handler)
            services.routes.get(Host.API, base + name + "/{path:path}")(handler)
