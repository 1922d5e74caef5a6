"""Sharing: a deep copy of a workspace's asset version into a registry, under a name and version of choice.

Source: the service client v2021_10_01_dataplanepreview of azure-ai-ml 1.31, resource management asset reference
(import), which the SDK's `share` and `az ml model share` call.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from azureml_local import uris
from azureml_local.assets import data, environments, models, references, uploads, versions
from azureml_local.errors import AzureError, bad_request, conflict
from azureml_local.routing import REGION_PREFIX, REGISTRY, Host, RegistryRef, WorkspaceRef, registry_of
from azureml_local.services import Services
from azureml_local.store import Document

# What can be shared, and the property that names its files.
_KINDS = {"models": (models.KIND, "modelUri"), "data": (data.KIND, "dataUri"), "environments": (environments.KIND, "")}
# What belongs to the workspace and stays there.
_LEFT = ("provisioningState", "jobName", "stage", "isArchived")


def _source(services: Services, text: str) -> tuple[versions.Kind, WorkspaceRef, Document]:
    """The version to copy, by `azureml://locations/L/workspaces/GUID/models/NAME/versions/VERSION`."""
    reference = references.parse(services, WorkspaceRef("", "", "", ""), text)
    if reference is None or not isinstance(reference.home, WorkspaceRef) or reference.version is None:
        raise bad_request(f"sourceAssetId '{text}' is not the id of a workspace's asset.", target="sourceAssetId")
    if reference.collection not in _KINDS:
        raise bad_request(
            f"Assets of '{reference.collection}' cannot be shared from a workspace; {', '.join(_KINDS)} can. "
            "A component is created in the registry itself.",
            target="sourceAssetId",
        )
    kind, _ = _KINDS[reference.collection]
    return kind, reference.home, versions.find(services, kind, reference.home, reference.name, reference.version)


def _copy(services: Services, registry: RegistryRef, path: Path, name: str) -> str:
    """Copy files into storage of the registry's own; their URL. The last part of their path stays, for models that
    look for it below AZUREML_MODEL_DIR."""
    container = uploads.fresh_container(services, registry)
    blob = path.name or name
    target = services.blobs.path(container, blob)
    try:
        if path.is_dir():
            shutil.copytree(path, target, ignore_dangling_symlinks=True)  # links are followed: nothing leads back
        else:
            shutil.copy2(path, target)
    except BaseException:
        services.blobs.drop_containers(container)
        raise
    return services.blobs.url(container, blob)


def _imported(services: Services, registry: RegistryRef, kind: versions.Kind, home: WorkspaceRef, source: Document,
              source_id: str, name: str) -> Document:  # fmt: skip
    """The properties of the copy, with its files copied. Raises AzureError when they are not there."""
    properties = {key: value for key, value in source["properties"].items() if key not in _LEFT}
    field = _KINDS[kind.collection][1]
    build = dict(properties.get("build") or {})
    uri = str(properties[field]) if field else str(build.get("contextUri") or "")
    if uri:
        path = uris.resolve(services, home, uri)
        if not path.exists():
            raise bad_request(f"The files of '{source_id}' are not in the workspace's storage any more.")
        copied = _copy(services, registry, path, name)
        if field:
            properties[field] = copied
        else:
            properties["build"] = {**build, "contextUri": f"{copied}/"}
    if kind.collection == "models":
        properties["originAssetId"] = source_id
    return properties


def install(services: Services) -> None:
    """The route of imports."""

    @services.routes.post(Host.REGION, REGION_PREFIX + REGISTRY + "/import")
    async def import_asset(request: Request) -> Response:
        registry, given = registry_of(request), (await request.json()).get("properties") or {}
        source_id = str(given.get("sourceAssetId") or "")
        kind, home, source = _source(services, source_id)
        name = str(given.get("destinationName") or str(source["id"]).split("/")[-3])
        version = str(given.get("destinationVersion") or source["name"])
        versions.check_name(kind, name, version)
        if services.store.get(versions.version_id(kind, registry, name, version)) is not None:
            raise conflict(
                f"The registry '{registry.name}' has a {kind.noun} '{name}' version '{version}' already, and a version "
                "never changes. Share under another version."
            )
        principal = request.state.principal.name

        async def work() -> Document | None:
            properties = await asyncio.to_thread(_imported, services, registry, kind, home, source, source_id, name)
            try:
                versions.put_version(services, kind, registry, name, version, {"properties": properties}, by=principal)
            except AzureError:
                _drop(services, properties)
                raise
            return None  # the client then asks for the version itself

        return services.operations.start(request, work, name=f"import {source_id}")


def _drop(services: Services, properties: Document) -> None:
    """Delete the copy of a version that could not be made after all."""
    urls = [properties.get("modelUri"), properties.get("dataUri"), (properties.get("build") or {}).get("contextUri")]
    for url in filter(None, urls):
        if place := services.blobs.parse_url(str(url)):
            services.blobs.drop_containers(place[0])
