"""Compute: clusters and instances, as records of how many steps may run side by side. The nodes are this machine.

Source: Microsoft.MachineLearningServices 2023-08-01-preview, Compute.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import vm_sizes
from .assets.listing import page
from .errors import AzureError, bad_request, not_implemented
from .routing import SUBSCRIPTION, WS, Host, WorkspaceRef, workspace_of
from .services import Services
from .store import Document, timestamp

_TYPE = "Microsoft.MachineLearningServices/workspaces/computes"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_PRIORITIES = {"dedicated": "Dedicated", "lowpriority": "LowPriority"}
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


def _count(scale: dict[str, Any], field: str, default: int) -> int:
    value = scale.get(field, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise bad_request(f"scaleSettings.{field} must be a number of nodes, 0 or more, not {value!r}.", target=field)
    return value


def _cluster(given: dict[str, Any], moment: str) -> dict[str, Any]:
    """A cluster's settings, checked and completed as Azure shows them."""
    scale = given.get("scaleSettings") or {}
    smallest, most = _count(scale, "minNodeCount", 0), _count(scale, "maxNodeCount", 1)
    if smallest > most:
        raise bad_request(
            f"The minimum node count ({smallest}) cannot be greater than the maximum node count ({most}).",
            target="scaleSettings",
        )
    idle = scale.get("nodeIdleTimeBeforeScaleDown") or "PT120S"
    if not _DURATION.fullmatch(str(idle)) or idle in ("P", "PT"):
        raise bad_request(f"nodeIdleTimeBeforeScaleDown '{idle}' is not an ISO 8601 duration such as PT120S.")
    priority = str(given.get("vmPriority") or "Dedicated")
    if priority.lower() not in _PRIORITIES:
        raise bad_request(f"vmPriority '{priority}' is not one of Dedicated, LowPriority.", target="vmPriority")
    return {
        "osType": "Linux",
        "enableNodePublicIp": True,
        "isolatedNetwork": False,
        **{key: value for key, value in given.items() if value is not None},
        "vmPriority": _PRIORITIES[priority.lower()],
        "remoteLoginPortPublicAccess": given.get("remoteLoginPortPublicAccess") or "NotSpecified",
        "scaleSettings": {"minNodeCount": smallest, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": idle},
        "allocationState": "Steady",
        "allocationStateTransitionTime": moment,
        "errors": None,
        "currentNodeCount": smallest,
        "targetNodeCount": smallest,
        "nodeStateCounts": {"preparingNodeCount": 0, "runningNodeCount": 0, "idleNodeCount": smallest,
                            "unusableNodeCount": 0, "leavingNodeCount": 0, "preemptedNodeCount": 0},
    }  # fmt: skip


def _instance(given: dict[str, Any], state: str) -> dict[str, Any]:
    return {
        "applicationSharingPolicy": "Shared",
        "computeInstanceAuthorizationType": "personal",
        "enableNodePublicIp": True,
        "applications": [],
        "errors": [],
        **{key: value for key, value in given.items() if value is not None},
        "state": state,
    }


def _checked(name: str, body: Document, old: Document | None, moment: str) -> Document:
    """The document of a compute about to be made or updated, or the 400 that Azure would answer."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"Compute name '{name}' is invalid. It can include letters, digits and dashes. It must start with a "
            "letter, end with a letter or digit, and be between 2 and 32 characters in length.",
            target="name",
        )
    outer = body.get("properties") or {}
    kind = str(outer.get("computeType") or "")
    known = {"amlcompute": "AmlCompute", "computeinstance": "ComputeInstance"}.get(kind.lower())
    if known is None:
        raise not_implemented(f"compute of type '{kind}' (it does AmlCompute and ComputeInstance)")
    given = dict(outer.get("properties") or {})
    size = str(given.get("vmSize") or "")
    if not size:
        raise bad_request(f"The compute '{name}' needs a VM size ('vmSize'), such as Standard_DS3_v2.", target="vmSize")
    if not vm_sizes.looks_like_one(size):
        raise bad_request(
            f"The specified VM size '{size}' is not supported. It must be a name such as Standard_DS3_v2; "
            "`az ml compute list-sizes` lists them.",
            target="vmSize",
        )
    if old is not None:
        _refuse_change(name, known, given, old)
    return {
        "computeType": known,
        "description": outer.get("description"),
        "computeLocation": outer.get("computeLocation"),
        "disableLocalAuth": bool(outer.get("disableLocalAuth", False)),
        "isAttachedCompute": False,
        "provisioningErrors": None,
        "resourceId": None,
        "createdOn": old["properties"]["createdOn"] if old else moment,
        "modifiedOn": moment,
        "properties": _cluster(given, moment) if known == "AmlCompute" else _instance(given, "Running"),
    }


def _refuse_change(name: str, kind: str, given: dict[str, Any], old: Document) -> None:
    """Of a cluster that exists, only scale settings, tags and description may change."""
    before = old["properties"]
    changes = [("computeType", before["computeType"], kind)]
    for field in ("vmSize", "vmPriority"):
        if field in given and given[field] is not None:
            changes.append((field, before["properties"].get(field), given[field]))
    for field, was, now in changes:
        if str(was).lower() != str(now).lower():
            raise bad_request(
                f"The compute '{name}' exists with {field} '{was}', which cannot be changed to '{now}': "
                "only its scale settings can be updated. Delete it first, or use another name.",
                target=field,
            )


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

    def put(request: Request, body: Document) -> Response:
        workspace, name = workspace_of(request), request.path_params["name"]
        old = find(services, workspace, name)
        properties = _checked(name, body, old, timestamp(services.clock()))
        properties["computeLocation"] = properties["computeLocation"] or body.get("location") or settings.location
        document = store.put(
            {
                "id": old["id"] if old else f"{workspace.id}/computes/{name}",
                "name": old["name"] if old else name,
                "type": _TYPE,
                "location": body.get("location") or settings.location,
                "tags": body.get("tags") or {},
                "identity": body.get("identity"),
                "properties": {**properties, "provisioningState": "Updating" if old else "Creating"},
            }
        )

        async def work() -> Document | None:
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
