"""The CLI's own line to its server, on 127.0.0.1 only: health with a nonce, stop, workspaces, federated subjects.

Every call but health carries a key that only the state folder's owner can compute.
"""

from __future__ import annotations

import hmac
import os

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .arm import create_group, create_workspace
from .errors import AzureError
from .oidc import FederatedCredentials, job_statement, request_token, subject_of
from .routing import Host
from .services import Services
from .tokens import Tokens

KEY_HEADER = "x-azureml-local-key"


def local_key(tokens: Tokens) -> str:
    """The key of this state folder's local API."""
    return tokens.signature("local-api")


def check_key(services: Services, request: Request) -> None:
    """Raises AzureError unless the request comes from this state folder's owner."""
    if not hmac.compare_digest(request.headers.get(KEY_HEADER, ""), local_key(services.tokens)):
        raise AzureError(401, "Unauthorized", "The local API is for the azureml-local command.")


def install(services: Services) -> None:
    nonce = os.environ.get("AZUREML_LOCAL_NONCE", "")

    def check(request: Request) -> None:
        check_key(services, request)

    @services.routes.get(Host.LOCAL, "/health", authenticated=False)
    async def health(_: Request) -> Response:
        return JSONResponse({"nonce": nonce, "pid": os.getpid(), "state": "ready"})

    @services.routes.post(Host.LOCAL, "/workspaces", authenticated=False)
    async def workspaces(request: Request) -> Response:
        """Make a group and a workspace in it, unless they are there: `{"group", "workspace"}`."""
        check(request)
        body = await request.json()
        subscription = services.settings.subscription_id
        if services.store.get(f"/subscriptions/{subscription}/resourceGroups/{body['group']}") is None:
            create_group(services, body["group"], services.settings.location)
        found = services.workspace(subscription, body["group"], body["workspace"])
        document = services.store.get(found.id) if found else None
        return JSONResponse(document or create_workspace(services, body["group"], body["workspace"]))

    @services.routes.post(Host.LOCAL, "/id-token-requests", authenticated=False)
    async def id_token_request(request: Request) -> Response:
        """A job's ACTIONS_ID_TOKEN_REQUEST_TOKEN for `{"claims": {…}, "trust": [subject, …]}`."""
        check(request)
        body = await request.json()
        for subject in body.get("trust", []):
            FederatedCredentials(services).add(subject)
        return JSONResponse({"token": request_token(services, body["claims"])})

    @services.routes.post(Host.LOCAL, "/id-token-jobs", authenticated=False)
    async def id_token_job(request: Request) -> Response:
        """Trust a job in a GitHub environment and say how it asks for ID tokens: `{"claims": {…}}`, with `environment`.

        Answers with the `subject` of its ID tokens, and the `statement` that belongs into its request URL.
        """
        check(request)
        claims = (await request.json())["claims"]
        subject = subject_of(claims)
        FederatedCredentials(services).add(subject)
        return JSONResponse({"subject": subject, "statement": job_statement(services, claims)})
