"""Nodes of computes: who may run now, and who waits. First come, first served, as on a cluster.

A compute's capacity is its maximum number of nodes, asked anew each time, so an update of the compute counts at once.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from azureml_local import compute
from azureml_local.errors import AzureError
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

# Names that are no compute of the workspace: work that Azure places itself.
RESERVED = frozenset({"serverless"})


def capacity_of(services: Services, workspace: WorkspaceRef, name: str | None) -> int:
    """How many nodes a compute may have. Raises AzureError when there is no such compute."""
    if name is None or name.lower() in RESERVED:
        return max(os.cpu_count() or 1, 1)
    return compute.max_nodes(services, workspace, name)


class NotEnoughNodesError(Exception):
    """The compute cannot ever give that many nodes."""


class NodePool:
    """The nodes of one compute."""

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        return self._used

    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def hold(self, count: int) -> AsyncIterator[None]:
        """Wait for `count` nodes and keep them. Raises NotEnoughNodesError, or AzureError when the compute is gone."""
        await self._acquire(count)
        try:
            yield
        finally:
            self._used -= count
            self._serve()

    async def _acquire(self, count: int) -> None:
        if count > self._capacity():
            raise NotEnoughNodesError(f"{count} nodes are needed, but there are at most {self._capacity()}.")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (count, place)
        self._waiting.append(entry)
        self._serve()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._used -= count  # it was granted in the same moment
            elif entry in self._waiting:
                self._waiting.remove(entry)
            self._serve()
            raise

    def _serve(self) -> None:
        """Grant what can be granted, in order."""
        while self._waiting:
            count, place = self._waiting[0]
            try:
                capacity = self._capacity()
            except AzureError as error:
                self._waiting.popleft()
                _fail(place, error)
                continue
            if count > capacity:
                self._waiting.popleft()
                _fail(place, NotEnoughNodesError(f"{count} nodes are needed, but there are at most {capacity} now."))
                continue
            if self._used + count > capacity:
                return
            self._waiting.popleft()
            if not place.done():
                self._used += count
                place.set_result(None)


def _fail(place: asyncio.Future[None], error: Exception) -> None:
    if not place.done():
        place.set_exception(error)


class NodePools:
    """The pools of all computes of all workspaces."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pools: dict[str, NodePool] = {}

    def of(self, workspace: WorkspaceRef, name: str | None) -> NodePool:
        key = f"{workspace.id}/{name or 'serverless'}".lower()
        if key not in self._pools:
            self._pools[key] = NodePool(lambda: capacity_of(self._services, workspace, name))
        return self._pools[key]
