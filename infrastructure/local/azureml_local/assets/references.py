"""The ways to name a registered asset.

    azureml:NAME:VERSION   azureml:NAME@latest   NAME:VERSION   NAME@latest
    [azureml:]/subscriptions/S/resourceGroups/G/providers/…/workspaces/W/COLLECTION/NAME/{versions/V,labels/latest}
    azureml://locations/L/workspaces/GUID/COLLECTION/NAME/versions/V
    azureml://registries/R/COLLECTION/NAME/{versions/V,labels/latest}

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax, "Referencing an Azure ML asset".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from azureml_local.errors import bad_request
from azureml_local.routing import Home, WorkspaceRef
from azureml_local.services import Services

_LABELS = ("latest", "default")

_SHORT = re.compile(r"(?:azureml:)?(?P<name>[^/:@]+)(?::(?P<version>[^/:@]+)|@(?P<label>[^/:@]+))")
_ID = re.compile(
    r"(?:azureml:/*)?/?subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/"
    r"providers/microsoft\.machinelearningservices/workspaces/(?P<workspace>[^/]+)/"
    r"(?P<collection>[a-z]+)/(?P<name>[^/]+)/(?:versions/(?P<version>[^/]+)|labels/(?P<label>[^/]+))/?",
    re.IGNORECASE,
)
_LOCATED = re.compile(
    r"azureml://locations/[^/]+/workspaces/(?P<guid>[^/]+)/(?P<collection>[a-z]+)/(?P<name>[^/]+)"
    r"/versions/(?P<version>[^/]+)/?",
    re.IGNORECASE,
)
_REGISTERED = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/(?P<collection>[a-z]+)/(?P<name>[^/]+)"
    r"/(?:versions/(?P<version>[^/]+)|labels/(?P<label>[^/]+))/?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """A named version: its home, its collection (None in the short forms), and the version or None for the latest."""

    home: Home
    collection: str | None
    name: str
    version: str | None


def parse(services: Services, workspace: WorkspaceRef, text: str) -> Reference | None:
    """The reference that `text` is; None when it is none. A label that is not known, or a workspace or
    registry that is not there, is an error."""
    if match := _SHORT.fullmatch(text):
        _check_label(text, match["label"])
        return Reference(workspace, None, match["name"], match["version"])
    if match := _ID.fullmatch(text):
        _check_label(text, match["label"])
        found = services.workspace(match["subscription"], match["group"], match["workspace"])
        if found is None:
            raise bad_request(f"'{text}': there is no workspace '{match['workspace']}' in '{match['group']}'.")
        return Reference(found, match["collection"].lower(), match["name"], match["version"])
    if match := _LOCATED.fullmatch(text):
        for other in services.workspaces():
            document = services.store.get(other.id)
            if document and document["properties"]["workspaceId"].lower() == match["guid"].lower():
                return Reference(other, match["collection"].lower(), match["name"], match["version"])
        raise bad_request(f"'{text}': there is no workspace with the id '{match['guid']}'.")
    if match := _REGISTERED.fullmatch(text):
        _check_label(text, match["label"])
        registry = services.registry(match["registry"])
        if registry is None:
            known = ", ".join(other.name for other in services.registries()) or "none but azureml"
            raise bad_request(
                f"'{text}': there is no registry '{match['registry']}'. Registries here: {known}. "
                "`az ml registry create` makes one."
            )
        return Reference(registry, match["collection"].lower(), match["name"], match["version"])
    return None


def labelled(text: str) -> bool:
    """Whether a reference says what it means by a label, which means another version some day."""
    return "/labels/" in text or bool((match := _SHORT.fullmatch(text)) and match["label"])


def _check_label(text: str, label: str | None) -> None:
    if label is not None and label.lower() not in _LABELS:
        raise bad_request(f"'{text}': the label '{label}' is not known. Use a version, or '@latest'.")
