"""Routes of batch deployments."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets.listing import page
from azureml_local.errors import conflict
from azureml_local.routing import Host, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document

from . import deployment_rules as rules
from . import endpoint_rules
from .endpoints import ENDPOINT, caller

DEPLOYMENT = ENDPOINT + "/deployments/{deployment}"


def install(services: Services) -> None:
    """PUT, GET, PATCH, DELETE and lists of an endpoint's deployments."""
    routes, store = services.routes, services.store

    def endpoint_of(request: Request) -> Document:
        return endpoint_rules.find(services, workspace_of(request), request.path_params["endpoint"])

    def found(request: Request) -> Document:
        return rules.find(services, endpoint_of(request), request.path_params["deployment"])

    def answer(request: Request, document: Document, state: str) -> Response:
        async def nothing() -> Document:
            return document

        shown = {**document, "properties": {**document["properties"], "provisioningState": state}}
        name = f"batch deployment {document['name']}"
        return services.operations.start(request, nothing, name=name, body=shown, status=201)

    @routes.get(Host.ARM, ENDPOINT + "/deployments")
    async def list_deployments(request: Request) -> Response:
        return page(request, endpoint_rules.deployments_of(services, endpoint_of(request)))

    @routes.get(Host.ARM, DEPLOYMENT)
    async def get_deployment(request: Request) -> Response:
        return JSONResponse(found(request))

    @routes.put(Host.ARM, DEPLOYMENT)
    async def put_deployment(request: Request) -> Response:
        body, workspace, endpoint = await request.json(), workspace_of(request), endpoint_of(request)
        name = request.path_params["deployment"]
        made = await asyncio.to_thread(rules.document, services, workspace, endpoint, name, body)
        existed = store.get(made["id"]) is not None
        return answer(request, store.put(made, by=caller(request)), "Updating" if existed else "Creating")

    @routes.patch(Host.ARM, DEPLOYMENT)
    async def patch_deployment(request: Request) -> Response:
        """Tags and description may be changed."""
        body, document = await request.json(), found(request)
        if body.get("tags") is not None:
            document["tags"] = body["tags"]
        given = body.get("properties") or {}
        if "description" in given:
            document["properties"]["description"] = given["description"]
        return answer(request, store.put(document, by=caller(request)), "Updating")

    @routes.delete(Host.ARM, DEPLOYMENT)
    async def delete_deployment(request: Request) -> Response:
        endpoint = endpoint_of(request)
        document = store.get(f"{endpoint['id']}/deployments/{request.path_params['deployment']}")
        if document is None:
            return Response(status_code=204)
        if endpoint["properties"]["defaults"]["deploymentName"] == document["name"]:
            raise conflict(
                f"The deployment '{document['name']}' is the default of endpoint '{endpoint['name']}'. Make another "
                "deployment the default, or delete the endpoint."
            )
        store.delete(document["id"])

        async def gone() -> None:
            return None

        return services.operations.start(request, gone, name=f"delete batch deployment {document['name']}")
