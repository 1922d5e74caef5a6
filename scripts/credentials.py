"""Tokens for Azure, from the three ways to sign in: GitHub's OIDC, a service principal's secret, the `az` session.

A token is renewed before it ends. With OIDC that means a new ID token from GitHub each time: the old one lives for
some minutes only, which is why long waits elsewhere die of AADSTS700024.

Sources: https://docs.github.com/actions/concepts/security/openid-connect and
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from clock import Clock
from errors import ActionError, ExitCode
from known_failures import failure
from rest import ARM, RETRY_STATUSES, error_of, retry_after
from transport import Request, Response, Transport, TransportError

AUTHORITY = "https://login.microsoftonline.com"
AUDIENCE = "api://AzureADTokenExchange"
_CLAIMS = ("iss", "sub", "aud", "repository", "ref", "environment", "job_workflow_ref")


@dataclass(frozen=True)
class Token:
    """`ends` in seconds since 1970."""

    text: str
    ends: float


class Cached:
    """Keeps a token until a fifth of its life, at most five minutes, is left."""

    def __init__(self, fetch: Callable[[], Token], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._renew_at = 0.0

    def token(self, *, renew: bool = False) -> str:
        now = self._clock.time()
        if self._token is None or renew or now >= self._renew_at:
            self._token = self._fetch()
            left = self._token.ends - now
            self._renew_at = self._token.ends - min(300.0, max(0.0, left) / 5)
        return self._token.text


@dataclass(frozen=True)
class Principal:
    """Who signs in. Exactly one of `secret` and GitHub's ID token proves it; `subscription` may be empty."""

    client_id: str
    tenant_id: str
    subscription_id: str = ""
    secret: str = ""


def claims(jwt: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; `{}` when it is none. To show people whom GitHub says they are."""
    parts = jwt.split(".")
    if len(parts) != 3:
        return {}
    try:
        decoded = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return {name: decoded[name] for name in _CLAIMS if name in decoded} if isinstance(decoded, dict) else {}


class GitHubOidc:
    """GitHub's ID tokens for this job. `available` tells whether the job has `permissions: id-token: write`."""

    def __init__(self, env: Mapping[str, str], transport: Transport, clock: Clock) -> None:
        self._url = env.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        self._bearer = env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
        self._transport = transport
        self._clock = clock

    @property
    def available(self) -> bool:
        return bool(self._url and self._bearer)

    def id_token(self) -> str:
        """A fresh ID token for Entra's token exchange."""
        if not self.available:
            raise ActionError(
                "GitHub offers no ID token to this job.",
                "The job lacks `permissions: id-token: write`, or the run comes from a fork's pull request, which "
                "never gets it.",
                "Add `permissions: {id-token: write, contents: read}` to the job.",
                "https://docs.github.com/actions/reference/security/oidc",
                exit_code=ExitCode.SIGN_IN,
            )
        url = f"{self._url}{'&' if '?' in self._url else '?'}audience={quote(AUDIENCE, safe='')}"
        headers = {"Authorization": f"Bearer {self._bearer}", "Accept": "application/json; api-version=2.0"}
        response = patiently(Request("GET", url, headers), self._transport, self._clock, "GitHub's ID token")
        value = response.json().get("value", "") if response.status == 200 else ""
        if not value:
            detail = f"{response.status} {' '.join(error_of(response))}"
            raise ActionError("GitHub refused an ID token.", detail=detail, exit_code=ExitCode.SIGN_IN)
        return str(value)


def patiently(request: Request, transport: Transport, clock: Clock, what: str, attempts: int = 5) -> Response:
    """Send, and send again after broken connections, 429 and 5xx."""
    last = ""
    for attempt in range(attempts):
        wait = 2.0**attempt
        try:
            response = transport(request)
        except TransportError as error:
            last = str(error)
            if "CERTIFICATE_VERIFY_FAILED" in last:
                break
        else:
            if response.status not in RETRY_STATUSES:
                return response
            last = f"{response.status} {' '.join(error_of(response))}"
            wait = retry_after(response.headers) or wait
        if attempt + 1 < attempts:
            clock.sleep(min(wait, 60.0))
    raise failure(f"{what} could not be had.", last, ExitCode.SIGN_IN)


class ServicePrincipal:
    """Tokens for one resource by OAuth 2.0 client credentials, proved by a secret or by GitHub's ID token."""

    def __init__(
        self, principal: Principal, oidc: GitHubOidc, transport: Transport, clock: Clock, resource: str = ARM
    ) -> None:
        self.principal = principal
        self._resource = resource
        self._oidc = oidc
        self._transport = transport
        self._clock = clock
        self._cache = Cached(self._exchange, clock)
        self.shown_claims: dict[str, Any] = {}

    def token(self, *, renew: bool = False) -> str:
        return self._cache.token(renew=renew)

    def for_resource(self, resource: str) -> ServicePrincipal:
        """The same identity's tokens for another resource, as https://ml.azure.com."""
        return ServicePrincipal(self.principal, self._oidc, self._transport, self._clock, resource)

    def proof(self) -> tuple[str, str]:
        """How `az login` may prove the same: ("--password" or "--federated-token", the secret)."""
        if self.principal.secret:
            return "--password", self.principal.secret
        return "--federated-token", self._oidc.id_token()

    def _exchange(self) -> Token:
        scope = f"{self._resource}/.default"
        form = {"grant_type": "client_credentials", "client_id": self.principal.client_id, "scope": scope}
        if self.principal.secret:
            form["client_secret"] = self.principal.secret
        else:
            assertion = self._oidc.id_token()
            self.shown_claims = claims(assertion)
            form["client_assertion"] = assertion
            form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        url = f"{AUTHORITY}/{self.principal.tenant_id}/oauth2/v2.0/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = Request("POST", url, headers, urlencode(form).encode())
        response = patiently(request, self._transport, self._clock, "A token from Entra ID")
        if response.status != 200:
            raise self._refused(response)
        document = response.json()
        return Token(str(document["access_token"]), self._clock.time() + float(document.get("expires_in", 3600)))

    def _refused(self, response: Response) -> ActionError:
        detail = " ".join(error_of(response)).strip().splitlines()[0] if response.body else str(response.status)
        if self.shown_claims:
            detail += "\nGitHub's claims: " + json.dumps(self.shown_claims)
        return failure("Entra ID refused to sign in.", detail, ExitCode.SIGN_IN)


def parse_credentials(text: str) -> Principal:
    """The JSON of `az ad sp create-for-rbac --sdk-auth`. ValueError says what is missing, never what it holds."""
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - bad text, not a caller's mistake
    names = ("clientId", "clientSecret", "tenantId")
    missing = [name for name in names if not isinstance(document.get(name), str) or not document[name]]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    return Principal(
        document["clientId"], document["tenantId"], str(document.get("subscriptionId", "")), document["clientSecret"]
    )
