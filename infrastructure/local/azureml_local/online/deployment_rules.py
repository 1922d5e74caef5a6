"""What an online deployment may look like: the properties that are checked, and Azure's defaults for the rest.

Source: Microsoft.MachineLearningServices 2023-04-01-preview, Online Deployments;
learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azureml_local import vm_sizes
from azureml_local.errors import AzureError, bad_request
from azureml_local.store import Document

from .durations import seconds

DEFAULT_SIZE = "Standard_DS3_v2"
_LONGEST_REQUEST = 300.0
_REQUEST = {"maxQueueWait": "PT0.5S", "maxConcurrentRequestsPerInstance": 1, "requestTimeout": "PT5S"}
_PROBE = {"failureThreshold": 30, "successThreshold": 1, "timeout": "PT2S", "period": "PT10S", "initialDelay": "PT10S"}
_KEPT = (
    "description", "codeConfiguration", "environmentId", "environmentVariables", "model", "modelMountPath",
    "egressPublicNetworkAccess", "privateNetworkConnection", "dataCollector",
)  # fmt: skip
_MOST_INSTANCES = 50


@dataclass(frozen=True)
class Probe:
    """A liveness or readiness probe; times in seconds."""

    initial_delay: float
    period: float
    timeout: float
    failure_threshold: int
    success_threshold: int

    @property
    def patience(self) -> float:
        """How long a container may take until it must have answered once."""
        return self.initial_delay + self.period * self.failure_threshold


def checked(body: Document, old: Document | None) -> tuple[Document, int]:
    """The deployment's properties, completed, and its instance count; Azure's 400 for what is wrong.

    body: the REST resource, `{"sku": {"capacity"}, "properties": {…}}`.  old: the deployment as it was.
    """
    given: Document = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    kind = str(given.get("endpointComputeType") or "Managed")
    if kind.lower() != "managed":
        raise AzureError(
            501, "NotImplementedLocally", f"The local workspace has managed online deployments only, not '{kind}'."
        )
    properties: Document = {key: given.get(key) for key in _KEPT}
    properties["endpointComputeType"] = "Managed"
    properties["properties"] = _texts(given.get("properties"), "properties")
    properties["environmentVariables"] = _texts(given.get("environmentVariables"), "environmentVariables")
    properties["appInsightsEnabled"] = bool(given.get("appInsightsEnabled"))
    properties["instanceType"] = _size(given.get("instanceType"))
    properties["scaleSettings"] = _scale(given.get("scaleSettings"))
    properties["requestSettings"] = _merged(_REQUEST, given.get("requestSettings"), "requestSettings")
    for name in ("livenessProbe", "readinessProbe"):
        properties[name] = _merged(_PROBE, given.get(name), name)
        probe(properties[name], name)
    _check_request(properties["requestSettings"])
    _check_code(properties)
    if not properties["model"] and not properties["codeConfiguration"]:
        raise bad_request(
            "An online deployment needs a model, or code with a scoring script and an environment.", target="model"
        )
    return properties, capacity(body, old)


def capacity(body: Document, old: Document | None) -> int:
    """The instance count in `sku.capacity`; the old one, else 1, when there is none."""
    value = (body.get("sku") or {}).get("capacity")
    if value is None:
        return int(old["sku"]["capacity"]) if old else 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_INSTANCES:
        raise bad_request(
            f"The instance count (sku.capacity) must be a whole number from 1 to {_MOST_INSTANCES}, not {value!r}.",
            target="sku.capacity",
        )
    return value


def probe(given: Document, name: str) -> Probe:
    """A probe's settings, checked."""
    counts = {}
    for field in ("failureThreshold", "successThreshold"):
        counts[field] = given[field]
        if isinstance(given[field], bool) or not isinstance(given[field], int) or given[field] < 1:
            raise bad_request(f"{name}.{field} must be a whole number of 1 or more, not {given[field]!r}.", target=name)
    times = {field: seconds(given[field], f"{name}.{field}") for field in ("initialDelay", "period", "timeout")}
    for field in ("period", "timeout"):
        if times[field] < 1:
            raise bad_request(f"{name}.{field} must be at least one second, not {given[field]}.", target=name)
    return Probe(
        times["initialDelay"], times["period"], times["timeout"], counts["failureThreshold"], counts["successThreshold"]
    )


def _check_request(settings: Document) -> None:
    most = settings["maxConcurrentRequestsPerInstance"]
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise bad_request(
            f"requestSettings.maxConcurrentRequestsPerInstance must be a whole number of 1 or more, not {most!r}.",
            target="requestSettings",
        )
    timeout = seconds(settings["requestTimeout"], "requestSettings.requestTimeout")
    if not 0 < timeout <= _LONGEST_REQUEST:
        raise bad_request(
            f"requestSettings.requestTimeout must be above 0 and at most {_LONGEST_REQUEST:g} s, not {timeout:g} s.",
            target="requestSettings",
        )
    seconds(settings["maxQueueWait"], "requestSettings.maxQueueWait")


def _check_code(properties: Document) -> None:
    code = properties["codeConfiguration"]
    if code is None:
        return
    if not code.get("codeId") or not code.get("scoringScript"):
        raise bad_request("codeConfiguration needs 'codeId' and 'scoringScript'.", target="codeConfiguration")
    if not properties["environmentId"]:
        raise bad_request("A deployment with a scoring script needs an environment.", target="environmentId")


def _size(given: object) -> str:
    size = str(given or DEFAULT_SIZE)
    if not vm_sizes.looks_like_one(size):
        raise bad_request(f"The instance type '{size}' is not a VM size such as {DEFAULT_SIZE}.", target="instanceType")
    return size


def _scale(given: object) -> Document:
    scale = given if isinstance(given, dict) else {}
    kind = str(scale.get("scaleType") or "Default")
    if kind.lower() != "default":
        raise bad_request(
            f"scaleSettings.scaleType '{kind}' is for Kubernetes deployments. A managed deployment has 'Default' and "
            "its instance count; autoscaling is set up in Azure Monitor.",
            target="scaleSettings",
        )
    return {"scaleType": "Default"}


def _merged(defaults: Document, given: object, name: str) -> Document:
    if given is not None and not isinstance(given, dict):
        raise bad_request(f"{name} must be an object.", target=name)
    return {**defaults, **{key: value for key, value in (given or {}).items() if value is not None}}


def _texts(given: Any, name: str) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise bad_request(f"{name} must be an object of texts.", target=name)
    return {str(key): str(value) for key, value in given.items()}
