"""From a request to a pipeline component deployment to a pipeline job.

Source: learn.microsoft.com/azure/machine-learning/how-to-use-batch-pipeline-deployments.
"""

from __future__ import annotations

from typing import Any

from azureml_local.assets import components, versions
from azureml_local.jobs.values import Data
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from .request import UNNAMED_INPUTS, UNNAMED_OUTPUT, Invocation

# The tag by which the SDK tells these jobs from jobs of model deployments, whose output it looks for elsewhere.
_PIPELINE_JOB = "azureml.pipelinejob"


def properties_of(
    services: Services, workspace: WorkspaceRef, endpoint: Document, deployment: Document, invocation: Invocation
) -> Document:
    """The properties of the pipeline job, as a client would PUT them. The job's own rules check inputs and outputs."""
    configuration = deployment["properties"]["deploymentConfiguration"]
    component = versions.resolve(services, components.KIND, workspace, configuration["componentId"]["assetId"])
    spec = component["properties"]["componentSpec"]
    inputs: Document = {}
    for name, value in invocation.inputs.items():
        if isinstance(value, Data):
            entry = {"jobInputType": value.type, "uri": value.uri, "mode": value.mode}
        else:
            entry = {"jobInputType": "literal", "value": value.value}
        inputs[_named(name, spec.get("inputs") or {}, UNNAMED_INPUTS)] = entry
    outputs = {
        _named(name, spec.get("outputs") or {}, (UNNAMED_OUTPUT,)): {
            "jobOutputType": output.type or None,
            "uri": output.uri,
        }
        for name, output in invocation.outputs.items()
    }
    return {
        "jobType": "Pipeline",
        "componentId": component["id"],
        "experimentName": invocation.experiment or endpoint["name"],
        "description": invocation.description,
        "tags": {
            "azureml.batchrun": "true",
            "azureml.deploymentname": deployment["name"],
            "azureml.jobtype": _PIPELINE_JOB,
            **invocation.tags,
        },
        "properties": {
            "azureml.batchendpoint": endpoint["name"],
            "azureml.batchdeployment": deployment["name"],
            **invocation.properties,
        },
        "inputs": inputs,
        "outputs": outputs,
        "settings": _settings(configuration["settings"]),
    }


def _named(name: str, ports: Document, unnamed: tuple[str, ...]) -> str:
    """An input that the SDK was given without a name is the only data input that the component has."""
    if name in ports or name not in unnamed:
        return name
    data = [port for port, given in ports.items() if str((given or {}).get("type", "uri_folder")).startswith("uri_")]
    return data[0] if len(data) == 1 else name


def _settings(given: dict[str, Any]) -> Document:
    """`ComponentDeployment.Settings.default_compute` and `default_compute` are the same."""
    return {key.rpartition(".")[2]: value for key, value in given.items() if value is not None}
