"""All online endpoints of a state folder: their routes, their running deployments, and both again after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from azureml_local import endpoint_names
from azureml_local.errors import AzureError
from azureml_local.jobs import processes
from azureml_local.services import Services
from azureml_local.store import Document

from . import layout
from .access import KEY, Guard, KeyStore
from .asgi import Answer
from .backend import Backend
from .endpoint_rules import BUSY
from .plan import Plan, from_document
from .router import EndpointRoute, Router
from .runtime import Runtime

_PROCESSES = "internal:/online-processes"
_LONGEST_PAUSE = 60.0


class _StoreLedger:
    """Running servers in the store."""

    def __init__(self, services: Services) -> None:
        self._store = services.store

    def remember(self, token: str, pids: list[tuple[int, str]]) -> None:
        self._store.put({"id": f"{_PROCESSES}/{token}", "token": token, "pids": pids})

    def forget(self, token: str) -> None:
        self._store.delete(f"{_PROCESSES}/{token}")

    def all(self) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        for document in self._store.list(_PROCESSES):
            yield document["token"], [(int(pid), str(started)) for pid, started in document["pids"]]


class OnlineManager:
    """What the REST routes act on. Endpoints and deployments are named by their ARM ids."""

    def __init__(self, services: Services, runtime: Callable[..., Runtime] = Runtime) -> None:
        self._services = services
        self._new_runtime = runtime
        self._ledger = _StoreLedger(services)
        self.router = Router()
        self.keys = KeyStore(services)
        self._runtimes: dict[str, Runtime] = {}
        self._backends: dict[str, Backend] = {}
        self._restoring: dict[str, asyncio.Task[None]] = {}

    def answer(self, request: Request) -> Response:
        """What the endpoint that the request's host names answers, or that there is none."""
        return Answer(self.router, request)

    # -- endpoints -----------------------------------------------------------------------------------------------

    def deployments(self, endpoint: str) -> list[Document]:
        return self._services.store.list(f"{endpoint}/deployments")

    def publish(self, endpoint: str) -> None:
        """Route requests as the endpoint's document says from now on; no document, no route."""
        document = self._services.store.get(endpoint)
        name = endpoint.rpartition("/")[2].lower()
        if document is None or document["properties"]["provisioningState"] == "Deleting":
            self.router.endpoints.pop(name, None)
            return
        properties = document["properties"]
        host = endpoint_names.host(self._services, name)
        keys = self.keys.of(document["id"]) if properties["authMode"] == KEY else None
        self.router.endpoints[name] = EndpointRoute(
            name=document["name"],
            guard=Guard(properties["authMode"], host, keys, self._services.tokens),
            traffic=tuple(properties["traffic"].items()),
            mirror=tuple(properties["mirrorTraffic"].items()),
            backends={
                str(deployment["name"]).lower(): self._backend(deployment)
                for deployment in self.deployments(document["id"])
                if self.serves(deployment["id"])
            },
        )

    # -- deployments ---------------------------------------------------------------------------------------------

    def serves(self, deployment: str) -> bool:
        """Whether the deployment was ever ready, and so has something that serves or is coming back."""
        return self._services.store.get(self._kept(deployment)) is not None

    def plan(self, deployment: str) -> Plan | None:
        """What the deployment serves now; None while it has never been ready."""
        kept = self._services.store.get(self._kept(deployment))
        return from_document(kept["plan"]) if kept else None

    def runtime(self, deployment: str) -> Runtime:
        """The deployment's processes, running or not."""
        key = deployment.lower()
        if key not in self._runtimes:
            document = self._services.store.get(deployment)
            name = str(document["name"]) if document else deployment.rpartition("/")[2]
            backend = self._backends.setdefault(key, Backend(name))
            self._runtimes[key] = self._new_runtime(self._services, self._folder(deployment), backend, self._ledger)
        return self._runtimes[key]

    async def serve(self, deployment: str, plan: Plan, notes: Sequence[str] = ()) -> None:
        """Bring the deployment to this plan. Raises AzureError; what served before then serves on.

        notes: what the user should know of it; its logs show them.
        """
        await self._end_restoring(deployment)
        runtime = self.runtime(deployment)
        now = self.plan(deployment)
        if runtime.healthy and now is not None and now.serves_the_same == plan.serves_the_same:
            if now.instances != plan.instances:
                await runtime.scale(plan)
                self._keep(deployment, plan)
            return
        revision = await runtime.bring_up(plan, notes=notes)
        self._keep(deployment, plan, revision)
        self.publish(deployment.rpartition("/deployments/")[0])

    async def remove(self, deployment: str) -> None:
        """End the deployment and delete its files and its document."""
        await self._end_restoring(deployment)
        runtime = self.runtime(deployment)
        self._services.store.delete(self._kept(deployment))
        self.publish(deployment.rpartition("/deployments/")[0])
        await runtime.end(keep_files=False)
        self._runtimes.pop(deployment.lower(), None)
        self._backends.pop(deployment.lower(), None)
        self._services.store.delete(deployment)

    async def remove_endpoint(self, endpoint: str) -> None:
        """End all of an endpoint's deployments, then forget it."""
        self.publish(endpoint)
        for deployment in self.deployments(endpoint):
            await self.remove(deployment["id"])
        self.keys.forget(endpoint)
        self._services.store.delete(endpoint)
        self.publish(endpoint)
        folder = self._services.paths.endpoints / endpoint.rpartition("/")[2].lower()
        await asyncio.to_thread(layout.remove, folder)

    # -- start and stop ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Serve again what served before; returns at once, endpoints answer 503 until they are ready."""
        for token, pids in self._ledger.all():
            await asyncio.to_thread(processes.end_processes, pids, token)
            self._ledger.forget(token)
        for workspace in self._services.workspaces():
            for endpoint in self._services.store.list(f"{workspace.id}/onlineEndpoints"):
                self._settle(endpoint)
                for deployment in self.deployments(endpoint["id"]):
                    self._settle(deployment)
                    kept = self._services.store.get(self._kept(deployment["id"]))
                    await self.runtime(deployment["id"]).tidy(kept["revision"] if kept else None)
                    if kept is not None:
                        self._restore(deployment["id"])
                self.publish(endpoint["id"])

    async def stop(self) -> None:
        """End every server; files stay for the next start."""
        for deployment in list(self._restoring):
            await self._end_restoring(deployment)
        await asyncio.gather(*(runtime.end(keep_files=True) for runtime in self._runtimes.values()))

    def _settle(self, document: Document) -> None:
        """What was under way when the workspace ended is no longer."""
        state = document["properties"]["provisioningState"]
        if state not in BUSY:
            return
        settled = "Succeeded" if self._is_endpoint(document) and state != "Deleting" else "Failed"

        def change(current: Document) -> None:
            current["properties"]["provisioningState"] = settled

        self._services.store.update(document["id"], change)

    @staticmethod
    def _is_endpoint(document: Document) -> bool:
        return "/deployments/" not in str(document["id"]).lower()

    def _restore(self, deployment: str) -> None:
        self.runtime(deployment).backend.starting = True
        task = self._services.spawn(self._bring_back(deployment), f"restore {deployment}")
        self._restoring[deployment.lower()] = task

    async def _bring_back(self, deployment: str) -> None:
        pause = 1.0
        while True:
            kept = self._services.store.get(self._kept(deployment))
            if kept is None:
                return
            try:
                await self.runtime(deployment).bring_up(from_document(kept["plan"]), kept["revision"])
                return
            except AzureError as error:
                self._services.log.warning("%s is not ready yet: %s", deployment, error.message)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _end_restoring(self, deployment: str) -> None:
        task = self._restoring.pop(deployment.lower(), None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- records -------------------------------------------------------------------------------------------------

    @staticmethod
    def _kept(deployment: str) -> str:
        return f"internal:/online-serving{deployment}"

    def _keep(self, deployment: str, plan: Plan, revision: str | None = None) -> None:
        with self._services.store.transaction():
            kept = self._services.store.get(self._kept(deployment)) or {"id": self._kept(deployment)}
            kept["plan"] = plan.document()
            kept["revision"] = revision or kept["revision"]
            self._services.store.put(kept)

    def _backend(self, deployment: Document) -> Backend:
        return self.runtime(deployment["id"]).backend

    def _folder(self, deployment: str) -> Path:
        endpoint, _, name = deployment.lower().rpartition("/deployments/")
        return self._services.paths.endpoints / endpoint.rpartition("/")[2] / name
