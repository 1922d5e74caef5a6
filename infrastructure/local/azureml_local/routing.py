"""Routes by host family, method and path, without regard to case or api-version, as ARM routes.

    routes = Routes()

    @routes.get(Host.ARM, WS + "/computes/{name}")
    async def show(request: Request) -> Response: ...

`request.path_params` holds the path's names as the client wrote them. On routes below `WS`, the dispatcher has
already found the workspace: `workspace_of(request)` is it, with the id in its own spelling.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{group}"
WS = GROUP + "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"


class Host(enum.Enum):
    """The families of host names that are answered here."""

    ARM = "management.azure.com"
    LOGIN = "login.microsoftonline.com"
    BLOB = "*.blob.core.windows.net"
    API = "*.api.azureml.ms"
    INFERENCE = "*.inference.ml.azure.com"
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


def asked_for(request: Request) -> str:
    """A request in words: `PUT management.azure.com/subscriptions/…?api-version=…`. May hold a signature: no log."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.method} {request.url.netloc}{request.url.path}{query}"
