"""Reuse of outputs: a step that ran before with the same command, code, environment and inputs does not run again.

As on Azure: the component says `is_deterministic`, the pipeline does not say `force_rerun`, and component code,
environment, inputs, parameters, output and run settings are the same. Data is the same when its URI is: uploads of
equal content get equal URIs, outputs of other runs different ones. The former run must have completed, and its outputs
must be there.

Source: learn.microsoft.com/azure/machine-learning/how-to-debug-pipeline-reuse-issues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from azureml_local.services import Services

from . import data, states
from .engine import Engine, Work
from .references import Asset
from .runs import Run
from .specs import CommandSpec, ParallelSpec, Spec
from .values import Data, Value

REUSED = "azureml.isreused"
REUSED_RUN = "azureml.reusedrunid"
REUSED_PIPELINE = "azureml.reusedpipelinerunid"


def key_of(work: Work) -> str | None:
    """What a run's outputs depend on, as a hash; None when it must run each time."""
    command = _command(work.spec)
    if work.force_rerun or command is None or not command.deterministic:
        return None
    parts = {
        "spec": _without_assets(work.spec),
        "code": _code(command.code),
        "environment": _environment(command.environment),
        "inputs": {name: _value(value) for name, value in sorted(work.inputs.items())},
        "outputs": {
            name: {key: value for key, value in asdict(setting).items() if key != "parent"}
            for name, setting in sorted(work.outputs.items())
        },
        "compute": work.compute,
        "datastore": work.datastore,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def find(engine: Engine, work: Work, key: str) -> tuple[Run, dict[str, Data]] | None:
    """The former run with this key and its outputs, if they can be used."""
    entry = engine.services.store.get(_index(work.run.workspace, key))
    former = engine.runs.get(work.run.workspace, entry["run"]) if entry else None
    if former is None or former.status != states.COMPLETED:
        return None
    outputs = {name: Data(str(output["uri"]), str(output["type"])) for name, output in former.outputs.items()}
    workspace = engine.workspace_of(former)
    if not all(data.exists(engine.services, workspace, value) for value in outputs.values()):
        return None
    return former, outputs


def remember(services: Services, run: Run, key: str) -> None:
    """A run completed: later ones with this key may use its outputs."""
    services.store.put({"id": _index(run.workspace, key), "run": run.name})


def _index(workspace: str, key: str) -> str:
    return f"internal:/reuse{workspace}/keys/{key}"


def _command(spec: Spec) -> CommandSpec | None:
    if isinstance(spec, CommandSpec):
        return spec
    return spec.command if isinstance(spec, ParallelSpec) else None


def _without_assets(spec: Spec) -> dict[str, Any]:
    """The specification without ids of assets: equal content counts, whatever its name and version."""
    content = asdict(spec)
    for part in (content, content.get("command")):
        if isinstance(part, dict):
            for name in ("environment", "code", "component"):
                part.pop(name, None)
    return content


def _code(code: Asset | None) -> str | None:
    if code is None:
        return None
    return str((code.properties.get("properties") or {}).get("hash_sha256") or code.id)


def _environment(environment: Asset) -> Mapping[str, Any]:
    return {key: environment.properties.get(key) for key in ("image", "condaFile", "build", "inferenceConfig")}


def _value(value: Value) -> list[str | None]:
    return [value.uri, value.type, value.mode] if isinstance(value, Data) else [value.value]
