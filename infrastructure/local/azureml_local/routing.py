"""Routes by host family, method and path, without regard to case or api-version, as ARM routes.

    routes = Routes()

    @routes.get(Host.ARM, WS + "/computes/{name}")
    async def show(request: Request) -> Response: ...

`request.path_params` holds the path's names as the client wrote them. On routes below `WS`, the dispatcher has
already found the workspace: `workspace_of(request)` is it, with the id in its own spelling. So is the registry on
routes below `REGISTRY`: `registry_of(request)`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WS = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
REGISTRY = GROUP + "/providers/Microsoft.MachineLearningServices/registries/{registry}"
# Where the assets of registries are served at a region's own host, which discovery names.
REGION_PREFIX = "/mferp/managementfrontend"


class Host(enum.Enum):
    """The families of host names that are answered here."""

    ARM = "management.azure.com"
    LOGIN = "login.microsoftonline.com"
    BLOB = "*.blob.core.windows.net"
    API = "*.api.azureml.ms"
    REGION = "*.experiments.azureml.net"
    INFERENCE = "*.inference.ml.azure.com"
    STUDIO = "ml.azure.com"
    EXTENSIONS = "the extension index"
    GITHUB_OIDC = "token.actions.githubusercontent.com"
    LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class WorkspaceRef:
    """A workspace as addressed by a request; `id` is its ARM id in the spelling it was created with."""

    subscription: str
    group: str
    name: str
    id: str

    noun: ClassVar[str] = "workspace"

    @property
    def resource_type(self) -> str:
        return "Microsoft.MachineLearningServices/workspaces"


@dataclass(frozen=True)
class RegistryRef:
    """A registry. `id` is what the ids of its assets begin with, `azureml://registries/NAME`; `arm_id` is its own."""

    subscription: str
    group: str
    name: str

    noun: ClassVar[str] = "registry"

    @property
    def id(self) -> str:
        return f"azureml://registries/{self.name}"

    @property
    def arm_id(self) -> str:
        return registry_id(self.subscription, self.group, self.name)

    @property
    def resource_type(self) -> str:
        return "Microsoft.MachineLearningServices/registries"


# What has assets.
Home = WorkspaceRef | RegistryRef


def registry_id(subscription: str, group: str, name: str) -> str:
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.MachineLearningServices/registries/{name}"
    )


@dataclass(frozen=True)
class Route:
    """One row of the routing table. `authenticated` is off only where Azure answers strangers."""

    host: Host
    method: str
    pattern: str
    handler: Handler
    authenticated: bool
    regex: re.Pattern[str]


def _compile(pattern: str) -> re.Pattern[str]:
    """`{name}` matches one path segment, `{name:path}` the rest with its slashes."""

    def segment(match: re.Match[str]) -> str:
        name, _, kind = match.group(1).partition(":")
        return f"(?P<{name}>{'.*' if kind == 'path' else '[^/]+'})"

    literal = re.sub(r"[.$()+*?]", lambda m: "\\" + m.group(0), pattern)
    return re.compile(re.sub(r"\{([^}]+)\}", segment, literal) + r"/?\Z", re.IGNORECASE)


@dataclass
class Routes:
    """A list of routes that parts fill and the dispatcher searches, first match wins."""

    rows: list[Route] = field(default_factory=list)
    _by_method: dict[tuple[Host, str], list[Route]] = field(default_factory=dict)

    def add(self, host: Host, method: str, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            row = Route(host, method, pattern, handler, authenticated, _compile(pattern))
            self.rows.append(row)
            self._by_method.setdefault((host, method), []).append(row)
            return handler

        return keep

    def get(self, host: Host, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        return self.add(host, "GET", pattern, authenticated=authenticated)

    def post(self, host: Host, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        return self.add(host, "POST", pattern, authenticated=authenticated)

    def put(self, host: Host, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        return self.add(host, "PUT", pattern, authenticated=authenticated)

    def patch(self, host: Host, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        return self.add(host, "PATCH", pattern, authenticated=authenticated)

    def delete(self, host: Host, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        return self.add(host, "DELETE", pattern, authenticated=authenticated)

    def head(self, host: Host, pattern: str, *, authenticated: bool = True) -> Callable[[Handler], Handler]:
        return self.add(host, "HEAD", pattern, authenticated=authenticated)

    def find(self, host: Host, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The first route for this host, method and decoded path, with its path parameters."""
        for row in self._by_method.get((host, method), ()):
            if match := row.regex.match(path):
                return row, match.groupdict()
        return None

    def methods(self, host: Host, path: str) -> set[str]:
        """The methods some route has for this path: tells 405 from 501."""
        return {row.method for row in self.rows if row.host is host and row.regex.match(path)}

    def __iter__(self) -> Iterator[Route]:
        return iter(self.rows)


def workspace_of(request: Request) -> WorkspaceRef:
    """The workspace the request's path names. Set by the dispatcher on every route below `WS`."""
    workspace = request.state.workspace
    assert isinstance(workspace, WorkspaceRef)
    return workspace


def registry_of(request: Request) -> RegistryRef:
    """The registry the request's path names. Set by the dispatcher on every route below `REGISTRY`."""
    registry = request.state.registry
    assert isinstance(registry, RegistryRef)
    return registry


def home_of(request: Request) -> Home:
    """The workspace or the registry that the request's path names."""
    return registry_of(request) if "registry" in request.path_params else workspace_of(request)


def asked_for(request: Request) -> str:
    """A request in words: `PUT management.azure.com/subscriptions/…?api-version=…`. May hold a signature: no log."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.method} {request.url.netloc}{request.url.path}{query}"
