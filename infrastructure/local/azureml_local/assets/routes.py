"""The REST routes that all kinds of versioned assets have: containers, versions, their lists.

Source: Microsoft.MachineLearningServices 2024-04-01, *Containers and *Versions.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.routing import WS, Host, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document

from .listing import in_view, ordered, page, with_tags
from .versions import (
    Kind,
    all_versions,
    check_name,
    container_id,
    delete_version,
    find,
    missing,
    new_container,
    put_version,
    show_container,
)

# Hidden from lists: containers of what jobs make for themselves.
ANONYMOUS = frozenset({"azureml_anonymous", "cliv2anonymousenvironment"})


def _caller(request: Request) -> str:
    principal = request.state.principal
    return principal.name if principal is not None else "local"


def install(services: Services, kind: Kind) -> None:
    """The routes of a kind's containers and versions."""
    store, routes = services.store, services.routes
    containers = f"{WS}/{kind.collection}"
    container = containers + "/{name}"
    versions = container + "/versions"
    version = versions + "/{version}"

    def container_of(request: Request) -> Document:
        workspace, name = workspace_of(request), request.path_params["name"]
        document = store.get(container_id(kind, workspace, name))
        if document is None or (not kind.may_be_empty and not all_versions(services, kind, workspace, name)):
            raise missing(kind, workspace, name)
        return document

    @routes.get(Host.ARM, containers)
    async def list_containers(request: Request) -> Response:
        documents = store.list(f"{workspace_of(request).id}/{kind.collection}", newest_first=True)
        documents = [d for d in documents if d["name"].lower() not in ANONYMOUS]
        shown = [show_container(services, kind, d) for d in in_view(request, documents)]
        shown = [d for d in shown if kind.may_be_empty or d["properties"]["latestVersion"] is not None]
        return page(request, ordered(request, with_tags(request, shown)))

    @routes.get(Host.ARM, container)
    async def get_container(request: Request) -> Response:
        return JSONResponse(show_container(services, kind, container_of(request)))

    @routes.put(Host.ARM, container)
    async def put_container(request: Request) -> Response:
        workspace, name = workspace_of(request), request.path_params["name"]
        check_name(kind, name, None)
        given = {key: value for key, value in ((await request.json()).get("properties") or {}).items()
                 if key not in ("latestVersion", "nextVersion", "provisioningState")}  # fmt: skip
        with store.transaction():
            old = store.get(container_id(kind, workspace, name))
            document = old or new_container(kind, workspace, name)
            document["properties"].update(given)
            document = store.put(document, by=_caller(request))
        return JSONResponse(show_container(services, kind, document), status_code=200 if old else 201)

    @routes.delete(Host.ARM, container)
    async def delete_container(request: Request) -> Response:
        gone = store.delete(container_id(kind, workspace_of(request), request.path_params["name"]))
        return Response(status_code=200 if gone else 204)

    @routes.get(Host.ARM, versions)
    async def list_versions(request: Request) -> Response:
        workspace, name = workspace_of(request), request.path_params["name"]
        documents = all_versions(services, kind, workspace, name)
        if not documents:
            curated = kind.fallback(services, workspace, name, "")
            if curated is None and store.get(container_id(kind, workspace, name)) is None:
                raise missing(kind, workspace, name)
            documents = [curated] if curated else []
        shown = with_tags(request, in_view(request, documents))
        if wanted := request.query_params.get("version"):
            shown = [d for d in shown if d["name"] == wanted]
        if stage := request.query_params.get("stage"):
            shown = [d for d in shown if (d["properties"].get("stage") or "").lower() == stage.lower()]
        return page(request, ordered(request, shown))

    @routes.get(Host.ARM, version)
    async def get_version(request: Request) -> Response:
        parameters = request.path_params
        return JSONResponse(find(services, kind, workspace_of(request), parameters["name"], parameters["version"]))

    @routes.put(Host.ARM, version)
    async def create_or_update_version(request: Request) -> Response:
        parameters = request.path_params
        document, created = put_version(
            services,
            kind,
            workspace_of(request),
            parameters["name"],
            parameters["version"],
            await request.json(),
            by=_caller(request),
        )
        return JSONResponse(document, status_code=201 if created else 200)

    @routes.delete(Host.ARM, version)
    async def remove_version(request: Request) -> Response:
        parameters = request.path_params
        gone = delete_version(services, kind, workspace_of(request), parameters["name"], parameters["version"])
        return Response(status_code=200 if gone else 204)
