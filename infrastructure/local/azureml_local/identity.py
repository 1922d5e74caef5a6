"""Signing in: Entra's discovery documents and token endpoint, for client secrets and federated ID tokens.

Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

from __future__ import annotations

import hmac
import uuid
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .oidc import FederatedCredentials, FederationError
from .routing import Host
from .services import Services
from .tokens import TOKEN_SECONDS

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _refusal(code: str, number: int, message: str, status: int = 401) -> Response:
    """An error as Entra words it: `AADSTS<number>: …`."""
    return JSONResponse(
        {
            "error": code,
            "error_description": f"AADSTS{number}: {message}",
            "error_codes": [number],
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        },
        status_code=status,
    )


def audience_of(scope: str, resource: str) -> str:
    """The resource a token is asked for: `https://x/.default` (v2) or `resource=https://x` (v1)."""
    for word in scope.split():
        if word.endswith("/.default"):
            return word[: -len("/.default")]
    return resource or scope.split(" ", maxsplit=1)[0]


def install(services: Services) -> None:
    """Routes of login.microsoftonline.com. Nobody is signed in yet here, so none asks for a token."""
    settings, tokens = services.settings, services.tokens
    federated = FederatedCredentials(services)

    def configuration(request: Request, version: str) -> Response:
        base = f"https://{request.url.netloc}/{request.path_params['tenant']}"
        path = f"/oauth2/{version}" if version else "/oauth2"
        return JSONResponse(
            {
                "issuer": f"{base}/{version}".rstrip("/") if version else tokens.issuer,
                "authorization_endpoint": f"{base}{path}/authorize",
                "token_endpoint": f"{base}{path}/token",
                "device_authorization_endpoint": f"{base}{path}/devicecode",
                "jwks_uri": f"{base}/discovery{'/' + version if version else ''}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    for version in ("v2.0", ""):
        prefix = f"/{{tenant}}/{version}".rstrip("/")

        async def discovery(request: Request, version: str = version) -> Response:
            return configuration(request, version)

        services.routes.get(Host.LOGIN, prefix + "/.well-known/openid-configuration", authenticated=False)(discovery)

    @services.routes.get(Host.LOGIN, "/{tenant}/discovery/instance", authenticated=False)
    async def instance(request: Request) -> Response:
        host = request.url.netloc
        return JSONResponse(
            {
                "tenant_discovery_endpoint": f"https://{host}/{settings.tenant_id}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {
                        "preferred_network": host,
                        "preferred_cache": host,
                        "aliases": [host, "login.windows.net"],
                    }
                ],
            }
        )

    @services.routes.get(Host.LOGIN, "/{tenant}/discovery/v2.0/keys", authenticated=False)
    async def keys(_: Request) -> Response:
        return JSONResponse(tokens.jwks())

    async def token(request: Request) -> Response:
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
        tenant = request.path_params["tenant"]
        if tenant.lower() != settings.tenant_id.lower():
            return _refusal(
                "invalid_request",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID "
                f"(this local workspace's is {settings.tenant_id}).",
                400,
            )
        if form.get("grant_type") != "client_credentials":
            return _refusal(
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{form.get('grant_type', '')}'. The local workspace "
                "signs in service principals only: az login --service-principal.",
                400,
            )
        if form.get("client_id", "").lower() != settings.client_id.lower():
            return _refusal(
                "unauthorized_client",
                700016,
                f"Application with identifier '{form.get('client_id', '')}' was not found in the directory "
                f"'{settings.tenant_id}'. This can happen if the application has not been installed by the "
                "administrator of the tenant.",
                400,
            )
        if form.get("client_assertion_type") == _JWT_BEARER:
            try:
                federated.check(form.get("client_assertion", ""))
            except FederationError as error:
                return _refusal("invalid_client", error.number, str(error))
        elif not hmac.compare_digest(form.get("client_secret", "").encode(), settings.client_secret.encode()):
            return _refusal(
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{settings.client_id}'.",
            )
        audience = audience_of(form.get("scope", ""), form.get("resource", ""))
        lifetime = int(tokens.lifetime)
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": max(lifetime, TOKEN_SECONDS),
                "access_token": tokens.issue(audience),
            }
        )

    services.routes.post(Host.LOGIN, "/{tenant}/oauth2/v2.0/token", authenticated=False)(token)
    services.routes.post(Host.LOGIN, "/{tenant}/oauth2/token", authenticated=False)(token)
