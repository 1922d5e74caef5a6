"""Code assets: the folder that `code:` names, uploaded once for each content.

A client asks by content hash before it uploads, under a fresh name, so the hash is looked up in the whole workspace.

Source: Microsoft.MachineLearningServices 2023-04-01, Code Versions (`hash`, `hashVersion`).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.routing import WS, Home, Host, WorkspaceRef, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document

from . import routes, uploads, versions
from .listing import page

_HASHES = "internal:/code-hashes"


def _hash_key(home: Home, digest: str, hash_version: str) -> str:
    return f"{_HASHES}{home.id}/{hash_version}-{digest}"


def _prepare(services: Services, home: Home, name: str, version: str, properties: Document) -> None:
    uploads.check(services, properties.get("codeUri"), "codeUri")
    digest = properties["properties"].get("hash_sha256")
    if digest:
        key = _hash_key(home, digest, properties["properties"].get("hash_version", ""))
        services.store.put({"id": key, "code": versions.version_id(KIND, home, name, version)})


KIND = versions.Kind("codes", "code", content=lambda properties: properties.get("codeUri"), prepare=_prepare)


def with_hash(services: Services, workspace: WorkspaceRef, digest: str, hash_version: str) -> Document | None:
    """The code version with this content, if its files are still there."""
    entry = services.store.get(_hash_key(workspace, digest, hash_version))
    document = services.store.get(entry["code"]) if entry else None
    if document is None:
        return None
    place = services.blobs.parse_url(str(document["properties"]["codeUri"]).replace(":443/", "/"))
    return document if place and services.blobs.path(*place).exists() else None


def install(services: Services) -> None:
    """Routes of codes."""

    @services.routes.get(Host.ARM, WS + "/codes/{name}/versions")
    async def list_versions(request: Request) -> Response:
        workspace, query = workspace_of(request), request.query_params
        if digest := query.get("hash"):
            found = with_hash(services, workspace, digest, query.get("hashVersion", ""))
            return page(request, [found] if found else [])
        return page(request, versions.all_versions(services, KIND, workspace, request.path_params["name"]))

    uploads.install(services, "codes")
    routes.install(services, KIND)
