"""The MLflow server as the workspace sees it: jobs become runs, and clients' runs are told.

One server, one database file a workspace. The process behind it is the supervisor's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from .supervisor import MlflowUnavailableError, Supervisor


class RunNotFoundError(Exception):
    """No MLflow run has this id."""


@dataclass(frozen=True)
class ClientRun:
    """A run that a client made or changed itself, outside a job: `mlflow.start_run()` on a laptop, or nested in a step.

    status: MLflow's word (RUNNING, FINISHED, FAILED, KILLED, SCHEDULED). Times are milliseconds since the epoch.
    """

    workspace: WorkspaceRef
    run_id: str
    experiment_id: str
    experiment_name: str
    name: str
    status: str
    start_time: int
    end_time: int | None
    tags: Mapping[str, str]


RunHook = Callable[[ClientRun], Awaitable[None]]


class MlflowServer(Supervisor):
    """Tracking. Jobs become runs through `ensure_run` and `end_run`."""

    def __init__(self, services: Services, **process: Any) -> None:
        """process: what the supervisor takes. The hooks are called with every run that a client makes or changes."""
        super().__init__(services, **process)
        self.on_run_created: list[RunHook] = []
        self.on_run_updated: list[RunHook] = []

    async def ensure_run(
        self,
        run_id: str,
        experiment_name: str,
        *,
        workspace: WorkspaceRef | None = None,
        parent_run_id: str | None = None,
        root_run_id: str | None = None,
        display_name: str | None = None,
        start_time: float | None = None,
        user: str = "local",
        status: str = "RUNNING",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make the MLflow run of a job, `run_id` being the job's name; nothing happens when it is there.

        start_time: seconds since the epoch, now by default. workspace: the seeded one by default.
        Returns the experiment's id, for `job_environment`. Raises MlflowUnavailableError.
        """
        own_tags = {
            "mlflow.rootRunId": root_run_id or run_id,
            "mlflow.runName": display_name or run_id,
            "mlflow.user": user,
            **({"mlflow.parentRunId": parent_run_id} if parent_run_id else {}),
            **(tags or {}),
        }
        began = self._services.clock().timestamp() if start_time is None else start_time
        job = {
            "experiment": experiment_name,
            "name": display_name or run_id,
            "start_time": int(began * 1000),
            "user": user,
            "status": status,
            "tags": own_tags,
        }
        answer = await self._internal("PUT", f"/internal/runs/{quote(run_id, safe='')}", job, workspace)
        return str(answer["experiment_id"])

    async def set_status(
        self,
        run_id: str,
        status: str,
        *,
        end_time: float | None = None,
        workspace: WorkspaceRef | None = None,
    ) -> None:
        """The job's state, in MLflow's words (SCHEDULED, RUNNING, FINISHED, FAILED, KILLED). `end_time`: seconds."""
        body = {"status": status, "end_time": None if end_time is None else int(end_time * 1000)}
        await self._internal("POST", f"/internal/runs/{quote(run_id, safe='')}/status", body, workspace)

    async def end_run(
        self, run_id: str, status: str, end_time: float | None = None, *, workspace: WorkspaceRef | None = None
    ) -> None:
        """The job ended: FINISHED, FAILED or KILLED. `end_time`: seconds since the epoch, now by default."""
        moment = self._services.clock().timestamp() if end_time is None else end_time
        await self.set_status(run_id, status, end_time=moment, workspace=workspace)

    async def run(self, run_id: str, *, workspace: WorkspaceRef | None = None) -> dict[str, Any]:
        """The run as MLflow tells it: `{"info", "data": {"metrics", "params", "tags"}, "inputs"}`. RunNotFoundError."""
        target = "/api/2.0/mlflow/runs/get?run_id=" + quote(run_id, safe="")
        run: dict[str, Any] = (await self._internal("GET", target, None, workspace))["run"]
        return run

    async def metric_history(self, run_id: str, key: str, *, workspace: WorkspaceRef | None = None) -> list[float]:
        """All values of a run's metric in the order they were logged. RunNotFoundError."""
        query = f"run_id={quote(run_id, safe='')}&metric_key={quote(key, safe='')}"
        told = await self._internal("GET", f"/api/2.0/mlflow/metrics/get-history?{query}", None, workspace)
        entries = sorted(told.get("metrics") or [], key=lambda entry: (int(entry["timestamp"]), int(entry["step"])))
        return [float(entry["value"]) for entry in entries]

    async def forget(self, workspace: WorkspaceRef) -> None:
        """Delete the experiments and runs of a workspace, for good."""
        await self._internal("DELETE", "/internal/workspace", None, workspace)

    async def experiment_name(self, experiment_id: str, workspace: WorkspaceRef) -> str:
        target = "/api/2.0/mlflow/experiments/get?experiment_id=" + quote(experiment_id, safe="")
        return str((await self._internal("GET", target, None, workspace))["experiment"]["name"])

    async def _internal(
        self, method: str, target: str, body: Mapping[str, Any] | None, workspace: WorkspaceRef | None
    ) -> dict[str, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        answer = await self.call(method, target, workspace or self._seeded(), data)
        if answer.status == 404:
            raise RunNotFoundError(answer.body.decode(errors="replace"))
        if answer.status >= 400:
            raise MlflowUnavailableError(
                f"MLflow answered {answer.status} to {method} {target}: {answer.body[:500].decode(errors='replace')}"
            )
        content: dict[str, Any] = json.loads(answer.body)
        return content

    def _seeded(self) -> WorkspaceRef:
        settings = self._services.settings
        return WorkspaceRef(
            settings.subscription_id, settings.resource_group, settings.workspace, settings.workspace_id
        )
