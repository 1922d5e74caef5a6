"""The answers of a bad day, worded as Azure words them.

Sources: learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes,
learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, and what people quote of refusals for lack of quota in
public issue trackers. None of it was compared with a live subscription.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from azureml_local import vm_sizes
from azureml_local.blob_api.errors import BlobError
from azureml_local.errors import AzureError
from azureml_local.http_protocol import ABORT
from azureml_local.routing import Host
from azureml_local.store import Document

# A quota that is used up: what the messages count with.
LIMIT = 0


class Cut(Response):
    """No answer at all: the connection is broken."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        abort = scope.get(ABORT)
        if abort is None:
            raise ConnectionResetError("cut by a fault")
        abort()
        while (await receive())["type"] != "http.disconnect":
            pass  # until the server has noticed: an answer after that goes nowhere


def throttled(family: Host, seconds: float) -> Response:
    """Too many requests; `seconds` goes into Retry-After."""
    headers = {"Retry-After": f"{seconds:g}"}
    if family is Host.BLOB:
        return BlobError(503, "ServerBusy", "The server is busy.", headers=headers).response()
    message = f"The request is being throttled as the limit has been reached. Try again after {seconds:g} seconds."
    return AzureError(429, "TooManyRequests", message, headers=headers).response()


def server_error(family: Host, status: int) -> Response:
    """500 and 503 come from the service, in its error shape; 502 and 504 from the gateway before it, as HTML."""
    titles = {502: "Bad Gateway", 504: "Gateway Timeout"}
    if status in titles:
        page = (
            f"<html><head><title>{status} {titles[status]}</title></head><body><h1>{titles[status]}</h1></body></html>"
        )
        return HTMLResponse(page, status_code=status)
    code = {500: "InternalServerError", 503: "ServiceUnavailable"}[status]
    message = "The service ran into a problem with the request. Try again later."
    if family is Host.BLOB:
        return BlobError(status, "InternalError" if status == 500 else "ServerBusy", message).response()
    return AzureError(status, code, message).response()


def _family(size: str) -> tuple[str, int]:
    """A VM size's family, in words, and its vCPUs."""
    family, cores = vm_sizes.family_and_cores(size)
    return family.removeprefix("standard").removesuffix("Family").strip() or family, cores


def no_quota_for_cluster(size: str) -> AzureError:
    """What a cluster's operation fails with."""
    family, cores = _family(size)
    return AzureError(
        400,
        "ClusterMinNodesExceedCoreQuota",
        f"The specified subscription has a {family} family vCPU quota of {LIMIT} and cannot accommodate at least 1 "
        f"requested managed compute node which maps to {cores} vCPUs. Talk to your subscription admin or refer to "
        "https://aka.ms/azureml-quota to increase the quota.",
    )


def no_quota_for_run(size: str | None, nodes: int) -> AzureError:
    """What a run fails with when its compute cannot get nodes."""
    family, cores = _family(size or "Standard_DS3_v2")
    return AzureError(
        400,
        "JobNodeCountExceedsCoreQuota",
        "Job submission to AzureML Compute encountered an Exception with status code JobNodeCountExceedsCoreQuota: the "
        f"subscription has a {family} family vCPU quota of {LIMIT}, which is less than the requested job node count of "
        f"{nodes} which maps to {nodes * cores} vCPUs.",
    )


def no_quota_for_deployment(subscription: str, body: Document) -> AzureError:
    """What the PUT of an online deployment is answered."""
    properties: dict[str, Any] = body.get("properties") or {}
    size = str(properties.get("instanceType") or "Standard_DS3_v2")
    count = int((body.get("sku") or {}).get("capacity") or 1)
    needed = _family(size)[1] * count
    return AzureError(
        400,
        "BadRequest",
        "The request is invalid. (InferencingClientCreateDeploymentFailed) VmSize: Not enough quota available for "
        f"{size} in SubscriptionId {subscription}. Current usage/limit: {LIMIT}/{LIMIT}. Additional needed: {needed}. "
        "See https://aka.ms/oe-tsg#error-outofquota.",
    )


def no_quota_for_endpoint(subscription: str) -> AzureError:
    """What the PUT of an online endpoint is answered."""
    return AzureError(
        400,
        "BadRequest",
        f"The quota of managed online endpoints of SubscriptionId {subscription} in this region is used up "
        f"(QuotaExceeded). Current usage/limit: {LIMIT}/{LIMIT}.",
    )
