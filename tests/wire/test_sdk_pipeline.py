"""The azure-ai-ml SDK with DefaultAzureCredential: submit, stream, download a pipeline; MLflow finds what it logged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.suite_copy import make_copy

pytestmark = pytest.mark.wire

# MLflow's client is not in the step's environment: a metric by REST is what any program could log.
STEP = """\
import json, os, sys, urllib.request

uri = os.environ["MLFLOW_TRACKING_URI"].replace("azureml://", "https://").replace("/mlflow/v1.0", "/mlflow/v2.0")
body = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "words", "value": len(sys.argv), "timestamp": 1}
request = urllib.request.Request(
    uri + "/api/2.0/mlflow/runs/log-metric",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
)
urllib.request.urlopen(request).read()
print("said", *sys.argv[1:])
"""

PROGRAM = """\
import json, os, sys
from pathlib import Path

from azure.ai.ml import MLClient, load_environment, load_job
from azure.ai.ml.entities import AmlCompute
from azure.identity import DefaultAzureCredential

root, target = Path(sys.argv[1]), Path(sys.argv[2])
client = MLClient(
    DefaultAzureCredential(),
    os.environ["AZURE_SUBSCRIPTION_ID"],
    os.environ["AZURE_RESOURCE_GROUP"],
    os.environ["AZUREML_WORKSPACE_NAME"],
)
client.environments.create_or_update(
    load_environment(root / "data-science/models/tiny/environment/tiny_environment_conda.yml")
)
client.compute.begin_create_or_update(AmlCompute(name="tiny-cluster", size="Standard_DS3_v2")).result()
job = client.jobs.create_or_update(
    load_job(root / "mlops/azureml/train/tiny_pipeline.yml", params_override=[{"inputs.word": "sdk"}])
)
client.jobs.stream(job.name)
client.jobs.download(job.name, download_path=target, all=True)

import mlflow

mlflow.set_tracking_uri(client.workspaces.get().mlflow_tracking_uri)
runs = mlflow.search_runs(experiment_names=["tiny"], output_format="list")
print("RESULT " + json.dumps({
    "name": job.name,
    "status": client.jobs.get(job.name).status,
    "words": sorted(run.data.metrics["words"] for run in runs if "words" in run.data.metrics),
    "children": sorted(child.display_name for child in client.jobs.list(parent_job_name=job.name)),
}))
"""


def test_the_sdk_submits_streams_and_downloads_and_mlflow_finds_the_metrics(
    workspace: LocalWorkspace, tmp_path: Path
) -> None:
    copy = make_copy(tmp_path)
    copy.step.write_text(STEP)
    done = workspace.python(PROGRAM, str(copy.root), str(tmp_path / "downloaded"))
    result = json.loads(done.stdout.partition("RESULT ")[2])
    assert result["status"] == "Completed"
    assert result["words"] == [2.0, 2.0]
    assert result["children"] == ["first", "second"]
    assert f"RunId: {result['name']}" in done.stdout
    logs = [file.read_text() for file in (tmp_path / "downloaded").rglob("std_log.txt")]
    executed = [file.name for file in (tmp_path / "downloaded").rglob("*") if file.is_file()]
    assert executed, "nothing was downloaded"
    assert logs or "executionlogs.txt" in executed


def test_a_program_without_credentials_is_refused(workspace: LocalWorkspace) -> None:
    program = """\
import os
from azure.ai.ml import MLClient
from azure.identity import ClientSecretCredential

credential = ClientSecretCredential(os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], "wrong")
client = MLClient(credential, os.environ["AZURE_SUBSCRIPTION_ID"], "rg-local", "aml-local")
try:
    client.jobs.get("anything")
except Exception as error:
    print(type(error).__name__, str(error).splitlines()[0])
"""
    done = workspace.python(program)
    assert "ClientAuthenticationError" in done.stdout
    assert "AADSTS7000215" in done.stdout
