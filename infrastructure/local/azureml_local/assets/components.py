"""Components: the definition of a step, registered under a name or kept by hash for one pipeline.

`azureml_default` is the version that a reference without a version means: the latest one.

Source: Microsoft.MachineLearningServices 2024-01-01-preview, Component Versions.
"""

from __future__ import annotations

import json
from typing import Any

from azureml_local.errors import bad_request
from azureml_local.routing import Home, RegistryRef, WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import routes, uploads, versions

DEFAULT_VERSION = "azureml_default"
_DESCRIBING = ("display_name", "description", "tags", "version", "name", "_source", "$schema", "creation_context")


def _content(properties: Document) -> str:
    """What the step does, without what is only said about it."""
    spec: dict[str, Any] = properties.get("componentSpec") or {}
    return json.dumps({key: value for key, value in spec.items() if key not in _DESCRIBING}, sort_keys=True)


def _prepare(services: Services, home: Home, name: str, version: str, properties: Document) -> None:
    spec = properties.get("componentSpec")
    if not isinstance(spec, dict) or not spec.get("type"):
        raise bad_request("A component version needs a 'componentSpec' with a 'type'.", target="componentSpec")
    if version == DEFAULT_VERSION:
        raise bad_request(f"'{DEFAULT_VERSION}' is not a version that can be created.", target="version")
    if isinstance(home, RegistryRef):
        _check_lives_in_registries(spec)
    spec.setdefault("name", name)
    spec["version"] = version


def _check_lives_in_registries(spec: Document) -> None:
    """What a component in a registry refers to must be in one: a workspace that uses it sees no other workspace."""
    task = spec.get("task") if isinstance(spec.get("task"), dict) else {}
    nodes = (spec.get("jobs") or {}).values() if isinstance(spec.get("jobs"), dict) else ()
    for owner, field in [(spec, "code"), (spec, "environment"), (task, "code"), (task, "environment"), *(
        (node, "componentId") for node in nodes if isinstance(node, dict))]:  # fmt: skip
        reference = str((owner or {}).get(field) or "")
        if reference and not reference.removeprefix("azureml:").startswith(("azureml://registries/", "//registries/")):
            raise bad_request(
                f"The component's {field} '{reference}' is not in a registry. A component in a registry can use "
                f"azureml://registries/REGISTRY/{'components' if field == 'componentId' else field + 's'}"
                "/NAME/versions/VERSION only.",
                target=field,
            )


def _default(services: Services, home: Home, name: str, version: str) -> Document | None:
    return versions.latest(services, KIND, home, name) if version in ("", DEFAULT_VERSION) else None


def resolve(services: Services, workspace: WorkspaceRef, reference: str) -> Document:
    """The component version that a step's `component` means."""
    return versions.resolve(services, KIND, workspace, reference)


KIND = versions.Kind(
    "components", "component", content=_content, change_status=409, prepare=_prepare, fallback=_default
)


def install(services: Services) -> None:
    """Routes of components."""
    uploads.install(services, "components")
    routes.install(services, KIND)
