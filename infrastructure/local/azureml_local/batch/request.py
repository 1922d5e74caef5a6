"""What a caller posts to a batch endpoint: `{"properties": {"inputData", "outputData", …}}`, in any case of letters.

Source: learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs, and the model BatchJob of
the service client v2020_09_01_dataplanepreview, in which the SDK writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azureml_local.errors import bad_request
from azureml_local.jobs.values import DATA_TYPES, Data, Literal, Value, as_text, mode_of
from azureml_local.store import Document

# The names that the SDK gives to a single input or output that has none.
UNNAMED_INPUTS = ("UriFolder", "UriFile")
UNNAMED_OUTPUT = "output_name"


@dataclass(frozen=True)
class Output:
    """Where an output is to go. `type` such as "uri_folder", or "" when it was not said."""

    type: str
    uri: str | None = None


@dataclass(frozen=True)
class Invocation:
    """A request, understood. `settings` has what overrides the deployment's, in REST's names."""

    inputs: Mapping[str, Value]
    outputs: Mapping[str, Output]
    settings: Document
    name: str | None = None
    experiment: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    given: Document = field(default_factory=dict)


def read(body: Any) -> Invocation:
    """Raises Azure's 400 for what cannot be understood."""
    said = (body.get("properties") or body.get("Properties") or {}) if isinstance(body, Mapping) else None
    if not isinstance(said, Mapping):
        raise bad_request('The request needs "properties", an object, with "inputData".', target="properties")
    given = _keyed(said)  # empty for a pipeline component that has no inputs
    if given.get("dataset"):
        raise bad_request(
            "'dataset' is of an older version of the API. Use inputData: {NAME: {jobInputType, uri}}.", target="dataset"
        )
    settings: Document = {}
    for key in ("miniBatchSize", "errorThreshold", "loggingLevel", "maxConcurrencyPerInstance", "outputFileName"):
        if given.get(key.lower()) is not None:
            settings[key] = given[key.lower()]
    if retry := _keyed(given.get("retrysettings")):
        settings["retrySettings"] = {"maxRetries": retry.get("maxretries"), "timeout": retry.get("timeout")}
    if (count := _keyed(given.get("compute")).get("instancecount")) is not None:
        settings["resources"] = {"instanceCount": count}
    properties = dict(given.get("properties") or {})
    experiment = properties.pop("experimentName", None) or given.get("experimentname")
    return Invocation(
        inputs={name: _input(name, value) for name, value in (given.get("inputdata") or {}).items()},
        outputs=_outputs(given),
        settings=settings,
        name=given.get("name"),
        experiment=experiment,
        description=given.get("description"),
        tags=given.get("tags") or {},
        properties=properties,
        given=dict(said),
    )


def _keyed(given: Any) -> dict[str, Any]:
    """With the keys in lower case: the documentation's examples and the SDK spell them differently."""
    return {str(key).lower(): value for key, value in given.items()} if isinstance(given, Mapping) else {}


def _input(name: str, given: Any) -> Value:
    where, entry = f"inputData.{name}", _keyed(given)
    kind = _kind(entry.get("jobinputtype"))
    if kind == "literal":
        if entry.get("value") is None:
            raise bad_request(f"{where}: a literal needs a value.", target=where)
        return Literal(as_text(entry["value"]))
    if kind not in DATA_TYPES:
        known = "UriFolder, UriFile, MLTable, MLFlowModel, CustomModel, TritonModel, Literal"
        raise bad_request(f"{where}: jobInputType '{entry.get('jobinputtype')}' is not one of {known}.", target=where)
    if not entry.get("uri"):
        raise bad_request(f"{where}: data needs a uri.", target=where)
    return Data(str(entry["uri"]), kind, mode_of(entry.get("mode")))


def _outputs(given: Mapping[str, Any]) -> dict[str, Output]:
    found = {}
    for name, value in (given.get("outputdata") or {}).items():
        entry = _keyed(value)
        kind = _kind(entry.get("joboutputtype"))
        if kind and kind not in DATA_TYPES:
            where = f"outputData.{name}"
            raise bad_request(f"{where}: jobOutputType '{entry['joboutputtype']}' is not known.", target=where)
        found[name] = Output(kind, entry.get("uri") or None)
    if dataset := _keyed(given.get("outputdataset")):  # how the SDK says --output-path with an ARM id
        datastore = str(dataset.get("datastoreid") or "workspaceblobstore").removeprefix("azureml:").rpartition("/")[2]
        path = str(dataset.get("path") or "").strip("/")
        found[UNNAMED_OUTPUT] = Output("uri_folder", f"azureml://datastores/{datastore}/paths/{path}/")
    return found


def _kind(given: object) -> str:
    """REST's `UriFolder` and `MLFlowModel` in YAML's spelling."""
    text = str(given or "").lower().replace("_", "")
    return {"urifolder": "uri_folder", "urifile": "uri_file", "mlflowmodel": "mlflow_model",
            "custommodel": "custom_model", "tritonmodel": "triton_model"}.get(text, text)  # fmt: skip
