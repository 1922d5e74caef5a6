"""Runs as run history shows them: the run, its details with log files, its error.

Source: the service clients runhistory, dataset_dataplane and model_dataplane of azure-ai-ml 1.31.
"""

from __future__ import annotations

from datetime import datetime

from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import artifacts, reuse
from .documents import services_of
from .runs import Run
from .values import MODEL_TYPES

# Run history spells types of data in its own way.
TYPES = {
    "uri_file": "UriFile",
    "uri_folder": "UriFolder",
    "mltable": "MLTable",
    "mlflow_model": "MLFlowModel",
    "custom_model": "CustomModel",
    "triton_model": "TritonModel",
}


def asset_id(services: Services, workspace: WorkspaceRef, run: str, name: str, kind: str) -> str:
    """The data plane's id of an output: it names an asset that nobody registered, resolved by the two calls below."""
    document = services.store.get(workspace.id)
    guid = document["properties"]["workspaceId"] if document else ""
    what, collection = ("model", "models") if kind in MODEL_TYPES else ("data", "data")
    location = services.settings.location
    return (
        f"azureml://locations/{location}/workspaces/{guid}/{collection}/azureml_{run}_output_{what}_{name}/versions/1"
    )


def run_document(services: Services, workspace: WorkspaceRef, run: Run) -> Document:
    """A run as run history shows it (RunDto)."""
    return {
        "runNumber": run.number,
        "runId": run.name,
        "runUuid": run.name,
        "rootRunId": run.root,
        "rootRunUuid": run.root,
        "parentRunId": run.parent,
        "parentRunUuid": run.parent,
        "experimentId": run.experiment_id or run.experiment,
        "dataContainerId": f"dcid.{run.name}",
        "displayName": run.display_name,
        "name": run.display_name,
        "description": run.description,
        "status": run.status,
        "createdUtc": run.created,
        "startTimeUtc": run.started_at,
        "endTimeUtc": run.ended_at,
        "duration": _duration(run),
        "computeDuration": _duration(run),
        "lastModifiedUtc": run.history[-1][1],
        "lastModifiedBy": _user(run),
        "createdBy": _user(run),
        "userId": run.created_by,
        "error": error_document(run),
        "warnings": [{"source": "local workspace", "message": text} for text in run.warnings] or None,
        "runType": "azureml.PipelineRun"
        if run.kind == "pipeline"
        else "azureml.StepRun"
        if run.parent
        else "commandjob",
        "runTypeV2": {"orchestrator": None, "traits": [], "attribution": None, "computeType": "AmlCompute"},
        "target": run.compute,
        "compute": {"target": run.compute, "targetType": "AmlCompute"} if run.compute else None,
        "tags": run.tags,
        "properties": run.properties,
        "parameters": {name: given["value"] for name, given in run.inputs.items() if "value" in given},
        "hidden": run.archived,
        "services": services_of(services, workspace, run.name),
        "inputDatasets": [],
        "outputDatasets": [],
        "inputs": {
            name: {"assetId": given["uri"], "type": TYPES[given["type"]]}
            for name, given in run.inputs.items()
            if given.get("uri")
        },
        "outputs": {
            name: {
                "assetId": asset_id(services, workspace, run.name, name, str(given["type"])),
                "type": TYPES[given["type"]],
            }
            for name, given in run.outputs.items()
        },
        "statusHistory": [{"status": status, "time": moment} for status, moment in run.history],
    }


def details_document(services: Services, workspace: WorkspaceRef, run: Run) -> Document:
    """A run with its log files, each with a URL that opens it. A reused step shows the logs of the run it reuses."""
    former = services.jobs.runs.get(workspace, run.properties.get(reuse.REUSED_RUN, "")) or run
    document = run_document(services, workspace, run)
    document.pop("statusHistory")
    return {
        **document,
        "createdTimeUtc": run.created,
        "logFiles": artifacts.log_urls(services, workspace, former),
        "runDefinition": definition_document(run),
        "submittedBy": run.created_by,
        "jobCost": None,
        "revision": len(run.history),
        "statusRevision": len(run.history),
    }


def error_document(run: Run) -> Document | None:
    """The error of a failed run, with the end of its log in the message."""
    if run.error is None:
        return None
    message = run.error["message"] + (f"\n{run.error['tail']}" if run.error.get("tail") else "")
    return {
        "error": {
            "code": run.error["code"],
            "message": message,
            "messageParameters": {},
            "details": [],
        },
        "componentName": "local workspace",
        "time": run.ended_at,
    }


def definition_document(run: Run) -> Document:
    return {"command": run.definition.get("command"), "target": run.compute, "displayName": run.display_name}


def _user(run: Run) -> Document:
    return {"userObjectId": None, "userName": run.created_by}


def _duration(run: Run) -> str | None:
    """hh:mm:ss.ffffff between the start of its processes and its end."""
    if run.started_at is None or run.ended_at is None:
        return None
    return str(datetime.fromisoformat(run.ended_at) - datetime.fromisoformat(run.started_at))
