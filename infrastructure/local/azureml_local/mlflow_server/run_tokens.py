"""Renewing a step's token: azureml-mlflow asks run history for a new one shortly before the old one expires.

Source: azureml-mlflow 1.62, azureml.mlflow._restclient.token (RunsOperations, RunOperations).
"""

from __future__ import annotations

from datetime import datetime, timezone

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.routing import WS, Host
from azureml_local.services import Services
from azureml_local.store import timestamp

AUDIENCE = "https://ml.azure.com"


def install_run_tokens(services: Services) -> None:
    """`…/runs/{run}/token`: a fresh token for whoever still holds a valid one."""

    async def renew(_: Request) -> Response:
        tokens = services.tokens
        expiry = datetime.fromtimestamp(tokens.now() + tokens.lifetime, timezone.utc)
        return JSONResponse({"token": tokens.issue(AUDIENCE), "expiryTimeUtc": timestamp(expiry)})

    for kind in ("experiments", "experimentids"):
        services.routes.get(Host.API, f"/history/v1.0{WS}/{kind}/{{experiment}}/runs/{{run}}/token")(renew)
