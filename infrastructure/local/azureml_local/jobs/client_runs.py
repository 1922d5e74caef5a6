"""Runs that clients make themselves: `mlflow.start_run()` on a laptop, or nested in a step. Azure lists them as jobs.

MLflow tells when one is made or changed (`MlflowServer.on_run_created`); nothing runs for them here.
"""

from __future__ import annotations

from dataclasses import replace

from azureml_local.mlflow_server import ClientRun
from azureml_local.services import Services

from . import states
from .runs import CLIENT, Run, RunStore

_ENDS = {"FINISHED": states.COMPLETED, "FAILED": states.FAILED, "KILLED": states.CANCELED}


def install(services: Services, runs: RunStore) -> None:
    """Keep a record of every run that a client makes."""

    async def created(told: ClientRun) -> None:
        run = runs.get(told.workspace, told.run_id) or runs.add(_record(runs, told))
        if told.status == "RUNNING":
            runs.advance(run, states.RUNNING)

    async def updated(told: ClientRun) -> None:
        run = runs.get(told.workspace, told.run_id)
        if run is None or run.kind != CLIENT:
            return  # a job's state is the workspace's own to tell
        runs.change(run, lambda current: replace(current, display_name=told.name))
        runs.advance(run, _ENDS.get(told.status, states.RUNNING))

    services.mlflow.on_run_created.append(created)
    services.mlflow.on_run_updated.append(updated)


def lives_elsewhere(runs: RunStore, run: Run) -> bool:
    """Whether a run goes on without this workspace: a client's, and not nested in one of its jobs."""
    root = runs.get(run.workspace, run.root)
    return run.kind == CLIENT and (root is None or root.kind == CLIENT)


def _record(runs: RunStore, told: ClientRun) -> Run:
    parent = runs.get(told.workspace, told.tags.get("mlflow.parentRunId", ""))
    return Run(
        workspace=told.workspace.id,
        name=told.run_id,
        kind=CLIENT,
        display_name=told.name,
        experiment=told.experiment_name,
        number=runs.next_number(told.workspace),
        root=parent.root if parent else told.run_id,
        parent=parent.name if parent else None,
        experiment_id=told.experiment_id,
        created_by=told.tags.get("mlflow.user", "local"),
        tags={name: value for name, value in told.tags.items() if not name.startswith("mlflow.")},
        properties={name: value for name, value in told.tags.items() if name.startswith("mlflow.")},
        definition={"jobType": "Command", "command": told.tags.get("mlflow.source.name", "")},
    )
