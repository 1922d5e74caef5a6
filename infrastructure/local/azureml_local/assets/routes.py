"""The REST routes that all kinds of versioned assets have: containers, versions, their lists.

Source: Microsoft.MachineLearningServices 2024-04-01, *Containers and *Versions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.routing import REGION_PREFIX, REGISTRY, WS, Host, RegistryRef, home_of
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


def _done(document: Document) -> Callable[[], Awaitable[Document | None]]:
    async def work() -> Document | None:
        return document

    return work


def _caller(request: Request) -> str:
    principal = request.state.principal
    return principal.name if principal is not None else "local"


def install(services: Services, kind: Kind) -> None:
    """The routes of a kind's containers and versions, in workspaces and in registries."""
    for host, home in ((Host.ARM, WS), (Host.ARM, REGISTRY), (Host.REGION, REGION_PREFIX + REGISTRY)):
        _install_at(services, kind, host, f"{home}/{kind.collection}")


def _install_at(services: Services, kind: Kind, host: Host, containers: str) -> None:
    store, routes = services.store, services.routes
    container = containers + "/{name}"
    versions = container + "/versions"
    version = versions + "/{version}"

    def container_of(request: Request) -> Document:
        home, name = home_of(request), request.path_params["name"]
        document = store.get(container_id(kind, home, name))
        if document is None or (not kind.may_be_empty and not all_versions(services, kind, home, name)):
            raise missing(kind, home, name)
        return document

    @routes.get(host, containers)
    async def list_containers(request: Request) -> Response:
        documents = store.list(f"{home_of(request).id}/{kind.collection}", newest_first=True)
        documents = [d for d in documents if d["name"].lower() not in ANONYMOUS]
        shown = [show_container(services, kind, d) for d in in_view(request, documents)]
        shown = [d for d in shown if kind.may_be_empty or d["properties"]["latestVersion"] is not None]
        return page(request, ordered(request, with_tags(request, shown)))

    @routes.get(host, container)
    async def get_container(request: Request) -> Response:
        return JSONResponse(show_container(services, kind, container_of(request)))

    @routes.put(host, container)
    async def put_container(request: Request) -> Response:
        home, name = home_of(request), request.path_params["name"]
        check_name(kind, name, None)
        given = {key: value for key, value in ((await request.json()).get("properties") or {}).items()
                 if key not in ("latestVersion", "nextVersion", "provisioningState")}  # fmt: skip
        with store.transaction():
            old = store.get(container_id(kind, home, name))
            document = old or new_container(kind, home, name)
            document["properties"].update(given)
            document = store.put(document, by=_caller(request))
        status = 200 if old and not isinstance(home, RegistryRef) else 201  # registries' clients take nothing else
        return JSONResponse(show_container(services, kind, document), status_code=status)

    @routes.delete(host, container)
    async def delete_container(request: Request) -> Response:
        gone = store.delete(container_id(kind, home_of(request), request.path_params["name"]))
        return Response(status_code=200 if gone else 204)

    @routes.get(host, versions)
    async def list_versions(request: Request) -> Response:
        home, name = home_of(request), request.path_params["name"]
        documents = all_versions(services, kind, home, name)
        if not documents:
            curated = kind.fallback(services, home, name, "")
            if curated is None and store.get(container_id(kind, home, name)) is None:
                raise missing(kind, home, name)
            documents = [curated] if curated else []
        shown = with_tags(request, in_view(request, documents))
        if wanted := request.query_params.get("version"):
            shown = [d for d in shown if d["name"] == wanted]
        if stage := request.query_params.get("stage"):
            shown = [d for d in shown if (d["properties"].get("stage") or "").lower() == stage.lower()]
        return page(request, ordered(request, shown))

    @routes.get(host, version)
    async def get_version(request: Request) -> Response:
        parameters = request.path_params
        return JSONResponse(find(services, kind, home_of(request), parameters["name"], parameters["version"]))

    @routes.put(host, version)
    async def create_or_update_version(request: Request) -> Response:
        home, parameters = home_of(request), request.path_params
        document, created = put_version(
            services,
            kind,
            home,
            parameters["name"],
            parameters["version"],
            await request.json(),
            by=_caller(request),
        )
        if isinstance(home, RegistryRef):  # a long-running operation there: Azure copies to the registry's regions
            return services.operations.start(request, _done(document), name=f"put {document['id']}")
        return JSONResponse(document, status_code=201 if created else 200)

    @routes.delete(host, version)
    async def remove_version(request: Request) -> Response:
        parameters = request.path_params
        gone = delete_version(services, kind, home_of(request), parameters["name"], parameters["version"])
        return Response(status_code=200 if gone else 204)
