"""`az ml` online-endpoint, online-deployment, batch-endpoint, batch-deployment: output, refusals, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.az_batch import az_batch

pytestmark = pytest.mark.wire

SCORE = """
import json

def init():
    print("scoring script is ready")

def run(raw):
    return {"sum": sum(json.loads(raw)["data"])}
"""
ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: az-ml-online
description: sums
auth_mode: key
"""
DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: az-ml-online
model: {path: model}
code_configuration: {code: code, scoring_script: score.py}
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
  conda_file: {name: e, channels: [conda-forge], dependencies: [python=3.10, {pip: [azureml-inference-server-http]}]}
instance_type: Standard_DS3_v2
instance_count: 1
"""
BATCH_SCORE = """
from pathlib import Path

def init():
    pass

def run(files):
    return [f"{Path(file).name} {len(Path(file).read_text().splitlines())}" for file in files]
"""
BATCH_DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
name: counts
endpoint_name: az-ml-batch
type: model
model: {path: model}
code_configuration: {code: batch-code, scoring_script: score.py}
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
  conda_file: {name: e, channels: [conda-forge], dependencies: [python=3.10]}
compute: azureml:az-ml-batch-cluster
resources: {instance_count: 1}
settings: {mini_batch_size: 1, output_action: append_row, output_file_name: counts.csv, error_threshold: 0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "endpoint.yml": ENDPOINT,
        "deployment.yml": DEPLOYMENT,
        "batch-deployment.yml": BATCH_DEPLOYMENT,
        "code/score.py": SCORE,
        "batch-code/score.py": BATCH_SCORE,
        "model/weights.txt": "1",
        "request.json": json.dumps({"data": [1, 2]}),
        "rows/a.csv": "1\n2\n",
        "rows/b.csv": "1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_an_online_endpoint_from_creation_to_deletion(workspace: LocalWorkspace, folder: Path) -> None:
    one = "--name az-ml-online"
    blue = "--name blue --endpoint az-ml-online"
    answers = az_batch(
        workspace,
        "ml online-endpoint create -f endpoint.yml",
        "ml online-endpoint create -f endpoint.yml",
        "ml online-endpoint create --name 9bad",
        f"ml online-deployment create {blue} -f deployment.yml --all-traffic",
        f"ml online-deployment create {blue} -f deployment.yml",
        f"ml online-deployment create {blue} -f deployment.yml --local",
        f"ml online-endpoint show {one}",
        f"ml online-endpoint invoke {one} --request-file request.json",
        f"ml online-endpoint invoke {one} --deployment-name green --request-file request.json",
        f"ml online-endpoint update {one} --traffic blue=0 --query traffic",
        f'ml online-endpoint update {one} --traffic "blue=50"',
        f'ml online-endpoint update {one} --traffic "blue=1.5"',
        f"ml online-endpoint update {one} --set tags.kept=yes --query tags",
        f"ml online-deployment update {blue} -f deployment.yml --set tags.run=12 tags.url=https://x/y -o json",
        f"ml online-deployment get-logs {blue} --lines 100",
        f"ml online-deployment show {blue}",
        "ml online-deployment list --endpoint az-ml-online --query [].name",
        "ml online-deployment show --name green --endpoint az-ml-online",
        f"ml online-endpoint get-credentials {one}",
        f"ml online-endpoint regenerate-keys {one} --key-type secondary",
        f"ml online-endpoint get-credentials {one}",
        f"ml online-deployment delete {blue} --yes",
        f"ml online-endpoint delete {one} --yes",
        f"ml online-endpoint show {one}",
        cwd=folder,
    )
    (
        created, again, bad, deployed, twice, local, shown, invoked, nobody, traffic, half, fraction, tags, updated,
        logs, blue_, listed, missing, keys, regenerated, changed, removed, deleted, gone,
    ) = answers  # fmt: skip
    assert set(created.json) == {
        "auth_mode", "description", "id", "identity", "kind", "location", "mirror_traffic", "name", "openapi_uri",
        "properties", "provisioning_state", "public_network_access", "resourceGroup", "scoring_uri", "tags", "traffic",
    }  # fmt: skip
    assert created.json["scoring_uri"].startswith("https://az-ml-online.")
    assert (again.code, twice.code, bad.code, local.code) == (1, 1, 1, 1)
    assert "(UserError) An endpoint with this name already exists." in again.err
    assert "use `az ml online-endpoint update` instead." in again.err
    assert "(UserError) A deployment with this name already exists." in twice.err
    assert "does not match expected pattern" in bad.err
    assert "Traceback" not in bad.err
    assert "--local needs Docker" in local.err
    dots, _, entity = deployed.out.partition("{")
    assert deployed.code == 0, deployed.err
    assert set(dots.strip()) <= {"."}, "progress goes to standard output, before the JSON, as the official one's does"
    made = json.loads("{" + entity)
    assert set(made) >= {
        "app_insights_enabled", "code_configuration", "creation_context", "endpoint_name", "environment", "id",
        "environment_variables", "instance_count", "instance_type", "model", "name", "properties", "provisioning_state",
        "scale_settings", "tags", "type",
    }  # fmt: skip
    assert shown.json["traffic"] == {"blue": 100}
    assert json.loads(invoked.json) == {"sum": 3}
    assert (nobody.code, half.code, fraction.code, missing.code) == (1, 1, 1, 1)
    assert "Deployment name green not found for this endpoint" in nobody.err
    assert not any(traffic.json.values())
    assert "50" in half.err
    assert "Do not add a delimiter between traffic variables" in fraction.err
    assert tags.json == {"kept": "yes"}
    assert updated.code == 0, updated.err
    assert blue_.json["tags"] == {"run": "12", "url": "https://x/y"}
    assert "scoring script is ready" in logs.out
    assert blue_.json["provisioning_state"] == "Succeeded"
    assert set(blue_.json) == set(made)
    assert listed.json == ["blue"]
    assert "Deployment does not exist." in missing.err
    assert set(keys.json) == {"primaryKey", "secondaryKey"}
    assert regenerated.code == 0
    assert changed.json["primaryKey"] == keys.json["primaryKey"]
    assert changed.json["secondaryKey"] != keys.json["secondaryKey"]
    assert (removed.code, deleted.code, gone.code) == (0, 0, 3)


def test_a_batch_endpoint_from_creation_to_deletion(workspace: LocalWorkspace, folder: Path) -> None:
    one = "--name az-ml-batch"
    answers = az_batch(
        workspace,
        "ml compute create --name az-ml-batch-cluster --type amlcompute --size Standard_DS3_v2",
        "ml data create --name az-ml-rows --type uri_folder --path rows",
        f"ml batch-endpoint create {one}",
        f"ml batch-endpoint invoke {one} --input rows",
        "ml batch-deployment create -f batch-deployment.yml --set-default",
        f"ml batch-endpoint show {one}",
        "ml batch-deployment show --name counts --endpoint az-ml-batch --query [name,mini_batch_size]",
        "ml batch-deployment list --endpoint az-ml-batch --query [].name",
        f"ml batch-endpoint invoke {one} --input azureml:az-ml-rows@latest --job-name az-ml-batch-job "
        "--mini-batch-size 2",
        "ml job stream --name az-ml-batch-job",
        "ml job download --name az-ml-batch-job --output-name score --download-path scored",
        f"ml batch-endpoint list-jobs {one} --query [].name",
        "ml batch-deployment list-jobs --name counts --endpoint az-ml-batch",
        f"ml batch-endpoint invoke {one} --deployment-name nobody --input rows",
        f"ml batch-endpoint delete {one} --yes",
        f"ml batch-endpoint show {one}",
        cwd=folder,
    )
    (
        _,
        __,
        created,
        early,
        made,
        shown,
        deployment,
        listed,
        invoked,
        streamed,
        fetched,
        jobs,
        own,
        nobody,
        deleted,
        gone,
    ) = (  # fmt: skip
        answers
    )
    assert set(created.json) == {
        "auth_mode", "defaults", "id", "location", "name", "openapi_uri", "properties", "provisioning_state",
        "resourceGroup", "scoring_uri", "tags",
    }  # fmt: skip
    assert early.code == 1
    assert "Set a default deployment or provide a deployment name through cli command." in early.err
    assert made.json["provisioning_state"] == "Succeeded"
    assert shown.json["defaults"] == {"deployment_name": "counts"}
    assert deployment.json == ["counts", 1]
    assert listed.json == ["counts"]
    assert invoked.json["name"] == "az-ml-batch-job"
    assert {"id", "name", "type", "properties", "systemData"} <= set(invoked.json)
    assert streamed.code == 0, streamed.err
    assert fetched.code == 0, fetched.err
    (scored,) = (folder / "scored").rglob("counts.csv")
    assert sorted(scored.read_text().split()) == sorted(["a.csv", "2", "b.csv", "1"])
    assert jobs.json == ["az-ml-batch-job"]
    assert [(job["name"], job["status"]) for job in own.json] == [("az-ml-batch-job", "Completed")]
    assert "Deployment name nobody not found for this endpoint" in nobody.err
    assert (deleted.code, gone.code) == (0, 3)
