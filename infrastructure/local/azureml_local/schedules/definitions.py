"""What a schedule starts: a whole job definition, or a job that exists with some settings laid over it.

Source: learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job, "Use supported expressions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from azureml_local.errors import bad_request, not_implemented
from azureml_local.jobs.planning import plan_of
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

_NOT_HERE = {"createmonitor": "schedules of model monitors", "importdata": "schedules of data imports"}
_EXPRESSION = re.compile(r"\$\{\{\s*(name|creation_context\.trigger_time)\s*\}\}")
# What may be laid over the job that a schedule names; its steps stay its own.
_LAID_OVER = ("inputs", "outputs", "settings", "tags", "properties")


def complete_action(services: Services, workspace: WorkspaceRef, action: Mapping[str, Any]) -> dict[str, Any]:
    """The action with a whole job definition. Raises AzureError: 400 when it is not valid, 501 for other actions."""
    kind = str(action.get("actionType") or "")
    if kind.lower() != "createjob":
        if kind.lower() in _NOT_HERE:
            raise not_implemented(_NOT_HERE[kind.lower()])
        raise bad_request(f"action.actionType: '{kind}' is not one of CreateJob, CreateMonitor, ImportData.")
    definition = {key: value for key, value in (action.get("jobDefinition") or {}).items() if value is not None}
    if definition.get("sourceJobId") and not definition.get("jobs"):
        definition = _of_source(services, workspace, definition)
    plan_of(services, workspace, filled(definition, "name", datetime.fromtimestamp(0, timezone.utc)))
    return {"actionType": "CreateJob", "jobDefinition": definition}


def _of_source(services: Services, workspace: WorkspaceRef, given: dict[str, Any]) -> dict[str, Any]:
    name = str(given["sourceJobId"]).rstrip("/").rpartition("/")[2].rpartition(":")[2]
    run = services.jobs.get(workspace, name)
    whole = {key: value for key, value in run.definition.items() if key not in ("services", "status", "isArchived")}
    for key, value in given.items():
        if key in _LAID_OVER:
            whole[key] = {**(whole.get(key) or {}), **value}
        elif value != "":
            whole[key] = value
    return whole


def filled(definition: Mapping[str, Any], name: str, moment: datetime) -> dict[str, Any]:
    """The job to submit. name: the job's.  moment: when its schedule fired, in UTC."""
    values = {"name": name, "creation_context.trigger_time": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}

    def fill(given: Any) -> Any:
        if isinstance(given, str):
            return _EXPRESSION.sub(lambda match: values[match[1]], given)
        if isinstance(given, Mapping):
            return {key: fill(value) for key, value in given.items()}
        return [fill(value) for value in given] if isinstance(given, list) else given

    # Outputs keep `${{name}}`: a job puts its own name there.
    job = {key: value if key in ("jobs", "outputs") else fill(value) for key, value in definition.items()}
    job["inputs"] = {key: _as_literal(value, fill(value)) for key, value in (definition.get("inputs") or {}).items()}
    job.pop("sourceJobId", None)
    return job


def _as_literal(given: Any, after: Any) -> Any:
    """An input that is nothing but an expression: the SDK takes it for the path of data."""
    uri = given.get("uri") if isinstance(given, Mapping) else None
    if isinstance(uri, str) and _EXPRESSION.fullmatch(uri.strip()):
        return {"jobInputType": "literal", "value": after["uri"]}
    return after
