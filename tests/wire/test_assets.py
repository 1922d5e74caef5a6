"""The real azure-ai-ml SDK registers every kind of asset and finds it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

CLIENT = """
import json, os, sys, tempfile
from pathlib import Path
from azure.ai.ml import MLClient, load_component
from azure.ai.ml.entities import AmlCompute, BuildContext, Data, Environment, Model
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
tenant, client, secret, subscription, group, workspace = json.loads(sys.argv[1])
ml = MLClient(ClientSecretCredential(tenant, client, secret), subscription, group, workspace)
here = Path(tempfile.mkdtemp())
everything = {}

def write(name, text):
    (here / name).parent.mkdir(parents=True, exist_ok=True)
    (here / name).write_text(text)
    return str(here / name)
"""
END = """
print("FOUND " + json.dumps(everything))
"""


ENVIRONMENTS = """
found = everything["environments"] = {}
def conda(package):
    file = write("conda.yml", "dependencies: [python=3.10, pip, {pip: [" + package + "]}]")
    return ml.environments.create_or_update(Environment(name="sdk-env", image="ubuntu:22.04", conda_file=file)).version

found["versions"] = [conda("numpy"), conda("numpy"), conda("scipy")]
found["latest"] = ml.environments.get("sdk-env", label="latest").version
write("context/Dockerfile", "FROM python:3.11")
built = ml.environments.create_or_update(Environment(name="sdk-docker", build=BuildContext(path=str(here / "context"))))
found["context"] = built.build.path
ml.environments.archive("sdk-env", version="2")
found["latest after archive"] = ml.environments.get("sdk-env", label="latest").version
found["listed"] = [e.version for e in ml.environments.list(name="sdk-env")]
try:
    ml.environments.get("sdk-none", "1")
except HttpResponseError as error:
    found["missing"] = [type(error).__name__, error.status_code, error.message]
"""

DATA = """
found = everything["data"] = {}
def create(name, path, kind):
    return ml.data.create_or_update(Data(name=name, path=str(path), type=kind))

file = write("a file.csv", "a,b")
found["versions"] = [create("sdk-file", file, "uri_file").version for _ in range(2)]
write("folder/sub/b.txt", "b"); write("folder/a.txt", "a")
found["folder"] = create("sdk-folder", here / "folder", "uri_folder").path
with open(here / "big", "wb") as big:
    big.write(b"begin"); big.truncate(101_000_000); big.seek(0, 2); big.write(b"end")
found["big"] = create("sdk-big", here / "big", "uri_file").path
found["listed"] = sorted(data.name for data in ml.data.list() if data.name.startswith("sdk-"))
found["latest"] = ml.data.get("sdk-file", label="latest").version
"""

MODELS_COMPONENTS_AND_CODE = """
found = everything["models_components_and_code"] = {}
def register(**more):
    return ml.models.create_or_update(Model(name="sdk-model", path=write("model.pkl", "weights"), **more))

found["models"] = [register(tags={"a": "1"}).version, register().version]
write("mlflow/MLmodel", "flavors: {sklearn: {pickled_model: model.pkl}}"); write("mlflow/model.pkl", "weights")
mlflow = ml.models.create_or_update(Model(name="sdk-mlflow", path=str(here / "mlflow"), type="mlflow_model"))
found["flavors"] = mlflow.flavors
ml.models.download("sdk-mlflow", "1", download_path=str(here / "down"))
found["downloaded"] = (here / "down/sdk-mlflow/mlflow/model.pkl").read_text()
found["latest"] = [ml.models.get("sdk-model", label="latest").version, [m.version for m in ml.models.list("sdk-model")]]

write("src/train.py", "print(1)")
step = '''type: command
name: sdk_step
inputs: {rate: {type: number, default: 0.1}}
outputs: {out: {type: uri_folder}}
code: ./src
environment: azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest
command: python train.py ${{inputs.rate}} ${{outputs.out}}
'''
component = lambda: ml.components.create_or_update(load_component(write("step.yml", step)))
first, second = component(), component()
found["components"] = [first.version, second.version, first.code == second.code, ml.components.get("sdk_step").version]
ml.components.archive("sdk_step")
named = lambda view: [c.name for c in ml.components.list(list_view_type=view) if c.name.startswith("sdk_")]
found["archived"] = [named("ActiveOnly"), named("All")]
ml.components.restore("sdk_step")
found["restored"] = named("ActiveOnly")
"""

COMPUTE = """
found = everything["compute"] = {}
def cluster(name="sdk-cluster", most=4, size="Standard_DS3_v2"):
    made = AmlCompute(name=name, size=size, min_instances=0, max_instances=most, tier="low_priority")
    return ml.compute.begin_create_or_update(made).result()

made = cluster()
found["made"] = [made.provisioning_state, made.tier, made.max_instances, made.idle_time_before_scale_down]
found["updated"] = cluster(most=2).max_instances
found["errors"] = []
for wrong in ({"size": "Standard_DS4_v2"}, {"name": "1x"}, {"name": "other", "most": -1}):
    try:
        cluster(**wrong)
    except HttpResponseError as error:
        found["errors"].append(error.message)
ml.compute.begin_delete("sdk-cluster").result()
found["left"] = [compute.name for compute in ml.compute.list() if compute.name.startswith("sdk-")]
"""


@pytest.fixture(scope="module")
def everything(workspace: LocalWorkspace) -> dict[str, Any]:
    """What one program found by the real SDK, by section: importing the SDK takes longer than all its calls."""
    config = workspace.settings
    who = [config.tenant_id, config.client_id, config.client_secret]
    where = [config.subscription_id, config.resource_group, config.workspace]
    program = CLIENT + ENVIRONMENTS + DATA + MODELS_COMPONENTS_AND_CODE + COMPUTE + END
    done = workspace.python(program, json.dumps(who + where))
    result: dict[str, Any] = json.loads(done.stdout.rpartition("FOUND ")[2])
    return result


def test_environments(workspace: LocalWorkspace, everything: dict[str, Any]) -> None:
    found = everything["environments"]
    assert found["versions"] == ["1", "1", "2"], "equal content is no new version, other content is"
    assert (found["latest"], found["latest after archive"], found["listed"]) == ("2", "1", ["1"])
    assert found["missing"][:2] == ["ResourceNotFoundError", 404]
    assert "Could not find environment 'sdk-none' version '1'" in found["missing"][2]
    context = workspace.paths.blobs / workspace.settings.storage_account / found["context"].split("/", 3)[3]
    assert (context / "Dockerfile").read_text() == "FROM python:3.11"


def test_data(workspace: LocalWorkspace, everything: dict[str, Any]) -> None:
    """A file, a folder, and one of more than 100 MB, which travels in blocks."""
    found = everything["data"]
    assert (found["versions"], found["latest"]) == (["1", "2"], "2")
    assert found["listed"] == ["sdk-big", "sdk-file", "sdk-folder"]

    def on_disk(uri: str) -> Path:
        account, guid = workspace.settings.storage_account, workspace.settings.workspace_guid
        return workspace.paths.blobs / account / f"azureml-blobstore-{guid}" / uri.partition("/paths/")[2]

    assert sorted(path.name for path in on_disk(found["folder"]).rglob("*")) == ["a.txt", "b.txt", "sub"]
    big = on_disk(found["big"]).read_bytes()
    assert (len(big), big[:5], big[-3:]) == (101_000_003, b"begin", b"end")


def test_models_components_and_code(everything: dict[str, Any]) -> None:
    found = everything["models_components_and_code"]
    assert (found["models"], found["latest"]) == (["1", "2"], ["2", ["2", "1"]])
    assert found["flavors"] == {"sklearn": {"pickled_model": "model.pkl"}}
    assert found["downloaded"] == "weights"
    assert found["components"] == ["1", "2", True, "2"], "the code folder is uploaded once"
    assert (found["archived"], found["restored"]) == ([[], ["sdk_step"]], ["sdk_step"])


def test_compute(everything: dict[str, Any]) -> None:
    found = everything["compute"]
    assert found["made"] == ["Succeeded", "low_priority", 4, 120.0]
    assert (found["updated"], found["left"]) == (2, [])
    changed, name, count = found["errors"]
    assert "only its scale settings can be updated" in changed
    assert "It must start with a letter" in name
    assert "maxNodeCount must be a number of nodes" in count
