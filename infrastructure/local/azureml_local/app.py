"""The server's front door: which host, whose token, which workspace, which route.

Every request that comes through the redirect passes here once, in this order: host family, faults, route, token,
workspace. What no route knows is answered 501 and logged, never guessed at.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib
import json
import logging
import uuid
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from . import other_services
from .errors import AzureError, not_implemented, unauthorized
from .http_direct import Handling
from .lenient_json import JsonRequest
from .problems import disk_full_message, disk_is_full
from .routing import Host, registry_id
from .services import MICROSOFTS, Services
from .tokens import ARM_AUDIENCES, ML_AUDIENCES, TokenError

log = logging.getLogger("azureml_local.requests")

# In the order of their dependence; each has install(services).
PARTS = (
    "operations",
    "faults",
    "oidc",
    "identity",
    "arm",
    "arm_deployments",
    "local_api",
    "extension_index",
    "blobs",
    "blob_api",
    "datastores",
    "assets",
    "registries",
    "compute",
    "mlflow_server",
    "jobs",
    "run_history",
    "schedules",
    "batch",
    "online",
    "arm_deletion",
    "studio",
)

_FAMILIES = (
    ("management.azure.com", Host.ARM),
    ("login.microsoftonline.com", Host.LOGIN),
    ("login.microsoft.com", Host.LOGIN),
    ("login.windows.net", Host.LOGIN),
    ("aka.ms", Host.EXTENSIONS),
    ("azcliextensionsync.blob.core.windows.net", Host.EXTENSIONS),
    ("azcliprod.blob.core.windows.net", Host.EXTENSIONS),
    ("*.blob.core.windows.net", Host.BLOB),
    ("*.api.azureml.ms", Host.API),
    ("*.experiments.azureml.net", Host.REGION),
    ("*.inference.ml.azure.com", Host.INFERENCE),
    ("ml.azure.com", Host.STUDIO),
    ("token.actions.githubusercontent.com", Host.GITHUB_OIDC),
    ("127.0.0.1", Host.LOCAL),
    ("localhost", Host.LOCAL),
)

# Which tokens a host takes. Hosts that are not here check their callers themselves (SAS, endpoint keys) or need not.
_AUDIENCES = {
    Host.ARM: ARM_AUDIENCES,
    Host.API: ARM_AUDIENCES | ML_AUDIENCES,
    Host.REGION: ARM_AUDIENCES | ML_AUDIENCES,
    Host.STUDIO: ARM_AUDIENCES | ML_AUDIENCES,
}


@functools.lru_cache(maxsize=1024)
def host_family(netloc: str) -> Host | None:
    """The family a Host header belongs to."""
    host = netloc.rpartition(":")[0] if netloc.rpartition(":")[2].isdigit() else netloc
    for pattern, family in _FAMILIES:
        if fnmatch.fnmatchcase(host.lower(), pattern):
            return family
    return None


def _shown(request: Request) -> str:
    """The URL for the log: without its query, which may be a signature."""
    return str(request.url.replace(query=""))


def install_parts(services: Services) -> None:
    """Give every part its routes. A part whose module is not there is an error in the code and fails loudly."""
    for name in PARTS:
        importlib.import_module(f"azureml_local.{name}").install(services)


class Application:
    """The ASGI application."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = JsonRequest(scope, receive, send)
        try:
            response = await self._answer(request)
        except AzureError as error:
            response = error.response()
        except ClientDisconnect:
            return
        except json.JSONDecodeError as error:
            message = f"The request body is not JSON: {error}."
            response = AzureError(400, "InvalidRequestContent", message).response()
        except Exception as error:
            log.exception("%s %s", request.method, _shown(request))
            response = self._broken(error).response()
        for name in ("x-ms-request-id", "x-ms-correlation-request-id"):
            if name not in response.headers:
                response.headers[name] = str(uuid.uuid4())
        if log.isEnabledFor(logging.DEBUG):  # making the URL takes longer than all the rest of this
            log.debug("%s %s -> %s", request.method, _shown(request), response.status_code)
        with suppress(ClientDisconnect):
            await response(scope, receive, send)

    def direct(self, host: str) -> Handling | None:
        """What answers requests for this host without ASGI: all that there is to check, it checks itself.

        With a fault on, every request comes through this door.
        """
        family = host_family(host)
        if family not in self.services.direct or (self.services.faults is not None and self.services.faults.on):
            return None
        return self.services.direct[family](host)

    def _broken(self, error: Exception) -> AzureError:
        if disk_is_full(error):
            return AzureError(507, "InsufficientStorage", disk_full_message(self.services.paths.root))
        message = f"The local workspace failed: {type(error).__name__}: {error}. See `azureml-local logs`."
        return AzureError(500, "InternalServerError", message)

    async def _answer(self, request: Request) -> Response:
        services = self.services
        family = host_family(request.headers.get("host", ""))
        if family is None:
            return AzureError(421, "UnknownHost", f"'{request.headers.get('host', '')}' is not served here.").response()
        if services.faults is None:
            return await self._right_answer(request, family)
        if fault := await services.faults.response_for(request, family):
            return fault
        response = await self._right_answer(request, family)
        return services.faults.response_lost(request, family) or response

    async def _right_answer(self, request: Request, family: Host) -> Response:
        services = self.services
        found = services.routes.find(family, request.method, request.scope["path"])
        if found is None:
            return self._unknown(request, family)
        route, parameters = found
        request.scope["path_params"] = parameters
        request.state.principal = None
        if route.authenticated and family in _AUDIENCES:
            request.state.principal = self._principal(request, family)
        if {"subscription", "group", "workspace"} <= parameters.keys():
            self._find_workspace(request, parameters)
        elif {"subscription", "group", "registry"} <= parameters.keys():
            self._find_registry(request, parameters)
        response: Response = await route.handler(request)
        return response

    def _principal(self, request: Request, family: Host) -> object:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized()
        try:
            return self.services.tokens.verify(token.strip(), audiences=_AUDIENCES[family])
        except TokenError as error:
            code = "ExpiredAuthenticationToken" if "expired" in str(error) else "InvalidAuthenticationToken"
            raise AzureError(401, code, str(error)) from error

    def _find_workspace(self, request: Request, parameters: dict[str, str]) -> None:
        services = self.services
        subscription, group, name = (parameters[key] for key in ("subscription", "group", "workspace"))
        if subscription.lower() != services.settings.subscription_id.lower():
            raise AzureError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        if services.store.get(f"/subscriptions/{subscription}/resourceGroups/{group}") is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        workspace = services.workspace(subscription, group, name)
        request.state.workspace = workspace
        creating = request.method == "PUT" and request.url.path.rstrip("/").lower().endswith(
            f"/workspaces/{name}".lower()
        )
        if workspace is None and not creating:
            raise AzureError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.MachineLearningServices/workspaces/{name}' under resource group '{group}' "
                "was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )

    def _find_registry(self, request: Request, parameters: dict[str, str]) -> None:
        group, name = parameters["group"], parameters["registry"]
        registry = self.services.registry(name)
        if registry is None or registry.arm_id.lower() != registry_id(parameters["subscription"], group, name).lower():
            raise AzureError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.MachineLearningServices/registries/{name}' under resource group '{group}' "
                "was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        if registry == MICROSOFTS and request.method not in ("GET", "HEAD"):
            raise AzureError(
                403,
                "AuthorizationFailed",
                f"The registry '{registry.name}' is Microsoft's: its environments can be used, nothing can be added.",
            )
        request.state.registry = registry

    def _unknown(self, request: Request, family: Host) -> Response:
        methods = self.services.routes.methods(family, request.url.path)
        log.warning("no route: %s %s", request.method, _shown(request))
        if methods:
            error = not_implemented(f"{request.method} of {request.url.path} (it does {', '.join(sorted(methods))})")
            error.status = 405
            return error.response()
        if family in (Host.BLOB, Host.EXTENSIONS):
            return Response(status_code=404)
        called = f"{request.method} {request.headers.get('host', '')}{request.url.path}"
        if family is Host.ARM and (why := other_services.refusal(request.url.path)):
            return AzureError(501, "NotImplementedLocally", f"{called}: {why}").response()
        if family is Host.STUDIO:
            called += " (of the studio, it has pages of jobs and online endpoints only)"
        return not_implemented(called).response()
