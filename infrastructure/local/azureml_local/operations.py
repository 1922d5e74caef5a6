"""Long-running operations: 201/202 with `Azure-AsyncOperation`, polled until Succeeded or Failed.

Source: ARM's asynchronous operations (learn.microsoft.com/azure/azure-resource-manager/management/async-operations).
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import AzureError, not_found
from .routing import SUBSCRIPTION, Host, asked_for
from .services import Services
from .store import Document

# Status polls carry a fraction of a second: azure-core obeys it there, and reads none or 0 as 30 s.
POLL_SECONDS = "0.2"
_COLLECTION = "internal:/operations"
_BASE = SUBSCRIPTION + "/providers/Microsoft.MachineLearningServices/locations/{location}"


class Operations:
    """Starts operations and answers their status. They live in the store, so a restart fails them with a reason."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def start(
        self,
        request: Request,
        work: Callable[[], Awaitable[Document | None]],
        *,
        name: str,
        body: Document | None = None,
        status: int = 202,
        identifier: str | None = None,
    ) -> Response:
        """Run `work` in the background and answer at once with the headers to follow it by.

        work: returns the resource at the end (None for a delete); an AzureError becomes the operation's error.
        body: the resource as it is now (for PUT: 201 with the body), or None for an empty 202.
        identifier: of the operation, where its address had to be known before; see `status_uri`.
        """
        services = self._services
        identifier = identifier or str(uuid.uuid4())
        key = f"{_COLLECTION}/{identifier}"
        services.store.put({"id": key, "name": identifier, "status": "InProgress"})
        subject = asked_for(request)

        async def run() -> None:
            outcome: dict[str, Any]
            if services.faults is not None:
                await services.faults.slow(subject)
            try:
                result = await work()
                outcome = {"status": "Succeeded", "result": result}
            except AzureError as error:
                outcome = {"status": "Failed", **error.body()}
            except Exception as error:
                services.log.exception("operation %s failed", name)
                outcome = {
                    "status": "Failed",
                    "error": {"code": "InternalServerError", "message": str(error)},
                }
            services.store.update(key, lambda document: document.update(outcome))

        services.spawn(run(), f"operation {name}")
        return self._answer(request, identifier, body, status)

    def status_uri(self, request: Request, identifier: str) -> str:
        """Where the status of an operation is asked for."""
        return self._uri(request, f"mfeOperationsStatus/{identifier}")

    def _uri(self, request: Request, path: str) -> str:
        settings = self._services.settings
        return (
            f"https://{Host.ARM.value}/subscriptions/{settings.subscription_id}"
            f"/providers/Microsoft.MachineLearningServices/locations/{settings.location}/{path}"
            f"?api-version={request.query_params.get('api-version', '2024-04-01')}"
        )

    def _answer(self, request: Request, identifier: str, body: Document | None, status: int) -> Response:
        headers = {
            "Azure-AsyncOperation": self.status_uri(request, identifier),
            "Location": self._uri(request, f"mfeOperationResults/{identifier}"),
            "x-ms-async-operation-timeout": "PT1H",
        }
        if body is None:
            return Response(status_code=status, headers=headers)
        return JSONResponse(body, status_code=status, headers=headers)

    def fail_interrupted(self) -> None:
        """At start: what the last process had under way can't go on."""
        for document in self._services.store.list(_COLLECTION):
            if document["status"] == "InProgress":
                document["status"] = "Failed"
                document["error"] = {
                    "code": "OperationInterrupted",
                    "message": "The local workspace was restarted while this operation was running. Start it again.",
                }
                self._services.store.put(document)

    def find(self, identifier: str) -> Document:
        document = self._services.store.get(f"{_COLLECTION}/{identifier}")
        if document is None:
            raise not_found("operation", identifier)
        return document


def install(services: Services) -> None:
    """Routes of the operation status and result."""
    operations = services.operations = Operations(services)
    operations.fail_interrupted()

    @services.routes.get(Host.ARM, _BASE + "/mfeOperationsStatus/{operation}")
    async def status(request: Request) -> Response:
        document = operations.find(request.path_params["operation"])
        body: dict[str, Any] = {
            "id": request.url.path,
            "name": document["name"],
            "status": document["status"],
        }
        if "error" in document:
            body["error"] = document["error"]
        headers = {"Retry-After": POLL_SECONDS} if document["status"] == "InProgress" else {}
        return JSONResponse(body, headers=headers)

    @services.routes.get(Host.ARM, _BASE + "/mfeOperationResults/{operation}")
    async def result(request: Request) -> Response:
        document = operations.find(request.path_params["operation"])
        if document["status"] == "InProgress":
            return Response(status_code=202, headers={"Retry-After": POLL_SECONDS, "Location": str(request.url)})
        if "error" in document:
            return JSONResponse({"error": document["error"]}, status_code=400)
        if document.get("result") is None:
            return Response(status_code=204)
        return JSONResponse(document["result"])
