"""Models: the one registry behind `az ml model`, the SDK and MLflow.

A path to a job's output is resolved when the model is registered, so the document names where the files lie.

Source: Microsoft.MachineLearningServices 2023-08-01-preview, Model Versions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from azureml_local import uris
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import Home, RegistryRef, WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import routes, uploads, versions

TYPES = ("custom_model", "mlflow_model", "triton_model")


def _flavors(model: Path) -> dict[str, Any]:
    """An MLflow model's flavors as the document has them, `{"sklearn": {"data": {"pickled_model": "model.pkl"}}}`."""
    try:
        described = yaml.safe_load((model / "MLmodel").read_text())
        flavors = described["flavors"].items()
        return {
            name: {"data": {key: value if isinstance(value, str) else str(value) for key, value in data.items()}}
            for name, data in flavors
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _prepare(services: Services, home: Home, name: str, version: str, properties: Document) -> None:
    kind = properties.setdefault("modelType", "custom_model")
    if kind not in TYPES:
        raise bad_request(f"modelType '{kind}' is not one of {', '.join(TYPES)}.", target="modelType")
    uri = properties.get("modelUri")
    if not uri:
        raise bad_request("A model version needs 'modelUri'.", target="modelUri")
    if isinstance(home, RegistryRef):
        path: Path | None = uploads.check(services, uri, "modelUri")
    else:
        path = _located(services, home, str(uri), properties)
    if path and kind == "mlflow_model" and not properties.get("flavors"):
        properties["flavors"] = _flavors(path)
    properties.setdefault("flavors", {})


def _located(services: Services, workspace: WorkspaceRef, uri: str, properties: Document) -> Path | None:
    """Where the files lie; completes `modelUri` and `jobName`. None for an archived model, whose files may be gone."""
    location = uris.locate(services, workspace, uri)
    if location is not None:
        properties["modelUri"] = location.long_uri(workspace)
        if location.job and not properties.get("jobName"):
            properties["jobName"] = location.job
    elif uri.startswith("http") and services.blobs.parse_url(uri) is None:
        raise bad_request(
            f"modelUri '{uri}' is not in the workspace's storage. Register a local path, a datastore path or a job's "
            "output.",
            target="modelUri",
        )
    if properties.get("isArchived"):
        return None
    path = uris.resolve(services, workspace, str(properties["modelUri"]))
    if not path.exists():
        raise AzureError(400, "UserError", f"There is nothing at the model's path '{uri}'.", target="modelUri")
    return path


KIND = versions.Kind(
    "models", "model", content=lambda properties: properties.get("modelUri"), may_be_empty=True, prepare=_prepare
)


def create_model_version(
    services: Services,
    workspace: WorkspaceRef,
    name: str,
    version: str | None = None,
    *,
    uri: str,
    model_type: str = "custom_model",
    job_name: str | None = None,
    description: str | None = None,
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
    stage: str | None = None,
    by: str = "local",
) -> Document:
    """Register files as a version of a model; returns its document.

    version: None takes the next number, atomically.  uri: any form that `uris.resolve` takes and whose files are there.
    """
    given = {
        "modelUri": uri,
        "modelType": model_type,
        "jobName": job_name,
        "description": description,
        "tags": tags or {},
        "properties": properties or {},
        "stage": stage,
    }
    return versions.put_version(services, KIND, workspace, name, version, {"properties": given}, by=by)[0]


def delete_model_version(services: Services, workspace: WorkspaceRef, name: str, version: str) -> bool:
    """Remove a version from the registry; its files stay where they are."""
    return versions.delete_version(services, KIND, workspace, name, version)


def install(services: Services) -> None:
    """Routes of models."""
    uploads.install(services, "models")
    routes.install(services, KIND)
