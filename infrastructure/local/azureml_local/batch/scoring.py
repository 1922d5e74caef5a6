"""From a request to a model deployment to a job: a pipeline with one step, `batchscoring`, whose output is `score`.

Source: learn.microsoft.com/azure/machine-learning/how-to-use-batch-model-deployments.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from azureml_local import ignored_settings, uris
from azureml_local.assets import codes, environments, models, versions
from azureml_local.environments import mlflow_models
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.environments.spec import EnvironmentSpec
from azureml_local.errors import bad_request, not_implemented
from azureml_local.jobs.bindings import ParentInput
from azureml_local.jobs.planning import DEFAULT_DATASTORE
from azureml_local.jobs.references import Asset
from azureml_local.jobs.specs import (
    Binding,
    CommandSpec,
    OutputSetting,
    ParallelSpec,
    PipelineSpec,
    Plan,
    Step,
)
from azureml_local.jobs.values import Data, InputPort, OutputPort
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import deployment_rules as rules
from .request import Invocation

STEP = "batchscoring"
OUTPUT = "score"
_PORT = "job_data_path"
# What reading tables and images takes, should a model not ask for it itself.
_READERS = ("pandas", "pyarrow", "pillow")


def plan_of(services: Services, workspace: WorkspaceRef, deployment: Document, invocation: Invocation) -> Plan:
    """The job's plan. Raises Azure's 400 for what cannot be scored."""
    properties = deployment["properties"]
    name, data = _input(invocation)
    _check_there(services, workspace, data, name)
    settings = rules.settings_of({**properties, **invocation.settings, **_merged(properties, invocation)})
    count = settings["resources"]["instanceCount"]
    rules.check_instances(services, workspace, properties["compute"], count)
    folder, file_name = _output(invocation, settings["outputFileName"])
    spec = _scoring(services, workspace, properties, settings, file_name)
    step = Step(
        name=STEP,
        spec=spec,
        inputs={_PORT: Binding(ParentInput(name))},
        outputs={OUTPUT: OutputSetting(type="uri_folder", uri=folder, parent=OUTPUT)},
        compute=str(properties["compute"]).rpartition("/")[2].removeprefix("azureml:"),
        display_name=STEP,
    )
    pipeline = PipelineSpec(
        steps={STEP: step},
        inputs={name: InputPort(name, data.type)},
        outputs={OUTPUT: OutputPort(OUTPUT, "uri_folder")},
    )
    return Plan(
        spec=pipeline,
        inputs={name: data},
        outputs={OUTPUT: OutputSetting(type="uri_folder", uri=folder)},
        compute=step.compute,
        datastore=DEFAULT_DATASTORE,
        force_rerun=True,
        warnings=ignored_settings.of_batch_deployment(properties),
    )


def document_of(plan: Plan, deployment: Document, invocation: Invocation, endpoint: Document) -> Document:
    """What the job's document shows beside its state."""
    ((name, value),) = plan.inputs.items()
    assert isinstance(value, Data)
    return {
        "jobType": "Pipeline",
        "experimentName": invocation.experiment or endpoint["name"],
        "description": invocation.description,
        "tags": {
            "azureml.batchrun": "true",
            "azureml.deploymentname": deployment["name"],
            **invocation.tags,
        },
        "properties": {
            "azureml.batchendpoint": endpoint["name"],
            "azureml.batchdeployment": deployment["name"],
            **invocation.properties,
        },
        "computeId": deployment["properties"]["compute"],
        "inputs": {name: {"jobInputType": value.type, "uri": value.uri, "mode": "ReadOnlyMount"}},
        "outputs": {OUTPUT: {"jobOutputType": "uri_folder", "mode": "ReadWriteMount"}},
        "jobs": {},
        "settings": {},
    }


def _input(invocation: Invocation) -> tuple[str, Data]:
    """The one input that is scored."""
    if len(invocation.inputs) != 1:
        named = ", ".join(invocation.inputs) or "none"
        raise bad_request(
            f"A model deployment scores exactly one input, a folder or a file. Given: {named}.", target="inputData"
        )
    ((name, value),) = invocation.inputs.items()
    where = f"inputData.{name}"
    if not isinstance(value, Data):
        raise bad_request(
            f"{where}: a model deployment takes no literals. Only pipeline component deployments have parameters.",
            target=where,
        )
    if value.type not in ("uri_folder", "uri_file"):
        raise not_implemented(f"scoring of {value.type} data ({where}); uri_folder and uri_file work")
    return name, replace(value, mode=None)


def _check_there(services: Services, workspace: WorkspaceRef, data: Data, name: str) -> None:
    """An asset or datastore that does not exist is told at once; the path itself is looked at when the job runs."""
    if data.uri.startswith(("http://", "https://")):
        return
    path = uris.resolve(services, workspace, data.uri)
    if not path.exists():
        raise bad_request(f"inputData.{name}: there is nothing at '{data.uri}'.", target=f"inputData.{name}")
    if data.type == "uri_file" and path.is_dir():
        raise bad_request(f"inputData.{name}: '{data.uri}' is a folder; its type is uri_folder.", target=name)


def _merged(properties: Document, invocation: Invocation) -> Document:
    """Nested settings of which the request says a part only."""
    merged: Document = {}
    for key in ("retrySettings", "resources"):
        over = {name: value for name, value in (invocation.settings.get(key) or {}).items() if value is not None}
        merged[key] = {**(properties.get(key) or {}), **over}
    return merged


def _output(invocation: Invocation, file_name: str) -> tuple[str | None, str]:
    """(folder, file name): a request may name a folder, or the file itself. None is Azure's own place."""
    if not invocation.outputs:
        return None, file_name
    if len(invocation.outputs) > 1:
        raise bad_request(
            f"A model deployment has one output, not {', '.join(invocation.outputs)}.", target="outputData"
        )
    ((name, output),) = invocation.outputs.items()
    if output.uri is None:
        return None, file_name
    if not output.uri.startswith("azureml://"):
        raise bad_request(
            f"outputData.{name}: '{output.uri}' is not a datastore path such as azureml://datastores/NAME/paths/PATH/.",
            target=f"outputData.{name}",
        )
    last = PurePosixPath(output.uri.rpartition("/paths/")[2])
    if output.type == "uri_file" and last.suffix and not output.uri.endswith("/"):
        rules.check_file_name(last.name)
        return output.uri[: -len(last.name)], last.name
    return output.uri.rstrip("/") + "/", file_name


def _scoring(
    services: Services, workspace: WorkspaceRef, properties: Document, settings: Document, file_name: str
) -> ParallelSpec:
    model = _asset(services, workspace, models.KIND, properties["model"]["assetId"])
    code = properties.get("codeConfiguration")
    environment = properties.get("environmentId")
    own_environment = None
    if not environment:
        own_environment = _environment(uris.resolve(services, workspace, str(model.properties["modelUri"])), model)
    rows = settings["outputAction"] == "AppendRow"
    return ParallelSpec(
        command=CommandSpec(
            command="",
            environment=_asset(services, workspace, environments.KIND, environment) if environment else model,
            code=_asset(services, workspace, codes.KIND, code["codeId"]) if code else None,
            inputs={_PORT: InputPort(_PORT, "uri_folder")},
            outputs={OUTPUT: OutputPort(OUTPUT, "uri_folder")},
            variables={str(k): str(v) for k, v in (properties.get("environmentVariables") or {}).items()},
            instances=settings["resources"]["instanceCount"],
        ),
        entry_script=str(code["scoringScript"]) if code else None,
        input_name=_PORT,
        append_row_to=OUTPUT if rows else None,
        mini_batch_size=settings["miniBatchSize"],
        concurrency=settings["maxConcurrencyPerInstance"],
        retries=settings["retrySettings"]["maxRetries"],
        timeout=rules.timeout_of(settings["retrySettings"]),
        error_threshold=settings["errorThreshold"],
        logging_level=settings["loggingLevel"].upper(),
        file_name=file_name,
        model=model,
        environment=own_environment,
        deployment=True,
    )


def _environment(model_path: Path, model: Asset) -> EnvironmentSpec:
    try:
        spec = mlflow_models.environment_of(model_path, f"{model.name}:{model.version}")
    except EnvironmentBuildError as error:
        raise bad_request(str(error), target="model") from error
    lines = (*spec.pip_requirements, "", *_READERS) if spec.pip_requirements else _READERS
    return replace(spec, pip_requirements=lines)


def _asset(services: Services, workspace: WorkspaceRef, kind: versions.Kind, reference: str) -> Asset:
    document = versions.resolve(services, kind, workspace, str(reference))
    name = str(document["id"]).split("/versions/")[0].rpartition("/")[2]
    return Asset(str(document["id"]), name, str(document["name"]), document["properties"])
