"""The clock's side of schedules: what is due is submitted as a job.

What would have been due while the workspace was down is not made up for; when the machine slept, the job runs once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from azureml_local.errors import AzureError
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from .definitions import filled
from .triggers import read_trigger

LONGEST_PAUSE = 60.0  # seconds; the machine's clock may be set meanwhile


class Scheduler:
    """Fires the schedules of all workspaces."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._changed = asyncio.Event()
        self._considered: dict[str, datetime] = {}  # by schedule: up to when all is done with
        self._task: asyncio.Task[None] | None = None

    # -- its own life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        now = self._services.clock()
        self._considered = {schedule["id"]: now for _, schedule in self._all()}
        self._task = self._services.spawn(self._run(), "schedules")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def changed(self, schedule: Document) -> None:
        """A schedule was made or changed: it counts from now on."""
        self._considered[schedule["id"]] = self._services.clock()
        self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            pause = self.tick()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    def tick(self) -> float:
        """Fire what is due by now. Returns for how many seconds there is nothing to do."""
        now = self._services.clock()
        pause = LONGEST_PAUSE
        for workspace, schedule in self._all():
            if not schedule["properties"]["isEnabled"]:
                continue
            due = self._due(schedule)
            if due is not None and due <= now:
                self._considered[schedule["id"]] = now
                self._try(workspace, schedule, due)
                due = self._due(schedule)
            if due is not None:
                pause = min(pause, max((due - now).total_seconds(), 0.0))
        return pause

    def _try(self, workspace: WorkspaceRef, schedule: Document, due: datetime) -> None:
        try:
            self.fire(workspace, schedule, due)
        except AzureError as error:  # its compute is gone, say; the next time it may be there
            self._services.log.warning("schedule %s could not start its job: %s", schedule["name"], error.message)
        except Exception:  # whatever it is, the other schedules go on
            self._services.log.exception("schedule %s could not start its job", schedule["name"])

    # -- one schedule --------------------------------------------------------------------------------------------

    def fire(self, workspace: WorkspaceRef, schedule: Document, moment: datetime) -> str:
        """Start the schedule's job as of a moment in UTC. Returns the job's name; AzureError as when submitting."""
        name = f"{schedule['name']}-{moment:%Y%m%dT%H%M%SZ}"
        job = filled(schedule["properties"]["action"]["jobDefinition"], name, moment)
        job["displayName"] = name
        run, _ = self._services.jobs.submit(
            workspace, name, job, by=str(schedule["systemData"]["createdBy"]), schedule=str(schedule["name"])
        )
        self._services.log.info("schedule %s started job %s", schedule["name"], run.name)
        return run.name

    def _due(self, schedule: Document) -> datetime | None:
        """When it fires next, or should have."""
        trigger = read_trigger(schedule["properties"]["trigger"], datetime.fromisoformat(schedule["created"]))
        return trigger.next_after(self._considered.get(schedule["id"], self._services.clock()))

    def _all(self) -> Iterator[tuple[WorkspaceRef, Document]]:
        for workspace in self._services.workspaces():
            for schedule in self._services.store.list(f"{workspace.id}/schedules"):
                yield workspace, schedule
