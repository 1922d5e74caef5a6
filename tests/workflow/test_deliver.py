"""Delivery under real act: one training, its version in three workspaces; where test refuses it, prod is untouched."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from azureml_local.workflow_run import facts
from conftest import LocalWorkspace
from support.rest import Rest
from support.suite_copy import SuiteCopy, make_copy

pytestmark = pytest.mark.workflow
NAME = "delivered"  # a name of its own: other tests register versions of their models in this workspace
STAGES = ("test", "prod")
PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: tiny
inputs:
  factor: 2
settings:
  default_compute: azureml:tiny-cluster
jobs:
  train:
    command: printf '${{inputs.factor}}' > ${{outputs.made}}/factor.txt
    environment: azureml:tiny-train@latest
    inputs:
      factor: ${{parent.inputs.factor}}
    outputs:
      made: {type: custom_model, name: delivered}
"""
# The model's own folder keeps its name on the way. A factor of 3 is one that the test workspace cannot stand.
SCORE = """\
import json, os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "made", "factor.txt")) as file:
        factor = float(file.read())

def run(raw):
    return [row[0] * factor for row in json.loads(raw)["input_data"]["data"]]
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteCopy:
    """`tiny`, whose pipeline registers the model that its endpoint serves."""
    copy = make_copy(tmp_path_factory.mktemp("suite"))
    copy.pipeline.write_text(PIPELINE)
    copy.score.write_text(SCORE)
    copy.replace(
        copy.root / "mlops/azureml/deploy/online/tiny_online-deployment.yml", "azureml:tiny@", f"azureml:{NAME}@"
    )
    manifest = copy.root / "mlops/models.yml"
    manifest.write_text(manifest.read_text() + "\n  tiny:\n    cluster: {name: tiny-cluster, size: 1}\n")
    return copy


@pytest.fixture(scope="module")
def rest(workspace: LocalWorkspace) -> dict[str, Rest]:
    """The workspaces of dev, test and prod."""
    config = workspace.settings
    found = {"dev": Rest(workspace.paths, config)}
    for stage in STAGES:
        name = f"aml-{stage}"
        path = f"{config.workspace_id.rpartition('/')[0]}/{name}?api-version=2024-10-01"
        body = {"location": "westeurope", "properties": {}}
        facts.call(workspace.paths, config, "PUT", "management.azure.com", path, body)
        found[stage] = Rest(workspace.paths, replace(config, workspace=name))
    return found


def deliver(workspace: LocalWorkspace, suite: SuiteCopy) -> subprocess.CompletedProcess[str]:
    variables = [part for stage in STAGES for part in ("--var", f"WORKSPACE_NAME_{stage.upper()}=aml-{stage}")]
    return workspace.local(
        "run", "deliver-model", "-C", str(suite.root), "-i", "model=tiny", "-i", "traffic=100", "-i", "soak-seconds=1",
        *variables, check=False,
    )  # fmt: skip


def versions(rest: Rest) -> dict[str, dict[str, Any]]:
    """Version -> properties of the model in one workspace."""
    found = rest.call("GET", f"/models/{NAME}/versions").json().get("value") or []
    return {str(each["name"]): each["properties"] for each in found}


def served(rest: Rest) -> list[str]:
    """The models behind the endpoints of tiny in one workspace."""
    found = []
    for endpoint in rest.call("GET", "/onlineEndpoints").json()["value"]:
        if re.fullmatch(r"tiny-online-[0-9a-f]{6}", endpoint["name"]):
            deployments = rest.call("GET", f"/onlineEndpoints/{endpoint['name']}/deployments").json()["value"]
            found += [str(each["properties"]["model"]) for each in deployments]
    return found


@pytest.fixture(scope="module")
def delivered(workspace: LocalWorkspace, suite: SuiteCopy, rest: dict[str, Rest]) -> subprocess.CompletedProcess[str]:
    done = deliver(workspace, suite)
    assert done.returncode == 0, done.stdout
    return done


def test_one_training_and_the_same_version_in_three_workspaces(
    delivered: subprocess.CompletedProcess[str], rest: dict[str, Rest]
) -> None:
    assert len(re.findall(r"run-pipeline +│ job started", delivered.stdout)) == 1
    assert {stage: list(versions(each)) for stage, each in rest.items()} == {"dev": ["1"], "test": ["1"], "prod": ["1"]}
    contents = {versions(rest[stage])["1"]["tags"]["content-sha256"] for stage in STAGES}
    assert len(contents) == 1
    for stage in ("dev", *STAGES):
        assert any(model.endswith(f"/models/{NAME}/versions/1") for model in served(rest[stage])), stage
    order = re.findall(r"Deliver to (\w+)/stage +│ job started", delivered.stdout)
    assert order == ["dev", "test", "prod"]


def test_prod_is_untouched_where_test_refuses(
    delivered: subprocess.CompletedProcess[str], workspace: LocalWorkspace, suite: SuiteCopy, rest: dict[str, Rest]
) -> None:
    suite.replace(suite.pipeline, "factor: 2", "factor: 3")
    before = {stage: (list(versions(rest[stage])), served(rest[stage])) for stage in STAGES}
    # Somebody has registered another model there under the number that comes next.
    folder = versions(rest["test"])["1"]["modelUri"]
    stranger = {"properties": {"modelUri": folder, "modelType": "custom_model"}}
    assert rest["test"].call("PUT", f"/models/{NAME}/versions/2", stranger).status_code in (200, 201)
    done = deliver(workspace, suite)
    assert done.returncode == 1
    assert f"Workspace aml-test has another model as {NAME}:2." in done.stdout
    assert "2" in versions(rest["dev"])
    assert "Deliver to prod" not in done.stdout
    assert (list(versions(rest["prod"])), served(rest["prod"])) == before["prod"]
    assert served(rest["test"]) == before["test"][1]
