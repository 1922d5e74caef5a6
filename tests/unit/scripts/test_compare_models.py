"""The orchestration of two trainings, with the children it starts replaced."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compare_models import TITLE, compare, outputs_of, reason_of
from support.fake_azure import SECRET, SUBSCRIPTION, TENANT, World
from unit.scripts.test_changed_models import PIPELINES, commit

SUMMARY = "### ✅ x\n\n```mermaid\nflowchart LR\n```\n"
FAILED = "### ❌ run-pipeline\n\n**Step train Failed.**\n"


class Children:
    """What subprocess.run is given; `metrics` by side, `exits` by script or side."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.metrics = {"base": {"test_rmse": 2.0}, "change": {"test_rmse": 1.5}}
        self.exits: dict[str, int] = {}
        self.real = subprocess.run

    def __call__(self, argv: list[str], **options: Any) -> Any:
        script = Path(argv[1]).stem
        if argv[0] == "git" or script not in ("register_environment", "create_compute", "run_pipeline"):
            return self.real(argv, **options)
        env = options["env"]
        self.calls.append((script, (Path(options["cwd"]) / "which").read_text(), env))
        job = env.get("INPUT_JOB_NAME", "")
        side = "base" if "-base-" in job else "change"
        code = self.exits.get(side if script == "run_pipeline" else script, 0)
        if script == "run_pipeline":
            text = f"status<<end_1\n{'Failed' if code else 'Completed'}\nend_1\n"
            text += f"metrics<<end_2\n{json.dumps(self.metrics[side])}\nend_2\n"
            Path(env["GITHUB_OUTPUT"]).write_text(text)
        Path(env["GITHUB_STEP_SUMMARY"]).write_text(FAILED if code else SUMMARY)
        return subprocess.CompletedProcess(argv, code)


@pytest.fixture
def children(world: World, monkeypatch: pytest.MonkeyPatch) -> Children:
    found = Children()
    base = commit(Path(), {**PIPELINES, "which": "old"})
    commit(Path(), {"which": "new"})
    monkeypatch.setattr("compare_models.subprocess.run", found)
    for name in ("RESOURCE_GROUP", "WORKSPACE_NAME", "SUBSCRIPTION_ID", "CLIENT_ID", "TENANT_ID"):
        del world.env[f"INPUT_{name}"]
    world.env.update(
        AZURE_CLIENT_ID="33333333-3333-3333-3333-333333333333", AZURE_CLIENT_SECRET=SECRET, AZURE_TENANT_ID=TENANT,
        AZURE_SUBSCRIPTION_ID=SUBSCRIPTION, AZURE_RESOURCE_GROUP="rg-ml", AZUREML_WORKSPACE_NAME="aml",
        INPUT_MODEL="taxi", INPUT_BASE=base, INPUT_OUTPUT="out",
    )  # fmt: skip
    return found


def result() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path("out/comparison.json").read_text())
    return loaded


def test_the_base_trains_first_each_from_its_own_files(world: World, children: Children) -> None:
    assert world.run(TITLE, compare) == 0, world.log
    assert [(script, which) for script, which, _ in children.calls] == [
        (script, which)
        for which in ("old", "new")
        for script in ("register_environment", "create_compute", "run_pipeline")
    ]
    names = [env["INPUT_JOB_NAME"] for _, _, env in children.calls if "INPUT_JOB_NAME" in env]
    assert names[0].startswith("taxi-base-")
    assert names[1].startswith("taxi-change-")
    found = result()
    assert (found["base"]["metrics"], found["head"]["metrics"]) == ({"test_rmse": 2.0}, {"test_rmse": 1.5})
    assert found["graph"] == "```mermaid\nflowchart LR\n```"
    assert "taxi: gate passed" in world.log


def test_the_secret_reaches_the_children_by_environment_only(world: World, children: Children) -> None:
    assert world.run(TITLE, compare) == 0
    assert all(json.loads(env["INPUT_CREDENTIALS"])["clientSecret"] == SECRET for _, _, env in children.calls)
    assert SECRET not in Path("out/comparison.json").read_text() + world.summary
    assert [line for line in world.log.splitlines() if SECRET in line and not line.startswith("::add-mask::")] == []


def test_a_model_that_the_base_does_not_have(world: World, children: Children) -> None:
    commit(Path(), {"mlops/azureml/train/new_pipeline.yml": "x: 1\n"})
    world.env["INPUT_MODEL"] = "new"
    assert world.run(TITLE, compare) == 0
    assert result()["base"] is None
    assert {which for _, which, _ in children.calls} == {"new"}


def test_a_base_that_fails_is_told_and_does_not_fail_the_change(world: World, children: Children) -> None:
    children.exits["base"] = 1
    assert world.run(TITLE, compare) == 0
    assert result()["base"]["status"] == "Failed"
    assert "the base branch's training ended as Failed" in world.summary or "no gate" in world.summary


def test_a_change_that_fails_is_red_and_still_compared(world: World, children: Children) -> None:
    children.exits["change"] = 1
    assert world.run(TITLE, compare) == 1
    assert result()["head"]["reason"] == "Step train Failed"
    assert "taxi: gate not passed: the training ended as Failed: Step train Failed." in world.log


def test_nothing_is_submitted_when_the_environment_fails(world: World, children: Children) -> None:
    children.exits["register_environment"] = 2
    assert world.run(TITLE, compare) == 1
    assert {script for script, _, _ in children.calls} == {"register_environment"}
    assert result()["head"]["status"] == "not submitted"


def test_the_worktree_is_gone_afterwards(world: World, children: Children) -> None:
    world.run(TITLE, compare)
    listed = children.real(["git", "worktree", "list"], capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 1


def test_a_model_that_does_not_exist(world: World, children: Children) -> None:
    world.env["INPUT_MODEL"] = "fare"
    assert world.run(TITLE, compare) == 2
    assert "model is 'fare': it must be one of digits, taxi." in world.log


def test_outputs_are_read_as_the_runner_reads_them() -> None:
    text = "a<<end_0f\none\ntwo\nend_0f\nempty<<end_1\n\nend_1\n"
    assert outputs_of(text) == {"a": "one\ntwo", "empty": ""}


def test_the_reason_is_the_bold_line() -> None:
    assert reason_of("### ❌ x\n\n**Step train Failed.**\n", "run_pipeline") == "Step train Failed"
    assert reason_of("", "create_compute") == "create_compute failed"
