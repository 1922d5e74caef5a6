"""deploy-online.yml and deploy-batch.yml agree with their settings script and with the actions they use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_settings import BATCH, ONLINE

ROOT = Path(__file__).parents[3]
KINDS = {"online": ONLINE, "batch": BATCH}


def text_of(kind: str) -> str:
    return (ROOT / ".github" / "workflows" / f"deploy-{kind}.yml").read_text()


def workflow(kind: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(text_of(kind))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_call"])
def test_inputs_are_the_settings_with_the_same_defaults(kind: str, event: str) -> None:
    inputs = workflow(kind)[True][event]["inputs"]  # YAML 1.1 reads `on` as a boolean
    assert set(inputs) <= set(KINDS[kind])
    for name, definition in inputs.items():
        default = definition.get("default", "")
        assert str(default).lower() in ("", KINDS[kind][name]), name
        assert definition["type"] == ("boolean" if isinstance(default, bool) else "string")


@pytest.mark.parametrize("kind", KINDS)
def test_a_called_workflow_takes_every_setting_and_a_form_not_too_many(kind: str) -> None:
    events = workflow(kind)[True]
    assert set(events["workflow_call"]["inputs"]) == set(KINDS[kind])
    assert len(events["workflow_dispatch"]["inputs"]) <= 10
    assert events["repository_dispatch"]["types"] == [f"deploy-{kind}"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_handed_on_and_used(kind: str) -> None:
    outputs = workflow(kind)["jobs"]["settings"]["outputs"]
    folded = {"model", "model-name", "model-version"}  # together they are azure-model
    assert set(outputs) - {"model-name"} == set(KINDS[kind]) - folded | {"azure-model"}
    for name, value in outputs.items():
        assert value == "${{ steps.settings.outputs." + name + " }}"
        assert f"needs.settings.outputs.{name}" in text_of(kind), f"nobody uses {name}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_action_gets_only_inputs_that_it_has_and_all_it_needs(kind: str) -> None:
    step = next(each for each in workflow(kind)["jobs"]["deploy"]["steps"] if each.get("id") == "deploy")
    inputs = yaml.safe_load((ROOT / "actions" / f"deploy-{kind}" / "action.yml").read_text())["inputs"]
    assert set(step["with"]) <= set(inputs)
    assert {name for name, each in inputs.items() if each.get("required")} <= set(step["with"])
    for name in set(KINDS[kind]) & set(inputs):
        if name != "model":
            assert f"needs.settings.outputs.{name}" in step["with"][name]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_run_is_undone_by_a_step_of_its_own(kind: str) -> None:
    steps = workflow(kind)["jobs"]["deploy"]["steps"]
    undo = [step for step in steps if step.get("if") == "cancelled()"]
    assert any("cancel_deployment.py" in step["run"] for step in undo)
    for step in undo:
        script = re.search(r"scripts/(\w+)\.py", step["run"])
        assert script is not None
        code = (ROOT / "scripts" / f"{script[1]}.py").read_text() + (ROOT / "scripts" / "session.py").read_text()
        for variable in step["env"]:
            name = variable.removeprefix("INPUT_").lower().replace("_", "-")
            assert f'"{name}"' in code, name


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_come_from_the_action(kind: str) -> None:
    action = yaml.safe_load((ROOT / "actions" / f"deploy-{kind}" / "action.yml").read_text())
    job = workflow(kind)["jobs"]["deploy"]
    for value in job["outputs"].values():
        for name in re.findall(r"steps\.deploy\.outputs\.([\w-]+)", value):
            assert name in action["outputs"]
    for definition in workflow(kind)[True]["workflow_call"]["outputs"].values():
        assert re.fullmatch(r"\$\{\{ jobs\.deploy\.outputs\.([\w-]+) \}\}", definition["value"])
        assert definition["value"][20:-3].split(".")[-1] in job["outputs"]


@pytest.mark.parametrize("kind", KINDS)
def test_approval_concurrency_and_rights(kind: str) -> None:
    document = workflow(kind)
    assert document["permissions"] == {}
    assert document["concurrency"]["cancel-in-progress"] is False
    assert "endpoint-name" in document["concurrency"]["group"]
    deploy = document["jobs"]["deploy"]
    assert deploy["environment"] == "${{ needs.settings.outputs.environment }}"
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}
    limit = int(next(step for step in deploy["steps"] if step.get("id") == "deploy")["with"]["timeout-minutes"])
    assert limit < deploy["timeout-minutes"]
