"""The page of a job: its state, its steps as a tree, what went in and came out, what it logged, why it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from azureml_local import log_files
from azureml_local.jobs import artifacts, reuse
from azureml_local.jobs.runs import Run
from azureml_local.mlflow_server import MlflowUnavailableError, RunNotFoundError
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from .markup import Html, document, job_link, section, state, table, tag, text

_LOG_LINES = 200
_LOG_FILES = 12
_MLFLOW_SECONDS = 3.0
_REFRESH_SECONDS = 5
_INDENT = "\u2003"


async def page(services: Services, workspace: WorkspaceRef, run: Run) -> Html:
    """While the job runs, the page asks to be loaded again."""
    metrics, parameters = await _logged(services, workspace, run)
    logs = await asyncio.to_thread(_logs, services, workspace, run)
    error = run.error or {}
    facts = [
        ("state", state(run.status)),
        ("duration", duration(services, run)),
        ("kind", run.kind if run.step is None else f"{run.kind}, step {run.step}"),
        ("part of", job_link(run.parent, run.parent, workspace) if run.parent else None),
        ("reuses", _reused(run, workspace)),
        ("experiment", run.experiment),
        ("compute", run.compute),
        ("created", f"{run.created} by {run.created_by}"),
        ("description", run.description),
    ]
    return document(
        run.display_name,
        workspace,
        tag("p", run.name, class_="quiet"),
        table(("", ""), [(name, value) for name, value in facts if value]),
        section("Error", tag("p", tag("b", error["code"])), tag("pre", error["message"])) if error else Html(),
        section("Warnings", *(tag("p", warning) for warning in run.warnings)),
        section("Steps", table(("step", "state", "duration", "job"), _tree(services, workspace, run, 0))),
        section("Inputs", table(("name", "type", "value"), _ports(run.inputs))),
        section("Outputs", table(("name", "type", "where"), _ports(run.outputs))),
        section("Metrics", table(("name", "value"), metrics)),
        section("Parameters", table(("name", "value"), parameters)),
        section("Tags", table(("name", "value"), sorted(run.tags.items()))),
        section("States", table(("state", "since"), run.history)),
        section("Logs", *logs),
        refresh=0 if run.ended else _REFRESH_SECONDS,
    )


def duration(services: Services, run: Run) -> str:
    """From its first process to its end, or until now."""
    if run.started_at is None:
        return ""
    end = datetime.fromisoformat(run.ended_at) if run.ended_at else services.clock()
    seconds = round((end - datetime.fromisoformat(run.started_at)).total_seconds())
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _tree(services: Services, workspace: WorkspaceRef, run: Run, depth: int) -> Iterator[tuple[Html, Html, str, Html]]:
    for child in services.jobs.runs.children(workspace, run.name):
        name = text(_INDENT * depth + (child.step or child.display_name))
        yield name, state(child.status), duration(services, child), job_link(child.name, child.name, workspace)
        yield from _tree(services, workspace, child, depth + 1)


def _reused(run: Run, workspace: WorkspaceRef) -> Html | None:
    former = run.properties.get(reuse.REUSED_RUN)
    return job_link(former, former, workspace) if former else None


def _ports(ports: Mapping[str, Any]) -> Iterator[tuple[str, object, Html]]:
    for name, port in ports.items():
        found = port.get("asset") or port.get("uri") or port.get("value")
        yield name, port.get("type"), tag("code", _unsigned(str("" if found is None else found)))


def _unsigned(uri: str) -> str:
    """A web address without its query, which may be a signature."""
    return urlsplit(uri)._replace(query="", fragment="").geturl() if uri.lower().startswith("http") else uri


async def _logged(
    services: Services, workspace: WorkspaceRef, run: Run
) -> tuple[list[tuple[str, object]], list[tuple[str, object]]]:
    """The last value of each metric, and the parameters, as MLflow has them; none while it does not answer."""
    try:
        found = await asyncio.wait_for(services.mlflow.run(run.name, workspace=workspace), _MLFLOW_SECONDS)
    except (MlflowUnavailableError, RunNotFoundError, asyncio.TimeoutError):
        return [], []
    data = found["data"]
    metrics, parameters = (
        [(each["key"], each["value"]) for each in data.get(kind) or []] for kind in ("metrics", "params")
    )
    return sorted(metrics), sorted(parameters)


def _logs(services: Services, workspace: WorkspaceRef, run: Run) -> list[Html]:
    """The end of each log. A reused step shows those of the run that it reuses."""
    folder = artifacts.folder(services, workspace, run.properties.get(reuse.REUSED_RUN) or run.name)
    ends = [(path, log_files.tail(folder / path, _LOG_LINES)) for path in artifacts.log_files(folder)[:_LOG_FILES]]
    return [tag("details", tag("summary", path), tag("pre", end), open="") for path, end in ends if end]
