"""The training actions' scripts, as their composites run them, against a real local workspace through the real az."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.action_step import ENVIRONMENT, PIPELINE, Step, until

pytestmark = pytest.mark.wire


def test_the_cluster_is_compared_and_updated(step: Step) -> None:
    given = {"cluster_name": "scripts-cluster", "cluster_size": "3"}
    assert step.run("create_compute", **given) == 0
    assert json.loads(step.outputs["drift"]) == {"max": {"found": 2, "wanted": 3}}
    assert step.run("create_compute", **given, on_drift="update") == 0, step.log
    assert step.run("create_compute", **given, on_drift="fail") == 0, step.log
    assert step.outputs["drift"] == "{}"


def test_a_cluster_gets_an_identity(step: Step, workspace: LocalWorkspace) -> None:
    user = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes"
    given = {"cluster_name": "scripts-cluster", "cluster_size": "3", "identity": user, "on_drift": "update"}
    assert step.run("create_compute", **given) == 0, step.log
    assert json.loads(step.outputs["drift"])["identity"] == {"found": "", "wanted": user}
    assert step.run("create_compute", **{**given, "on_drift": "fail"}) == 0, step.log
    shown = workspace.az_json("ml", "compute", "show", "--name", "scripts-cluster")
    assert (shown["identity"]["type"], shown["max_instances"]) == ("user_assigned", 3)
    assert [each["resource_id"] for each in shown["identity"]["user_assigned_identities"]] == [user]


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
