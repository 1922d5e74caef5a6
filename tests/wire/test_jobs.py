"""The real azure-ai-ml SDK submits, follows, downloads, cancels and lists jobs whose processes really run."""

from __future__ import annotations

import json
import os
import ssl
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

PREP = """
import pathlib, sys
rows, count, out = sys.argv[1:]
text = pathlib.Path(rows, "a.csv").read_text()
pathlib.Path(out, "rows.csv").write_text(text * int(count))
print("prepared", count)
"""

TRAIN = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: train_rows
version: "1"
is_deterministic: false
inputs:
  rows: {type: uri_folder}
  rate: {type: number, default: 0.1, min: 0, max: 1}
  note: {type: string, optional: true}
outputs:
  model: {type: custom_model}
environment: azureml:jobs-plain:1
command: >-
  cp ${{inputs.rows}}/rows.csv ${{outputs.model}}/model.txt;
  echo rate ${{inputs.rate}} $[[note ${{inputs.note}}]];
  mkdir -p outputs; date > outputs/when.txt; sleep 2
"""

PIPELINE = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
experiment_name: jobs-wire
inputs:
  rows: {type: uri_folder, path: ./rows}
  count: 2
outputs:
  model: {type: custom_model, name: jobs-wire-model}
settings:
  default_compute: azureml:jobs-cluster
jobs:
  prep:
    command: python prep.py ${{inputs.rows}} ${{inputs.count}} ${{outputs.clean}}
    code: ./code
    environment: azureml:jobs-plain@latest
    inputs: {rows: "${{parent.inputs.rows}}", count: "${{parent.inputs.count}}"}
    outputs: {clean: {type: uri_folder}}
  train:
    type: command
    component: ./train.yml
    inputs: {rows: "${{parent.jobs.prep.outputs.clean}}", rate: 0.5}
    outputs: {model: "${{parent.outputs.model}}"}
"""

FAILING = """
type: command
command: echo before; python -c "import nosuchmodule"
environment: azureml:jobs-plain:1
compute: azureml:jobs-cluster
"""

SLEEPING = """
type: command
command: (setsid sleep 600 &) ; echo asleep; sleep 600
environment: azureml:jobs-plain:1
compute: azureml:jobs-cluster
"""

SCRIPT = """
import contextlib, io, json, os, sys, time
from pathlib import Path
from azure.ai.ml import MLClient, load_job
from azure.ai.ml.entities import AmlCompute, Environment
from azure.identity import DefaultAzureCredential

names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")
ml = MLClient(DefaultAzureCredential(), *(os.environ[name] for name in names))
found = {}

def submit(file, **more):
    job = load_job(file)
    for name, value in more.items():
        setattr(job, name, value)
    return ml.jobs.create_or_update(job)

def stream(name):
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        try:
            ml.jobs.stream(name)
        except Exception as error:
            return told.getvalue() + str(error)
    return told.getvalue()

ml.compute.begin_create_or_update(AmlCompute(name="jobs-cluster", size="Standard_DS3_v2", max_instances=2)).result()
conda = {"name": "plain", "dependencies": ["python=3.11"]}
ml.environments.create_or_update(Environment(name="jobs-plain", version="1", image="ubuntu:22.04", conda_file=conda))

first = submit("pipeline.yml", tags={"made-by": "the test"})
found["first"] = [first.status, first.services["Studio"].endpoint]
found["stream"] = stream(first.name)
found["children"] = {c.display_name: c.status for c in ml.jobs.list(parent_job_name=first.name)}
ml.jobs.download(first.name, download_path="down", all=True)
for child in ml.jobs.list(parent_job_name=first.name):
    ml.jobs.download(child.name, download_path=Path("down", child.display_name), all=True)
found["model"] = ml.models.get("jobs-wire-model", label="latest").version

second = submit("pipeline.yml")
stream(second.name)
children = list(ml.jobs.list(parent_job_name=second.name))
found["second"] = {child.display_name: child.properties.get("azureml.isreused") for child in children}

try:
    submit("pipeline.yml", name=first.name, display_name="other", experiment_name="changed")
except Exception as error:
    found["again"] = str(error)

ml.jobs.archive(first.name)
found["listed"] = [first.name in [job.name for job in ml.jobs.list()], second.name in [j.name for j in ml.jobs.list()]]
ml.jobs.restore(first.name)

found["failed"] = stream(submit("failing.yml").name)

asleep = submit("sleeping.yml")
while ml.jobs.get(asleep.name).status != "Running":
    time.sleep(0.1)
began = time.monotonic()
ml.jobs.begin_cancel(asleep.name).result()
found["canceled"] = [ml.jobs.get(asleep.name).status, time.monotonic() - began]
found["asleep"] = asleep.name
print("FOUND " + json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("jobs")
    files = {
        "pipeline.yml": PIPELINE,
        "train.yml": TRAIN,
        "failing.yml": FAILING,
        "sleeping.yml": SLEEPING,
        "code/prep.py": PREP,
        "rows/a.csv": "1,2\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    (folder / "script.py").write_text(SCRIPT)
    done = workspace.python(f"import os; os.chdir({str(folder)!r}); exec(open('script.py').read())")
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return {**json.loads(line.removeprefix("FOUND ")), "folder": folder}


def test_a_pipeline_runs_and_its_log_is_streamed(found: dict[str, Any]) -> None:
    status, studio = found["first"]
    assert status == "NotStarted"
    assert studio.startswith("https://ml.azure.com/runs/")
    assert "&tid=" in studio
    assert "step prep completed" in found["stream"]
    assert found["children"] == {"prep": "Completed", "train": "Completed"}


def test_outputs_and_logs_are_downloaded(found: dict[str, Any]) -> None:
    down: Path = found["folder"] / "down"
    assert (down / "named-outputs" / "model" / "model.txt").read_text() == "1,2\n1,2\n"
    assert (down / "train" / "artifacts" / "user_logs" / "std_log.txt").read_text() == "rate 0.5\n"
    assert (down / "train" / "artifacts" / "outputs" / "when.txt").exists()
    assert "prepared 2" in (down / "prep" / "artifacts" / "user_logs" / "std_log.txt").read_text()
    assert found["model"] == "1"


def test_the_second_run_reuses_what_is_deterministic(found: dict[str, Any]) -> None:
    assert found["second"] == {"prep": "true", "train": None}


def test_a_job_cannot_be_replaced_but_archived(found: dict[str, Any]) -> None:
    assert "A job with this name already exists." in found["again"]
    assert found["listed"] == [False, True]


def test_a_failure_shows_the_end_of_the_log(found: dict[str, Any]) -> None:
    assert "Streaming user_logs/std_log.txt" in found["failed"]
    assert "ModuleNotFoundError: No module named 'nosuchmodule'" in found["failed"]
    assert "the command exited with code 1" in found["failed"]


def test_cancel_leaves_no_process(found: dict[str, Any], workspace: LocalWorkspace) -> None:
    status, _ = found["canceled"]
    assert status == "Canceled"
    assert _processes_below(workspace.paths.jobs / found["asleep"]) == []


class Rest:
    """ARM and run history without a client: what needs no SDK should not wait for its import."""

    def __init__(self, workspace: LocalWorkspace) -> None:
        self._settings = workspace.settings
        self._client = httpx.Client(
            proxy=workspace.environment["HTTPS_PROXY"],
            verify=ssl.create_default_context(cafile=str(workspace.paths.ca_bundle)),
        )
        form = {
            "grant_type": "client_credentials",
            "client_id": workspace.settings.client_id,
            "client_secret": workspace.settings.client_secret,
            "scope": "https://management.azure.com/.default",
        }
        login = f"https://login.microsoftonline.com/{workspace.settings.tenant_id}/oauth2/v2.0/token"
        self._token = self._client.post(login, data=form).json()["access_token"]

    def call(self, method: str, path: str, body: Any = None, *, service: str = "https://management.azure.com") -> Any:
        answer = self._client.request(
            method,
            f"{service}{self._settings.workspace_id}{path}",
            headers={"Authorization": f"Bearer {self._token}"},
            json=body,
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def details(self, job: str) -> Any:
        return self.call("GET", f"/runs/{job}/details", service=f"https://{self._settings.api_host}/history/v1.0")


def wait_until(true: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_workspace_ends_its_steps_when_it_is_back(own_workspace: LocalWorkspace) -> None:
    """kill -9 in the middle of a step: the next start ends the step's processes and says what became of the job."""
    rest = Rest(own_workspace)
    rest.call("PUT", "/environments/plain/versions/1", {"properties": {"image": "ubuntu:22.04"}})
    job = {"jobType": "Command", "command": "(setsid sleep 600 &); sleep 600", "environmentId": "azureml:plain:1"}
    rest.call("PUT", "/jobs/lost", {"properties": job})
    wait_until(lambda: rest.details("lost")["status"] == "Running")
    folder = own_workspace.paths.jobs / "lost"
    wait_until(lambda: len(_processes_below(folder)) >= 2)
    os.kill(json.loads(own_workspace.paths.process.read_text())["pid"], 9)
    assert _processes_below(folder)
    own_workspace.local("up")
    details = rest.details("lost")
    assert details["status"] == "Failed"
    assert details["error"]["error"]["code"] == "WorkspaceRestarted"
    wait_until(lambda: _processes_below(folder) == [])


def _processes_below(folder: Path) -> list[str]:
    """The commands of processes that work in a folder, or did before it was removed."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str((entry / "cwd").readlink()).startswith(str(folder)):
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found
