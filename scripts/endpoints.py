"""Online and batch endpoints over REST: read them, change them without losing another's change, drop a deployment.

A change is a full PUT of what was just read (a PATCH of traffic does not exist), so it is read, decided, written,
and read anew whenever Azure says that the endpoint is busy. A PUT is never simply repeated: by then it may be stale.

Sources: https://learn.microsoft.com/rest/api/azureml/online-endpoints and …/batch-endpoints
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from clock import Clock
from errors import ActionError, ExitCode
from rest import Rest, UnreachableError, error_of
from transport import Response
from workspace import Workspace

ONLINE = "onlineEndpoints"
BATCH = "batchEndpoints"
SETTLED = frozenset({"succeeded", "failed", "canceled"})
_READ_ONLY = ("provisioningState", "scoringUri", "swaggerUri", "keys")

#: What becomes of an endpoint's body: the body to write, or None when it is already as it should be.
Change = Callable[[dict[str, Any]], "dict[str, Any] | None"]


def body_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What may be written back of an endpoint as it was read."""
    body = {name: document[name] for name in ("location", "kind", "sku") if document.get(name)}
    body["tags"] = dict(document.get("tags") or {})
    properties = document.get("properties") or {}
    body["properties"] = {name: value for name, value in properties.items() if name not in _READ_ONLY}
    identity = document.get("identity") or {}
    if identity:
        users: dict[str, dict[str, str]] = {name: {} for name in identity.get("userAssignedIdentities") or {}}
        body["identity"] = {"type": identity.get("type"), **({"userAssignedIdentities": users} if users else {})}
    return body


def state_of(document: Mapping[str, Any] | None) -> str:
    """provisioningState of an endpoint or deployment; "Succeeded" where Azure leaves it out."""
    return str(((document or {}).get("properties") or {}).get("provisioningState") or "Succeeded")


@dataclass
class Endpoint:
    """One endpoint and its deployments. Methods that wait take `deadline`: the clock's monotonic seconds."""

    workspace: Workspace
    kind: str
    name: str
    clock: Clock
    say: Callable[[str], None]

    @property
    def command(self) -> str:
        """The group of `az ml` that manages such endpoints."""
        return "online-endpoint" if self.kind == ONLINE else "batch-endpoint"

    @property
    def rest(self) -> Rest:
        return self.workspace.rest

    def url(self, deployment: str = "", action: str = "") -> str:
        path = f"/{self.kind}/{quote(self.name)}"
        path += f"/deployments/{quote(deployment)}" if deployment else ""
        return self.workspace.url(path + (f"/{action}" if action else ""))

    # --- reading

    def find(self) -> dict[str, Any] | None:
        """The endpoint, None when there is none of that name."""
        found: dict[str, Any] | None = self.rest.find(self.url())
        return found

    def get(self) -> dict[str, Any]:
        """The endpoint; AzureError (404) when there is none."""
        found: dict[str, Any] = self.rest.get(self.url())
        return found

    def deployments(self) -> list[dict[str, Any]]:
        """All deployments of the endpoint."""
        return [
            dict(each) for each in self.rest.pages(self.workspace.url(f"/{self.kind}/{quote(self.name)}/deployments"))
        ]

    def deployment(self, name: str) -> dict[str, Any] | None:
        """One deployment, None when there is none of that name."""
        found: dict[str, Any] | None = self.rest.find(self.url(name))
        return found

    def log(self, deployment: str, lines: int = 200) -> str:
        """The last lines of an online deployment's container log (Online Deployments - Get Logs)."""
        body = {"tail": lines, "containerType": "InferenceServer"}
        return str(self.rest.call("POST", self.url(deployment, "getLogs"), body).json().get("content") or "")

    # --- waiting and changing

    def settled(self, deadline: float) -> dict[str, Any]:
        """The endpoint once Azure is not working on it any more."""
        return self._wait(self.get, f"Endpoint {self.name}", deadline)

    def settled_or_gone(self, deadline: float) -> dict[str, Any] | None:
        """The same, or None when there is none, or none any more."""
        return self._wait(self.find, f"Endpoint {self.name}", deadline) or None

    def settled_deployment(self, name: str, deadline: float) -> dict[str, Any] | None:
        """A deployment once Azure is not working on it any more; None when it is gone."""
        return self._wait(lambda: self.deployment(name), f"Deployment {name}", deadline) or None

    def _wait(self, read: Callable[[], dict[str, Any] | None], what: str, deadline: float) -> dict[str, Any]:
        told = ""
        while True:
            document = read()
            state = state_of(document)
            if document is None or state.lower() in SETTLED:
                return document or {}
            if state != told:
                self.say(f"{what} is {state}: waiting.")
                told = state
            self._pause(deadline, f"{what} is still {state}.")

    def change(self, decide: Change, what: str, deadline: float) -> dict[str, Any]:
        """Read, decide, write, wait; again from the start whenever the endpoint was busy. The endpoint afterwards.

        Exceptions of `decide` pass through: that is how a change is called off by what was read.
        """
        while True:
            document = self.settled(deadline)
            wanted = decide(body_of(document))
            if wanted is None:
                return document
            response = self._once("PUT", self.url(), wanted)
            if response is not None:
                self.rest.finish(response, deadline, what)
                return self.settled(deadline)
            self._pause(deadline, f"{what}: the endpoint stayed busy.")

    def delete_deployment(self, name: str, deadline: float, *, wait: bool = True) -> None:
        """Delete a deployment; one that does not exist is deleted already. `wait=False`: until Azure took the order."""
        while True:
            response = self._once("DELETE", self.url(name))
            if response is not None:
                if wait and response.status not in (204, 404):
                    self.rest.finish(response, deadline, f"Deleting deployment {name}")
                return
            self._pause(deadline, f"Deployment {name} could not be deleted: the endpoint stayed busy.")

    def _once(self, method: str, url: str, body: Any = None) -> Response | None:
        """One attempt; None when it may succeed later. AzureError for a refusal."""
        try:
            response = self.rest.raw(method, url, body, attempts=1)
        except UnreachableError as error:
            self.say(f"Endpoint {self.name}: {error.detail}; trying again.")
            return None
        if response.status == 409:
            self.say(f"Endpoint {self.name} is busy ({' '.join(error_of(response))}); trying again.")
            return None
        if 200 <= response.status < 300 or (method == "DELETE" and response.status == 404):
            return response
        raise self.rest.refused(method, url, response)

    def _pause(self, deadline: float, what: str) -> None:
        left = deadline - self.clock.monotonic()
        if left <= 0:
            raise ActionError(what, fix="Raise timeout-minutes, or run again.", exit_code=ExitCode.TIMEOUT)
        self.clock.sleep(min(1.0, max(0.05, left)))
