"""Faults that wait for their moment: a run on low-priority nodes to preempt, a deployment's servers to kill."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from azureml_local.services import Services

from .switches import Faults

LOOK_SECONDS = 0.1


class Watcher:
    """Looks for whom to hit for as long as there is a fault to hit with."""

    def __init__(self, services: Services, faults: Faults) -> None:
        self._services = services
        self._faults = faults
        self._task: asyncio.Task[None] | None = None
        self._killed: set[int] = set()

    def wake(self) -> None:
        """Start looking, if there is something to look for."""
        if (self._task is None or self._task.done()) and self._wanted():
            self._task = self._services.spawn(self._look(), "faults that wait for their moment")

    def _wanted(self) -> bool:
        return self._faults.live("preempt") or self._faults.live("kill-deployment")

    async def _look(self) -> None:
        while self._wanted():
            self.look_once()
            await asyncio.sleep(LOOK_SECONDS)

    def look_once(self) -> None:
        """Hit whoever is there now."""
        if self._faults.live("preempt"):
            self._preempt()
        if self._faults.live("kill-deployment"):
            self._kill()

    def _preempt(self) -> None:
        jobs = self._services.jobs
        for workspace in self._services.workspaces():
            for run in jobs.running_on_low_priority(workspace):
                if self._faults.take("preempt", f"{run.root}/{run.step or run.name}"):
                    jobs.preempt(workspace, run.name)

    def _kill(self) -> None:
        online = self._services.online
        for workspace in self._services.workspaces():
            for endpoint in self._services.store.list(f"{workspace.id}/onlineEndpoints"):
                for deployment in online.deployments(endpoint["id"]):
                    pids = [pid for pid in online.runtime(deployment["id"]).pids if pid not in self._killed]
                    subject = f"{endpoint['name']}/{deployment['name']}"
                    if pids and self._faults.take("kill-deployment", subject):
                        self._killed.update(pids)
                        for pid in pids:
                            with suppress(ProcessLookupError):
                                os.killpg(pid, signal.SIGKILL)
