"""Environments: an image or a build context, with a conda file or without one.

A version that is there may be put again if it is equal; if it differs, 409 makes the client take the next version.

Source: Microsoft.MachineLearningServices 2023-04-01-preview, Environment Versions.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from azureml_local.environments import curated
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import Home, RegistryRef, WorkspaceRef
from azureml_local.services import MICROSOFTS, Services
from azureml_local.store import Document

from . import routes, uploads, versions


def _conda(text: str | None) -> Any:
    """A conda file as data, so that layout and comments do not count."""
    return None if text is None else yaml.safe_load(text)


def _content(properties: Document) -> str:
    definition = {key: properties.get(key) for key in ("image", "build", "inferenceConfig", "osType")}
    return json.dumps({**definition, "conda": _conda(properties.get("condaFile"))}, sort_keys=True, default=str)


def _prepare(services: Services, home: Home, name: str, version: str, properties: Document) -> None:
    if name.lower().startswith("azureml-"):
        raise bad_request(f"The environment name '{name}' is not valid: 'AzureML-' is kept for curated environments.")
    image, build, conda = (properties.get(key) for key in ("image", "build", "condaFile"))
    if image and build:
        raise bad_request("An environment has either 'image' or 'build', not both.", target="image")
    if not image and not build:
        raise bad_request(
            "An environment needs an 'image' (with or without a conda file) or a 'build' context.", target="image"
        )
    if build and isinstance(home, RegistryRef):
        uploads.check(services, build.get("contextUri"), "contextUri")
    if conda is not None:
        if build:
            raise bad_request("A conda file goes with an 'image', not with a 'build' context.", target="condaFile")
        try:
            parsed = _conda(conda)
        except yaml.YAMLError as error:
            raise bad_request(f"The conda file is not YAML: {error}", target="condaFile") from error
        if not isinstance(parsed, dict):
            raise bad_request("The conda file must be a mapping with 'dependencies'.", target="condaFile")
    properties.setdefault("environmentType", "UserCreated")
    properties["osType"] = str(properties.get("osType") or "Linux").capitalize()  # clients send "linux", too


def _curated(services: Services, home: Home, name: str, version: str) -> Document | None:
    """Azure ML's own environments: `AzureML-…` in every workspace, all of the registry `azureml`. version: "" for the
    latest."""
    if isinstance(home, RegistryRef) and home != MICROSOFTS:
        return None
    image = curated.image_of(f"{home.id}/environments/{name}" if home == MICROSOFTS else name)
    if image is None or curated.by_name(name) is None:
        return None
    version = version or "1"
    moment = "2022-01-01T00:00:00.000000+00:00"
    return {
        "id": versions.version_id(KIND, home, name, version),
        "name": version,
        "type": f"{KIND.type_in(home)}/versions",
        "properties": {
            "description": "An Azure ML curated environment, approximated locally from PyPI packages.",
            "tags": {},
            "properties": {},
            "isAnonymous": False,
            "isArchived": False,
            "environmentType": "Curated",
            "osType": "Linux",
            "image": f"{image}:{version}",
            "provisioningState": "Succeeded",
        },
        "systemData": {
            "createdAt": moment,
            "createdBy": "Microsoft",
            "createdByType": "User",
            "lastModifiedAt": moment,
            "lastModifiedBy": "Microsoft",
            "lastModifiedByType": "User",
        },
    }


def resolve(services: Services, workspace: WorkspaceRef, reference: str) -> Document:
    """The environment version that a job's `environment` means: registered, or one of Azure ML's own."""
    try:
        return versions.resolve(services, KIND, workspace, reference)
    except AzureError as error:
        if reference.lower().startswith(f"{MICROSOFTS.id}/environments/"):
            raise bad_request(
                f"The environment '{reference}' is not one of the curated environments known here: {curated.KNOWN}.",
                target="environment",
            ) from error
        raise


KIND = versions.Kind(
    "environments", "environment", content=_content, change_status=409, prepare=_prepare, fallback=_curated
)


def install(services: Services) -> None:
    """Routes of environments."""
    uploads.install(services, "environments")
    routes.install(services, KIND)
