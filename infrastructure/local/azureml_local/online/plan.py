"""What a deployment runs, read from its document once and kept: model, code, environment, settings.

The plan of the deployment that serves is stored, so that a restart of the workspace brings back exactly that, whatever
became of a failed update, of the environment's registration or of the document since.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from azureml_local import uris
from azureml_local.assets import codes, environments, models, references, versions
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import deployment_rules
from .deployment_rules import Probe
from .durations import seconds


@dataclass(frozen=True)
class ModelFiles:
    """A registered model version; `path` is where its files lie in the workspace's storage."""

    name: str
    version: str
    type: str
    path: str


@dataclass(frozen=True)
class Code:
    """The uploaded code folder and the scoring script's path in it."""

    path: str
    script: str


@dataclass(frozen=True)
class Environment:
    """An environment version's REST properties; `context` is the folder of its docker build, if it has one."""

    name: str
    properties: Document
    context: str | None


@dataclass(frozen=True)
class Plan:
    """Everything that decides how a deployment's servers run. Times in seconds."""

    endpoint: str
    deployment: str
    model: ModelFiles | None
    code: Code | None  # None: an MLflow model that needs none
    environment: Environment | None  # None: the MLflow model's own
    variables: dict[str, str]
    instances: int
    concurrency: int
    timeout: float
    liveness: Probe
    readiness: Probe

    def document(self) -> Document:
        return asdict(self)

    @property
    def serves_the_same(self) -> Document:
        """What two plans have in common when one's running servers can serve the other: all but the number of them."""
        return {key: value for key, value in self.document().items() if key != "instances"}


def from_document(kept: Document) -> Plan:
    """The plan that `document()` gave."""
    given: dict[str, Any] = dict(kept)
    given["model"] = ModelFiles(**given["model"]) if given["model"] else None
    given["code"] = Code(**given["code"]) if given["code"] else None
    given["environment"] = Environment(**given["environment"]) if given["environment"] else None
    given["liveness"] = Probe(**given["liveness"])
    given["readiness"] = Probe(**given["readiness"])
    return Plan(**given)


def make(
    services: Services, workspace: WorkspaceRef, endpoint: str, name: str, properties: Document, count: int
) -> Plan:
    """The plan of a deployment with these (checked) properties. Raises Azure's error for what is not there."""
    request = properties["requestSettings"]
    model = _model(services, workspace, properties.get("model"))
    code = _code(services, workspace, properties.get("codeConfiguration"))
    environment = _environment(services, workspace, properties.get("environmentId"))
    if code is None:
        _check_without_code(model, environment)
    return Plan(
        endpoint=endpoint,
        deployment=name,
        model=model,
        code=code,
        environment=environment,
        variables=dict(properties["environmentVariables"]),
        instances=count,
        concurrency=int(request["maxConcurrentRequestsPerInstance"]),
        timeout=seconds(request["requestTimeout"], "requestTimeout"),
        liveness=deployment_rules.probe(properties["livenessProbe"], "livenessProbe"),
        readiness=deployment_rules.probe(properties["readinessProbe"], "readinessProbe"),
    )


def settled(services: Services, workspace: WorkspaceRef, properties: Document) -> Document:
    """The properties with the versions that labels mean now: a deployment keeps to what it was made of."""
    found = dict(properties)
    for field, kind in (("model", models.KIND), ("environmentId", environments.KIND)):
        if references.labelled(str(properties.get(field) or "")):
            found[field] = versions.resolve(services, kind, workspace, str(properties[field]))["id"]
    return found


def _check_without_code(model: ModelFiles | None, environment: Environment | None) -> None:
    if model is not None and model.type == "mlflow_model":
        return
    instead = (
        "To serve the model here, give the deployment a code_configuration with a scoring_script, and an environment "
        "with a conda_file."
    )
    if environment is not None and environment.properties.get("inferenceConfig"):
        what = environment.properties.get("image") or environment.name
        raise AzureError(
            501,
            "NotImplementedLocally",
            f"The environment '{what}' is a container with a server of its own (inference_config), which needs Docker; "
            f"the local workspace runs scoring scripts and MLflow models. {instead}",
        )
    if model is not None and model.type == "triton_model":
        raise AzureError(
            501,
            "NotImplementedLocally",
            f"Triton models are served by a container of NVIDIA's, which needs Docker. {instead}",
        )
    kind = model.type if model else "no model"
    raise bad_request(
        f"A deployment of {kind} needs a code_configuration with a scoring_script, and an environment. Only MLflow "
        "models can be deployed without.",
        target="codeConfiguration",
    )


def _model(services: Services, workspace: WorkspaceRef, reference: object) -> ModelFiles | None:
    if not reference:
        return None
    text = str(reference)
    document = versions.resolve(services, models.KIND, workspace, text)
    given = document["properties"]
    path = uris.resolve(services, workspace, str(given["modelUri"]))
    if not path.exists():
        raise bad_request(f"The files of model '{text}' are not in the workspace's storage any more.", target="model")
    name = str(document["id"]).split("/")[-3]
    return ModelFiles(name, str(document["name"]), str(given["modelType"]), str(path))


def _code(services: Services, workspace: WorkspaceRef, given: Document | None) -> Code | None:
    if given is None:
        return None
    document = versions.resolve(services, codes.KIND, workspace, str(given["codeId"]))
    folder = uris.resolve(services, workspace, str(document["properties"]["codeUri"]))
    script = str(given["scoringScript"]).replace("\\", "/").removeprefix("./")
    if ".." in Path(script).parts or not (folder / script).is_file():
        there = ", ".join(sorted(path.name for path in folder.glob("*"))[:10]) if folder.is_dir() else "nothing"
        raise bad_request(
            f"The scoring script '{script}' is not in the code folder '{folder.name}', which has: {there}.",
            target="codeConfiguration",
        )
    return Code(str(folder), script)


def _environment(services: Services, workspace: WorkspaceRef, reference: object) -> Environment | None:
    if not reference:
        return None
    document = environments.resolve(services, workspace, str(reference))
    parts = str(document["id"]).split("/")
    properties: Document = document["properties"]
    build = properties.get("build") or {}
    context = uris.resolve(services, workspace, str(build["contextUri"])) if build.get("contextUri") else None
    kept = {
        key: properties.get(key) for key in ("image", "condaFile", "build", "inferenceConfig") if properties.get(key)
    }
    return Environment(f"{parts[-3]}:{parts[-1]}", kept, str(context) if context else None)
