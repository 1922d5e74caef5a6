"""Data assets: a name for a file, a folder or a table, wherever it lies.

Source: Microsoft.MachineLearningServices 2023-04-01-preview, Data Versions.
"""

from __future__ import annotations

from azureml_local.errors import bad_request
from azureml_local.routing import Home, RegistryRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import routes, uploads, versions

_TYPES = ("uri_file", "uri_folder", "mltable")


def _prepare(services: Services, home: Home, name: str, version: str, properties: Document) -> None:
    if properties.get("dataType") not in _TYPES:
        raise bad_request(
            f"dataType '{properties.get('dataType')}' is not one of {', '.join(_TYPES)}.", target="dataType"
        )
    uri = str(properties.get("dataUri") or "")
    if not uri:
        raise bad_request("A data version needs 'dataUri'.", target="dataUri")
    if isinstance(home, RegistryRef):
        uploads.check(services, uri, "dataUri")
        return
    if "://" not in uri:
        raise bad_request(
            f"dataUri '{uri}' is not a URI. Use azureml://datastores/NAME/paths/PATH, or an https:// or wasbs:// URI.",
            target="dataUri",
        )
    # The short form is what clients send, the long one what Azure shows.
    if uri.startswith("azureml://datastores/"):
        properties["dataUri"] = (
            f"azureml://subscriptions/{home.subscription}/resourcegroups/{home.group}"
            f"/workspaces/{home.name}/{uri.removeprefix('azureml://')}"
        )


KIND = versions.Kind(
    "data", "data asset", content=lambda p: (p.get("dataType"), str(p.get("dataUri")).lower()), prepare=_prepare
)


def install(services: Services) -> None:
    """Routes of data assets."""
    uploads.install(services, "data")
    routes.install(services, KIND)
