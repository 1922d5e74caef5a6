"""Where artifacts and models lie: Azure ML's `azureml://` URIs, and the datastore path behind each.

azureml://HOST/mlflow/v2.0/WS/experiments/E/runs/R/artifacts/P    a run's artifact, as MLflow sees it
azureml://artifacts/ORIGIN/CONTAINER/P                            an artifact outside a run, as the plugin sees it
azureml://subscriptions/S/resourcegroups/G/workspaces/W/datastores/D/paths/P    the long form of the ARM documents
azureml://datastores/D/paths/P                                    its short form
azureml://jobs/R/outputs/artifacts/paths/P                        a job's default output, in YAML files
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from azureml_local.routing import WorkspaceRef

ARTIFACT_DATASTORE = "workspaceartifactstore"
RUN_ORIGIN = "ExperimentRun"
UPLOAD_ORIGIN = "LocalUpload"
MODEL_ORIGIN = "RegisteredModel"  # ours: lets the plugin download a model that lies in any datastore

_RUN = re.compile(r"azureml://[^/]*/mlflow/v[\d.]+/.*/experiments/([^/]+)/runs/([^/]+)/artifacts/?(.*)", re.IGNORECASE)
_ARTIFACT = re.compile(r"azureml://artifacts/([^/]+)/([^/]+)/?(.*)", re.IGNORECASE)
_DATASTORE = re.compile(
    r"azureml://(?:subscriptions/[^/]+/resourcegroups/[^/]+/(?:providers/[^/]+/)?workspaces/[^/]+/)?"
    r"datastores/([^/]+)/paths/?(.*)",
    re.IGNORECASE,
)
_JOB = re.compile(r"azureml://jobs/([^/]+)/outputs/artifacts/paths/?(.*)", re.IGNORECASE)
_RUNS = re.compile(r"runs:/+([^/]+)/?(.*)")


@dataclass(frozen=True)
class Location:
    """A file or folder of a datastore; `run_id` when it lies in a run's artifacts."""

    datastore: str
    path: str
    run_id: str | None = None


def run_folder(run_id: str) -> str:
    """A run's artifacts within the container of `workspaceartifactstore`."""
    return f"{RUN_ORIGIN}/dcid.{run_id}"


def artifact_folder(origin: str, container: str) -> str:
    return f"{origin}/{container}"


def parse(uri: str) -> Location | None:
    """The location that a URI of one of the forms above names; None for any other URI. Never outside its folder."""
    if match := _RUN.fullmatch(uri):
        return _location(ARTIFACT_DATASTORE, run_folder(match[2]), match[3], match[2])
    if match := _JOB.fullmatch(uri) or _RUNS.fullmatch(uri):
        return _location(ARTIFACT_DATASTORE, run_folder(match[1]), match[2], match[1])
    if match := _ARTIFACT.fullmatch(uri):
        run_id = match[2].removeprefix("dcid.") if match[1] == RUN_ORIGIN else None
        return _location(ARTIFACT_DATASTORE, artifact_folder(match[1], match[2]), match[3], run_id)
    if match := _DATASTORE.fullmatch(uri):
        path = unquote(match[2]).strip("/")
        inside = re.match(rf"{RUN_ORIGIN}/dcid\.([^/]+)(?:/|\Z)", path)
        run_id = inside[1] if inside and match[1].lower() == ARTIFACT_DATASTORE else None
        return _location(match[1], "", path, run_id)
    return None


def _location(datastore: str, folder: str, path: str, run_id: str | None) -> Location | None:
    whole = "/".join(part for part in (folder, unquote(path).strip("/")) if part)
    return Location(datastore, whole, run_id) if is_plain(whole) else None


def is_plain(path: str) -> bool:
    """Whether a path stays below its folder: relative, no empty, `.` or `..` segment, no backslash or NUL."""
    if not path or "\\" in path or "\0" in path:
        return False
    return all(segment not in ("", ".", "..") for segment in path.split("/"))


def datastore_uri(workspace: WorkspaceRef, location: Location) -> str:
    """The long form, as `modelUri` holds it."""
    return (
        f"azureml://subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}"
        f"/workspaces/{workspace.name}/datastores/{location.datastore}/paths/{location.path}"
    )


def download_uri(workspace: WorkspaceRef, host: str, location: Location, model: str, version: str) -> str:
    """The URI by which azureml-mlflow can download this model: it knows runs and artifacts, but no datastores."""
    if location.datastore.lower() == ARTIFACT_DATASTORE:
        if location.run_id is not None:
            below = location.path[len(run_folder(location.run_id)) :].strip("/")
            # The experiment's part of the URI is not looked at by anyone.
            run = f"azureml://{host}/mlflow/v2.0{workspace.id}/experiments/0/runs/{location.run_id}/artifacts"
            return f"{run}/{below}" if below else run
        if location.path.startswith(UPLOAD_ORIGIN + "/"):
            return f"azureml://artifacts/{location.path}"
    return f"azureml://artifacts/{MODEL_ORIGIN}/{model}:{version}/{location.path.rpartition('/')[2]}"
