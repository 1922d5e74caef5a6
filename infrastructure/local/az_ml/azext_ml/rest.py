"""A workspace over ARM's REST, without the SDK: az's sign-in, Azure's own transport with its retries and its errors.

Importing azure-ai-ml takes seconds and a command that only shows something needs none of it. The API versions are
those that azure-ai-ml 1.31 asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from knack.log import get_logger

from .entities import Document, UnfamiliarError

logger = get_logger(__name__)
T = TypeVar("T")


def without_sdk(read: Callable[[], T], with_sdk: Callable[[], T]) -> T:
    """What `read` answers; when it meets something that only the SDK knows, what `with_sdk` does."""
    try:
        return read()
    except UnfamiliarError as reason:
        logger.debug("asking azure-ai-ml: %s", reason)
        return with_sdk()


class Workspace:
    """One workspace. `path` arguments are below it: `get("jobs/j1", "2024-01-01-preview")`."""

    def __init__(self, cmd: Any, resource_group: str, workspace: str | None = None) -> None:
        from azure.cli.core._profile import Profile
        from azure.core.pipeline.policies import HttpLoggingPolicy, RequestIdPolicy, RetryPolicy, UserAgentPolicy
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        context = cmd.cli_ctx
        self.base_url = context.cloud.endpoints.resource_manager.rstrip("/")
        self.scope = f"{self.base_url}/.default"
        self.credential, subscription, self.tenant = Profile(cli_ctx=context).get_login_credentials(
            subscription_id=context.data.get("subscription_id")
        )
        self.group = f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
        self.id = f"{self.group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace or ''}".rstrip("/")
        policies = [
            RequestIdPolicy(),
            UserAgentPolicy("az-ml"),
            RetryPolicy(),
            ARMChallengeAuthenticationPolicy(self.credential, self.scope),
            HttpLoggingPolicy(),
        ]
        self.client = ARMPipelineClient(base_url=self.base_url, policies=policies)

    def get(self, path: str, version: str, **query: str) -> Document:
        """A resource. A missing one is azure-core's ResourceNotFoundError, as from the SDK."""
        found: Document = self._send("GET", self._url(path), {"api-version": version, **query}).json()
        return found

    def pages(self, path: str, version: str, **query: str) -> Iterator[Document]:
        """The resources of a collection, page after page."""
        page = self.get(path, version, **query)
        while True:
            yield from page["value"]
            if not page.get("nextLink"):
                return
            page = self._send("GET", page["nextLink"], {}).json()

    def post(self, path: str, version: str, body: Document | None = None, *, no_wait: bool = False) -> Document | None:
        """An action; a long-running one is waited for unless told not to. Its answer, if it has one."""
        from azure.core.polling import LROPoller
        from azure.core.rest import HttpRequest
        from azure.mgmt.core.polling.arm_polling import ARMPolling

        request = HttpRequest("POST", self._url(path), params={"api-version": version}, json=body)
        started = self.client._pipeline.run(request)
        self._check(started.http_response)
        if started.http_response.status_code != 202:
            return started.http_response.json() if started.http_response.content else None
        if no_wait:
            return None
        LROPoller(self.client, started, lambda *_: None, ARMPolling(timeout=1)).result()
        return None

    def _url(self, path: str) -> str:
        return f"{self.base_url}{self.id}/{path}".rstrip("/")

    def _send(self, method: str, url: str, query: dict[str, str]) -> Any:
        from azure.core.rest import HttpRequest

        response = self.client.send_request(HttpRequest(method, url, params=query))
        self._check(response)
        return response

    @staticmethod
    def _check(response: Any) -> None:
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
        from azure.mgmt.core.exceptions import ARMErrorFormat

        if response.status_code == 404:
            raise ResourceNotFoundError(response=response, error_format=ARMErrorFormat)
        if response.status_code >= 400:
            raise HttpResponseError(response=response, error_format=ARMErrorFormat)
