"""REST routes of online deployments.

Source: Microsoft.MachineLearningServices 2023-04-01-preview, Online Deployments.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import endpoint_names, ignored_settings
from azureml_local.assets.listing import page
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import Host, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document

from . import deployment_rules, endpoint_rules, logs, plan
from .endpoints import ONE as ENDPOINT
from .endpoints import find as find_endpoint
from .endpoints import set_state
from .manager import OnlineManager
from .plan import Plan

_COLLECTION = ENDPOINT + "/deployments"
_ONE = _COLLECTION + "/{deployment}"
_TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"


def install(services: Services, manager: OnlineManager) -> None:
    """Routes of deployments and their logs."""
    store, routes = services.store, services.routes
    told = ignored_settings.Told()

    def endpoint_of(request: Request) -> Document:
        return find_endpoint(services, workspace_of(request), request.path_params["endpoint"])

    def document_of(request: Request) -> Document:
        endpoint, name = endpoint_of(request), request.path_params["deployment"]
        document = store.get(f"{endpoint['id']}/deployments/{name}")
        if document is None:
            raise AzureError(
                404, "ResourceNotFound", f"Online deployment '{name}' not found in endpoint '{endpoint['name']}'."
            )
        return document

    def refuse_if_busy(endpoint: Document, deployment: Document | None) -> None:
        endpoint_rules.refuse_if_busy("endpoint", endpoint)
        if deployment is not None:
            endpoint_rules.refuse_if_busy("deployment", deployment)

    def notes_on(endpoint: Document, properties: Document) -> list[str]:
        """What is ignored here, for the deployment's log; what is its own is in the workspace's log too."""
        own = told.new(ignored_settings.of_online_deployment(properties))
        for note in own:
            services.log.warning("online deployments: %s", note)
        return [*told.new(ignored_settings.of_online_endpoint(endpoint)), *own]

    def start(request: Request, document: Document, wanted: Plan, status: int, notes: Sequence[str] = ()) -> Response:
        """Bring the deployment to what its document says, as a long-running operation."""
        operation = str(uuid.uuid4())
        address = services.operations.status_uri(request, operation)

        def note(kept: Document) -> None:
            kept["properties"]["properties"]["AzureAsyncOperationUri"] = address

        document = store.update(document["id"], note) or document

        async def work() -> Document | None:
            try:
                await manager.serve(document["id"], wanted, notes)
            except BaseException:
                set_state(services, document["id"], "Failed")
                raise
            return set_state(services, document["id"], "Succeeded")

        name = f"deployment {document['name']} of {wanted.endpoint}"
        return services.operations.start(request, work, name=name, body=document, status=status, identifier=operation)

    @routes.get(Host.ARM, _COLLECTION)
    async def list_deployments(request: Request) -> Response:
        return page(request, manager.deployments(endpoint_of(request)["id"]))

    @routes.get(Host.ARM, _ONE)
    async def get_deployment(request: Request) -> Response:
        return JSONResponse(document_of(request))

    @routes.put(Host.ARM, _ONE)
    async def put_deployment(request: Request) -> Response:
        body = await request.json()
        endpoint, name = endpoint_of(request), request.path_params["deployment"]
        endpoint_names.check("deployment", name)
        old = store.get(f"{endpoint['id']}/deployments/{name}")
        refuse_if_busy(endpoint, old)
        properties, count = deployment_rules.checked(body, old)
        name = old["name"] if old else name
        properties = plan.settled(services, workspace_of(request), properties)
        wanted = plan.make(services, workspace_of(request), endpoint["name"], name, properties, count)
        notes = notes_on(endpoint, properties)
        document = store.put(
            {
                "id": old["id"] if old else f"{endpoint['id']}/deployments/{name}",
                "name": name,
                "type": _TYPE,
                "location": endpoint["location"],
                "kind": "Managed",
                "tags": body.get("tags") or {},
                "sku": {"name": "Default", "capacity": count},
                "properties": {**properties, "provisioningState": _state(manager, old, wanted)},
            },
            by=_caller(request),
        )
        return start(request, document, wanted, 200 if old else 201, notes)

    @routes.patch(Host.ARM, _ONE)
    async def patch_deployment(request: Request) -> Response:
        """Tags and the number of instances, what Azure's PATCH changes."""
        body, old = await request.json(), document_of(request)
        refuse_if_busy(endpoint_of(request), old)
        count = deployment_rules.capacity(body, old)
        wanted = plan.make(
            services, workspace_of(request), endpoint_of(request)["name"], old["name"], old["properties"], count
        )

        def change(document: Document) -> None:
            document["tags"] = {**document["tags"], **(body.get("tags") or {})}
            document["sku"]["capacity"] = count
            document["properties"]["provisioningState"] = _state(manager, old, wanted)

        document = store.update(old["id"], change)
        assert document is not None
        return start(request, document, wanted, 202)

    @routes.delete(Host.ARM, _ONE)
    async def delete_deployment(request: Request) -> Response:
        endpoint = endpoint_of(request)
        document = store.get(f"{endpoint['id']}/deployments/{request.path_params['deployment']}")
        if document is None:
            return Response(status_code=204)
        refuse_if_busy(endpoint, document)
        name = document["name"]
        for field, kind in (("traffic", "live"), ("mirrorTraffic", "mirrored")):
            share = endpoint["properties"][field].get(name)
            if share:
                raise bad_request(
                    f"The deployment '{name}' has {share} % of the {kind} traffic of endpoint '{endpoint['name']}', so "
                    "it cannot be deleted. Move its traffic to another deployment first.",
                    target="traffic",
                )
        set_state(services, document["id"], "Deleting")

        def forget(of: Document) -> None:
            for field in ("traffic", "mirrorTraffic"):
                of["properties"][field].pop(name, None)

        async def work() -> None:
            await manager.remove(document["id"])
            store.update(endpoint["id"], forget)

        return services.operations.start(request, work, name=f"delete deployment {name}")

    @routes.post(Host.ARM, _ONE + "/getLogs")
    async def get_logs(request: Request) -> Response:
        body, document = await request.json(), document_of(request)
        container = str(body.get("containerType") or logs.INFERENCE_SERVER)
        if container not in (logs.INFERENCE_SERVER, logs.STORAGE_INITIALIZER):
            raise bad_request(
                f"containerType '{container}' is not one of {logs.INFERENCE_SERVER}, {logs.STORAGE_INITIALIZER}.",
                target="containerType",
            )
        lines = body.get("tail")
        runtime = manager.runtime(document["id"])
        return JSONResponse({"content": runtime.logs.show(container, int(lines) if lines else 50)})


def _state(manager: OnlineManager, old: Document | None, wanted: Plan) -> str:
    """What the operation is called while it runs."""
    if old is None:
        return "Creating"
    now = manager.plan(old["id"])
    same = now is not None and now.serves_the_same == wanted.serves_the_same
    return "Scaling" if same and now is not None and now.instances != wanted.instances else "Updating"


def _caller(request: Request) -> str:
    principal = request.state.principal
    return principal.name if principal is not None else "local"
