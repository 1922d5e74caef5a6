"""MLflow 2.16 with azureml-mlflow, as data scientists have them, against a running local workspace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

PRELUDE = """
import json, logging, os, sys, tempfile, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
import mlflow
from mlflow import MlflowClient
"""

LAPTOP = (
    PRELUDE
    + """
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
from sklearn.linear_model import LinearRegression

ml_client = MLClient(
    DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"],
    os.environ["AZUREML_WORKSPACE_NAME"],
)
mlflow.set_tracking_uri(ml_client.workspaces.get(os.environ["AZUREML_WORKSPACE_NAME"]).mlflow_tracking_uri)
mlflow.set_experiment("laptop")
mlflow.sklearn.autolog(log_models=False)
model = LinearRegression()
with mlflow.start_run(run_name="first") as run:
    model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    for step, loss in enumerate([0.5, 0.25]):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_metric("later", 1, synchronous=False).wait()
    mlflow.log_params({"depth": 3})
    mlflow.set_tag("team", "a")
    for text in ("old", "new"):
        mlflow.log_text(text, "notes/a b.txt")
    mlflow.sklearn.log_model(model, "model")
    with mlflow.start_run(nested=True, run_name="inner"):
        mlflow.log_metric("loss", 9)
run_id = run.info.run_id
first = mlflow.register_model(f"runs:/{run_id}/model", "wire-laptop", tags={"stage": "new"})
folder = tempfile.mkdtemp() + "/saved"
mlflow.sklearn.save_model(model, folder)
second = mlflow.register_model("file://" + folder, "wire-laptop")

client = MlflowClient()
logged = client.get_run(run_id)
print(json.dumps({
    "status": logged.info.status,
    "metrics": logged.data.metrics,
    "params": logged.data.params,
    "tags": logged.data.tags,
    "artifact_uri": logged.info.artifact_uri,
    "artifacts": sorted(entry.path for entry in client.list_artifacts(run_id)),
    "history": [metric.value for metric in client.get_metric_history(run_id, "loss")],
    "note": mlflow.artifacts.load_text(logged.info.artifact_uri + "/notes/a b.txt"),
    "runs": sorted(mlflow.search_runs(experiment_names=["laptop"], filter_string="metrics.loss < 1")["run_id"]),
    "run_id": run_id,
    "versions": [first.version, second.version],
    "predictions": [
        list(mlflow.pyfunc.load_model(uri).predict([[10.0]]))
        for uri in (f"runs:/{run_id}/model", *(f"models:/wire-laptop/{which}" for which in ("1", "2", "latest")))
    ],
    "arm": [
        [m.version, m.type, m.job_name, m.path.rpartition("/paths/")[2]] for m in ml_client.models.list("wire-laptop")
    ],
    "latest": ml_client.models.get("wire-laptop", label="latest").version,
    "job": [ml_client.jobs.get(run_id).status, run_id in [job.name for job in ml_client.jobs.list()]],
}))
"""
)


def program(workspace: LocalWorkspace, code: str, *arguments: str) -> Any:
    """Run a program; the JSON of its last line."""
    return json.loads(workspace.python(code, *arguments).stdout.strip().splitlines()[-1])


def tracking_uri(workspace: LocalWorkspace) -> str:
    return f"azureml://{workspace.settings.api_host}/mlflow/v1.0{workspace.settings.workspace_id}"


def test_a_laptop_logs_registers_and_loads_models_that_az_ml_sees(workspace: LocalWorkspace) -> None:
    told = program(workspace, LAPTOP)
    run_id = told["run_id"]
    assert told["status"] == "FINISHED"
    assert (told["metrics"]["loss"], told["metrics"]["later"], told["history"]) == (0.25, 1.0, [0.5, 0.25])
    assert told["params"]["depth"] == "3"
    assert told["params"]["fit_intercept"] == "True", "autolog wrote the estimator's parameters"
    assert told["tags"]["team"] == "a"
    assert f"{workspace.settings.workspace_id}/experiments/" in told["artifact_uri"]
    assert told["artifact_uri"].endswith(f"/runs/{run_id}/artifacts")
    assert {"model", "notes"} <= set(told["artifacts"])
    assert told["note"] == "new"
    assert told["runs"] == [run_id]
    assert told["versions"] == ["1", "2"]
    assert [round(value) for (value,) in told["predictions"]] == [21, 21, 21, 21]
    from_run, from_file = sorted(told["arm"])
    assert from_run == ["1", "mlflow_model", run_id, f"ExperimentRun/dcid.{run_id}/model"]
    assert from_file[:3] == ["2", "mlflow_model", None]
    assert from_file[3].startswith("LocalUpload/")
    assert told["latest"] == "2"
    assert told["job"] == ["Completed", True], "a run that a client makes is a job, as in Azure's run history"


STEP = (
    PRELUDE
    + """
from concurrent.futures import ThreadPoolExecutor

with mlflow.start_run() as run:
    worker = sys.argv[1]
    mlflow.log_param(f"param-{worker}", worker)
    log = lambda step: mlflow.log_metric(f"metric-{worker}", step, step=step, run_id=run.info.run_id)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(40)))
    mlflow.log_text(worker, f"{worker}.txt")
print(json.dumps(run.info.run_id))
"""
)

CREATE_RUN = (
    PRELUDE
    + """
from azure.identity import DefaultAzureCredential
mlflow.set_tracking_uri(sys.argv[1])
run = MlflowClient().create_run(mlflow.set_experiment("steps").experiment_id)
token = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
print(json.dumps([run.info.run_id, run.info.experiment_id, token]))
"""
)

READ_RUN = (
    PRELUDE
    + """
mlflow.set_tracking_uri(sys.argv[1])
run = MlflowClient().get_run(sys.argv[2])
files = sorted(entry.path for entry in MlflowClient().list_artifacts(sys.argv[2]))
print(json.dumps([run.info.status, run.data.metrics, run.data.params, files]))
"""
)


def test_steps_log_side_by_side_to_the_run_they_are_given(workspace: LocalWorkspace) -> None:
    run_id, experiment_id, token = program(workspace, CREATE_RUN, tracking_uri(workspace))
    from azureml_local import tools
    from azureml_local.mlflow_server import job_environment
    from azureml_local.routing import WorkspaceRef

    config = workspace.settings
    reference = WorkspaceRef(config.subscription_id, config.resource_group, config.workspace, config.workspace_id)
    step = job_environment(reference, run_id, experiment_id, "steps", token, host=config.api_host)
    # A step has no credentials but its token.
    plain = {name: value for name, value in workspace.environment.items() if not name.startswith("AZURE_")}
    python = str(tools.ensure(workspace.paths, "sdk", print) / "bin" / "python")
    workers = [
        subprocess.Popen(
            [python, "-c", STEP, str(worker)],
            env={**plain, **step},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for worker in range(3)
    ]
    for worker in workers:
        output, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
        assert json.loads(output.strip().splitlines()[-1]) == run_id
    status, metrics, params, files = program(workspace, READ_RUN, tracking_uri(workspace), run_id)
    assert status == "RUNNING", "the job ends its run, not the step's script"
    assert metrics == {f"metric-{worker}": 39.0 for worker in range(3)}
    assert params == {f"param-{worker}": str(worker) for worker in range(3)}
    assert files == ["0.txt", "1.txt", "2.txt"]


# The same calls against MLflow's own registry and against the workspace's: what a client sees must be the same. Not
# compared: aliases in lists (MLflow leaves them out of searches) and the order of get_latest_versions.
SAME_REGISTRY = (
    PRELUDE
    + """
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run() as run:
    for path in ("a", "b", "c"):
        mlflow.log_text("flavors: {}", f"{path}/MLmodel")
run_id, base = run.info.run_id, run.info.artifact_uri


def shown(value):
    if isinstance(value, (list, tuple)):
        return [{**item, "aliases": None} if isinstance(item, dict) else item for item in map(shown, value)]
    if type(value).__name__ == "ModelVersion":
        kept = ("name", "version", "current_stage", "description", "source", "run_id", "status", "tags", "aliases")
        told = {key: getattr(value, key) or None for key in kept}
        return told | {"version": str(value.version), "aliases": list(value.aliases)}
    if type(value).__name__ == "RegisteredModel":
        latest = sorted(str(version.version) for version in value.latest_versions)
        aliases = {alias: str(version) for alias, version in value.aliases.items()}
        return [value.name, value.description or None, value.tags, aliases, latest]
    return value


def scenario(c):
    yield lambda: c.create_registered_model("one", tags={"k": "v"}, description="first")
    yield lambda: c.create_registered_model("one")
    yield lambda: c.create_registered_model("two")
    for path in ("a", "b", "c"):
        yield lambda: c.create_model_version("one", f"{base}/{path}", run_id, tags={"path": path}, description=path)
    yield lambda: c.create_model_version("two", f"{base}/a", run_id)
    yield lambda: c.create_model_version("none", f"{base}/a", run_id)
    yield lambda: c.get_model_version("one", "2")
    yield lambda: c.get_model_version("one", "9")
    yield lambda: c.get_registered_model("one")
    yield lambda: c.get_registered_model("none")
    yield lambda: c.get_model_version_download_uri("one", "9")
    yield lambda: c.update_model_version("one", "1", "changed")
    yield lambda: c.update_registered_model("one", "changed")
    yield lambda: c.set_model_version_tag("one", "1", "x", "y")
    yield lambda: c.delete_model_version_tag("one", "1", "path")
    yield lambda: c.delete_model_version_tag("one", "1", "never")
    yield lambda: c.set_registered_model_tag("one", "x", "y")
    yield lambda: c.delete_registered_model_tag("one", "k")
    yield lambda: c.set_registered_model_alias("one", "best", "2")
    yield lambda: c.set_registered_model_alias("one", "best", "3")
    yield lambda: c.set_registered_model_alias("one", "best", "9")
    yield lambda: c.get_model_version_by_alias("one", "best")
    yield lambda: c.get_model_version_by_alias("one", "worst")
    yield lambda: c.transition_model_version_stage("one", "1", "Production")
    yield lambda: c.transition_model_version_stage("one", "2", "production", archive_existing_versions=True)
    yield lambda: c.transition_model_version_stage("one", "2", "Nowhere")
    yield lambda: sorted(int(version.version) for version in c.get_latest_versions("one"))
    yield lambda: c.get_latest_versions("one", ["Production"])
    yield lambda: c.search_model_versions("name = 'one'", order_by=["version_number ASC"])
    yield lambda: c.search_model_versions("name = 'one' and tags.path LIKE '%'", order_by=["version_number DESC"])
    yield lambda: c.search_model_versions(f"run_id = '{run_id}'", order_by=["name", "version_number"])
    yield lambda: c.search_model_versions(f"run_id IN ('{run_id}', 'x') AND name ILIKE 'ONE'")
    yield lambda: c.search_model_versions("tags.path = 'b'")
    yield lambda: c.search_model_versions("version_number >= 2", order_by=["version_number DESC"])
    yield lambda: c.search_model_versions("nonsense = 'x'")
    yield lambda: c.search_model_versions("name = 'one'", order_by=["nonsense"])
    yield lambda: c.search_model_versions("name = 'one'", max_results=2)
    yield lambda: c.search_registered_models("name LIKE 'o%'")
    yield lambda: c.search_registered_models("tags.x = 'y'")
    yield lambda: c.search_registered_models(order_by=["name DESC"], max_results=1)
    yield lambda: c.search_registered_models("name > 'o'")
    yield lambda: c.copy_model_version("models:/one/1", "three").name
    yield lambda: c.delete_registered_model_alias("one", "best")
    yield lambda: c.delete_model_version("one", "3")
    yield lambda: c.delete_model_version("one", "3")
    yield lambda: c.get_registered_model("one")
    yield lambda: c.delete_registered_model_alias("one", "never")
    yield lambda: c.delete_registered_model("two")
    yield lambda: c.delete_registered_model("two")
    yield lambda: c.search_registered_models()


def outcomes(client):
    seen = []
    for step in scenario(client):
        try:
            seen.append(shown(step()))
        except mlflow.exceptions.MlflowException as error:
            seen.append(error.error_code)
    return seen


os.chdir(tempfile.mkdtemp())
print(json.dumps([outcomes(MlflowClient(registry_uri="sqlite:///registry.db")), outcomes(MlflowClient())]))
"""
)


def test_the_registry_answers_as_mlflows_own(own_workspace: LocalWorkspace) -> None:
    theirs, ours = program(own_workspace, SAME_REGISTRY, tracking_uri(own_workspace))
    assert len(theirs) == len(ours) > 50
    different = [(number, a, b) for number, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b]
    assert different == [], "\n".join(f"step {number}: MLflow {a}\n        here {b}" for number, a, b in different)


LOG_ONE = (
    PRELUDE
    + """
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_metric("kept", 1)
    mlflow.log_text("kept", "kept.txt")
print(json.dumps(run.info.run_id))
"""
)


def test_what_was_logged_outlives_kill_9_and_nothing_is_left_running(own_workspace: LocalWorkspace) -> None:
    run_id = program(own_workspace, LOG_ONE, tracking_uri(own_workspace))
    server = json.loads(own_workspace.paths.process.read_text())["pid"]
    found = subprocess.run(["pgrep", "-P", str(server)], capture_output=True, text=True, check=False).stdout.split()
    assert found, "the MLflow server is a child of the workspace's process"
    os.kill(server, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(_alive(int(pid)) for pid in found):
        assert time.monotonic() < deadline, f"{found} outlived the server that was killed"
        time.sleep(0.05)
    own_workspace.local("up")
    status, metrics, _, files = program(own_workspace, READ_RUN, tracking_uri(own_workspace), run_id)
    assert (status, metrics, files) == ("FINISHED", {"kept": 1.0}, ["kept.txt"])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        "Z"
        not in subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    )
