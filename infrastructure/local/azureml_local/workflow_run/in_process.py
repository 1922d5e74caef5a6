"""What a registered MLflow model says in-process: no endpoint, no scoring script, its own environment and a request.

The yardstick for what the endpoints answer: `demo` shows both side by side.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from azureml_local.environments.build import EnvironmentBuilder
from azureml_local.environments.spec import EnvironmentSpec
from azureml_local.paths import StatePaths
from azureml_local.settings import Settings

from . import facts

_URI = re.compile(r"azureml://(?:.*/)?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)")

# Runs in the model's environment. The request is in Azure ML's format for MLflow models.
_PROGRAM = """
import json, sys
import mlflow, numpy, pandas
data = json.load(open(sys.argv[2]))["input_data"]
frame = pandas.DataFrame(data["data"], columns=data["columns"], index=data.get("index"))
model = mlflow.pyfunc.load_model(sys.argv[1])
schema = model.metadata.get_input_schema()
if schema is not None:
    types = {column.name: column.type.to_pandas() for column in schema.inputs}
    frame = frame.astype({name: kind for name, kind in types.items() if name in frame})
print(json.dumps(numpy.asarray(model.predict(frame)).tolist()))
"""


def model_folder(paths: StatePaths, config: Settings, name: str, version: str) -> Path:
    """The registered version's files on this machine."""
    root = f"{config.workspace_id}"
    arm = "management.azure.com"
    document = facts.call(paths, config, "GET", arm, f"{root}/models/{name}/versions/{version}?api-version=2024-04-01")
    match = _URI.fullmatch(document["properties"]["modelUri"])
    if match is None:
        raise OSError(f"the model's address is not on a datastore: {document['properties']['modelUri']}")
    store = facts.call(paths, config, "GET", arm, f"{root}/datastores/{match['datastore']}?api-version=2024-04-01")
    properties = store["properties"]
    account, container = str(properties["accountName"]), str(properties["containerName"])
    return paths.blobs / account / container / match["path"].strip("/")


def predict(paths: StatePaths, folder: Path, request: Path) -> list[Any] | None:
    """The model's predictions for a request; None for a model that is not MLflow's or a request in another format."""
    conda = folder / "conda.yaml"
    body: Any = json.loads(request.read_text())
    if not (folder / "MLmodel").exists() or not conda.exists() or not isinstance(body, dict):
        return None
    if not isinstance(body.get("input_data"), dict):
        return None
    spec = EnvironmentSpec(name="the model's own environment", conda=yaml.safe_load(conda.read_text()))
    built = asyncio.run(EnvironmentBuilder(paths.environments).ensure(spec, lambda _: None))
    done = subprocess.run(
        [str(built.python), "-c", _PROGRAM, str(folder), str(request)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"the model failed in-process:\n{done.stderr[-1000:]}")
    values: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return values


def same(one: Any, other: Any) -> bool:
    """Whether two predictions are equal: numbers but for their last digits, labels and lists of either exactly."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other)
    return bool(one == other)
