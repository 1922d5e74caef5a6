"""Submitting, following, canceling and forgetting jobs: what other parts of the workspace call."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from azureml_local import compute as computes
from azureml_local.errors import bad_request, conflict, not_found
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import artifacts, recovery, states
from .command_runner import CommandRunner
from .documents import changed_fields, editable
from .engine import Engine, Work
from .errors import JobFailedError
from .nodes import NodePools
from .parallel_runner import ParallelRunner
from .pipeline_runner import PipelineRunner, noted
from .planning import plan_of
from .processes import Launcher, SystemLauncher
from .runs import CLIENT, Run, RunStore
from .specs import ParallelSpec, PipelineSpec, Plan, SweepSpec
from .sweep_runner import SweepRunner
from .values import Data

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
STOP_SECONDS = 10.0


class JobManager:
    """All jobs of all workspaces."""

    def __init__(self, services: Services, *, launcher: Launcher | None = None) -> None:
        self._services = services
        self.runs = RunStore(services.store, services.clock)
        self.engine = Engine(services, self.runs, NodePools(services), launcher or SystemLauncher())
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    # -- submitting ----------------------------------------------------------------------------------------------

    def submit(
        self,
        workspace: WorkspaceRef,
        name: str,
        properties: Mapping[str, Any],
        *,
        by: str = "local",
        schedule: str | None = None,
    ) -> tuple[Run, bool]:
        """Create a job and start it, or update the one that has this name. Returns (run, created).

        properties: as in REST's JobBase. Raises AzureError: 400 when the job is not valid (nothing is created then), or
        when a job of this name exists and something else than its description, tags, display name, properties or
        archive mark would change.
        """
        existing = self.runs.get(workspace, name)
        if existing is not None:
            return self._update(existing, properties), False
        if not _NAME.fullmatch(name):
            raise bad_request(
                f"The job name '{name}' is not valid. It may have up to 255 letters, digits, '-' and '_', and must "
                "begin with a letter or a digit.",
                target="name",
            )
        given = {key: value for key, value in properties.items() if value is not None}
        plan = plan_of(self._services, workspace, given)
        return self.submit_plan(workspace, name, plan, given, by=by, schedule=schedule), True

    def submit_plan(
        self,
        workspace: WorkspaceRef,
        name: str,
        plan: Plan,
        given: Mapping[str, Any],
        *,
        by: str = "local",
        schedule: str | None = None,
    ) -> Run:
        """Start a job whose plan is made already, under a name that is free. given: what its document shows.

        schedule: the one that started it.
        """
        run = self.runs.add(
            Run(
                workspace=workspace.id,
                name=name,
                kind=plan.spec.kind,
                display_name=str(given.get("displayName") or name),
                description=given.get("description"),
                experiment=str(given.get("experimentName") or "Default"),
                number=self.runs.next_number(workspace),
                root=name,
                compute=plan.compute,
                created_by=by,
                tags=dict(given.get("tags") or {}),
                properties={**_source(plan), **(given.get("properties") or {})},
                inputs={key: noted(value) for key, value in plan.inputs.items()},
                warnings=list(plan.warnings),
                definition=dict(given),
                archived=bool(given.get("isArchived")),
                schedule=schedule,
            )
        )
        self._start(run, plan)
        return run

    def _start(self, run: Run, plan: Plan) -> None:
        work = Work(
            run=run,
            spec=plan.spec,
            inputs=plan.inputs,
            outputs=plan.outputs,
            compute=plan.compute,
            datastore=plan.datastore,
            continue_on_failure=plan.continue_on_failure,
            force_rerun=plan.force_rerun,
        )

        async def whole() -> None:
            try:
                await self.execute(work)
            except JobFailedError as failure:
                self._services.log.info("job %s failed: %s", run.name, failure.message.splitlines()[0])

        key = (run.workspace, run.name)
        task = self._services.spawn(whole(), f"job {run.name}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def execute(self, work: Work) -> dict[str, Data]:
        """Do a run's work, whatever its kind, and end the run."""
        living = self.engine.live(work.run, self._runner(work))
        return await (living if work.run.parent is None else self.engine.child(work.run, living))

    def _runner(self, work: Work) -> Callable[[], Awaitable[dict[str, Data]]]:
        spec = work.spec
        if isinstance(spec, PipelineSpec):
            return PipelineRunner(self.engine, work, spec, self.execute)
        if isinstance(spec, SweepSpec):
            return SweepRunner(self.engine, work, spec, self.execute)
        if isinstance(spec, ParallelSpec):
            return ParallelRunner(self.engine, work, spec)
        return CommandRunner(self.engine, work, spec)

    def _update(self, run: Run, properties: Mapping[str, Any]) -> Run:
        fields = changed_fields({**run.definition, "experimentName": run.experiment}, properties)
        if fields:
            raise bad_request(
                "A job with this name already exists. If you are trying to create a new job, use a different name. "
                f"If you are trying to update an existing job, the existing job's {', '.join(fields)} cannot be "
                "changed. Only description, tags, displayName, properties, and isArchived can be updated."
            )
        return self.edit(run, properties)

    def edit(self, run: Run, properties: Mapping[str, Any]) -> Run:
        """Change what may change of a job: description, tags, display name, properties, archive mark."""
        return self.runs.change(run, lambda current: replace(current, **editable(current, properties)))

    # -- following and ending ------------------------------------------------------------------------------------

    def get(self, workspace: WorkspaceRef, name: str) -> Run:
        """A run: a job, a step or a trial. Raises Azure's 404."""
        run = self.runs.get(workspace, name)
        if run is None:
            raise not_found("job", name)
        return run

    async def wait(self, workspace: WorkspaceRef, name: str) -> Run:
        """Until a job has ended."""
        task = self._tasks.get((self.get(workspace, name).workspace, name))
        if task is not None:
            await asyncio.wait({task})
        return self.get(workspace, name)

    async def cancel(self, workspace: WorkspaceRef, name: str) -> Run:
        """Cancel a job with all its steps (or one step), and return when its processes are gone."""
        run = self.get(workspace, name)
        if run.ended:
            return run
        self.engine.enter(run, states.CANCEL_REQUESTED)
        task = self._tasks.get((run.workspace, run.name)) or self.engine.tasks.get((run.workspace, run.name))
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        elif run.kind == CLIENT:  # its process is the client's own: it is told by the state alone
            await self.engine.tell_mlflow(self.runs.advance(run, states.CANCELED))
        return self.get(workspace, name)

    def preempt(self, workspace: WorkspaceRef, name: str) -> None:
        """Take the nodes away from a run, as Azure may from low-priority ones: it goes back to the queue."""
        run = self.get(workspace, name)
        if not self._on_low_priority(run):
            raise bad_request(f"Run '{name}' is not on low-priority nodes, so they cannot be preempted.")
        event = self.engine.preemptions.get((run.workspace, run.name))
        if event is None:
            raise bad_request(f"Run '{name}' has no nodes now: it is {run.status}.")
        event.set()

    def running_on_low_priority(self, workspace: WorkspaceRef) -> list[Run]:
        """The runs whose nodes may be taken away now."""
        runs = [self.get(workspace, name) for owner, name in self.engine.preemptions if owner == workspace.id]
        return [run for run in runs if run.status == states.RUNNING and self._on_low_priority(run)]

    def _on_low_priority(self, run: Run) -> bool:
        workspace = self.engine.workspace_of(run)
        return run.compute is not None and computes.nodes(self._services, workspace, run.compute).low_priority

    def delete(self, run: Run) -> None:
        """Forget a job that has ended, with its steps and logs. What it registered stays."""
        if not run.ended:
            raise conflict(f"The job '{run.name}' is {run.status}. Cancel it before you delete it.")
        for child in self.runs.children(run.workspace, run.name):
            self.delete(child)
        shutil.rmtree(artifacts.folder(self._services, self.engine.workspace_of(run), run.name), ignore_errors=True)
        self.runs.delete(run)

    # -- the workspace's own start and stop ----------------------------------------------------------------------

    async def start(self) -> None:
        """End what a workspace that was killed left behind."""
        await recovery.recover(self.engine)

    async def stop(self) -> None:
        """End all jobs: nothing goes on without its workspace."""
        self.engine.stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)


def _source(plan: Plan) -> dict[str, str]:
    """What Azure notes about where a run comes from."""
    if isinstance(plan.spec, PipelineSpec):
        return {"azureml.runsource": "azureml.PipelineRun", "runSource": "MFE", "runType": "HTTP"}
    if isinstance(plan.spec, SweepSpec):
        metric = json.dumps({"name": plan.spec.metric, "goal": plan.spec.goal})
        return {"azureml.runsource": "hyperdrive", "runTemplate": "HyperDrive", "primary_metric_config": metric}
    return {"_azureml.ComputeTargetType": "amlctrain" if plan.compute else "serverless"}
