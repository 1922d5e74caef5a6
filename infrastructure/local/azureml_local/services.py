"""What every part of the workspace is given: the store, the keys, the clock, the routing table, the other parts.

A part is a module with `install(services)`: it adds its routes to `services.routes`, its start and stop hooks, and,
when other parts call it, sets its own attribute below. `app.py` installs the parts in the order of their dependence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .http_direct import Handling
from .paths import StatePaths
from .reserve import Reserve
from .routing import Host, RegistryRef, Routes, WorkspaceRef
from .settings import Settings, workspace_id
from .store import Clock, Document, ResourceStore, utc_now

if TYPE_CHECKING:
    from .blobs import BlobStore
    from .environments.build import EnvironmentBuilder
    from .faults import Faults
    from .jobs.manager import JobManager
    from .mlflow_server.server import MlflowServer
    from .online.manager import OnlineManager
    from .operations import Operations
    from .tokens import Tokens

Hook = Callable[[], Awaitable[None]]

# Azure ML's own registry: of it the curated environments are known.
MICROSOFTS = RegistryRef("ad203158-bc5d-4e72-b764-2607833a71dc", "registry-builtin-prod-eastus-01", "azureml")


@dataclass
class Services:
    """The workspace's moving parts. Attributes without a default are set before any part is installed."""

    paths: StatePaths
    settings: Settings
    store: ResourceStore
    tokens: Tokens
    clock: Clock = utc_now
    routes: Routes = field(default_factory=Routes)
    # Hosts whose requests need not become ASGI's: what handles them, by the Host header, if something does.
    direct: dict[Host, Callable[[str], Handling | None]] = field(default_factory=dict)
    on_start: list[Hook] = field(default_factory=list)
    on_stop: list[Hook] = field(default_factory=list)
    on_workspace: list[Callable[[Document], None]] = field(default_factory=list)  # called with each workspace made
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("azureml_local"))

    # Set by the parts' own install().
    operations: Operations = field(init=False)
    blobs: BlobStore = field(init=False)
    environments: EnvironmentBuilder = field(init=False)
    jobs: JobManager = field(init=False)
    mlflow: MlflowServer = field(init=False)
    online: OnlineManager = field(init=False)
    faults: Faults | None = None
    reserve: Reserve = field(init=False)

    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reserve = Reserve(self.paths.root / "reserve")

    def workspace(self, subscription: str, group: str, name: str) -> WorkspaceRef | None:
        """The workspace, in its own spelling, or None when there is no such workspace."""
        document = self.store.get(workspace_id(subscription, group, name))
        if document is None:
            return None
        parts = str(document["id"]).split("/")
        return WorkspaceRef(parts[2], parts[4], parts[8], document["id"])

    def workspaces(self) -> list[WorkspaceRef]:
        """Every workspace of every group."""
        found = []
        for group in self.store.list(f"/subscriptions/{self.settings.subscription_id}/resourceGroups"):
            collection = f"{group['id']}/providers/Microsoft.MachineLearningServices/workspaces"
            for document in self.store.list(collection):
                parts = str(document["id"]).split("/")
                found.append(WorkspaceRef(parts[2], parts[4], parts[8], document["id"]))
        return found

    def registry(self, name: str) -> RegistryRef | None:
        """The registry of this name, which no two in the world share; None when there is none."""
        if name.lower() == MICROSOFTS.name:
            return MICROSOFTS
        for registry in self.registries():
            if registry.name.lower() == name.lower():
                return registry
        return None

    def registries(self) -> list[RegistryRef]:
        """Every registry of every group."""
        found = []
        for group in self.store.list(f"/subscriptions/{self.settings.subscription_id}/resourceGroups"):
            collection = f"{group['id']}/providers/Microsoft.MachineLearningServices/registries"
            for document in self.store.list(collection):
                parts = str(document["id"]).split("/")
                found.append(RegistryRef(parts[2], parts[4], parts[8]))
        return found

    def spawn(self, work: Awaitable[None], name: str) -> asyncio.Task[None]:
        """Run work in the background; what it raises is logged, never lost."""

        async def watched() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception:
                self.log.exception("background work failed: %s", name)

        task = asyncio.get_running_loop().create_task(watched(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop_tasks(self) -> None:
        """Cancel what `spawn` still has running, and wait for it."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
