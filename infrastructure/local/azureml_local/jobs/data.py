"""Where a step's inputs lie and its outputs go. Both are used in place: nothing is copied or downloaded.

An output without a path of its own goes where Azure puts it:
`azureml://datastores/<default datastore>/paths/azureml/<run>/<output>/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from azureml_local import uris
from azureml_local.assets import data as data_assets
from azureml_local.assets import models, versions
from azureml_local.errors import AzureError
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from .errors import JobFailedError
from .specs import OutputSetting
from .values import MODEL_TYPES, Data, InputPort, Literal, OutputPort, Value

_TEMPLATE = re.compile(r"\$\{\{\s*(name|output_name|default_datastore)\s*\}\}")


@dataclass(frozen=True)
class Output:
    """A place to write to. `uri` is the long form; `path` a folder that exists, or a file whose folder exists."""

    name: str
    type: str
    uri: str
    path: Path
    mode: str | None
    setting: OutputSetting


def delivered(services: Services, workspace: WorkspaceRef, port: InputPort, value: Value, where: str) -> str:
    """What the command gets for an input: the literal, or the path of the data (its URI when the mode is direct).

    Blocks while a public URL is downloaded. Raises JobFailedError when the data is not there.
    """
    if isinstance(value, Literal):
        return value.value
    try:
        if (value.mode or port.mode) == "direct":
            return _direct(services, workspace, value)
        path = uris.resolve(services, workspace, value.uri, kinds=_kinds(value.type))
    except AzureError as error:
        raise JobFailedError("UserError", f"{where}: {error.message}") from error
    if not path.exists():
        raise JobFailedError(
            "DataNotFound",
            f"{where}: there is nothing at '{value.uri}'. If another step writes it, bind the input to that step's "
            "output; if it was uploaded, check the path.",
        )
    wants_file = (value.type if value.type in ("uri_file", "uri_folder") else port.type) == "uri_file"
    if wants_file and path.is_dir():
        raise JobFailedError("DataTypeMismatch", f"{where} is of type uri_file, but '{value.uri}' is a folder.")
    if port.type == "uri_folder" and path.is_file() and value.type == "uri_folder":
        raise JobFailedError("DataTypeMismatch", f"{where} is of type uri_folder, but '{value.uri}' is a file.")
    return str(path)


def _direct(services: Services, workspace: WorkspaceRef, value: Data) -> str:
    """The URI that a step gets for `mode: direct`: of an asset, that of its data."""
    document = uris.find_asset(services, workspace, value.uri, _kinds(value.type))
    if document is None:
        return value.uri
    return str(document["properties"].get("dataUri") or document["properties"].get("modelUri"))


def _kinds(kind: str) -> tuple[str, str]:
    return ("models", "data") if kind in MODEL_TYPES else ("data", "models")


def long_uri(workspace: WorkspaceRef, datastore: str, path: str) -> str:
    """A datastore path in the form that Azure keeps in documents."""
    return (
        f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.group}"
        f"/workspaces/{workspace.name}/datastores/{datastore}/paths/{path}"
    )


def output_uri(
    workspace: WorkspaceRef, run: str, port: OutputPort, setting: OutputSetting, datastore: str
) -> tuple[str, str]:
    """(type, URI) of an output of a run."""
    kind = setting.type or port.type
    end = "" if kind == "uri_file" else "/"
    if setting.uri:
        given = {"name": run, "output_name": port.name, "default_datastore": datastore}
        uri = _TEMPLATE.sub(lambda match: given[match.group(1)], setting.uri)
        return kind, uri if kind == "uri_file" else uri.rstrip("/") + "/"
    return kind, long_uri(workspace, datastore, f"azureml/{run}/{port.name}{end}")


def prepare_output(
    services: Services, workspace: WorkspaceRef, run: str, port: OutputPort, setting: OutputSetting, datastore: str
) -> Output:
    """Make room for an output. Raises JobFailedError when its URI leads nowhere that can be written."""
    kind, uri = output_uri(workspace, run, port, setting, datastore)
    try:
        path = uris.resolve(services, workspace, uri)
    except AzureError as error:
        raise JobFailedError("UserError", f"output '{port.name}': {error.message}") from error
    (path.parent if kind == "uri_file" else path).mkdir(parents=True, exist_ok=True)
    return Output(port.name, kind, uri, path, setting.mode or port.mode, setting)


def register(services: Services, workspace: WorkspaceRef, run: str, output: Output) -> str | None:
    """Create the asset that an output's `name` asks for. Returns its id, None when it asks for none.

    Raises JobFailedError when it cannot be made: nothing was written, or that version exists with other content.
    """
    name, version = output.setting.asset_name, output.setting.asset_version
    if not name:
        return None
    try:
        if output.type in MODEL_TYPES:
            document = models.create_model_version(
                services, workspace, name, version, uri=output.uri, model_type=output.type, job_name=run
            )
        else:
            body = {"properties": {"dataType": output.type, "dataUri": output.uri}}
            document, _ = versions.put_version(services, data_assets.KIND, workspace, name, version, body, by="local")
    except AzureError as error:
        raise JobFailedError(
            "OutputRegistrationFailed", f"output '{output.name}' could not be registered as '{name}': {error.message}"
        ) from error
    return str(document["id"])


def as_data(outputs: Mapping[str, Output]) -> dict[str, Data]:
    """Outputs as later steps get them."""
    return {name: Data(output.uri, output.type) for name, output in outputs.items()}


def exists(services: Services, workspace: WorkspaceRef, value: Data) -> bool:
    """Whether data is (still) there; an empty folder is not."""
    try:
        path = uris.resolve(services, workspace, value.uri, kinds=_kinds(value.type))
    except AzureError:
        return False
    return path.is_file() or (path.is_dir() and next(path.iterdir(), None) is not None)
