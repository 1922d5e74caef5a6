"""The page of a workspace: its latest jobs and its endpoints."""

from __future__ import annotations

from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from .job_page import duration
from .markup import Html, document, job_link, link, section, state, table, tag

_JOBS = 100


def page(services: Services, workspace: WorkspaceRef) -> Html:
    runs = [run for run in services.jobs.runs.all(workspace) if run.parent is None and not run.archived]
    jobs = [
        (
            job_link(run.display_name, run.name, workspace),
            state(run.status),
            duration(services, run),
            run.experiment,
            run.created,
        )
        for run in reversed(runs[-_JOBS:])
    ]
    online = [
        (link(each["name"], f"/endpoints/realtime/{each['name']}/detail", workspace), _state(each), _weights(each))
        for each in services.store.list(f"{workspace.id}/onlineEndpoints")
    ]
    batch = [
        (each["name"], _state(each), each["properties"]["defaults"]["deploymentName"])
        for each in services.store.list(f"{workspace.id}/batchEndpoints")
    ]
    nothing = Html() if jobs or online or batch else tag("p", "Nothing has been made here yet.")
    return document(
        workspace.name,
        workspace,
        nothing,
        section("Jobs", table(("name", "state", "duration", "experiment", "created"), jobs)),
        section("Online endpoints", table(("name", "state", "traffic"), online)),
        section("Batch endpoints", table(("name", "state", "default deployment"), batch)),
    )


def _state(endpoint: Document) -> Html:
    return state(endpoint["properties"]["provisioningState"])


def _weights(endpoint: Document) -> str:
    return ", ".join(f"{name} {weight} %" for name, weight in endpoint["properties"]["traffic"].items())
