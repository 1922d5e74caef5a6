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
    assert names.index("Register the same version in this workspace") < names.index("Deploy")
    assert names.index("Deploy") < names.index("Export the version"), "what dev refuses goes no further"


def test_a_push_delivers_only_where_a_team_has_said_so() -> None:
    assert workflow("deliver")["jobs"]["changes"]["if"] == "vars.DELIVER_ON_PUSH == 'true'"
