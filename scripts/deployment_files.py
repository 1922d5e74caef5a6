"""The YAML of endpoints and deployments, as far as the deploy actions need to know it; the rest is `az`'s business.

Schemas: https://learn.microsoft.com/azure/machine-learning/reference-yaml-endpoint-online,
…/reference-yaml-deployment-managed-online, …/reference-yaml-endpoint-batch and …/reference-yaml-deployment-batch
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errors import ActionError, ExitCode, Problem
from inputs import Inputs
from workspace import Workspace
from yaml_files import load, missing_references

ENDPOINT = (
    r"[a-zA-Z](?:[a-zA-Z0-9-]{1,30})[a-zA-Z0-9]",
    "it must have 3 to 32 letters, digits or -, starting with a letter and not ending with -",
)
DEPLOYMENT = (
    r"[a-zA-Z](?:[a-zA-Z0-9-]{1,30})[a-zA-Z0-9]",
    "it must have 3 to 32 letters, digits or -, starting with a letter and not ending with -",
)
_REGISTERED = r"azureml:(?P<name>[a-zA-Z0-9][\w.-]{0,254})(:(?P<version>[\w.-]+)|@latest)"
_IN_REGISTRY = r"azureml://registries/[\w.-]+/models/(?P<shared>[\w.-]+)/(versions/(?P<number>[\w.-]+)|labels/latest)"
MODEL = (
    f"{_REGISTERED}|{_IN_REGISTRY}",
    "it must name a registered model and its version, as in azureml:taxi:3",
)
_LONGEST = 32
_HASH = 6


@dataclass(frozen=True)
class EndpointFile:
    """What the file says. `fields`: what may change on an endpoint that exists (name in REST -> value)."""

    path: Path
    name: str = ""
    auth_mode: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def amend(file: EndpointFile, tags: Mapping[str, str], body: dict[str, Any]) -> None:
    """Bring the body of an endpoint that exists up to its file: description, network access, tags.

    What would take the endpoint away from its clients (auth_mode, traffic, the default) is left as it is.
    """
    for name, value in file.fields.items():
        there = str(body["properties"].get(name) or "")
        if there.lower() != value.lower():  # Azure writes `Enabled`, the file `enabled`
            body["properties"][name] = value
    body["tags"] |= {**file.tags, **tags}


@dataclass(frozen=True)
class DeploymentFile:
    """What the file says; `model` is "" where it is described inline or not at all. `kind`: `type:`, lower case."""

    path: Path
    name: str = ""
    model: str = ""
    kind: str = ""

    @property
    def registered_model(self) -> str:
        """The reference to a registered model, "" where the file describes the model itself."""
        return self.model if self.model.startswith("azureml:") else ""


def read_endpoint(inputs: Inputs) -> EndpointFile:
    """Input endpoint-file; problems are collected in `inputs`."""
    path = inputs.file("endpoint-file", what="an endpoint's YAML file")
    if path is None:
        return EndpointFile(Path("endpoint.yml"))
    scalars, problems = load(path)
    inputs.problems += problems
    top = {each.path[0]: each for each in scalars if len(each.path) == 1}
    for each in scalars:
        if each.path[0] in ("traffic", "mirror_traffic") and len(each.path) > 1:
            inputs.problems.append(
                Problem(
                    f"{path}, line {each.line}: `{each.path[0]}:` must not be set in the file: there is no deployment "
                    "yet when the endpoint is made. Give the steps as the input traffic.",
                    str(path),
                    each.line,
                )
            )
            break
    rest = {"description": "description", "public_network_access": "publicNetworkAccess"}
    return EndpointFile(
        path,
        top["name"].value if "name" in top else "",
        top["auth_mode"].value if "auth_mode" in top else "",
        {there: top[here].value for here, there in rest.items() if here in top},
        {each.path[1]: each.value for each in scalars if each.path[0] == "tags" and len(each.path) == 2},
    )


def read_deployment(inputs: Inputs) -> DeploymentFile:
    """Input deployment-file; problems are collected in `inputs`, those with files that it names too."""
    path = inputs.file("deployment-file", what="a deployment's YAML file")
    if path is None:
        return DeploymentFile(Path("deployment.yml"))
    scalars, problems = load(path)
    inputs.problems += problems or missing_references(path)
    top = {each.path[0]: each.value for each in scalars if len(each.path) == 1}
    return DeploymentFile(path, top.get("name", ""), top.get("model", ""), top.get("type", "").lower())


def endpoint_name(given: str, file: EndpointFile, model: str, workspace: str) -> str:
    """`given`, else the file's name (or the model's) and six digits that stand for the workspace.

    An endpoint's name is part of its address and must be free in the whole Azure region; with the digits two
    workspaces with the same files do not collide, and every run in one workspace finds the same endpoint.
    `workspace` is the workspace's resource id, whose letters' case means nothing.
    """
    if given:
        return given
    stem = re.sub(r"[^a-zA-Z0-9]+", "-", file.name or model).strip("-")
    stem = stem if stem[:1].isalpha() else f"e-{stem}".strip("-")
    digits = hashlib.sha256(workspace.lower().encode()).hexdigest()[:_HASH]
    return f"{stem[: _LONGEST - _HASH - 1].rstrip('-')}-{digits}".lower()


@dataclass(frozen=True)
class ModelVersion:
    """A model for a deployment. `reference` is what `az ml --set model=` takes; name and version may be unknown."""

    reference: str
    name: str = ""
    version: str = ""

    @property
    def shown(self) -> str:
        """`taxi:3`, or the reference where that is not known."""
        return f"{self.name}:{self.version}" if self.version else self.reference.removeprefix("azureml:")


def resolve_model(workspace: Workspace, reference: str) -> ModelVersion:
    """The exact version that is deployed: `@latest` is looked up once, and a version that is not there is told now.

    References to registries, and an empty one (the file describes the model), are passed through.
    """
    match = re.fullmatch(MODEL[0], reference)
    if match is None:
        return ModelVersion(reference)
    if not match["name"]:
        return ModelVersion(reference, match["shared"], match["number"] or "")
    name, version = match["name"], match["version"] or ""
    found = [model.version for model in workspace.model_versions(name, newest=30)]
    if version and workspace.model_version_exists(name, version):
        return ModelVersion(reference, name, version)
    if not found:
        raise ActionError(
            f"There is no model {name} in workspace {workspace.name}.",
            "It was never registered, or in another workspace.",
            "Train it first (run-pipeline), and hand its outputs model-name and model-version on.",
            exit_code=ExitCode.BAD_INPUT,
        )
    if version:
        raise ActionError(
            f"Model {name} has no version {version}; there is {', '.join(found[:10])}.",
            fix="Hand on run-pipeline's output model-version, which is exact.",
            exit_code=ExitCode.BAD_INPUT,
        )
    return ModelVersion(f"azureml:{name}:{found[0]}", name, found[0])
