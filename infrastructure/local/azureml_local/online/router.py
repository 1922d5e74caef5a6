"""The data plane: which endpoint a request to `https://<endpoint>.<region>.inference.ml.azure.com` means, and which of
its deployments: the one it names in a header, else one by the traffic's weights.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from azureml_local.errors import AzureError

from .access import Guard
from .backend import Backend, NotReadyError, TooManyRequestsError
from .upstream import ask

log = logging.getLogger("azureml_local.online")


@dataclass(frozen=True)
class EndpointRoute:
    """One endpoint. `traffic` and `mirror` are pairs of a deployment's name and its percentage."""

    name: str
    guard: Guard
    traffic: Sequence[tuple[str, int]]
    mirror: Sequence[tuple[str, int]]
    backends: Mapping[str, Backend] = field(default_factory=dict)

    def backend(self, name: str) -> Backend | None:
        return self.backends.get(name.lower())


def choose(traffic: Sequence[tuple[str, int]], at: float) -> str | None:
    """The deployment at this point (0 <= at < 1) of the traffic laid end to end; None when there is no traffic."""
    point = at * sum(weight for _, weight in traffic)
    for name, weight in traffic:
        point -= weight
        if point < 0:
            return name
    return None


class Router:
    """The endpoints by their names in lower case. A changed one gets a new route; requests under way keep theirs."""

    def __init__(self, *, chance: Callable[[], float] = random.random) -> None:
        self.endpoints: dict[str, EndpointRoute] = {}
        self.chance = chance
        self._mirrored: set[asyncio.Task[None]] = set()

    def knows(self, host: str) -> bool:
        """Whether a Host header means an online endpoint; batch endpoints have hosts of the same form."""
        return host.partition(".")[0].lower() in self.endpoints

    def find(self, host: str) -> EndpointRoute:
        """The endpoint that a Host header means, or 404."""
        name = host.partition(".")[0].lower()
        route = self.endpoints.get(name)
        if route is None:
            raise AzureError(404, "EndpointNotFound", f"There is no online endpoint '{name}' in this region.")
        return route

    def backend(self, route: EndpointRoute, wanted: bytes | None) -> Backend:
        """The deployment for a request: the one it names, else one by the traffic's weights."""
        if wanted is not None:
            name: str | None = wanted.decode("latin-1").strip()
            backend = route.backend(name or "")
            if backend is None:
                message = f"The endpoint '{route.name}' has no deployment '{name}' (header azureml-model-deployment)."
                raise AzureError(404, "DeploymentNotFound", message)
            return backend
        name = choose(route.traffic, self.chance())
        backend = route.backend(name) if name is not None else None
        if backend is None:
            message = (
                f"The endpoint '{route.name}' has no deployment with traffic. Set its traffic, or name a deployment in "
                "the header azureml-model-deployment."
            )
            raise AzureError(404, "NoDeploymentWithTraffic", message)
        return backend

    def mirror(self, route: EndpointRoute, head: bytes, body: bytes) -> None:
        """Send a copy to the mirror; its answer and its failures stay unseen."""
        backend = route.backend(route.mirror[0][0])
        if backend is None:
            return
        task = asyncio.get_running_loop().create_task(_mirrored(backend, head, body))
        self._mirrored.add(task)
        task.add_done_callback(self._mirrored.discard)

    def mirrors(self, route: EndpointRoute) -> bool:
        """Whether this request is one of those that the mirror gets."""
        return bool(route.mirror) and self.chance() * 100 < route.mirror[0][1]


async def _mirrored(backend: Backend, head: bytes, body: bytes) -> None:
    """One copy to the mirror, within its own limits."""
    deadline = asyncio.get_running_loop().time() + backend.timeout
    try:
        target = await backend.acquire(deadline)
        try:
            await ask(target.pool, head + body, deadline)
        finally:
            backend.release(target)
    except (TooManyRequestsError, NotReadyError, asyncio.TimeoutError, OSError) as error:
        log.debug("mirror %s: %s: %s", backend.name, type(error).__name__, error)
