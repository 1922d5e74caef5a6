"""What a batch endpoint is invoked with: data, named inputs and outputs, from arguments, `--set` or a file.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNSUPPORTED_DATA = (
    "Value passed to --input is not a supported data. Please use an Azure Machine Learning registered V2 data asset "
    "(with the type of either `uri_file` or `uri_folder`). Refer to how-to guide for batch endpoint for more "
    "information on supported input data types."
)
_UNSUPPORTED_INPUT = (
    "Unsupported input please use either a path on the datastore, public URI, "
    "a registered data asset, or a local folder path."
)


@dataclass(frozen=True)
class Invocation:
    """A file given to `invoke --file`."""

    inputs: dict[str, Any] | None
    outputs: dict[str, Any] | None
    deployment: str | None


def from_file(file: str) -> Invocation:
    from azure.ai.ml.entities._load_functions import _try_load_yaml_dict

    document = _try_load_yaml_dict(file)
    return Invocation(
        inputs=inputs(document["inputs"]) if document.get("inputs") else None,
        outputs=outputs(document["outputs"]) if document.get("outputs") else None,
        deployment=document.get("deployment"),
    )


def data_input(client: Any, value: str | None, kind: str | None) -> Any:
    """The SDK's Input of `--input` and `--input-type`: a registered asset brings its own type."""
    from azure.ai.ml import Input
    from azure.core.exceptions import ResourceNotFoundError

    if kind in {"uri_folder", "uri_file"}:
        return Input(type=kind, path=value)
    if kind or not value:
        raise ValueError(_UNSUPPORTED_INPUT)
    if not value.startswith("azureml:") or "/datastores/" in value:  # a folder here, on the web, in a datastore
        return Input(type="uri_folder", path=value)
    name, version, label = _asset(value)
    try:
        asset = client.data.get(name, version, label)
    except ResourceNotFoundError as error:
        raise ValueError(_UNSUPPORTED_DATA) from error
    if asset.type not in {"uri_folder", "uri_file"}:
        raise ValueError(_UNSUPPORTED_DATA)
    return Input(type=asset.type, path=asset.id)


def _asset(reference: str) -> tuple[str, str | None, str | None]:
    """Name, version and label of `azureml:NAME:VERSION`, `azureml:NAME@LABEL` or an ARM id."""
    from azure.ai.ml._utils._arm_id_utils import AMLVersionedArmId, parse_name_label, parse_name_version

    text = reference.removeprefix("azureml:")
    if text.startswith("/"):
        identifier = AMLVersionedArmId(text)
        return identifier.asset_name, identifier.asset_version, None
    name, version = parse_name_version(text)
    if version is not None:
        return name, version, None
    name, label = parse_name_label(name)
    return name, None, label


def inputs(values: Any) -> dict[str, Any]:
    """Named inputs: a literal keeps its type, a mapping says type with default or path."""
    from azure.ai.ml import Input

    if not isinstance(values, Mapping):
        raise ValueError("Unsupported 'inputs' type, it should be a dictionary. Example: inputs.keyName=value")  # noqa: TRY004
    found = {}
    for name, value in values.items():
        if not isinstance(value, Mapping):
            kinds = {bool: "boolean", int: "integer", float: "number"}
            found[name] = Input(type=kinds.get(type(value), "string"), default=value)
            continue
        kind = value.get("type")
        if kind in {"number", "integer"}:
            limits = {"min": value.get("min"), "max": value.get("max")}
            found[name] = Input(type=kind, default=value.get("default"), **limits)
        elif kind in {"string", "boolean"}:
            found[name] = Input(type=kind, default=value.get("default"))
        else:
            found[name] = Input(type=kind, path=value.get("path"), mode=value.get("mode"))
    return found


def outputs(values: Mapping[str, Any]) -> dict[str, Any]:
    from azure.ai.ml import Output

    return {
        name: Output(type=value.get("type"), path=value.get("path"), mode=value.get("mode"))
        for name, value in values.items()
    }


def nested(overrides: list[dict[str, Any]]) -> dict[str, Any]:
    """`[{"inputs.a.path": 1}, {"inputs.b": 2}]` as `{"inputs": {"a": {"path": 1}, "b": 2}}`."""
    tree: dict[str, Any] = {}
    for override in overrides:
        for path, value in override.items():
            *parents, last = path.split(".")
            node = tree
            for key in parents:
                node = node.setdefault(key, {})
            node[last] = value
    return tree


def settings(overrides: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of `--set` is neither input nor output, such as `output_file_name=x.csv`."""
    kept = ({path: value for path, value in override.items() if path.split(".")[0] not in {"inputs", "outputs"}}
            for override in overrides)  # fmt: skip
    return [override for override in kept if override]


def output_dataset(path: str) -> list[dict[str, Any]]:
    """The settings of `--output-path azureml://datastores/<datastore>/paths/<path>`."""
    from azure.ai.ml._utils._storage_utils import AzureMLDatastorePathUri

    if not path.startswith("azureml:"):
        raise ValueError("Not a valid output_path, it should start with 'azureml:'")
    uri = AzureMLDatastorePathUri(path)
    return [
        {"output_dataset.path": uri.path},
        {"output_dataset.datastore_id": f"azureml:{uri.datastore}"},
    ]
