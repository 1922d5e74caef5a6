"""The metrics and the model version that belong to this job and to no other."""

from __future__ import annotations

import json

from job_result import Comparison, compare, gather
from rest import Rest
from support.fake_azure import SUBSCRIPTION, Fault, StaticCredential, World, answer, child, model_version
from workspace import Run, Workspace


def workspace_of(world: World) -> Workspace:
    rest = Rest(StaticCredential(world.azure), transport=world.azure, clock=world.clock)
    return Workspace(rest, SUBSCRIPTION, "rg-ml", "aml")


def run(identifier: str, started: str) -> Run:
    return Run.of(child(identifier, identifier, startTimeUtc=started))


def test_the_job_wins_over_its_steps_and_late_steps_over_early_ones(world: World) -> None:
    world.azure.data = {
        "early": {"metrics": {"rmse": 3.0, "rows": 10, "only": 1}},
        "late": {"metrics": {"rmse": 2.0, "rows": 20}},
        "j1": {"metrics": {"rmse": 1.5}},
    }
    runs = [run("late", "2026-01-02"), run("early", "2026-01-01")]
    found = gather(workspace_of(world), "j1", runs, "")
    assert found.metrics == {"rmse": 1.5, "rows": 20.0, "only": 1.0}


def test_metrics_that_json_cannot_hold_become_text(world: World) -> None:
    world.azure.data = {"j1": {"metrics": {"a": "NaN", "b": "Infinity", "c": 1}}}
    metrics = gather(workspace_of(world), "j1", [], "").metrics
    assert metrics == {"a": "nan", "b": "inf", "c": 1.0}
    json.loads(json.dumps(metrics, allow_nan=False))


def test_only_the_version_of_this_job_counts(world: World) -> None:
    world.azure.models = {
        "taxi": [model_version("9", "other"), model_version("8", "step"), model_version("7", "older")],
        "wine": [model_version("1", "other")],
    }
    found = gather(workspace_of(world), "j1", [run("step", "")], "")
    assert [(model.name, model.version) for model in found.models] == [("taxi", "8")]
    assert gather(workspace_of(world), "j1", [run("step", "")], "wine").models == []
    assert gather(workspace_of(world), "j1", [run("step", "")], "absent").models == []


def test_a_version_without_a_job_is_known_by_its_path(world: World) -> None:
    path = "azureml://x/workspaces/w/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.step/model"
    world.azure.models = {
        "taxi": [model_version("2", modelUri=path), model_version("1", modelUri=path.replace("step", "x"))]
    }
    found = gather(workspace_of(world), "j1", [run("step", "")], "")
    assert [model.version for model in found.models] == ["2"]


def test_the_champions_version_is_read_from_parameters_or_tags(world: World) -> None:
    world.azure.data = {"step": {"params": {"champion_version": "4"}}}
    assert gather(workspace_of(world), "j1", [run("step", "")], "").champion_version == "4"


def test_the_decision_is_read_where_the_champion_is(world: World) -> None:
    world.azure.data = {
        "j1": {"tags": {"decision": "rmse 2 is better", "champion_version": "none"}},
        "step": {"params": {"decision": "of something else"}},
    }
    found = gather(workspace_of(world), "j1", [run("step", "")], "")
    assert (found.decision, found.champion_version) == ("rmse 2 is better", "")


def test_each_run_is_asked_for_once(world: World) -> None:
    world.azure.data = {"step": {"metrics": {"a": 1}}}
    gather(workspace_of(world), "j1", [run("step", "")], "")
    assert len(world.azure.asked("runs/get")) == 2


def test_a_run_that_mlflow_does_not_know_has_no_metrics(world: World) -> None:
    world.azure.faults = [Fault("runs/get", answer(404))]
    assert gather(workspace_of(world), "j1", [], "").metrics == {}


def test_metrics_are_put_beside_the_champions() -> None:
    rows = compare(
        {"rmse": 2.0, "champion_rmse": 2.5, "rows": 10.0, "champion_r2": 0.5, "odd": "nan", "champion_odd": 1.0}
    )
    assert rows == [
        Comparison("odd", "nan", 1.0, None),
        Comparison("rmse", 2.0, 2.5, -0.5),
        Comparison("rows", 10.0, None, None),
    ]


def test_what_a_reused_step_had_made_counts(world: World) -> None:
    world.azure.models = {"taxi": [model_version("2", "original"), model_version("1", "other")]}
    world.azure.data = {"original": {"metrics": {"rmse": 2}, "tags": {"champion_version": "none"}}}
    reused = Run.of(child("step", "register", properties={"azureml.reusedrunid": "original"}))
    found = gather(workspace_of(world), "j1", [reused], "")
    assert [model.version for model in found.models] == ["2"]
    assert found.metrics == {"rmse": 2.0}
    assert found.champion_version == ""
    assert found.reused == {"original"}


def reused_and_fresh() -> list[Run]:
    """A train step taken over from an earlier job, and a register step that ran."""
    return [
        Run.of(child("a", "train", properties={"azureml.reusedrunid": "original"}, createdUtc="2026-01-01T00:00:05Z")),
        Run.of(child("b", "register", createdUtc="2026-01-01T00:00:05Z")),
    ]


def test_a_version_made_anew_from_a_reused_run_is_this_jobs(world: World) -> None:
    world.azure.models = {"taxi": [model_version("9", "original"), model_version("1", "original")]}
    found = gather(workspace_of(world), "j1", reused_and_fresh(), "")
    assert [model.version for model in found.models] == ["9"]


def test_a_job_that_registered_nothing_hands_on_nothing_although_a_reused_run_once_did(world: World) -> None:
    world.azure.models = {"taxi": [model_version("1", "original")]}
    assert gather(workspace_of(world), "j1", reused_and_fresh(), "").models == []
