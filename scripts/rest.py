"""Azure's REST interfaces with a bearer token: retries, Retry-After, long-running operations, one kind of error.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations and
https://learn.microsoft.com/azure/architecture/best-practices/retry-service-specific
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from clock import Clock, SystemClock
from errors import ActionError, ExitCode
from known_failures import failure
from transport import Request, Response, Transport, TransportError, send

ARM = "https://management.azure.com"
RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_BUSY = ("inprogress", "in progress", "another operation", "conflicting operation", "being updated", "updating state")


class Credential(Protocol):
    """Something that has a bearer token for Azure Resource Manager, new whenever the old one is near its end."""

    def token(self, *, renew: bool = False) -> str:
        """A token that is good for at least one more request; `renew` asks for another one in any case."""
        ...


class AzureError(ActionError):
    """Azure answered with an error. `status` is the HTTP status, `code` the error's code."""

    status: int = 0
    code: str = ""


class UnreachableError(ActionError):
    """Azure did not answer, or only with 408, 429 and 5xx, through all attempts."""


def error_of(response: Response) -> tuple[str, str]:
    """Code and message of an error: ARM's `{error: {code, message}}` or Entra's `{error, error_description}`."""
    try:
        body = response.json()
    except ValueError:
        return "", response.body[:500].decode(errors="replace").strip()
    if not isinstance(body, dict):
        return "", str(body)[:500]
    inner = body.get("error", body)
    if isinstance(inner, dict):
        return str(inner.get("code", "")), str(inner.get("message", "")).strip()
    return str(inner), str(body.get("error_description", "")).strip()


def retryable(response: Response) -> bool:
    """Whether the same request may succeed later: throttled, broken, or (409) the object is busy."""
    if response.status in RETRY_STATUSES:
        return True
    return response.status == 409 and any(word in " ".join(error_of(response)).lower() for word in _BUSY)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait (`Retry-After` as a number, `retry-after-ms`, `x-ms-retry-after-ms`)."""
    for name, unit in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    return None


def named(url: str) -> str:
    """An address as people can read it: below the workspace's provider, and never with a query, which may be signed."""
    return url.partition("?")[0].rpartition("/providers/Microsoft.MachineLearningServices/")[2]


class Rest:
    """Authenticated JSON requests.

    Every request is safe to send again (GET, PUT, DELETE, and POSTs that change nothing twice), so 408, 409 for a
    busy object, 429, 5xx and broken connections are tried again: after 1, 2, 4 … s with jitter, or after what
    Retry-After asks. Anything else that is not 2xx raises AzureError at once, with the table's cause and cure.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        transport: Transport = send,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
        say: Callable[[str], None] = lambda _: None,
        attempts: int = 6,
        longest_wait: float = 60.0,
    ) -> None:
        self.credential = credential
        self.clock = clock or SystemClock()
        self.attempts = attempts
        self._transport = transport
        self._jitter = jitter
        self._say = say
        self._longest_wait = longest_wait

    def pause(self, attempt: int, headers: Mapping[str, str] | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 0)."""
        asked = retry_after(headers or {})
        if asked is not None:
            return min(asked + self._jitter() * 0.5, 5 * self._longest_wait)
        return min(2.0**attempt, self._longest_wait) * (0.5 + self._jitter() / 2)

    def raw(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        attempts: int = 0,
        timeout: float = 60.0,
        anonymous: bool = False,
    ) -> Response:
        """The final answer, whatever its status; UnreachableError when every attempt failed for a passing reason.

        `anonymous` leaves the token out: for URLs that carry their own signature.
        """
        data = None if body is None else json.dumps(body).encode()
        renewed = renew = False
        tries = attempts or self.attempts
        last = ""
        attempt = 0
        while attempt < tries:
            sent = dict(headers or {})
            if data is not None:
                sent["Content-Type"] = "application/json"
            if not anonymous:
                sent["Authorization"] = f"Bearer {self.credential.token(renew=renew)}"
                renew = False
            answered: Mapping[str, str] = {}
            try:
                response = self._transport(Request(method, url, sent, data, timeout))
            except TransportError as error:
                last = str(error)
                if "CERTIFICATE_VERIFY_FAILED" in last:  # waiting does not mend that
                    break
            else:
                if response.status == 401 and not anonymous and not renewed:
                    renewed = renew = True  # ended or revoked before its time: one new token, and this was no attempt
                    continue
                if not retryable(response):
                    return response
                answered = response.headers
                last = f"{response.status} {' '.join(error_of(response))}".strip()
            attempt += 1
            if attempt < tries:
                wait = self.pause(attempt - 1, answered)
                self._say(f"{method} {named(url)}: {last}; again in {wait:.1f} s")
                self.clock.sleep(wait)
        found = failure(f"{method} {named(url)} failed {tries} times.", last, ExitCode.LOST)
        raise UnreachableError(found.what, found.cause, found.fix, found.link, found.detail, found.exit_code)

    def call(self, method: str, url: str, body: Any = None, *, attempts: int = 0, timeout: float = 60.0) -> Response:
        """The answer if it is 2xx, else AzureError."""
        response = self.raw(method, url, body, attempts=attempts, timeout=timeout)
        if 200 <= response.status < 300:
            return response
        raise self.refused(method, url, response)

    def refused(self, method: str, url: str, response: Response) -> AzureError:
        """The AzureError that stands for an answer with an error status."""
        code, message = error_of(response)
        detail = f"{response.status} {code}: {message}" if code else f"{response.status} {message}"
        found = failure(f"Azure refused {method} {named(url)}.", detail)
        error = AzureError(found.what, found.cause, found.fix, found.link, detail, found.exit_code)
        error.status, error.code = response.status, code
        return error

    def get(self, url: str) -> Any:
        """The decoded JSON body; AzureError for any error status."""
        return self.call("GET", url).json()

    def find(self, url: str) -> Any | None:
        """As get, but None where nothing of that name exists (404)."""
        try:
            return self.get(url)
        except AzureError as error:
            if error.status == 404:
                return None
            raise

    def pages(self, url: str, limit: int = 1000) -> list[Any]:
        """The `value` items of a list and of the pages its `nextLink` names, up to `limit`."""
        found: list[Any] = []
        while url and len(found) < limit:
            page = self.get(url)
            found += page.get("value", [])
            url = page.get("nextLink") or ""
        return found[:limit]

    def finish(self, response: Response, deadline: float, what: str) -> dict[str, Any]:
        """Wait for the long-running operation that `response` started; its final status document.

        Raises AzureError when it ends as Failed or Canceled, and with ExitCode.TIMEOUT when `deadline`
        (the clock's monotonic seconds) passes first.
        """
        url = response.headers.get("azure-asyncoperation") or response.headers.get("location") or ""
        wait = retry_after(response.headers)
        while url:
            if self.clock.monotonic() > deadline:
                raise ActionError(f"{what} was not finished in time.", exit_code=ExitCode.TIMEOUT)
            self.clock.sleep(min(wait or 1.0, 15.0))
            response = self.call("GET", url)
            wait = retry_after(response.headers)
            document: dict[str, Any] = response.json()
            status = str(document.get("status", "Succeeded" if response.status == 200 else "InProgress")).lower()
            if status == "succeeded":
                return document
            if status in ("failed", "canceled", "cancelled"):
                error = document.get("error") or {}
                detail = f"{error.get('code', status)}: {error.get('message', 'no reason was given')}"
                found = failure(f"{what} failed.", detail)
                raise AzureError(found.what, found.cause, found.fix, found.link, detail, found.exit_code)
        last: dict[str, Any] = response.json()
        return last
