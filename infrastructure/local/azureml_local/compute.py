"""Compute: clusters and instances, as records of how many steps may run side by side. The nodes are this machine.

Source: Microsoft.MachineLearningServices 2023-08-01-preview, Compute.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import vm_sizes
from .assets.listing import page
from .compute_rules import checked, identity
from .errors import AzureError, bad_request
from .routing import SUBSCRIPTION, WS, Host, WorkspaceRef, asked_for, workspace_of
from .services import Services
from .store import Document, timestamp

_TYPE = "Microsoft.MachineLearningServices/workspaces/computes"
SERVERLESS = "serverless"
_LOCATION = SUBSCRIPTION + "/providers/Microsoft.MachineLearningServices/locations/{location}"


@dataclass(frozen=True)
class Nodes:
    """What a job may count on: how many steps run at once, and whether Azure might take a node away."""

    name: str
    most: int
    low_priority: bool = False
    size: str | None = None


def name_of(reference: str) -> str:
    """The bare name in `cpu-cluster`, `azureml:cpu-cluster` or an ARM id."""
    return reference.removeprefix("azureml:").rstrip("/").rpartition("/")[2]


def find(services: Services, workspace: WorkspaceRef, reference: str) -> Document | None:
    """The document of the compute that a name or an id means."""
    return services.store.get(f"{workspace.id}/computes/{name_of(reference)}")


def nodes(services: Services, workspace: WorkspaceRef, reference: str | None) -> Nodes:
    """What a job's compute offers; None and "serverless" mean serverless compute, one node.

    Raises Azure's error at submission when there is no such compute or it cannot run jobs now.
    """
    if not reference or name_of(reference).lower() == SERVERLESS:
        return Nodes(SERVERLESS, 1)
    document = find(services, workspace, reference)
    if document is None:
        raise bad_request(f"Unknown compute target '{name_of(reference)}'.")
    given = document["properties"]["properties"]
    if document["properties"]["computeType"] == "ComputeInstance":
        if given["state"] != "Running":
            raise bad_request(
                f"The compute instance '{document['name']}' is {given['state']}, so it cannot run jobs. Start it first."
            )
        return Nodes(document["name"], 1, False, given["vmSize"])
    most = int(given["scaleSettings"]["maxNodeCount"])
    if most == 0:
        raise bad_request(f"The compute '{document['name']}' has max nodes 0, so no job can run on it.")
    return Nodes(document["name"], most, given["vmPriority"] == "LowPriority", given["vmSize"])


def max_nodes(services: Services, workspace: WorkspaceRef, reference: str | None) -> int:
    """How many steps may run at once on a compute; see `nodes`."""
    return nodes(services, workspace, reference).most


def install(services: Services) -> None:
    """Routes of computes, their sizes and usage."""
    store, routes, settings = services.store, services.routes, services.settings

    def document_of(request: Request) -> Document:
        name = request.path_params["name"]
        document = find(services, workspace_of(request), name)
        if document is None:
            raise AzureError(404, "ResourceNotFound", f"Compute with name {name} not found.")
        return document

    def finish(identifier: str, provisioning: str = "Succeeded", **inner: str) -> Document | None:
        def change(document: Document) -> None:
            document["properties"]["provisioningState"] = provisioning
            document["properties"]["properties"].update(inner)

        return store.update(identifier, change)

    def fail(identifier: str, error: AzureError) -> None:
        def change(document: Document) -> None:
            document["properties"].update(provisioningState="Failed", provisioningErrors=[error.body()])

        store.update(identifier, change)

    def put(request: Request, body: Document) -> Response:
        workspace, name = workspace_of(request), request.path_params["name"]
        old = find(services, workspace, name)
        properties = checked(name, body, old, timestamp(services.clock()))
        properties["computeLocation"] = properties["computeLocation"] or body.get("location") or settings.location
        document = store.put(
            {
                "id": old["id"] if old else f"{workspace.id}/computes/{name}",
                "name": old["name"] if old else name,
                "type": _TYPE,
                "location": body.get("location") or settings.location,
                "tags": body.get("tags") or {},
                "identity": identity(body.get("identity"), f"{workspace.id}/computes/{name}", settings.tenant_id),
                "properties": {**properties, "provisioningState": "Updating" if old else "Creating"},
            }
        )

        async def work() -> Document | None:
            try:
                if services.faults is not None:
                    services.faults.check_cluster(asked_for(request), str(properties["properties"]["vmSize"]))
            except AzureError as error:
                fail(document["id"], error)
                raise
            return finish(document["id"])

        return services.operations.start(
            request, work, name=f"compute {name}", body=document, status=200 if old else 201
        )

    @routes.get(Host.ARM, WS + "/computes")
    async def list_computes(request: Request) -> Response:
        return page(request, store.list(f"{workspace_of(request).id}/computes"))

    @routes.get(Host.ARM, WS + "/computes/{name}")
    async def get_compute(request: Request) -> Response:
        return JSONResponse(document_of(request))

    @routes.put(Host.ARM, WS + "/computes/{name}")
    async def put_compute(request: Request) -> Response:
        return put(request, await request.json())

    @routes.patch(Host.ARM, WS + "/computes/{name}")
    async def patch_compute(request: Request) -> Response:
        """Scale settings, the only thing that a PATCH may change."""
        document, body = document_of(request), await request.json()
        merged = copy.deepcopy(document)
        scale = ((body.get("properties") or {}).get("properties") or {}).get("scaleSettings") or {}
        merged["properties"]["properties"].setdefault("scaleSettings", {}).update(scale)
        return put(request, merged)

    @routes.delete(Host.ARM, WS + "/computes/{name}")
    async def delete_compute(request: Request) -> Response:
        document = document_of(request)
        finish(document["id"], "Deleting")

        async def work() -> None:
            store.delete(document["id"])

        return services.operations.start(request, work, name=f"delete compute {document['name']}")

    @routes.post(Host.ARM, WS + "/computes/{name}/listNodes")
    async def list_nodes(request: Request) -> Response:
        """A node for each run that is on the compute now."""
        document = document_of(request)
        jobs = store.list(f"{workspace_of(request).id}/jobs")
        running = [
            job
            for job in jobs
            if job["properties"].get("status") == "Running"
            and name_of(str(job["properties"].get("computeId") or "")).lower() == document["name"].lower()
        ]
        found = [
            {
                "nodeId": f"tvmps_{index:08x}_local",
                "privateIpAddress": "127.0.0.1",
                "publicIpAddress": None,
                "port": None,
                "nodeState": "running",
                "runId": job["name"],
            }
            for index, job in enumerate(running, 1)
        ]
        return JSONResponse({"nodes": found})

    def switch(action: str, states: tuple[str, str]) -> None:
        @routes.post(Host.ARM, WS + "/computes/{name}/" + action)
        async def switch_instance(request: Request) -> Response:
            document = document_of(request)
            if document["properties"]["computeType"] != "ComputeInstance":
                raise bad_request(f"'{action}' is for compute instances; '{document['name']}' is a cluster.")
            finish(document["id"], "Updating", state=states[0])

            async def work() -> None:
                finish(document["id"], "Succeeded", state=states[1])

            return services.operations.start(request, work, name=f"{action} {document['name']}")

    switch("start", ("Starting", "Running"))
    switch("stop", ("Stopping", "Stopped"))
    switch("restart", ("Restarting", "Running"))

    @routes.get(Host.ARM, _LOCATION + "/vmSizes")
    async def sizes(_: Request) -> Response:
        return JSONResponse({"value": vm_sizes.documents()})

    @routes.get(Host.ARM, _LOCATION + "/usages")
    async def usages(request: Request) -> Response:
        total = sum(len(store.list(f"{reference.id}/computes")) for reference in services.workspaces())
        usage = {
            "id": f"{request.url.path}/clusters",
            "type": "Microsoft.MachineLearningServices/locations/usages",
            "unit": "Count",
            "currentValue": total,
            "limit": 500,
            "name": {"value": "clusters", "localizedValue": "Clusters and instances"},
        }
        return JSONResponse({"value": [usage]})
