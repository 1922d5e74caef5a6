"""GitHub's ID tokens under act, and the check that Entra makes of them.

On GitHub, `token.actions.githubusercontent.com` issues the ID token of a job; Entra accepts it when a federated
credential of the application has the same issuer, subject and audience. Under act there is no issuer, so the local
workspace is it: the same URL, the same claims, a signature by its own key, and the same three checks.
Source: docs.github.com/actions/reference/security/oidc.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import AzureError
from .routing import Host
from .services import Services
from .tokens import TokenError

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "api://AzureADTokenExchange"
_REQUEST_AUDIENCE = "urn:azureml-local:id-token-request"
_JOB_AUDIENCE = "urn:azureml-local:job"
_COLLECTION = "internal:/federated-credentials"
ID_TOKEN_SECONDS = 300
REQUEST_SECONDS = 24 * 3600


class FederationError(Exception):
    """Why an ID token was refused; `number` is Entra's AADSTS code."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def subject_of(claims: Mapping[str, Any]) -> str:
    """GitHub's default subject: the environment if the job has one, else pull_request, else the ref.

    It begins with `subject_prefix` where the claims have one: repositories with immutable subjects begin theirs with
    `repo:OWNER@ID/REPO@ID`, see docs.github.com/actions/concepts/security/openid-connect#immutable-subject-claims.
    """
    repository = str(claims.get("subject_prefix") or f"repo:{claims['repository']}")
    if claims.get("environment"):
        return f"{repository}:environment:{claims['environment']}"
    if claims.get("event_name") == "pull_request":
        return f"{repository}:pull_request"
    return f"{repository}:ref:{claims.get('ref', 'refs/heads/main')}"


class FederatedCredentials:
    """The application's federated credentials: which subjects may sign in without a secret."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add(self, subject: str, *, issuer: str = ISSUER, audience: str = AUDIENCE) -> None:
        """Trust ID tokens with this exact subject. Adding one twice changes nothing."""
        name = subject.replace("/", "_")
        self._services.store.put(
            {"id": f"{_COLLECTION}/{name}", "subject": subject, "issuer": issuer, "audience": audience}
        )

    def check(self, assertion: str) -> None:
        """Raise FederationError unless the ID token is valid, unexpired and matches a credential."""
        tokens = self._services.tokens
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise FederationError(50027, f"JWT token is invalid or malformed ({error}).") from error
        if claims.get("iss") != ISSUER:
            raise FederationError(
                700212,
                f"No matching federated identity record found for presented assertion issuer '{claims.get('iss')}'.",
            )
        audience = claims.get("aud")
        if audience != AUDIENCE:
            raise FederationError(
                700212,
                f"No matching federated identity record found for presented assertion audience '{audience}'. "
                f"Please check your federated identity credential: '{AUDIENCE}' is expected.",
            )
        if float(claims.get("exp", 0)) <= tokens.now():
            raise FederationError(
                700024,
                "Client assertion is not within its valid time range. Request a new ID token and sign in again.",
            )
        try:
            tokens.verify(assertion, audiences=frozenset({AUDIENCE}), issuer=ISSUER)
        except TokenError as error:
            raise FederationError(700027, f"Client assertion failed signature validation ({error}).") from error
        subject = claims.get("sub")
        known = [row["subject"] for row in self._services.store.list(_COLLECTION)]
        if subject not in known:
            raise FederationError(
                700213,
                f"No matching federated identity record found for presented assertion subject '{subject}'. "
                "Check your federated identity credential Subject, Audience and Issuer against the assertion.",
            )


def request_token(services: Services, claims: Mapping[str, Any]) -> str:
    """What a job gets as ACTIONS_ID_TOKEN_REQUEST_TOKEN: it may ask for ID tokens with these claims, nothing else."""
    return _sign(services, _REQUEST_AUDIENCE, claims)


def job_statement(services: Services, claims: Mapping[str, Any]) -> str:
    """What a job with a GitHub environment has in its ACTIONS_ID_TOKEN_REQUEST_URL, as `job=…`: its own claims.

    No secret: it is of use only beside the request token of the same run.
    """
    return _sign(services, _JOB_AUDIENCE, claims)


def _sign(services: Services, audience: str, claims: Mapping[str, Any]) -> str:
    now = int(services.tokens.now())
    return services.tokens.sign(
        {"iss": ISSUER, "aud": audience, "iat": now, "exp": now + REQUEST_SECONDS, "job": dict(claims)}
    )


def install(services: Services) -> None:
    """The ID-token endpoint that ACTIONS_ID_TOKEN_REQUEST_URL names."""
    tokens = services.tokens

    @services.routes.get(Host.GITHUB_OIDC, "/.well-known/jwks", authenticated=False)
    async def jwks(_: Request) -> Response:
        return JSONResponse(tokens.jwks())

    @services.routes.get(Host.GITHUB_OIDC, "/id-token", authenticated=False)
    async def id_token(request: Request) -> Response:
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise TokenError("The Authorization header is missing.")
            principal = tokens.verify(presented, audiences=frozenset({_REQUEST_AUDIENCE}), issuer=ISSUER)
            claims = dict(principal.claims["job"])
            if statement := request.query_params.get("job"):
                run = claims.get("run_id")
                claims = dict(
                    tokens.verify(statement, audiences=frozenset({_JOB_AUDIENCE}), issuer=ISSUER).claims["job"]
                )
                if claims.get("run_id") != run:
                    raise TokenError("The job is of another run than the token.")
        except TokenError as error:
            raise AzureError(401, "Unauthorized", str(error)) from error
        now = int(tokens.now())
        value = tokens.sign(
            {
                **{name: value for name, value in claims.items() if name != "subject_prefix"},
                "iss": ISSUER,
                "sub": subject_of(claims),
                "aud": request.query_params.get("audience")
                or f"https://github.com/{claims['repository'].split('/')[0]}",
                "jti": str(uuid.uuid4()),
                "iat": now,
                "nbf": now - 5,
                "exp": now + ID_TOKEN_SECONDS,
            }
        )
        return JSONResponse({"count": len(value), "value": value})
