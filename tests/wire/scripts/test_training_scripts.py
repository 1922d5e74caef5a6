"""The training actions' scripts, as their composites run them, against a real local workspace through the real az."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from azureml_local.paths import REPOSITORY
from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

ENVIRONMENT = """\
name: scripts-env
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
conda_file: conda.yml
"""
PIPELINE = """\
type: pipeline
display_name: {name}
settings: {{default_compute: azureml:scripts-cluster}}
jobs:
  say:
    type: command
    code: ./code
    environment: azureml:scripts-env@latest
    command: python say.py {argument}
"""
SAY = """\
import os, sys, time
print("::error::I am no command", flush=True)
if sys.argv[1] == "fail":
    import a_module_that_nobody_has
open(sys.argv[1], "w").write(str(os.getpid()))
while True:
    print("still here", flush=True)
    time.sleep(0.2)
"""


class Step:
    """One step of a workflow job: its folder, its inputs, and what it left."""

    def __init__(self, workspace: LocalWorkspace, folder: Path) -> None:
        self.folder = folder
        config = workspace.settings
        credentials = {
            "clientId": config.client_id,
            "clientSecret": config.client_secret,
            "tenantId": config.tenant_id,
            "subscriptionId": config.subscription_id,
        }
        (folder / "temp").mkdir()
        self.env = {
            **workspace.environment,
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_REPOSITORY": "octo/models",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": str(time.time_ns()),
            "RUNNER_TEMP": str(folder / "temp"),
            "INPUT_RESOURCE_GROUP": config.resource_group,
            "INPUT_WORKSPACE_NAME": config.workspace,
            "INPUT_CREDENTIALS": json.dumps(credentials),
        }
        self.secret = config.client_secret
        self.log = ""

    def start(self, script: str, **inputs: str) -> subprocess.Popen[str]:
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        given = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        command = [sys.executable, str(REPOSITORY / "scripts" / f"{script}.py")]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.env, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str, **inputs: str) -> int:
        """The exit code; afterwards `log`, `outputs` and `summary` tell the rest, none of them a secret."""
        process = self.start(script, **inputs)
        self.log = process.communicate(timeout=300)[0]
        self.check_secrets()
        return process.returncode

    def check_secrets(self) -> None:
        told = [line for line in self.log.splitlines() if not line.startswith("::add-mask::")]
        assert self.secret not in "\n".join(told) + self.summary + str(self.outputs)
        assert list((self.folder / "temp").iterdir()) == []

    @property
    def summary(self) -> str:
        path = self.folder / "summary"
        return path.read_text() if path.exists() else ""

    @property
    def outputs(self) -> dict[str, str]:
        path = self.folder / "output"
        text = path.read_text() if path.exists() else ""
        return {name: value for name, _, value in re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n\2$", text, re.M | re.S)}


@pytest.fixture(scope="module")
def step(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A repository with an environment and a cluster that are registered and created."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "env.yml").write_text(ENVIRONMENT)
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (folder / "code").mkdir()
    (folder / "code" / "say.py").write_text(SAY)
    found = Step(workspace, folder)
    assert found.run("create_compute", cluster_name="scripts-cluster", cluster_size="2") == 0, found.log
    assert found.outputs == {"compute-name": "scripts-cluster", "created": "true", "drift": "{}"}
    assert found.run("register_environment", environment_file="env.yml") == 0, found.log
    assert (found.outputs["environment-version"], found.outputs["changed"]) == ("1", "true")
    return found


def until(what: str, condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen")


def test_the_cluster_is_compared_and_updated(step: Step) -> None:
    given = {"cluster_name": "scripts-cluster", "cluster_size": "3"}
    assert step.run("create_compute", **given) == 0
    assert json.loads(step.outputs["drift"]) == {"max": {"found": 2, "wanted": 3}}
    assert step.run("create_compute", **given, on_drift="update") == 0, step.log
    assert step.run("create_compute", **given, on_drift="fail") == 0, step.log
    assert step.outputs["drift"] == "{}"


def test_the_environment_is_registered_once_per_content(step: Step, workspace: LocalWorkspace) -> None:
    assert step.run("register_environment", environment_file="env.yml") == 0, step.log
    assert (step.outputs["environment-version"], step.outputs["changed"]) == ("1", "false")
    (step.folder / "other.yml").write_text("dependencies: [python=3.11, pip]\n")
    (step.folder / "env2.yml").write_text(ENVIRONMENT.replace("conda.yml", "other.yml"))
    assert step.run("register_environment", environment_file="env2.yml") == 0, step.log
    assert (step.outputs["environment-version"], step.outputs["changed"]) == ("2", "true")


def test_a_failing_step_is_explained(step: Step) -> None:
    (step.folder / "fail.yml").write_text(PIPELINE.format(name="failing", argument="fail"))
    assert step.run("run_pipeline", pipeline_file="fail.yml") == 1, step.log
    assert "[say] ::error::I am no command" in step.log
    errors = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert len(errors) == 1
    assert "Step say Failed.%0ACause: The step's environment has no module named a_module_that_nobody_has." in errors[0]
    assert step.outputs["status"] == "Failed"
    assert step.summary.startswith("### ❌ failing: Failed after ")
    assert "| say | ❌ Failed |" in step.summary
    name = step.outputs["job-name"]
    assert step.run("run_pipeline", pipeline_file="fail.yml") == 1
    assert (step.outputs["job-name"], f"Attached to job {name}" in step.log) == (name, True)


def test_a_signal_cancels_the_job_and_ends_its_processes(step: Step) -> None:
    marker = step.folder / "pid"
    (step.folder / "wait.yml").write_text(PIPELINE.format(name="waiting", argument=marker))
    process = step.start("run_pipeline", pipeline_file="wait.yml")
    until("the step's start", lambda: marker.exists() and marker.read_text() != "")
    process.send_signal(signal.SIGTERM)
    step.log = process.communicate(timeout=30)[0]
    assert process.returncode == 143, step.log
    assert f"Cancel of job {step.outputs['job-name']} requested." in step.log
    assert step.outputs["status"] == "CancelRequested"
    until("the end of the step's process", lambda: not Path(f"/proc/{marker.read_text()}").exists())
    step.check_secrets()
    assert step.run("cancel", job_name=step.outputs["job-name"]) == 0, step.log


def test_what_does_not_exist_is_named(step: Step) -> None:
    text = PIPELINE.format(name="typo", argument="x").replace("scripts-env@latest", "no-such-env@latest")
    (step.folder / "typo.yml").write_text(text)
    assert step.run("run_pipeline", pipeline_file="typo.yml") == 4, step.log
    assert "The job names an environment, or a version of one, that is not registered in this workspace." in step.log
    assert "no-such-env" in step.summary
    assert step.outputs["job-name"].startswith("typo-")
