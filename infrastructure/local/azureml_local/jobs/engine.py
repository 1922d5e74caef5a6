"""What the runners of commands, pipelines and sweeps share: the parts of the workspace, and the life of one run.

`live` wraps the work of a run: whatever happens, the run ends in exactly one of Completed, Failed, Canceled, with the
reason, in MLflow too.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from azureml_local.mlflow_server import MlflowUnavailableError, RunNotFoundError
from azureml_local.problems import disk_full_message, disk_is_full
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import artifacts, states
from .artifacts import LifecycleLog
from .errors import JobFailedError, TimedOutError
from .nodes import NodePools
from .processes import Launcher
from .runs import CLIENT, Run, RunStore
from .specs import OutputSetting, Spec
from .values import Data, Value


@dataclass(frozen=True)
class Work:
    """One run to do: what, with which inputs, on which compute, its outputs going where."""

    run: Run
    spec: Spec
    inputs: Mapping[str, Value]
    outputs: Mapping[str, OutputSetting]
    compute: str | None
    datastore: str
    continue_on_failure: bool = False
    force_rerun: bool = False


@dataclass
class Engine:
    """The machinery of jobs.

    preemptions: for each run on nodes now, what takes them away from it.  tasks: the runs below others under way.
    """

    services: Services
    runs: RunStore
    pools: NodePools
    launcher: Launcher
    stopping: bool = False
    preemptions: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)
    tasks: dict[tuple[str, str], asyncio.Task[dict[str, Data]]] = field(default_factory=dict)

    def workspace_of(self, run: Run) -> WorkspaceRef:
        parts = run.workspace.split("/")
        return WorkspaceRef(parts[2], parts[4], parts[8], run.workspace)

    def artifacts_of(self, run: Run) -> Path:
        return artifacts.folder(self.services, self.workspace_of(run), run.name)

    def diary(self, run: Run) -> LifecycleLog:
        return LifecycleLog(self.artifacts_of(run) / artifacts.SYSTEM_LOG, self.services.clock)

    def enter(self, run: Run, status: str) -> Run:
        """Move a run to a state and note it in its diary."""
        changed = self.runs.advance(run, status)
        if changed.status == status:
            self.diary(run).write(f"state {status}")
        return changed

    def warn(self, run: Run, text: str) -> None:
        """Tell a warning once for the whole job: it is kept with the root run."""
        root = self.runs.get(run.workspace, run.root) or run

        def add(current: Run) -> Run:
            return current if text in current.warnings else replace(current, warnings=[*current.warnings, text])

        self.runs.change(root, add)
        self.diary(run).write(f"warning: {text}")

    async def track(self, run: Run) -> Run:
        """Make the run known to MLflow, so that what it logs has a place. Raises JobFailedError when MLflow is away."""
        try:
            experiment_id = await self.services.mlflow.ensure_run(
                run.name,
                run.experiment,
                workspace=self.workspace_of(run),
                parent_run_id=run.parent,
                root_run_id=run.root,
                display_name=run.display_name,
                tags={**run.tags, **{k: v for k, v in run.properties.items() if k.startswith("mlflow.")}},
            )
        except MlflowUnavailableError as error:
            raise JobFailedError("TrackingUnavailable", f"The run could not be made in MLflow: {error}") from error
        return self.runs.change(run, lambda current: replace(current, experiment_id=experiment_id))

    async def copy_tracking(self, former: Run, run: Run) -> None:
        """Give a run the metrics and parameters of the run whose outputs it reuses. That MLflow fails is no failure."""
        mlflow, workspace = self.services.mlflow, self.workspace_of(run)
        try:
            logged = (await mlflow.run(former.name, workspace=workspace))["data"]
            body = {"run_id": run.name, "metrics": logged.get("metrics", []), "params": logged.get("params", [])}
            if body["metrics"] or body["params"]:
                await mlflow.call("POST", "/api/2.0/mlflow/runs/log-batch", workspace, json.dumps(body).encode())
        except (MlflowUnavailableError, RunNotFoundError) as error:
            self.services.log.warning("run %s has no metrics of run %s: %s", run.name, former.name, error)

    async def tell_mlflow(self, run: Run) -> None:
        """Its end, as MLflow says it. That MLflow is not there does not change the end."""
        try:
            if run.experiment_id is not None:
                await self.services.mlflow.end_run(
                    run.name, states.in_mlflow(run.status), workspace=self.workspace_of(run)
                )
        except (MlflowUnavailableError, RunNotFoundError) as error:
            self.services.log.warning("MLflow was not told the end of run %s: %s", run.name, error)

    async def live(self, run: Run, work: Callable[[], Awaitable[dict[str, Data]]]) -> dict[str, Data]:
        """Do a run's work and end the run. Raises what the work raised: JobFailedError or CancelledError."""
        status, error = states.COMPLETED, None
        self.services.reserve.hold_again()
        try:
            return await work()
        except asyncio.CancelledError:
            status = states.FAILED if self.stopping else states.CANCELED
            if self.stopping:
                error = _error("WorkspaceStopped", "The local workspace was stopped while this run was under way.")
            raise
        except TimedOutError as late:
            status, error = states.CANCELED, _error("JobTimeout", str(late))
            raise JobFailedError("JobTimeout", str(late)) from late
        except JobFailedError as failure:
            status, error = states.FAILED, _error(failure.code, failure.message, failure.tail)
            raise
        except (OSError, sqlite3.OperationalError) as broken:
            message = disk_full_message(self.services.paths.root) if disk_is_full(broken) else str(broken)
            status, error = states.FAILED, _error("DiskFull" if disk_is_full(broken) else "IOError", message)
            raise JobFailedError(str(error["code"]), message) from broken
        except Exception as unexpected:
            self.services.log.exception("run %s failed in the workspace itself", run.name)
            message = (
                f"The local workspace failed: {type(unexpected).__name__}: {unexpected}. See `azureml-local logs`."
            )
            status, error = states.FAILED, _error("InternalError", message)
            raise JobFailedError("InternalError", message) from unexpected
        finally:
            ended = self._record_end(run, status, error)
            self._say_end(ended)
            await self.tell_mlflow(ended)
            if ended.status != states.COMPLETED:
                await self._end_nested(ended)

    async def _end_nested(self, run: Run) -> None:
        """Runs that the step's program began and could not end any more end as the step did."""
        for nested in self.runs.children(run.workspace, run.name):
            if nested.kind == CLIENT and not nested.ended:
                ended = self.runs.advance(nested, run.status)
                await self.tell_mlflow(ended)
                await self._end_nested(ended)

    async def child(self, run: Run, work: Coroutine[Any, Any, dict[str, Data]]) -> dict[str, Data]:
        """Do the work of a run below another, so that it can be canceled by itself: a failure to its parent."""
        task = self.tasks[(run.workspace, run.name)] = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            self.tasks.pop((run.workspace, run.name), None)
        if task.cancelled():
            raise JobFailedError("Canceled", "It was canceled.")
        return task.result()

    def _record_end(self, run: Run, status: str, error: dict[str, str] | None) -> Run:
        try:
            ended = self.runs.advance(run, status, error=error, processes=None)
        except sqlite3.OperationalError as full:
            if not disk_is_full(full):
                raise
            self.services.reserve.release()
            ended = self.runs.advance(run, status, error=error, processes=None)
        if ended.status not in states.TERMINAL:  # CancelRequested came in the last moment of a completed run
            ended = self.runs.advance(run, states.CANCELED, error=error, processes=None)
        return ended

    def _say_end(self, run: Run) -> None:
        try:
            self.diary(run).write(f"state {run.status}" + (f": {run.error['message']}" if run.error else ""))
        except OSError as broken:  # a full disk must not hide the state itself
            self.services.log.warning("no diary for run %s: %s", run.name, broken)


def _error(code: str, message: str, tail: str = "") -> dict[str, str]:
    return {"code": code, "message": message, "tail": tail}
