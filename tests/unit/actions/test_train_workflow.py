"""train.yml agrees with its settings script and with the actions it uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from train_settings import DEFAULTS

ROOT = Path(__file__).parents[3]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "train.yml").read_text())
EVENTS: dict[str, Any] = WORKFLOW[True]  # YAML 1.1 reads `on` as a boolean
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_call"])
def test_inputs_are_the_settings_with_the_same_defaults(event: str) -> None:
    inputs = EVENTS[event]["inputs"]
    assert set(inputs) <= set(DEFAULTS)
    for name, definition in inputs.items():
        default = definition.get("default", "")
        assert default in ("", DEFAULTS[name]), name  # an empty one is filled in by the script
        assert definition["type"] == "string"


def test_a_called_workflow_takes_every_setting() -> None:
    assert set(EVENTS["workflow_call"]["inputs"]) == set(DEFAULTS)


def test_a_manual_run_has_no_more_inputs_than_github_allows() -> None:
    assert len(EVENTS["workflow_dispatch"]["inputs"]) <= 10


def test_every_setting_is_handed_on_and_used() -> None:
    outputs = JOBS["settings"]["outputs"]
    assert set(outputs) == set(DEFAULTS) - {"model"}
    text = (ROOT / ".github" / "workflows" / "train.yml").read_text()
    for name, value in outputs.items():
        assert value == "${{ steps.settings.outputs." + name + " }}"
        assert f"needs.settings.outputs.{name}" in text, f"nobody uses {name}"


def test_inputs_are_read_in_one_place_only() -> None:
    """`inputs` is empty on repository_dispatch: only the settings job, the run's name and its group may look there."""
    for name, step in STEPS:
        if name != "settings":
            assert not re.search(r"\$\{\{[^}]*\b(inputs|client_payload)\b", yaml.safe_dump(step)), step["name"]


@pytest.mark.parametrize(("job", "step"), [(job, step) for job, step in STEPS if step.get("uses", "").startswith("./")])
def test_actions_are_given_inputs_that_they_have(job: str, step: dict[str, Any]) -> None:
    action = yaml.safe_load((ROOT / step["uses"].removeprefix("./.suite/") / "action.yml").read_text())
    assert set(step["with"]) <= set(action["inputs"])
    required = {name for name, definition in action["inputs"].items() if definition.get("required")}
    assert required <= set(step["with"])
    assert JOBS[job]["permissions"]["id-token"] == "write"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_a_timeout_permissions_and_no_floating_action(name: str) -> None:
    job = JOBS[name]
    assert job["timeout-minutes"] <= 360
    assert job["permissions"]["contents"] == "read"
    for step in job["steps"]:
        uses = step.get("uses", "./x")
        assert uses.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", uses)
        assert "${{" not in step.get("run", "")


def test_the_job_on_azure_is_cancelled_before_github_gives_up() -> None:
    train = next(step for _, step in STEPS if step.get("id") == "pipeline")
    assert int(train["with"]["timeout-minutes"]) <= JOBS["run-pipeline"]["timeout-minutes"] - 10


def test_the_cancel_step_has_what_its_script_reads() -> None:
    step = next(step for _, step in STEPS if step.get("if") == "cancelled()")
    assert step["env"]["INPUT_JOB_NAME"] == "${{ steps.pipeline.outputs.job-name }}"
    train = next(step for _, step in STEPS if step.get("id") == "pipeline")
    common = {
        name: value for name, value in train["with"].items() if name not in ("pipeline-file", "set", "timeout-minutes")
    }
    for name, value in common.items():
        assert step["env"]["INPUT_" + name.upper().replace("-", "_")] == value


def test_the_outputs_of_a_called_workflow_exist() -> None:
    for definition in EVENTS["workflow_call"]["outputs"].values():
        match = re.fullmatch(r"\$\{\{ jobs\.([\w-]+)\.outputs\.([\w-]+) \}\}", definition["value"])
        assert match is not None
        assert match[2] in JOBS[match[1]]["outputs"]
