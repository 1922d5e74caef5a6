"""What a job refers to: environments, components, code, data, models and computes, by any spelling clients use.

`/subscriptions/…/environments/N/versions/V`, with or without `azureml:` before it, `azureml:N:V`, `N:V`,
`azureml:N@latest`, `azureml://registries/R/environments/N/{versions/V,labels/latest}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from azureml_local.assets import codes, components, data, environments, models, versions
from azureml_local.errors import AzureError
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

_KINDS = {kind.collection: kind for kind in (codes.KIND, components.KIND, data.KIND, environments.KIND, models.KIND)}
_ARM = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/workspaces/([^/]+)/(.+)", re.IGNORECASE)
_ASSET = re.compile(r"(\w+)/([^/]+)/versions/([^/]+)", re.IGNORECASE)
_LABELLED = re.compile(r"(\w+)/([^/]+)/labels/([^/]+)", re.IGNORECASE)
_REGISTRIES = "azureml://registries/"
_SHORT = re.compile(r"([^/:@]+)(?::([^/:@]+)|@([^/:@]+))")


@dataclass(frozen=True)
class Asset:
    """A version of an asset. `id` is its ARM id."""

    id: str
    name: str
    version: str
    properties: Document


class UnknownReferenceError(ValueError):
    """A reference to nothing, or one that can't be read; the message says which and why."""


def asset(services: Services, workspace: WorkspaceRef, reference: str, collection: str) -> Asset:
    """The asset version that a reference names. Raises UnknownReferenceError."""
    kind = _KINDS[collection]
    if reference.startswith(_REGISTRIES):
        return _from_registry(services, workspace, kind, reference)
    name, version = _name_and_version(workspace, reference, collection)
    if version is None:
        document = versions.latest(services, kind, workspace, name)
        document = document or kind.fallback(services, workspace, name, "")
        if document is None:
            raise UnknownReferenceError(f"There is no {kind.noun} '{name}' in workspace '{workspace.name}'.")
    else:
        try:
            document = versions.find(services, kind, workspace, name, version)
        except AzureError:
            known = ", ".join(str(d["name"]) for d in versions.all_versions(services, kind, workspace, name)[:10])
            hint = f" Versions of '{name}': {known}." if known else ""
            raise UnknownReferenceError(
                f"There is no {kind.noun} '{name}' version '{version}' in workspace '{workspace.name}'.{hint}"
            ) from None
    return Asset(str(document["id"]), name, str(document["name"]), document["properties"])


def _from_registry(services: Services, workspace: WorkspaceRef, kind: versions.Kind, reference: str) -> Asset:
    """A version in a registry, `azureml://registries/azureml/environments/sklearn-1.5/labels/latest` for one."""
    try:
        if kind is environments.KIND:
            document = environments.resolve(services, workspace, reference)
        else:
            document = versions.resolve(services, kind, workspace, reference)
    except AzureError as error:
        raise UnknownReferenceError(error.message) from error
    name = str(document["id"]).split("/")[-3]
    return Asset(str(document["id"]), name, str(document["name"]), document["properties"])


def _name_and_version(workspace: WorkspaceRef, reference: str, collection: str) -> tuple[str, str | None]:
    text = reference.removeprefix("azureml:") if not reference.startswith("azureml://") else reference
    if arm := _ARM.fullmatch(text):
        if arm[1].lower() != workspace.name.lower():
            raise UnknownReferenceError(f"'{reference}' is in another workspace, which this one cannot read.")
        text = arm[2]
        if (match := _ASSET.fullmatch(text)) and match[1].lower() == collection:
            return match[2], match[3]
        if (match := _LABELLED.fullmatch(text)) and match[1].lower() == collection and match[3] == "latest":
            return match[2], None
    elif short := _SHORT.fullmatch(text):
        if short[3] is None:
            return short[1], short[2]
        if short[3] == "latest":
            return short[1], None
        raise UnknownReferenceError(f"The label '{short[3]}' in '{reference}' is not known; there is '@latest'.")
    raise UnknownReferenceError(
        f"'{reference}' does not name {collection}. Use azureml:NAME:VERSION, azureml:NAME@latest or an ARM id."
    )


def is_asset_id(text: str, collection: str) -> bool:
    """Whether this text is the id of an asset version of one collection, in a workspace or in a registry."""
    if text.startswith(_REGISTRIES):
        return text.removeprefix(_REGISTRIES).split("/")[1:2] == [collection]
    arm = _ARM.fullmatch(text.removeprefix("azureml:"))
    match = _ASSET.fullmatch(arm[2]) if arm else None
    return bool(match and match[1].lower() == collection)


def compute_name(reference: str | None) -> str | None:
    """The name in `/subscriptions/…/computes/NAME`, `azureml:NAME` or `NAME`; None when there is none."""
    if not reference:
        return None
    return reference.removeprefix("azureml:").rstrip("/").rpartition("/")[2] or None
