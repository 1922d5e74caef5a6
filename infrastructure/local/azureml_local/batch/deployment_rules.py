"""What a batch deployment may be: checked as a whole when it is made, so that no job fails for what was known before.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from azureml_local import compute, endpoint_names, uris
from azureml_local.assets import codes, components, environments, models, versions
from azureml_local.environments import mlflow_models
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.errors import AzureError, bad_request
from azureml_local.jobs.specs import seconds
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

TYPE = "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments"
OUTPUT_ACTIONS = {"appendrow": "AppendRow", "summaryonly": "SummaryOnly"}
LOGGING_LEVELS = ("Debug", "Info", "Warning")
_DEFAULTS: Document = {
    "miniBatchSize": 10,
    "maxConcurrencyPerInstance": 1,
    "errorThreshold": -1,
    "outputAction": "AppendRow",
    "outputFileName": "predictions.csv",
    "loggingLevel": "Info",
    "retrySettings": {"maxRetries": 3, "timeout": "PT30S"},
    "resources": {"instanceCount": 1, "instanceType": None, "properties": {}},
}
_LONGEST_TIMEOUT = 259200.0


def find(services: Services, endpoint: Document, name: str) -> Document:
    """The deployment's document, or Azure's 404."""
    document = services.store.get(f"{endpoint['id']}/deployments/{name}")
    if document is None:
        raise AzureError(404, "UserError", f"Batch deployment '{name}' not found in endpoint '{endpoint['name']}'.")
    return document


def is_pipeline(properties: Document) -> bool:
    """Whether a deployment is one of a pipeline component."""
    kind = (properties.get("deploymentConfiguration") or {}).get("deploymentConfigurationType")
    return str(kind).lower() == "pipelinecomponent"


def document(services: Services, workspace: WorkspaceRef, endpoint: Document, name: str, body: Document) -> Document:
    """The deployment that a PUT makes. Raises Azure's 400 for what it may not be."""
    endpoint_names.check("batch deployment", name)
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    if is_pipeline(given):
        properties = _pipeline(services, workspace, given)
    elif given.get("deploymentConfiguration"):
        raise bad_request("deploymentConfigurationType must be PipelineComponent.", target="deploymentConfiguration")
    else:
        properties = _model(services, workspace, given)
    existing = services.store.get(f"{endpoint['id']}/deployments/{name}")
    return {
        "id": existing["id"] if existing else f"{endpoint['id']}/deployments/{name}",
        "name": existing["name"] if existing else name,
        "type": TYPE,
        "location": services.settings.location,
        "kind": None,
        "identity": None,
        "tags": body.get("tags") or {},
        "properties": {
            **_DEFAULTS,
            "description": None,
            "properties": {},
            "environmentVariables": {},
            **properties,
            "provisioningState": "Succeeded",
        },
    }


def _pipeline(services: Services, workspace: WorkspaceRef, given: Document) -> Document:
    configuration = given["deploymentConfiguration"]
    reference = (configuration.get("componentId") or {}).get("assetId")
    if not reference:
        raise bad_request("A pipeline component deployment needs a component.", target="componentId")
    component = versions.resolve(services, components.KIND, workspace, str(reference))
    kind = str((component["properties"].get("componentSpec") or {}).get("type"))
    if kind != "pipeline":
        raise bad_request(f"The component '{reference}' is a {kind} component, not a pipeline.", target="componentId")
    return {
        **given,
        "deploymentConfiguration": {
            "description": None,
            "tags": {},
            **configuration,
            "settings": configuration.get("settings") or {},
            "componentId": {"referenceType": "Id", "assetId": component["id"]},
        },
    }


def _model(services: Services, workspace: WorkspaceRef, given: Document) -> Document:
    reference = (given.get("model") or {}).get("assetId")
    if not reference:
        raise bad_request("A model deployment needs a model.", target="model")
    model = versions.resolve(services, models.KIND, workspace, str(reference))
    settings = settings_of(given)
    _check_compute(services, workspace, given, settings)
    code = given.get("codeConfiguration")
    if code:
        _check_code(services, workspace, code)
        if not given.get("environmentId"):
            raise bad_request(
                "A deployment with a scoring script needs an environment for it to run in.", target="environmentId"
            )
    else:
        _check_without_code(services, workspace, model)
    if given.get("environmentId"):
        environment = versions.resolve(services, environments.KIND, workspace, str(given["environmentId"]))
        given = {**given, "environmentId": environment["id"]}
    return {**given, **settings, "model": {"referenceType": "Id", "assetId": model["id"]}}


def settings_of(given: Document) -> Document:
    """The settings of scoring, checked, with defaults for what is not said. Of a deployment, or of one invocation."""
    settings = {key: given.get(key, default) for key, default in _DEFAULTS.items()}
    for field, least in (("miniBatchSize", 1), ("maxConcurrencyPerInstance", 1), ("errorThreshold", -1)):
        settings[field] = _number(settings[field], field, least)
    retry = {**_DEFAULTS["retrySettings"], **_said(settings["retrySettings"])}
    retry["maxRetries"] = _number(retry["maxRetries"], "retrySettings.maxRetries", 0)
    if not 0 < timeout_of(retry) <= _LONGEST_TIMEOUT:
        raise bad_request(
            f"retrySettings.timeout must be between 1 and {_LONGEST_TIMEOUT:g} seconds, not '{retry['timeout']}'.",
            target="retrySettings.timeout",
        )
    settings["retrySettings"] = retry
    settings["resources"] = resources = {**_DEFAULTS["resources"], **_said(settings["resources"])}
    resources["instanceCount"] = _number(resources["instanceCount"], "resources.instanceCount", 1)
    action = str(settings["outputAction"]).replace("_", "").lower()
    if action not in OUTPUT_ACTIONS:
        raise bad_request(
            f"outputAction '{settings['outputAction']}' is not one of append_row, summary_only.", target="outputAction"
        )
    settings["outputAction"] = OUTPUT_ACTIONS[action]
    level = str(settings["loggingLevel"]).capitalize()
    if level not in LOGGING_LEVELS:
        raise bad_request(
            f"loggingLevel '{settings['loggingLevel']}' is not one of {', '.join(LOGGING_LEVELS)}.",
            target="loggingLevel",
        )
    settings["loggingLevel"] = level
    check_file_name(settings["outputFileName"])
    return settings


def timeout_of(retry: Document) -> float:
    """The time limit of a mini-batch in seconds, which REST writes as `PT30S`."""
    try:
        return seconds(retry["timeout"]) or 0.0
    except ValueError:
        return 0.0


def check_file_name(name: object) -> None:
    text = str(name)
    if not text or text in (".", "..") or "/" in text or "\\" in text or "\0" in text:
        raise bad_request(f"outputFileName '{text}' is not the name of a file.", target="outputFileName")


def check_instances(services: Services, workspace: WorkspaceRef, target: str | None, count: int) -> None:
    """Whether a compute exists and can ever give that many nodes."""
    nodes = compute.nodes(services, workspace, target)
    if count > nodes.most:
        raise bad_request(
            f"{count} instances are asked for, but compute '{nodes.name}' has at most {nodes.most}.",
            target="resources.instanceCount",
        )


def _said(given: Any) -> Document:
    return {key: value for key, value in (given or {}).items() if value is not None}


def _number(given: object, field: str, least: int) -> int:
    try:
        number = int(str(given))
    except ValueError:
        raise bad_request(f"{field} must be a whole number, but '{given}' was given.", target=field) from None
    if number < least:
        raise bad_request(f"{field} must not be less than {least}, but {number} was given.", target=field)
    return number


def _check_compute(services: Services, workspace: WorkspaceRef, given: Document, settings: Document) -> None:
    if not given.get("compute"):
        raise bad_request("A model deployment needs a compute to run on.", target="compute")
    check_instances(services, workspace, str(given["compute"]), settings["resources"]["instanceCount"])


def _check_code(services: Services, workspace: WorkspaceRef, code: Document) -> None:
    script, reference = str(code.get("scoringScript") or ""), code.get("codeId")
    if not script or not reference:
        raise bad_request("codeConfiguration needs a code folder and a scoring script.", target="codeConfiguration")
    version = versions.resolve(services, codes.KIND, workspace, str(reference))
    folder = uris.resolve(services, workspace, str(version["properties"]["codeUri"]))
    parts = PurePosixPath(script).parts
    if PurePosixPath(script).is_absolute() or ".." in parts or not (folder / script).is_file():
        there = sorted(path.name for path in folder.glob("*.py"))
        raise bad_request(
            f"The scoring script '{script}' is not in the code folder, which has these Python files: "
            f"{', '.join(there) or 'none'}.",
            target="codeConfiguration.scoringScript",
        )


def _check_without_code(services: Services, workspace: WorkspaceRef, model: Document) -> None:
    properties = model["properties"]
    name = f"{model['id'].split('/')[-3]}:{model['name']}"
    if properties.get("modelType") != "mlflow_model":
        raise bad_request(
            f"The model {name} is of type {properties.get('modelType')}, so the deployment needs a code_configuration "
            "with a scoring script, and an environment. Only an MLflow model (type: mlflow_model) works without.",
            target="codeConfiguration",
        )
    try:
        mlflow_models.environment_of(uris.resolve(services, workspace, str(properties["modelUri"])), name)
    except EnvironmentBuildError as error:
        raise bad_request(str(error), target="model") from error
