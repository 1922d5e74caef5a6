"""The deploying step: one command, its outputs told, its failure explained."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from az_cli import Finished
from deploy_infrastructure import main
from infrastructure_stack import FOLDER, VARIABLES


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "INPUT_ENVIRONMENT": "test",
        "INPUT_PREFIX": "ydamlv2",
        "INPUT_POSTFIX": "yd2023",
        "INPUT_LOCATION": "westeurope",
        "INPUT_SUBJECT_PREFIX": "repo:o@1/r@2",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }


def deploy(environment: Mapping[str, str], answer: Finished) -> tuple[int, str, list[list[str]]]:
    calls: list[list[str]] = []

    def run(argv: Sequence[str], env: Mapping[str, str]) -> Finished:
        calls.append(list(argv))
        return answer

    out = io.StringIO()
    return main(run=run, env=environment, out=out), out.getvalue(), calls


def test_one_command_deploys_and_the_outputs_are_told(env: dict[str, str]) -> None:
    outputs = {name: {"value": f"value-of-{name}"} for name in VARIABLES}
    code, said, calls = deploy(env, Finished(0, json.dumps({"properties": {"outputs": outputs}}), ""))
    assert code == 0
    assert calls == [
        [
            "az", "deployment", "sub", "create",
            "--name", "azureml-ydamlv2-yd2023-test",
            "--location", "westeurope",
            "--template-file", str(FOLDER / "main.bicep"),
            "--parameters", f"@{FOLDER / 'environments' / 'test.json'}",
            "--parameters", "prefix=ydamlv2", "postfix=yd2023", "env=test", "githubSubjectPrefix=repo:o@1/r@2",
            "--output", "json",
        ]
    ]  # fmt: skip
    assert said.endswith("azureml-ydamlv2-yd2023-test: Succeeded\n")
    summary = Path(env["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
    assert "### ✅ test is deployed" in summary
    assert "| WORKSPACE_NAME | value-of-WORKSPACE\\_NAME |" in summary


def test_a_refusal_is_explained(env: dict[str, str]) -> None:
    code, said, _ = deploy(env, Finished(1, "", "ERROR: (AuthorizationFailed) The client may not."))
    assert code == 3
    assert "The deployment azureml-ydamlv2-yd2023-test failed." in said
    assert "The identity is signed in but may not do this." in said


def test_bad_input_is_told_together_and_nothing_is_deployed(env: dict[str, str]) -> None:
    code, said, calls = deploy({**env, "INPUT_ENVIRONMENT": "Pre Prod", "INPUT_PREFIX": ""}, Finished(0, "{}", ""))
    assert code == 2
    assert calls == []
    assert "environment is 'Pre Prod': it must have 1 to 7 lower-case letters and digits" in said
    assert "prefix is empty: it must have 1 to 10 letters and digits. scripts/setup_github.py --infrastructure" in said
