"""Delivery: one training, one version in every stage, and no stage where an earlier one did not succeed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    return loaded


def test_one_training_and_its_version_in_every_stage() -> None:
    jobs = workflow("deliver-model")["jobs"]
    assert [name for name, job in jobs.items() if str(job.get("uses", "")).endswith("/train.yml")] == ["train"]
    for stage in ("dev", "test", "prod"):
        given = jobs[stage]["with"]
        assert given["environment"] == stage
        assert given["model-version"] == "${{ needs.train.outputs.model-version }}"
        assert "train" in jobs[stage]["needs"]


def test_each_stage_needs_the_ones_before_it() -> None:
    jobs = workflow("deliver-model")["jobs"]
    assert "dev" in jobs["test"]["needs"]
    assert {"dev", "test"} <= set(jobs["prod"]["needs"])
    # Without a status function a job runs only where all it needs succeeded; prod has one, so it says so itself.
    assert "always()" not in json.dumps(jobs)
    assert "cancelled()" not in jobs["test"]["if"] + jobs["dev"]["if"]
    assert "needs.dev.result == 'success'" in jobs["prod"]["if"]
    assert "needs.test.result == 'success'" in jobs["prod"]["if"]


def test_only_dev_hands_on_and_only_the_others_take() -> None:
    jobs = workflow("deliver-model")["jobs"]
    assert {stage for stage in jobs if (jobs[stage].get("with") or {}).get("hand-on")} == {"dev"}
    assert {stage for stage in jobs if (jobs[stage].get("with") or {}).get("bring")} == {"test", "prod"}


def test_a_stage_is_one_job_in_its_environment_and_brings_before_it_deploys() -> None:
    jobs = workflow("deliver-stage")["jobs"]
    assert list(jobs) == ["stage"]
    assert jobs["stage"]["environment"] == "${{ inputs.environment }}"
    names = [step["name"] for step in jobs["stage"]["steps"]]
    order = [
        "Register the same version in this workspace",
        "Create the cluster that batch scoring runs on",
        "Deploy to batch and score",
        "Deploy online",
        "Make the batch deployment the default",
        "Share the version to the registry",
        "Export the version",
    ]
    assert [name for name in names if name in order] == order, "what a stage refuses goes no further"


def step(name: str) -> dict[str, Any]:
    steps = workflow("deliver-stage")["jobs"]["stage"]["steps"]
    return dict(next(each for each in steps if each["name"] == name))


def test_with_both_endpoints_the_batch_default_moves_last_and_alone_it_moves_after_scoring() -> None:
    assert step("Deploy to batch and score")["with"]["set-default"] == "${{ steps.model.outputs.online != 'true' }}"
    both = "steps.model.outputs.online == 'true' && steps.model.outputs.batch == 'true'"
    assert step("Make the batch deployment the default")["if"] == both


def test_with_a_registry_no_files_travel_and_the_later_stages_deploy_from_it() -> None:
    for name in ("Take the version from the stage before", "Register the same version in this workspace"):
        assert step(name)["if"] == "inputs.bring && inputs.registry == ''"
    for name in ("Export the version", "Hand it on"):
        assert step(name)["if"] == "inputs.hand-on && inputs.registry == ''"
    assert step("Share the version to the registry")["if"] == "inputs.hand-on && inputs.registry != ''"
    stage = workflow("deliver-stage")["jobs"]["stage"]
    assert stage["env"]["AZURE_MODEL"].startswith("${{ inputs.bring && inputs.registry != '' && format('azureml://")
    for name, settings in (("Deploy to batch and score", "batch-settings"), ("Deploy online", "settings")):
        assert step(name)["with"]["model"] == f"${{{{ steps.{settings}.outputs.azure-model }}}}"
    jobs = workflow("deliver-model")["jobs"]
    for each in ("dev", "test", "prod"):
        assert jobs[each]["with"]["registry"] == "${{ needs.stages.outputs.registry }}"
        assert "stages" in jobs[each]["needs"]


def test_a_cancelled_stage_undoes_both_kinds() -> None:
    undone = {name: step(name) for name in ("Undo the batch deployment", "Undo the online deployment")}
    assert {each["if"] for each in undone.values()} == {"cancelled()"}
    assert undone["Undo the batch deployment"]["env"]["INPUT_KIND"] == "batch"
    assert "INPUT_KIND" not in undone["Undo the online deployment"]["env"]


def test_a_push_delivers_only_where_a_team_has_said_so() -> None:
    assert workflow("deliver")["jobs"]["changes"]["if"] == "vars.DELIVER_ON_PUSH == 'true'"
