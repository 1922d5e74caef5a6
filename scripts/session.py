"""Common beginning of every action: which workspace, signed in as whom.

Ways to sign in, the first that is given: client-id with tenant-id (GitHub's OIDC), `credentials` (a service
principal's JSON), else the `az` session that azure/login or a person left.
"""

from __future__ import annotations

from dataclasses import dataclass

from az_cli import Az
from clock import Clock
from credentials import Cached, GitHubOidc, Principal, ServicePrincipal, Token, parse_credentials
from errors import ActionError, Problem, bad_input
from github import Runner
from inputs import RESOURCE_GROUP, WORKSPACE, Inputs
from rest import ARM, Credential
from transport import Transport


@dataclass(frozen=True)
class Target:
    """Where to work and how to sign in, as the inputs say. `subscription` may be empty: the session then knows it."""

    resource_group: str
    workspace: str
    subscription: str
    principal: Principal | None


@dataclass
class Session:
    """Signed in. `principal` is None when the session is az's own."""

    credential: ServicePrincipal | AzSessionCredential
    subscription: str
    principal: ServicePrincipal | None

    def for_resource(self, resource: str) -> Credential:
        """The same identity's tokens for another resource, as https://ml.azure.com."""
        return self.credential.for_resource(resource)

    def sign_in_az(self, az: Az) -> None:
        """Sign `az` in as the same identity, where it is not yet."""
        if self.principal is not None:
            az.login(self.principal)


def read_target(inputs: Inputs, runner: Runner) -> Target:
    """The inputs that all actions have in common; problems are collected in `inputs`."""
    group = inputs.text("resource-group", required=True, pattern=RESOURCE_GROUP[0], allowed=RESOURCE_GROUP[1])
    workspace = inputs.text("workspace-name", required=True, pattern=WORKSPACE[0], allowed=WORKSPACE[1])
    subscription = inputs.guid("subscription-id")
    client, tenant = inputs.guid("client-id"), inputs.guid("tenant-id")
    given = inputs.raw("credentials")
    principal: Principal | None = None
    if given:
        runner.mask(given)
    if client or tenant:
        for name, value, other in (("client-id", client, "tenant-id"), ("tenant-id", tenant, "client-id")):
            if not value:
                inputs.wrong(name, "", f"it is required together with {other}", "Or leave both out to use azure/login.")
        principal = Principal(client, tenant, subscription)
    elif given:
        try:
            principal = parse_credentials(given)
        except ValueError as error:
            mend = "Store the output of `az ad sp create-for-rbac --sdk-auth` as a secret, or use OIDC."
            inputs.problems.append(Problem(f"credentials cannot be used: {error}. {mend}"))
        else:
            runner.mask(principal.secret)
            subscription = subscription or principal.subscription_id
    if principal is not None and not subscription:
        inputs.wrong("subscription-id", "", "it is required when the action signs in by itself")
    return Target(group, workspace, subscription, principal)


class AzSessionCredential:
    """Tokens of the az session that is already there.

    A session that azure/login opened by OIDC cannot renew itself after some minutes (AADSTS700024). Where the job may
    have ID tokens, the same identity is then used directly.
    """

    def __init__(self, az: Az, oidc: GitHubOidc, transport: Transport, clock: Clock, resource: str = ARM) -> None:
        self._az = az
        self._resource = resource
        self._oidc = oidc
        self._transport = transport
        self._clock = clock
        self._cache = Cached(self._fetch, clock)
        self._direct: ServicePrincipal | None = None
        self._account: dict[str, object] = {}
        self.subscription = ""

    def token(self, *, renew: bool = False) -> str:
        return self._cache.token(renew=renew)

    def for_resource(self, resource: str) -> AzSessionCredential:
        """The same session's tokens for another resource."""
        return AzSessionCredential(self._az, self._oidc, self._transport, self._clock, resource)

    def _fetch(self) -> Token:
        if self._direct is not None:
            return self._renewed(self._direct)
        try:
            document = self._az.session_token(self._resource)
        except ActionError as error:
            if "AADSTS700024" not in error.detail or not self._oidc.available:
                raise
            self._direct = self._same_identity()
            return self._renewed(self._direct)
        self.subscription = str(document.get("subscription", ""))
        return Token(str(document["accessToken"]), float(document.get("expires_on", self._clock.time() + 300)))

    def _same_identity(self) -> ServicePrincipal:
        account = self._az.session_account()
        user = account.get("user") or {}
        principal = Principal(str(user.get("name", "")), str(account.get("tenantId", "")), str(account.get("id", "")))
        return ServicePrincipal(principal, self._oidc, self._transport, self._clock, self._resource)

    def _renewed(self, direct: ServicePrincipal) -> Token:
        return Token(direct.token(renew=True), self._clock.time() + 3000)


def open_session(target: Target, az: Az, runner: Runner, transport: Transport, clock: Clock) -> Session:
    """Sign in (the first token is fetched here, so that a refusal comes before anything is made)."""
    oidc = GitHubOidc(runner.env, transport, clock)
    if target.principal is not None:
        principal = ServicePrincipal(target.principal, oidc, transport, clock)
        principal.token()
        proof = "a client secret" if target.principal.secret else "GitHub's ID token"
        runner.say(f"Signed in as {target.principal.client_id} by {proof}")
        return Session(principal, target.subscription, principal)
    session = AzSessionCredential(az, oidc, transport, clock)
    session.token()
    subscription = target.subscription or session.subscription
    if not subscription:
        raise bad_input([Problem("subscription-id is empty, and the az session has no subscription: give it.")])
    runner.say("Using the az session that is already signed in")
    return Session(session, subscription, None)
