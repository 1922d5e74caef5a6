"""Jobs as ARM shows them, and which changes of a job Azure lets through.

Source: Microsoft.MachineLearningServices 2024-01-01-preview, Jobs (JobBase).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from azureml_local.mlflow_server import tracking_uri
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from .runs import Run

_TYPE = "Microsoft.MachineLearningServices/workspaces/jobs"
_KINDS = {"command": "Command", "pipeline": "Pipeline", "sweep": "Sweep", "parallel": "Command"}
# What a client may change, what the server says itself, and what clients do not send back as they got it.
_EDITABLE = frozenset({"description", "tags", "displayname", "properties", "isarchived"})
_OURS = frozenset({"status", "services", "jobtype", "provisioningstate", "notificationsetting", "parentjobname"})
_NAMES = {"codeId": "CodeId", "environmentId": "EnvironmentId", "computeId": "ComputeId"}


def studio_url(services: Services, workspace: WorkspaceRef, run: str) -> str:
    """The page of a run in the studio. Clients append `&tid=` themselves, so it ends as Azure's does."""
    return f"https://ml.azure.com/runs/{quote(run)}?wsid={workspace.id}"


def services_of(services: Services, workspace: WorkspaceRef, run: str) -> Document:
    """The two services that every job has."""
    return {
        "Tracking": {
            "jobServiceType": "Tracking",
            "port": None,
            "endpoint": tracking_uri(workspace, services.settings.api_host),
            "status": None,
            "errorMessage": None,
            "properties": None,
        },
        "Studio": {
            "jobServiceType": "Studio",
            "port": None,
            "endpoint": studio_url(services, workspace, run),
            "status": None,
            "errorMessage": None,
            "properties": None,
        },
    }


def job_document(services: Services, workspace: WorkspaceRef, run: Run) -> Document:
    """A job as GET answers it. A step of a pipeline has no properties there: clients ask run history for it."""
    document: Document = {
        "id": f"{run.workspace}/jobs/{run.name}",
        "name": run.name,
        "type": _TYPE,
        "properties": None if run.parent is not None else _properties(services, workspace, run),
        "systemData": {
            "createdAt": run.created,
            "createdBy": run.created_by,
            "createdByType": "Application",
            "lastModifiedAt": run.history[-1][1],
            "lastModifiedBy": run.created_by,
            "lastModifiedByType": "Application",
        },
    }
    return document


def _properties(services: Services, workspace: WorkspaceRef, run: Run) -> Document:
    given = {key: value for key, value in run.definition.items() if key != "status"}
    return {
        "componentId": None,
        "identity": None,
        "computeId": None,
        "inputs": {},
        **given,
        "jobType": given.get("jobType") or _KINDS[run.kind],
        "displayName": run.display_name,
        "description": run.description,
        "experimentName": run.experiment,
        "tags": run.tags,
        "properties": run.properties,
        "isArchived": run.archived,
        "status": run.status,
        "services": {**(given.get("services") or {}), **services_of(services, workspace, run.name)},
        "outputs": _outputs(given.get("outputs") or {}, run),
    }


def _outputs(given: Mapping[str, Any], run: Run) -> Document:
    """The outputs as asked for, with where they are once that is known.

    None is called `default`: clients would take it for something to sign with an account key.
    """
    shown: Document = {}
    for name, setting in given.items():
        uri = (run.outputs.get(name) or {}).get("uri")
        shown[name] = {**(setting or {}), **({"uri": uri} if uri else {})}
    return shown


def changed_fields(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """The fields of an existing job that a PUT would change, in Azure's spelling; empty when it may pass.

    A client that read the job sends it back without what it does not know, so only what is sent counts.
    """
    old = {key.lower(): value for key, value in stored.items()}
    found = []
    for key, value in given.items():
        if key.lower() in _EDITABLE | _OURS or value is None:
            continue
        if not _same(old.get(key.lower()), value):
            found.append(_NAMES.get(key, key[:1].upper() + key[1:]))
    return found


def _same(old: Any, new: Any) -> bool:
    """Whether everything that is said in `new` is so in `old`; nothing, null and empty are one."""
    if new in (None, {}, [], ""):
        return True
    if isinstance(new, Mapping):
        if not isinstance(old, Mapping):
            return False
        known = {str(key).replace("_", "").lower(): value for key, value in old.items()}
        return all(
            (key == "uri" and known.get("uri") is None) or _same(known.get(str(key).replace("_", "").lower()), value)
            for key, value in new.items()
        )
    if isinstance(new, list):
        return isinstance(old, list) and len(old) == len(new) and all(map(_same, old, new))
    return str(old).lower() == str(new).lower()


def editable(run: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that a PUT or PATCH makes to a job, as fields of its record. Properties are only added to."""
    changes: dict[str, Any] = {}
    for key, field in (("description", "description"), ("displayName", "display_name"), ("isArchived", "archived")):
        if given.get(key) is not None:
            changes[field] = given[key]
    if given.get("tags") is not None:
        changes["tags"] = {str(name): str(value) for name, value in given["tags"].items() if value is not None}
    if given.get("properties"):
        changes["properties"] = {**run.properties, **{k: v for k, v in given["properties"].items() if v is not None}}
    return changes
