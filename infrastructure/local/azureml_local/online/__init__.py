"""Online endpoints: real inference servers behind a router that answers at Azure's own host names.

endpoints.py, deployments.py     their REST face;  *_rules.py, durations.py: what is allowed
plan.py, layout.py               what a deployment runs, and where its files lie;  mlflow_*.py: models without code
manager.py                       all endpoints of the state folder, and how they come back after a restart
runtime.py, instance.py          a deployment's servers;  launcher.py: what runs in their environment;  logs.py
exchange.py                      a request's way to a server and back; access.py: who may; router.py: which deployment;
                                 backend.py: when;  body.py, upstream.py: the bytes;  refusals.py: what if not
asgi.py                          requests by the front door; most come straight from the connection (http_direct.py)
"""

from __future__ import annotations

import functools

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.routing import Host
from azureml_local.services import Services

from . import deployments, endpoints
from .exchange import Exchange
from .manager import OnlineManager

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def install(services: Services) -> None:
    """Routes of online endpoints, and of everything below the endpoints' own host names."""
    manager = services.online = OnlineManager(services)
    endpoints.install(services, manager)
    deployments.install(services, manager)

    exchange = functools.partial(Exchange, manager.router)
    services.direct[Host.INFERENCE] = lambda host: exchange if manager.router.knows(host) else None

    async def route(request: Request) -> Response:
        return manager.answer(request)

    for method in _METHODS:  # the router checks keys and tokens itself
        services.routes.add(Host.INFERENCE, method, "/{path:path}", authenticated=False)(route)
    services.on_start.append(manager.start)
    services.on_stop.append(manager.stop)
