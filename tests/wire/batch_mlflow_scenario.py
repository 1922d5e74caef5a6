"""MLflow models without code in batch deployments, and a pipeline component, through the real SDK in one process.

    python batch_mlflow_scenario.py FOLDER SUBSCRIPTION GROUP WORKSPACE

Leaves `found.json` in FOLDER.
"""

from __future__ import annotations

import json
import struct
import sys
import time
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from azure.ai.ml import Input, MLClient, load_component
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    BatchJob,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
    PipelineComponentBatchDeployment,
)
from azure.identity import AzureCliCredential
from mlflow.models import infer_signature

ENDPOINT = "fares-batch"
ENDED = {"Completed", "Failed", "Canceled"}


class Fare(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A fare from distance and passengers."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.Series:
        return model_input["distance"] * 2.5 + model_input["passengers"] * 0.1 + (model_input["vendor"] == "2") * 1.0


def rows(first: int, count: int) -> pd.DataFrame:
    numbers = range(first, first + count)
    return pd.DataFrame(
        {
            "distance": [float(n) / 3 for n in numbers],
            "passengers": [n % 4 + 1 for n in numbers],
            "vendor": [
                str(n % 2 + 1) for n in numbers
            ],  # looks like a number in a CSV file; the signature knows better
        }
    )


def make_input(folder: Path) -> dict[str, list[float]]:
    """Two CSV files and a parquet file; returns what the model says of each in this process."""
    folder.mkdir()
    frames = {"a.csv": rows(0, 40), "b.csv": rows(40, 25), "c.parquet": rows(65, 10)}
    for name, frame in frames.items():
        if name.endswith(".csv"):
            frame.to_csv(folder / name, index=False)
        else:
            frame.to_parquet(folder / name)
    return {name: Fare().predict(None, frame).tolist() for name, frame in frames.items()}


class Brightness(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """The sum of an image's bytes; a model of tensors."""

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> np.ndarray:
        return model_input.reshape(len(model_input), -1).sum(axis=1)


def png(width: int, height: int, grey: int) -> bytes:
    """A grey picture, made by hand: there is no library for it here."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([grey]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def make_model(folder: Path, model: mlflow.pyfunc.PythonModel, sample: Any) -> None:
    packages = ("mlflow", "cloudpickle", "pandas", "numpy", "sqlalchemy")
    mlflow.pyfunc.save_model(
        folder,
        python_model=model,
        signature=infer_signature(sample, model.predict(None, sample)),
        pip_requirements=[f"{name}=={version(name)}" for name in packages],
    )


def wait(client: MLClient, job: BatchJob) -> Any:
    ended = client.jobs.get(job.name)
    while ended.status not in ENDED:
        time.sleep(0.3)
        ended = client.jobs.get(job.name)
    return ended


def files_of(client: MLClient, job: str, target: Path) -> dict[str, str]:
    client.jobs.download(job, download_path=target, output_name="score")
    return {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}


def error_of(client: MLClient, job: str) -> str:
    try:
        client.jobs.stream(job)
    except Exception as failure:  # noqa: BLE001 - whatever the client makes of it is looked at
        return str(failure)
    return "none"


def main(folder: Path, *workspace: str) -> None:
    client = MLClient(AzureCliCredential(), *workspace)
    found: dict[str, Any] = {"expected": make_input(folder / "input")}
    make_model(folder / "model", Fare(), rows(0, 5))
    make_model(folder / "images-model", Brightness(), np.zeros((1, 3, 2), dtype=np.uint8))
    compute = AmlCompute(name="batch-cluster", size="Standard_DS3_v2", max_instances=2)
    client.compute.begin_create_or_update(compute).result()
    model = client.models.create_or_update(
        Model(name="fares", version="1", path=str(folder / "model"), type="mlflow_model")
    )
    client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=ENDPOINT)).result()
    deploy(client, "no-code", model, output_file_name="fares.csv")

    good = client.batch_endpoints.invoke(
        endpoint_name=ENDPOINT, deployment_name="no-code", input=Input(type="uri_folder", path=str(folder / "input"))
    )
    found["good"] = {"status": wait(client, good).status, "error": error_of(client, good.name)}
    found["good"]["files"] = files_of(client, good.name, folder / "downloads")

    (folder / "input" / "d.avro").write_text("no table")
    bad = client.batch_endpoints.invoke(
        endpoint_name=ENDPOINT, deployment_name="no-code", input=Input(type="uri_folder", path=str(folder / "input"))
    )
    found["bad"] = {"status": wait(client, bad).status, "error": error_of(client, bad.name)}

    found["images"] = images(client, folder)
    found["pipeline"] = pipeline_deployment(client, folder)
    (folder / "found.json").write_text(json.dumps(found))


def deploy(client: MLClient, name: str, model: Model, **settings: Any) -> None:
    deployment = ModelBatchDeployment(
        name=name,
        endpoint_name=ENDPOINT,
        model=model.id,
        compute="batch-cluster",
        settings=ModelBatchDeploymentSettings(mini_batch_size=2, error_threshold=0, **settings),
    )
    client.batch_deployments.begin_create_or_update(deployment).result()


def images(client: MLClient, folder: Path) -> dict[str, Any]:
    """A model of tensors over a folder of pictures."""
    (folder / "pictures").mkdir()
    for grey in (0, 1, 200):
        (folder / "pictures" / f"grey{grey}.png").write_bytes(png(2, 3, grey))
    model = client.models.create_or_update(
        Model(name="pictures", version="1", path=str(folder / "images-model"), type="mlflow_model")
    )
    deploy(client, "pictures", model)
    pictures = Input(type="uri_folder", path=str(folder / "pictures"))
    job = client.batch_endpoints.invoke(endpoint_name=ENDPOINT, deployment_name="pictures", input=pictures)
    status = wait(client, job).status
    return {
        "status": status,
        "error": error_of(client, job.name),
        "files": files_of(client, job.name, folder / "pictures-scored"),
    }


def pipeline_deployment(client: MLClient, folder: Path) -> dict[str, Any]:
    """A pipeline of a command and a parallel step as a deployment, invoked with data and a literal."""
    code = folder / "code"
    code.mkdir()
    (code / "count.py").write_text(
        "import os, sys\n"
        "def init(): print('arguments', sys.argv[1:])\n"
        "def run(files): return [f'{os.path.basename(f)} {len(open(f).read().split())}' for f in files]\n"
    )
    (folder / "parallel.yml").write_text(PARALLEL)
    (folder / "pipeline.yml").write_text(PIPELINE)
    component = client.components.create_or_update(load_component(folder / "pipeline.yml"))
    deployment = PipelineComponentBatchDeployment(
        name="words", endpoint_name=ENDPOINT, component=component.id, settings={"default_compute": "batch-cluster"}
    )
    client.batch_deployments.begin_create_or_update(deployment).result()
    inputs = {"data": Input(type="uri_folder", path=str(code)), "word": Input(type="string", default="taxi")}
    job = client.batch_endpoints.invoke(endpoint_name=ENDPOINT, deployment_name="words", inputs=inputs)
    ended = wait(client, job)
    target = folder / "words"
    client.jobs.download(job.name, download_path=target, output_name="counts")
    children = {child.display_name: child for child in client.jobs.list(parent_job_name=job.name)}
    return {
        "status": ended.status,
        "error": error_of(client, job.name),
        "tags": ended.tags,
        "steps": sorted(children),
        "files": {
            path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()
        },
    }


PIPELINE = """
type: pipeline
name: count_words
version: "1"
inputs:
  data: {type: uri_folder}
  word: {type: string}
outputs:
  counts: {type: uri_folder}
jobs:
  words:
    type: command
    command: >-
      for i in 1 2 3 4 5; do yes ${{inputs.word}} | head -$i > ${{outputs.texts}}/t$i.txt; done; ls ${{inputs.data}}
    environment:
      image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
      conda_file: {name: plain, dependencies: [python=3.11]}
    inputs:
      data: ${{parent.inputs.data}}
      word: ${{parent.inputs.word}}
    outputs:
      texts: {type: uri_folder}
  count:
    type: parallel
    component: ./parallel.yml
    inputs:
      texts: ${{parent.jobs.words.outputs.texts}}
    outputs:
      counts: ${{parent.outputs.counts}}
"""

PARALLEL = """
type: parallel
name: count_files
version: "1"
inputs:
  texts: {type: uri_folder}
outputs:
  counts: {type: uri_folder}
input_data: ${{inputs.texts}}
mini_batch_size: "2"
resources: {instance_count: 2}
max_concurrency_per_instance: 1
retry_settings: {max_retries: 1, timeout: 30}
error_threshold: 0
task:
  type: run_function
  code: ./code
  entry_script: count.py
  environment:
    image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
    conda_file: {name: plain, dependencies: [python=3.11]}
  program_arguments: --folder ${{inputs.texts}} --error_threshold 0
  append_row_to: ${{outputs.counts}}
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
