"""Calls of workflows and actions are checked before act starts, as GitHub checks them."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.workflow_run.calls import check
from azureml_local.workflow_run.workflow_file import WorkflowError

CALLED = """
on:
  workflow_call:
    inputs: { model: { type: string, required: true }, size: { type: string } }
    secrets: { TOKEN: { required: false } }
permissions: {}
jobs:
  train:
    permissions: { contents: read, id-token: write }
    runs-on: ubuntu-24.04
    steps: []
"""
GOOD = """
on: push
permissions: {}
jobs:
  call:
    permissions: { contents: read, id-token: write }
    uses: OWNER/SUITE/.github/workflows/train.yml@v1
    with: { model: wine }
    secrets: { TOKEN: x }
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    workflows = tmp_path / "suite" / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "train.yml").write_text(CALLED)
    (workflows / "push.yml").write_text("on: push\njobs: {}\n")
    action = tmp_path / "suite" / "actions" / "run" / "action.yml"
    action.parent.mkdir(parents=True)
    action.write_text("inputs: {file: {description: x}}\nruns: {using: composite, steps: []}\n")
    return tmp_path / "suite"


def call(tmp_path: Path, suite: Path, text: str) -> list[str]:
    """Check a workflow with this text, in a repository of its own, against the suite mapped at v1."""
    file = tmp_path / "caller" / ".github" / "workflows" / "call.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return check(tmp_path / "caller", file, {"OWNER/SUITE@v1": suite})


def test_a_call_that_fits_is_silent(tmp_path: Path, suite: Path) -> None:
    assert call(tmp_path, suite, GOOD) == []
    assert call(tmp_path, suite, GOOD.replace("{ TOKEN: x }", "inherit")) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("model: wine", "modell: wine", r"has no input 'modell'; it has: model, size; .*needs the input 'model'"),
        ("{ TOKEN: x }", "{ TOKN: x }", r"has no secret 'TOKN'; it has: TOKEN"),
        (
            "id-token: write }\n    uses",
            "id-token: read }\n    uses",
            r"its job train asks for `id-token: write`, the calling job grants `id-token: read`",
        ),
        ("{ contents: read, id-token: write }", "{}", r"`contents: read`, the calling job grants `contents: none`"),
        ("    permissions: { contents: read, id-token: write }\n", "", r"the calling job grants `contents: none`"),
        ("train.yml@v1", "push.yml@v1", r"cannot be called: it does not run on workflow_call"),
    ],
)  # fmt: skip
def test_a_call_that_github_would_refuse_is_refused(
    tmp_path: Path, suite: Path, before: str, after: str, message: str
) -> None:
    assert before in GOOD
    with pytest.raises(WorkflowError, match=message) as caught:
        call(tmp_path, suite, GOOD.replace(before, after))
    assert str(caught.value).startswith("call.yml, job call: OWNER/SUITE/.github/workflows/")


def test_where_nobody_says_permissions_the_repositorys_settings_decide(tmp_path: Path, suite: Path) -> None:
    silent = GOOD.replace("permissions: {}\n", "").replace("    permissions: { contents: read, id-token: write }\n", "")
    assert call(tmp_path, suite, silent) == []


def test_an_input_that_an_action_does_not_have_is_a_warning(tmp_path: Path, suite: Path) -> None:
    steps = "[{uses: OWNER/SUITE/actions/run@v1, with: {fiel: x}}]"
    text = f"on: push\njobs: {{a: {{runs-on: ubuntu-24.04, steps: {steps}}}}}\n"
    assert call(tmp_path, suite, text) == [
        "call.yml, job a: OWNER/SUITE/actions/run@v1 has no input 'fiel'; it has: file"
    ]


def test_results_that_act_would_lose_are_told(tmp_path: Path, suite: Path) -> None:
    nested = suite / ".github" / "workflows" / "nested.yml"
    inner = "uses: OWNER/SUITE/.github/workflows/train.yml@v1, with: {model: x}"
    head = "on: {workflow_call: {}}\njobs:\n  first: {steps: []}\n"
    text = "on: push\njobs:\n  call: {uses: OWNER/SUITE/.github/workflows/nested.yml@v1}\n"
    nested.write_text(f"{head}  inner: {{{inner}, needs: first}}\n")
    assert call(tmp_path, suite, text) == [], "nobody needs it"
    [warning] = call(tmp_path, suite, text + "  after: {needs: call, steps: []}\n")
    assert warning.startswith("call.yml, job call: act takes the called workflow for ended before")
    nested.write_text(f"{head}  inner: {{{inner}}}\n  last: {{needs: [inner], steps: []}}\n")
    assert call(tmp_path, suite, text + "  after: {needs: [call], steps: []}\n") == []
