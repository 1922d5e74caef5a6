"""deploy-online and deploy-batch against real endpoints: blue and green under load, a bad model, a signal, a batch."""

from __future__ import annotations

import asyncio
import collections
import json
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from conftest import LocalWorkspace
from support.action_step import Step, until
from support.rest import Rest

pytestmark = pytest.mark.wire

ENDPOINT = "name: scripts-online\nauth_mode: key\n"
# The environment is that of the other serving tests: nothing but the inference server, built once.
DEPLOYMENT = """\
name: any
endpoint_name: any
code_configuration:
  code: {code}
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
  conda_file: conda.yml
instance_type: Standard_DS3_v2
instance_count: 1
request_settings:
  max_concurrent_requests_per_instance: 100
"""
CONDA = "dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]\n"
SCORE = """\
import json, os
asked = 0
def init():
    print("this is", os.environ["AZUREML_DEPLOYMENT_NAME"], flush=True)
    {init}
def run(raw):
    global asked
    asked += 1
    {run}
    return [float(value) for value in json.loads(raw)["values"]]
"""
#: What the models do in init() and in run().
MODELS = {
    "good": ("pass", "pass"),
    "crashing": ("open('weights.bin')", "pass"),
    "nonsense": ("pass", "return {'values': 'forty-two'}"),
    "slow": ("pass", "import time; time.sleep(0.4)"),
    # The smoke test asks 6 times, and at 50 % it gets 5 requests or more.
    "tired": ("pass", "if asked > 9: raise ValueError('too much for me')"),
}
SCHEMA = {"type": "array", "minItems": 2, "items": {"type": "number"}}


def write(folder: Path) -> None:
    """The files of a repository with a good model and four bad ones."""
    (folder / "endpoint.yml").write_text(ENDPOINT)
    (folder / "conda.yml").write_text(CONDA)
    (folder / "request.json").write_text('{"values": [1, 2]}')
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    for name, (init, run) in MODELS.items():
        (folder / name).mkdir()
        (folder / name / "score.py").write_text(SCORE.format(init=init, run=run))
        (folder / f"{name}.yml").write_text(DEPLOYMENT.format(code=f"./{name}"))


INPUTS = {
    "endpoint_file": "endpoint.yml",
    "request_file": "request.json",
    "expect": "schema.json",
    "soak_seconds": "1",
    "traffic": "50,100",
}


@pytest.fixture(scope="module")
def step(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A repository whose good model serves as blue or green of an endpoint of its own."""
    folder = tmp_path_factory.mktemp("serving")
    write(folder)
    found = Step(workspace, folder)
    found.use_oidc(workspace)
    code = found.run("deploy_online", deployment_file="good.yml", **INPUTS)
    assert code == 0, found.log
    return found


@pytest.fixture
def rest(workspace: LocalWorkspace) -> Rest:
    return Rest(workspace.paths, workspace.settings)


def endpoint_of(rest: Rest, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rest.call("GET", f"/onlineEndpoints/{name}").json()
    return found


def deployments_of(rest: Rest, name: str) -> list[str]:
    return [each["name"] for each in rest.call("GET", f"/onlineEndpoints/{name}/deployments").json()["value"]]


class Load:
    """Fifty requests a second through the router until it is stopped; counts the statuses."""

    def __init__(self, rest: Rest, url: str, key: str) -> None:
        self.statuses: collections.Counter[int | str] = collections.Counter()
        self._rest, self._url, self._key = rest, url, key
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self) -> None:
        async with self._rest.async_client() as client:

            async def one() -> None:
                try:
                    answer = await client.post(
                        self._url, json={"values": [1, 2]}, headers={"Authorization": f"Bearer {self._key}"}
                    )
                    self.statuses[answer.status_code] += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a lost request
                    self.statuses[repr(error)] += 1

            running: set[asyncio.Task[None]] = set()
            while not self._ended.is_set():
                task = asyncio.create_task(one())
                running.add(task)
                task.add_done_callback(running.discard)
                await asyncio.sleep(0.02)
            await asyncio.gather(*running)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_the_first_deployment_serves(step: Step, rest: Rest) -> None:
    name = step.outputs["endpoint-name"]
    assert re.fullmatch(r"scripts-online-[0-9a-f]{6}", name)
    found = endpoint_of(rest, name)
    assert found["properties"]["traffic"] == {"blue": 100}
    assert "deploy-lock" not in found["tags"]
    assert found["tags"]["managed-by"] == "octo/models"
    assert "[1.0, 2.0]" in step.summary


def test_two_runs_at_once_take_turns_and_no_request_is_lost(
    step: Step, workspace: LocalWorkspace, rest: Rest, tmp_path: Path
) -> None:
    name, uri = step.outputs["endpoint-name"], step.outputs["scoring-uri"]
    write(tmp_path)
    other = Step(workspace, tmp_path)
    other.use_oidc(workspace)
    key = rest.call("POST", f"/onlineEndpoints/{name}/listKeys").json()["primaryKey"]
    with Load(rest, uri, key) as load:
        one = step.start("deploy_online", deployment_file="good.yml", **INPUTS)
        two = other.start("deploy_online", deployment_file="good.yml", **INPUTS)
        logs = [process.communicate(timeout=300)[0] for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0), "\n\n".join(logs)
    assert set(load.statuses) == {200}, load.statuses
    assert load.statuses[200] > 500
    assert "is being deployed to by another run" in "".join(logs)
    assert {step.outputs["deployment-name"], other.outputs["deployment-name"]} == {"blue", "green"}
    assert deployments_of(rest, name) == ["blue"]  # blue, green, blue
    assert endpoint_of(rest, name)["properties"]["traffic"] == {"blue": 100}


#: What each bad model's user reads first: in the error, and in what the summary shows without unfolding anything.
BAD = {
    "crashing": (
        "Deployment {name} of crashing.yml ended as Failed.",
        "Its log says: FileNotFoundError: [Errno 2] No such file or directory: 'weights.bin' (score.py, line 5",
    ),
    "nonsense": (
        "Deployment {name} did not pass its smoke test: the answer is not what expect says: ",
        'answer: {{"values": "forty-two"}} is no array',
    ),
    "slow": ("Deployment {name} did not pass its smoke test: p95 latency is ", " ms, allowed are 200 ms"),
    "tired": (
        "Deployment {name} did not pass at 50 % of the traffic: ",
        "Its log says: ValueError: too much for me (score.py, line ",
    ),
}


@pytest.mark.parametrize("model", BAD)
def test_a_bad_model_leaves_the_old_one_serving(model: str, step: Step, rest: Rest) -> None:
    name, uri = endpoint_name(step), step.outputs["scoring-uri"]
    before = endpoint_of(rest, name)["properties"]["traffic"]
    code = step.run("deploy_online", deployment_file=f"{model}.yml", max_p95_ms="200" * (model == "slow"), **INPUTS)
    assert code == 7, step.log
    new = step.outputs["deployment-name"]
    (error,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    summary = step.summary.replace("\\", "")  # Markdown's escapes
    first_screen = summary.partition("<details>")[0][:2500]
    for part in (*BAD[model], f"Rolled back: the traffic is what it was before, {told(before)}; {new} is deleted."):
        assert part.format(name=new) in error.replace("%25", "%")
        assert part.format(name=new) in first_screen
    assert summary.startswith(f"### ❌ {new} did not pass")
    assert f"End of the log of {new}" in summary
    assert f"this is {new}" in summary  # what the model itself printed
    assert step.outputs["rolled-back"] == "true"
    found = endpoint_of(rest, name)
    assert found["properties"]["traffic"] == before
    assert "deploy-lock" not in found["tags"]
    assert deployments_of(rest, name) == list(before)
    key = rest.call("POST", f"/onlineEndpoints/{name}/listKeys").json()["primaryKey"]
    with rest.client() as client:
        answer = client.post(uri, json={"values": [1, 2]}, headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()) == (200, [1.0, 2.0])


def told(traffic: dict[str, int]) -> str:
    return ", ".join(f"{name} {share} %" for name, share in traffic.items())


def endpoint_name(step: Step) -> str:
    """The endpoint that the fixture made; outputs are those of the last run."""
    return step.outputs["endpoint-name"]


def test_a_signal_while_traffic_moves_restores_it(step: Step, rest: Rest) -> None:
    name = endpoint_name(step)
    before = endpoint_of(rest, name)["properties"]["traffic"]
    inputs = {**INPUTS, "soak_seconds": "60"}
    process = step.start("deploy_online", deployment_file="good.yml", **inputs)
    until("traffic moves", lambda: len(endpoint_of(rest, name)["properties"]["traffic"]) == 2)
    process.send_signal(signal.SIGINT)
    log = process.communicate(timeout=60)[0]
    assert process.returncode == 130, log
    assert "The traffic is restored: " in log
    found = endpoint_of(rest, name)
    assert found["properties"]["traffic"] == before
    assert "deploy-lock" not in found["tags"]
    until("the new one is gone", lambda: deployments_of(rest, name) == list(before))


# --- batch

BATCH_ENDPOINT = "name: scripts-batch\nauth_mode: aad_token\n"
BATCH_DEPLOYMENT = """\
name: any
endpoint_name: any
type: model
model:
  path: ./code
  type: custom_model
code_configuration:
  code: ./code
  scoring_script: score.py
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
  conda_file: conda.yml
compute: azureml:to-be-given
settings:
  mini_batch_size: 2
  output_action: append_row
  output_file_name: predictions.csv
  retry_settings:
    max_retries: 0
    timeout: 30
  error_threshold: 0
"""
BATCH_SCORE = """\
def init():
    pass
def run(files):
    rows = []
    for file in files:
        for line in open(file).read().splitlines()[1:]:
            rows.append(f"{float(line) * 2},{file.rpartition('/')[2]}")
    return rows
"""


@pytest.fixture(scope="module")
def batch(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A repository with a scoring script for files of numbers, on a workspace with a cluster."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "endpoint.yml").write_text(BATCH_ENDPOINT)
    (folder / "deployment.yml").write_text(BATCH_DEPLOYMENT)
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(BATCH_SCORE)
    (folder / "in").mkdir()
    for number in range(4):
        (folder / "in" / f"{number}.csv").write_text(f"x\n{number}\n{number + 10}\n")
    found = Step(workspace, folder)
    assert found.run("create_compute", cluster_name="batch-cluster", cluster_size="2") == 0, found.log
    return found


BATCH_INPUTS = {
    "endpoint_file": "endpoint.yml",
    "deployment_file": "deployment.yml",
    "cluster_name": "batch-cluster",
    "input": "in",
    "expect_rows": "8",
}


def default_of(rest: Rest, name: str) -> str:
    return str(rest.call("GET", f"/batchEndpoints/{name}").json()["properties"]["defaults"]["deploymentName"])


def test_a_batch_is_scored_then_made_the_default_and_a_corrupt_file_changes_nothing(batch: Step, rest: Rest) -> None:
    assert batch.run("deploy_batch", output_folder="out", **BATCH_INPUTS) == 0, batch.log
    name = batch.outputs["endpoint-name"]
    assert (batch.outputs["status"], batch.outputs["rows"], batch.outputs["deployment-name"]) == (
        "Completed",
        "8",
        "blue",
    )
    rows = sorted((batch.folder / "out" / "predictions.csv").read_text().split())
    assert rows == sorted(f"{float(n + more) * 2},{n}.csv" for n in range(4) for more in (0, 10))
    assert default_of(rest, name) == "blue"

    (batch.folder / "in" / "3.csv").write_text("x\nthree\n")
    assert batch.run("deploy_batch", output_folder="again", **BATCH_INPUTS) == 1, batch.log
    (error,) = [line for line in batch.log.splitlines() if line.startswith("::error")]
    assert f"ended as Failed.%0AThe default of {name} is still blue." in error
    assert "could not convert string to float: 'three'" in error + batch.summary
    assert batch.summary.startswith("### ❌ green failed")
    assert default_of(rest, name) == "blue"
