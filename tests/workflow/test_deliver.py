"""Delivery under real act: one training, its version behind both endpoints of three workspaces, through reviewed
environments. Where test refuses it, test serves what it served, and prod is untouched."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
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
# The model's own folder keeps its name on the way. STRICT names endpoints that cannot stand a factor above 2.
SCORE = """\
import json, os

STRICT = []

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "made", "factor.txt")) as file:
        factor = float(file.read())

def run(raw):
    if os.environ["SERVICE_NAME"] in STRICT and factor > 2:
        return {"error": "no table of tariffs here"}
    return [row[0] * factor for row in json.loads(raw)["input_data"]["data"]]
"""


CLUSTER_AND_REGISTRY = """\
cluster: {name: tiny-cluster, size: 1}
    batch: false
    environments: [dev, test]
    registry: shared-models"""
# The last stage alone, and a job that needs it.
ONLY_PROD = f"""\
on: workflow_dispatch
permissions: {{}}
jobs:
  prod:
    name: Deliver to prod
    permissions: {{ contents: read, id-token: write }}
    uses: ./.github/workflows/deliver-stage.yml
    with:
      {{ model: tiny, model-name: {NAME}, model-version: "2",
        bring: true, environment: prod, workspace-name: aml-prod }}
  afterwards:
    needs: prod
    runs-on: ubuntu-24.04
    steps: [{{ run: echo afterwards }}]
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteCopy:
    """`tiny`, whose pipeline registers the model that its endpoint serves."""
    copy = make_copy(tmp_path_factory.mktemp("suite"))
    copy.pipeline.write_text(PIPELINE)
    copy.score.write_text(SCORE)
    for kind in ("online", "batch"):
        deployment = copy.root / f"mlops/azureml/deploy/{kind}/tiny_{kind}-deployment.yml"
        copy.replace(deployment, "azureml:tiny@", f"azureml:{NAME}@")
    manifest = copy.root / "mlops/models.yml"
    manifest.write_text(manifest.read_text() + "\n  tiny:\n    cluster: {name: tiny-cluster, size: 1}\n")
    return copy


@pytest.fixture(scope="module")
def rest(workspace: LocalWorkspace) -> dict[str, Rest]:
    """The workspaces of dev, test and prod. Only dev's endpoints are to be made: each costs a launch of az."""
    config = workspace.settings
    found = {"dev": Rest(workspace.paths, config)}
    for stage in STAGES:
        name = f"aml-{stage}"
        path = f"{config.workspace_id.rpartition('/')[0]}/{name}?api-version=2024-10-01"
        body = {"location": "westeurope", "properties": {}}
        facts.call(workspace.paths, config, "PUT", "management.azure.com", path, body)
        found[stage] = Rest(workspace.paths, replace(config, workspace=name))
        digits = hashlib.sha256(found[stage].settings.workspace_id.lower().encode()).hexdigest()[:6]
        for kind, auth in (("online", "Key"), ("batch", "AADToken")):
            made = {"location": "westeurope", "properties": {"authMode": auth}}
            found[stage].succeed("PUT", f"/{kind}Endpoints/tiny-{kind}-{digits}", made)
    return found


def deliver(workspace: LocalWorkspace, suite: SuiteCopy, *more: str) -> subprocess.CompletedProcess[str]:
    variables = [part for stage in STAGES for part in ("--var", f"WORKSPACE_NAME_{stage.upper()}=aml-{stage}")]
    return workspace.local(
        "run", "deliver-model", "-C", str(suite.root), "-i", "model=tiny", "-i", "traffic=100", "-i", "soak-seconds=1",
        *variables, *more, check=False,
    )  # fmt: skip


def versions(rest: Rest) -> dict[str, dict[str, Any]]:
    """Version -> properties of the model in one workspace."""
    found = rest.call("GET", f"/models/{NAME}/versions").json().get("value") or []
    return {str(each["name"]): each["properties"] for each in found}


def endpoint(rest: Rest, kind: str) -> dict[str, Any]:
    """The endpoint of tiny in one workspace; `kind` is online or batch."""
    rows = rest.call("GET", f"/{kind}Endpoints").json()["value"]
    return dict(next(each for each in rows if re.fullmatch(f"tiny-{kind}-[0-9a-f]{{6}}", each["name"])))


def live(rest: Rest) -> dict[str, list[str]]:
    """The versions that a workspace serves: with traffic, and as the batch default."""
    found: dict[str, list[str]] = {}
    for kind in ("online", "batch"):
        about = endpoint(rest, kind)
        shares = about["properties"].get("traffic") or {about["properties"]["defaults"]["deploymentName"]: 100}
        for name in shares:
            model = rest.call("GET", f"/{kind}Endpoints/{about['name']}/deployments/{name}").json()["properties"][
                "model"
            ]
            model = model if isinstance(model, str) else model["assetId"]
            found.setdefault(kind, []).append(model.rpartition("/")[2])
    return found


def everything(rest: Rest) -> dict[str, Any]:
    """All that a delivery could have changed in a workspace: models, endpoints with their tags, deployments."""
    found: dict[str, Any] = {"versions": sorted(versions(rest))}
    for kind in ("online", "batch"):
        about = endpoint(rest, kind)
        path = f"/{kind}Endpoints/{about['name']}/deployments"
        rows = {each["name"]: each["properties"]["model"] for each in rest.call("GET", path).json()["value"]}
        found[kind] = (about["properties"], about["tags"], rows)
    return found


def answer(rest: Rest) -> Any:
    """What the live online endpoint says to two rows."""
    about = endpoint(rest, "online")
    key = rest.call("POST", f"/onlineEndpoints/{about['name']}/listKeys").json()["primaryKey"]
    body = {"input_data": {"data": [[1], [2]]}}
    with rest.client() as client:
        headers = {"Authorization": f"Bearer {key}"}
        return client.post(about["properties"]["scoringUri"], json=body, headers=headers).json()


@pytest.fixture(scope="module")
def delivered(workspace: LocalWorkspace, suite: SuiteCopy, rest: dict[str, Rest]) -> subprocess.CompletedProcess[str]:
    done = deliver(workspace, suite, "--approve", "test,prod")
    assert done.returncode == 0, done.stdout
    return done


def test_one_training_and_the_same_version_behind_both_endpoints_of_three_workspaces(
    delivered: subprocess.CompletedProcess[str], rest: dict[str, Rest]
) -> None:
    assert len(re.findall(r"run-pipeline +│ job started", delivered.stdout)) == 1
    assert {stage: list(versions(each)) for stage, each in rest.items()} == {"dev": ["1"], "test": ["1"], "prod": ["1"]}
    contents = {versions(rest[stage])["1"]["tags"]["content-sha256"] for stage in STAGES}
    assert len(contents) == 1
    for stage, each in rest.items():
        assert live(each) == {"online": ["1"], "batch": ["1"]}, stage
    order = re.findall(r"Deliver to (\w+)/stage +│ job started", delivered.stdout)
    assert order == ["dev", "test", "prod"]
    assert delivered.stdout.count(f"3 rows scored with {NAME}:1; ") == 3


def test_the_run_says_which_environment_each_job_was_in_and_its_tokens_do_too(
    delivered: subprocess.CompletedProcess[str],
) -> None:
    (folder,) = re.findall(r"the full log: (\S+)", delivered.stdout)
    jobs = {
        each["job"]: (each["environment"], each["review"])
        for each in json.loads((Path(folder) / "jobs.json").read_text())
    }
    assert jobs["Train/run-pipeline"] == ("dev", "no reviewers")
    assert jobs["Deliver to dev/stage"] == ("dev", "no reviewers")
    for stage in STAGES:
        assert jobs[f"Deliver to {stage}/stage"] == (stage, "approved by --approve")
        assert f"subject repo:local/repository:environment:{stage}" in delivered.stdout
    assert re.search(r"✓ Deliver to prod/stage +success  .* prod \(approved by --approve\)", delivered.stdout)


def test_where_the_smoke_test_fails_in_test_the_old_version_serves_on_and_prod_is_untouched(
    delivered: subprocess.CompletedProcess[str], workspace: LocalWorkspace, suite: SuiteCopy, rest: dict[str, Rest]
) -> None:
    prod = everything(rest["prod"])
    suite.replace(suite.pipeline, "factor: 2", "factor: 3")
    suite.replace(suite.score, r"STRICT = \[\]", f"STRICT = ['{endpoint(rest['test'], 'online')['name']}']")
    done = deliver(workspace, suite)
    assert done.returncode == 1, done.stdout
    assert "Deliver to prod" not in done.stdout
    assert everything(rest["prod"]) == prod
    assert answer(rest["prod"]) == [2.0, 4.0]
    assert live(rest["test"]) == {"online": ["1"], "batch": ["1"]}, "batch had scored, but its default waits for online"
    assert answer(rest["test"]) == [2.0, 4.0]
    assert live(rest["dev"]) == {"online": ["2"], "batch": ["2"]}
    assert answer(rest["dev"]) == [3.0, 6.0]
    end = "\n".join(done.stdout.splitlines()[-40:])  # what a screen shows
    assert "✗ Deliver to test/stage: " in end
    assert "no table of tariffs here" in end.partition("✗ Deliver to test/stage: ")[2]
    assert re.search(r"✗ Deliver to test/stage +failure  .* test \(no reviewers\)", end)


def test_prod_waits_for_its_reviewers(
    delivered: subprocess.CompletedProcess[str], workspace: LocalWorkspace, suite: SuiteCopy, rest: dict[str, Rest]
) -> None:
    (suite.root / ".github/workflows/only-prod.yml").write_text(ONLY_PROD)
    prod = everything(rest["prod"])
    done = workspace.local("run", "only-prod", "-C", str(suite.root), "--reviewed", "prod", check=False)
    assert done.returncode == 3, done.stdout
    assert "error: Environment prod has reviewers and nobody approved" in done.stdout
    assert "✗ Deliver to prod/stage did not run: environment prod was not approved" in done.stdout
    assert "only-prod.yml stopped for an approval." in done.stdout
    assert "Check out" not in done.stdout, "no step of the job ran"
    assert "afterwards" not in done.stdout
    assert everything(rest["prod"]) == prod


def test_with_a_registry_the_version_is_shared_once_and_deployed_from_there(
    delivered: subprocess.CompletedProcess[str], workspace: LocalWorkspace, suite: SuiteCopy, rest: dict[str, Rest]
) -> None:
    config = workspace.settings
    path = f"{config.workspace_id.rpartition('/workspaces/')[0]}/registries/shared-models?api-version=2024-10-01"
    body = {"location": "westeurope", "properties": {"regionDetails": [{"location": "westeurope"}]}}
    facts.call(workspace.paths, config, "PUT", "management.azure.com", path, body)
    suite.replace(suite.root / "mlops/models.yml", r"cluster: \{name: tiny-cluster, size: 1\}", CLUSTER_AND_REGISTRY)
    suite.replace(suite.pipeline, r"factor: \d", "factor: 1")
    before = versions(rest["test"])
    done = deliver(workspace, suite)
    assert done.returncode == 0, done.stdout
    assert "tiny goes through dev, test, by registry shared-models, to its online endpoint." in done.stdout
    (version,) = re.findall(rf"│ +Registry shared-models has it now: {NAME}:(\d+)", done.stdout)
    assert version in versions(rest["dev"])
    assert versions(rest["test"]) == before, "nothing is registered where the registry's version is deployed"
    assert live(rest["dev"])["online"] == live(rest["test"])["online"] == [version]
    assert answer(rest["test"]) == [1.0, 2.0]
    about = endpoint(rest["test"], "online")
    (serving,) = about["properties"]["traffic"]
    deployment = rest["test"].call("GET", f"/onlineEndpoints/{about['name']}/deployments/{serving}").json()
    assert deployment["properties"]["model"] == f"azureml://registries/shared-models/models/{NAME}/versions/{version}"
