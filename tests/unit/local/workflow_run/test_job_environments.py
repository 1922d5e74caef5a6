"""The copies of workflow files in which a job with a GitHub environment asks before it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from azureml_local.workflow_run.job_environments import STEP_ID, copies, edited, has_environments
from azureml_local.workflow_run.workflow_file import remote_uses

BLOCK = """\
on: workflow_dispatch
jobs:
  stage: # a comment that stays
    runs-on: ubuntu-24.04
    environment: ${{ inputs.environment }}
    steps:
    - if: always() && steps.x.outputs.y != ''  # why
      run: echo one
    - run: echo two
  free:
    runs-on: ubuntu-24.04
    steps: [{ run: echo free, if: "always()" }]
"""


def jobs(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text)["jobs"]
    return loaded


def same(uses: str) -> str:
    return uses


def test_a_job_with_an_environment_asks_first_and_only_it() -> None:
    made = edited(BLOCK, same)
    first, *others = jobs(made)["stage"]["steps"]
    assert (first["id"], first["env"]) == (STEP_ID, {"ENVIRONMENT_NAME": "${{ inputs.environment }}"})
    assert [step["run"] for step in others] == ["echo one", "echo two"]
    assert jobs(made)["free"] == jobs(BLOCK)["free"]
    assert "# a comment that stays" in made
    assert "# why" in made


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("always()", "always()"),
        ("${{ failure() && x }}", "failure() && x"),
        ('"!cancelled()"', "!cancelled()"),
        ("|\n          always()\n          || x", "always()\n|| x"),
    ],
)
def test_no_step_of_a_job_that_was_held_back_runs(written: str, said: str) -> None:
    text = f"jobs:\n  a:\n    environment: prod\n    steps:\n      - if: {written}\n        run: echo\n"
    (_, step) = jobs(edited(text, same))["a"]["steps"]
    assert step == {"if": f"({said}) && steps.{STEP_ID}.outcome == 'success'", "run": "echo"}


def test_a_step_that_needs_the_ones_before_it_is_left_as_it_is() -> None:
    text = "jobs: {a: {environment: {name: prod, url: x}, steps: [{if: inputs.x, run: echo}]}}"
    first, step = jobs(edited(text, same))["a"]["steps"]
    assert first["env"] == {"ENVIRONMENT_NAME": "prod"}
    assert step["if"] == "inputs.x"


def test_a_workflow_without_environments_has_none() -> None:
    assert has_environments(BLOCK)
    assert not has_environments("jobs: {a: {steps: [{run: echo}]}}")
    assert not has_environments("on: push")


CALLER = "on: push\njobs:\n  call:\n    uses: ./.github/workflows/stage.yml # here\n"
REMOTE = "on: push\njobs: {call: {uses: O/SUITE/.github/workflows/stage.yml@v1}}\n"


def put(root: Path, **workflows: str) -> Path:
    folder = root / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, text in workflows.items():
        (folder / f"{name}.yml").write_text(text)
    return folder


def test_calls_in_the_same_repository_lead_to_the_copies(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    folder = put(repository, caller=CALLER, stage=BLOCK)
    file, mapped = copies(repository, "octo/repo", folder / "caller.yml", {}, tmp_path / "run")
    assert "uses: octo/repo/.github/workflows/stage.yml@azureml-local # here" in file.read_text()
    copy = mapped["octo/repo@azureml-local"] / ".github/workflows/stage.yml"
    assert jobs(copy.read_text())["stage"]["steps"][0]["id"] == STEP_ID
    assert (folder / "stage.yml").read_text() == BLOCK, "the work tree stays as it is"


def test_workflows_of_another_repository_ask_too_and_the_mapped_folder_is_not_touched(tmp_path: Path) -> None:
    repository, suite = tmp_path / "repository", tmp_path / "suite"
    folder, called = put(repository, caller=REMOTE), put(suite, stage=BLOCK)
    folders = {use.key: suite for use in remote_uses(repository, folder / "caller.yml")}
    _, mapped = copies(repository, "octo/repo", folder / "caller.yml", folders, tmp_path / "run")
    copy = mapped["O/SUITE@v1"] / ".github/workflows/stage.yml"
    assert jobs(copy.read_text())["stage"]["steps"][0]["id"] == STEP_ID
    assert (called / "stage.yml").read_text() == BLOCK


def test_without_environments_nothing_is_copied(tmp_path: Path) -> None:
    folder = put(tmp_path / "repository", caller="on: push\njobs: {a: {steps: [{run: echo}]}}\n")
    file, mapped = copies(tmp_path / "repository", "o/r", folder / "caller.yml", {"x/y@v1": tmp_path}, tmp_path / "run")
    assert (file, mapped) == (folder / "caller.yml", {"x/y@v1": tmp_path})
