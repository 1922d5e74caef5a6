"""Routes of batch endpoints."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets.listing import page
from azureml_local.errors import bad_request
from azureml_local.routing import WS, Host, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document

from . import endpoint_rules as rules
from . import job_records

ENDPOINT = WS + "/batchEndpoints/{endpoint}"


def caller(request: Request) -> str:
    """Who is noted as the one who made or changed something."""
    return str(request.state.principal.name)


def install(services: Services) -> None:
    """PUT, GET, PATCH, DELETE and lists of endpoints."""
    routes, store = services.routes, services.store

    def found(request: Request) -> Document:
        return rules.find(services, workspace_of(request), request.path_params["endpoint"])

    def keep(request: Request, document: Document, *, created: bool) -> Response:
        """Store the endpoint; it is as asked for at once, and clients are told to wait for it all the same."""
        operation = str(uuid.uuid4())
        address = services.operations.status_uri(request, operation)
        document["properties"]["properties"].update(
            {"azureml.onlineendpointid": document["id"], "AzureAsyncOperationUri": address}
        )
        kept = store.put(document, by=caller(request))

        async def nothing() -> Document:
            return kept

        state = "Creating" if created else "Updating"
        shown = {**kept, "properties": {**kept["properties"], "provisioningState": state}}
        name = f"batch endpoint {kept['name']}"
        return services.operations.start(request, nothing, name=name, body=shown, status=201, identifier=operation)

    @routes.get(Host.ARM, WS + "/batchEndpoints")
    async def list_endpoints(request: Request) -> Response:
        return page(request, store.list(f"{workspace_of(request).id}/batchEndpoints"))

    @routes.get(Host.ARM, ENDPOINT)
    async def get_endpoint(request: Request) -> Response:
        return JSONResponse(found(request))

    @routes.put(Host.ARM, ENDPOINT)
    async def put_endpoint(request: Request) -> Response:
        body, workspace, name = await request.json(), workspace_of(request), request.path_params["endpoint"]
        existing = store.get(f"{workspace.id}/batchEndpoints/{name}")
        document = rules.document(services, workspace, name, body, existing)
        return keep(request, document, created=existing is None)

    @routes.patch(Host.ARM, ENDPOINT)
    async def patch_endpoint(request: Request) -> Response:
        """Tags, description and the default deployment may be changed."""
        body, workspace, existing = await request.json(), workspace_of(request), found(request)
        given = {**existing["properties"], **(body.get("properties") or {})}
        tags = existing["tags"] if body.get("tags") is None else body["tags"]
        merged = {"tags": tags, "properties": given}
        document = rules.document(services, workspace, existing["name"], merged, existing)
        return keep(request, document, created=False)

    @routes.delete(Host.ARM, ENDPOINT)
    async def delete_endpoint(request: Request) -> Response:
        """With its deployments; the jobs that ran stay."""
        document = store.get(f"{workspace_of(request).id}/batchEndpoints/{request.path_params['endpoint']}")
        if document is None:
            return Response(status_code=204)
        store.delete(document["id"])
        job_records.forget(services, document)

        async def gone() -> None:
            return None

        return services.operations.start(request, gone, name=f"delete batch endpoint {document['name']}")

    @routes.post(Host.ARM, ENDPOINT + "/listkeys")
    async def list_keys(request: Request) -> Response:
        raise bad_request(
            f"The batch endpoint '{found(request)['name']}' has no keys: it is called with a Microsoft Entra token for "
            "https://ml.azure.com."
        )
