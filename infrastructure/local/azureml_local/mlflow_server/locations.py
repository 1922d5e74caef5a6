"""Where artifacts lie, and the URI by which azureml-mlflow can download a registered model.

The plugin knows artifacts of runs, `azureml://HOST/mlflow/v2.0/WS/experiments/E/runs/R/artifacts/P`, and artifacts of
other containers, `azureml://artifacts/ORIGIN/CONTAINER/P`. It knows no datastores.
"""

from __future__ import annotations

import re

from azureml_local.datastores import ARTIFACT_STORE
from azureml_local.routing import WorkspaceRef
from azureml_local.uris import Location

RUN_ORIGIN = "ExperimentRun"
UPLOAD_ORIGIN = "LocalUpload"
MODEL_ORIGIN = "RegisteredModel"  # ours: a model version, wherever its files lie

_RUN_PATH = re.compile(rf"{RUN_ORIGIN}/dcid\.([^/]+)/?(.*)")


def run_folder(run_id: str) -> str:
    """A run's artifacts within the container of `workspaceartifactstore`."""
    return f"{RUN_ORIGIN}/dcid.{run_id}"


def is_plain(path: str) -> bool:
    """Whether a path stays below its folder: relative, no empty, `.` or `..` segment, no backslash or NUL."""
    if not path or "\\" in path or "\0" in path:
        return False
    return all(segment not in ("", ".", "..") for segment in path.split("/"))


def run_artifact_uri(workspace: WorkspaceRef, host: str, run_id: str, path: str) -> str:
    """A run's artifact. The experiment's part of the URI is not looked at by anyone, so it is 0 here."""
    base = f"azureml://{host}/mlflow/v2.0{workspace.id}/experiments/0/runs/{run_id}/artifacts"
    return f"{base}/{path}" if path else base


def download_uri(workspace: WorkspaceRef, host: str, location: Location, model: str, version: str) -> str:
    """The URI that makes the plugin download this model version."""
    if location.datastore.lower() == ARTIFACT_STORE and location.workspace in (None, workspace):
        if match := _RUN_PATH.fullmatch(location.path):
            return run_artifact_uri(workspace, host, match[1], match[2])
        if location.path.startswith(UPLOAD_ORIGIN + "/"):
            return f"azureml://artifacts/{location.path}"
    return f"azureml://artifacts/{MODEL_ORIGIN}/{model}:{version}/{location.path.rpartition('/')[2]}"
