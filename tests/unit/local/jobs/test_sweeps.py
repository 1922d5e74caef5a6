"""Sweeps: points, trials, the best of them."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from azureml_local.errors import AzureError
from azureml_local.jobs import search_space, sweep_runner
from azureml_local.jobs.planning import plan_of
from azureml_local.jobs.processes import Launch
from support.local_jobs import Jobs, pipeline, step


@pytest.mark.parametrize(
    ("kind", "given", "low", "high"),
    [
        ("uniform", [1, 2], 1, 2),
        ("quniform", [1, 10, 2], 0, 10),
        ("loguniform", [0, 1], 1, 2.7183),
        ("qloguniform", [0, 3, 1], 1, 20.09),
        ("randint", [5], 0, 4),
        ("normal", [10, 0.1], 8, 12),
        ("qnormal", [10, 2, 1], 1, 19),
        ("lognormal", [0, 0.1], 0.5, 2),
        ("qlognormal", [2, 0.1, 1], 4, 13),
    ],
)
def test_samples_are_within_their_distribution(kind: str, given: list[Any], low: float, high: float) -> None:
    generator = random.Random(1)
    values = [search_space.sample({"x": (kind, given)}, generator)["x"] for _ in range(200)]
    assert low <= min(values)
    assert max(values) <= high
    assert len(set(values)) > 1
    if kind.startswith("q"):
        assert all(value % given[-1] == 0 for value in values)


def test_a_grid_is_every_combination() -> None:
    space: search_space.Space = {"a": ("choice", [[1, 2]]), "b": ("choice", [["x", "y"]])}
    assert search_space.points(space, "grid", None, 10) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip
    assert len(search_space.points(space, "grid", None, 3)) == 3


def test_the_same_seed_gives_the_same_points() -> None:
    space: search_space.Space = {"a": ("uniform", [0, 1])}
    assert search_space.points(space, "random", 3, 5) == search_space.points(space, "random", 3, 5)


def sweep(**more: Any) -> dict[str, Any]:
    return {
        "jobType": "Sweep",
        "computeId": "cpu",
        "trial": {
            "command": "train --lr ${{search_space.lr}} ${{outputs.o}}",
            "environmentId": "azureml:plain:1",
        },
        "searchSpace": {"lr": ["choice", [[0.1, 0.2, 0.3]]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
        "objective": {"goal": "maximize", "primaryMetric": "acc"},
        "limits": {"maxTotalTrials": 10, "maxConcurrentTrials": 2},
        "outputs": {"o": {"jobOutputType": "uri_folder", "assetName": "best"}},
        **more,
    }


def logs_metric(jobs: Jobs, name: str = "acc") -> Any:
    """A trial whose metric is its learning rate."""

    async def program(launch: Launch) -> int:
        rate = float(launch.arguments[2].split()[2])
        jobs.mlflow.metrics[launch.environment["AZUREML_RUN_ID"]] = {name: rate}
        Path(launch.environment["AZURE_ML_OUTPUT_o"], "model.txt").write_text(str(rate))
        return 1 if rate == 0.3 else 0

    return program


def test_the_best_trial_that_completed_is_the_sweeps_result(jobs: Jobs) -> None:
    jobs.launcher.programs["train"] = logs_metric(jobs)
    run = asyncio.run(jobs.run(sweep()))
    assert run.status == "Completed", run.error
    trials = jobs.children()
    assert {name: trial.status for name, trial in trials.items()} == {"0": "Completed", "1": "Completed", "2": "Failed"}
    assert (run.properties["best_child_run_id"], run.properties["score"]) == ("job_1", "0.2")
    assert trials["1"].tags == {"hyperparameters": '{"lr": 0.2}'}
    assert run.outputs["o"]["uri"] == trials["1"].outputs["o"]["uri"]
    asset = jobs.services.store.get(f"{jobs.workspace.id}/data/best/versions/1")
    assert asset is not None
    assert asset["properties"]["dataUri"] == trials["1"].outputs["o"]["uri"]
    assert jobs.services.store.get(f"{jobs.workspace.id}/data/best/versions/2") is None


def test_a_sweep_whose_trials_log_no_metric_fails(jobs: Jobs) -> None:
    jobs.launcher.programs["train"] = logs_metric(jobs, "loss")
    run = asyncio.run(jobs.run(sweep()))
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["message"].startswith(
        "None of the 3 trials completed with a value. job_0: It did not log the metric 'acc'."
    )


def test_a_sweep_step_hands_its_best_output_on(jobs: Jobs) -> None:
    jobs.launcher.programs["train"] = logs_metric(jobs)
    trial = jobs.command(
        "train --lr ${{inputs.lr}} ${{outputs.o}}",
        inputs={"lr": {"type": "number"}},
        outputs={"o": {"type": "uri_folder"}},
    )
    node = {
        "type": "sweep",
        "trial": {"componentId": trial},
        "search_space": {"lr": {"type": "choice", "values": [0.1, 0.2]}},
        "objective": {"goal": "minimize", "primary_metric": "acc"},
        "sampling_algorithm": "grid",
        "limits": {"max_total_trials": 4},
    }
    read = jobs.command("read ${{inputs.x}}", inputs={"x": {"type": "uri_folder"}})
    run = asyncio.run(
        jobs.run(pipeline({"sweep": node, "read": step(read, {"x": "${{parent.jobs.sweep.outputs.o}}"})}))
    )
    assert run.status == "Completed", run.error
    best = jobs.children()["sweep"].properties["best_child_run_id"]
    assert jobs.launcher.commands[-1].endswith(f"/azureml/{best}/o")
    assert best.endswith("_0")


def test_a_time_limit_ends_a_sweep_and_keeps_what_is_done(jobs: Jobs) -> None:
    quick = logs_metric(jobs)

    async def program(launch: Launch) -> int:
        if "0.1" not in launch.arguments[2]:
            await asyncio.sleep(3600)
        return int(await quick(launch))

    jobs.launcher.programs["train"] = program
    run = asyncio.run(jobs.run(sweep(limits={"maxTotalTrials": 10, "timeout": "PT1S"})))
    assert run.status == "Completed", run.error
    assert run.properties["best_child_run_id"] == "job_0"
    assert run.warnings == ["The sweep reached its time limit of 1 s. The trials that had not ended were canceled."]
    assert jobs.launcher.alive == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"searchSpace": {}}, "search_space: a search space is missing"),
        ({"searchSpace": {"lr": ["uniform", [2, 1]]}}, "search_space.lr: min_value is greater than max_value"),
        (
            {"searchSpace": {"lr": ["uniform", [1, 2]]}},
            "search_space.lr: grid sampling needs choices, but this is uniform",
        ),
        ({"searchSpace": {"lr": ["triangular", [1]]}}, "search_space.lr: the distribution 'triangular' is not one of"),
        ({"objective": {"goal": "best"}}, "objective: needs a goal (minimize or maximize) and a primary_metric"),
        (
            {"trial": {"command": "x ${{search_space.rate}}", "environmentId": "azureml:plain:1"}},
            "trial.command: '${{search_space.rate}}' is not declared",
        ),
        (
            {"searchSpace": {"lr": ["normal", [1, 2]]}, "samplingAlgorithm": {"samplingAlgorithmType": "Bayesian"}},
            "search_space.lr: bayesian sampling supports choice, uniform, quniform, but this is normal",
        ),
        (
            {"samplingAlgorithm": {"samplingAlgorithmType": "Bayesian"}, "limits": {}},
            "limits.max_total_trials: is missing: bayesian sampling never ends by itself",
        ),
        (
            {"samplingAlgorithm": {"samplingAlgorithmType": "Random", "logbase": "ten"}},
            "sampling_algorithm.logbase: must be a number above 0 or 'e', but 'ten' was given",
        ),
        ({"earlyTermination": {"policyType": "Bandit"}}, "early_termination: bandit needs either a slack_factor or"),
        (
            {"earlyTermination": {"policyType": "Hyperband"}},
            "'Hyperband' is not one of bandit, median_stopping, truncation_selection",
        ),
        (
            {"earlyTermination": {"policyType": "TruncationSelection"}},
            "early_termination: truncation_percentage must be from 1 to 99, but 0 was given",
        ),
    ],
)
def test_bad_sweeps_are_refused(jobs: Jobs, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AzureError) as refused:
        plan_of(jobs.services, jobs.workspace, sweep(**change))
    assert message in refused.value.message
    assert refused.value.status == 400


def test_a_stopped_trial_is_canceled_and_the_others_go_on(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_runner, "WATCH_SECONDS", 0.005)

    async def program(launch: Launch) -> int:
        rate = float(launch.arguments[2].split()[2])
        run = launch.environment["AZUREML_RUN_ID"]
        for epoch in range(4):
            jobs.mlflow.histories.setdefault(run, []).append(rate * (epoch + 1))
            await asyncio.sleep(0.03)
        if rate < 0.3:
            await asyncio.sleep(3600)  # only the policy ends it
        return 0

    jobs.launcher.programs["train"] = program
    policy = {"policyType": "Bandit", "slackFactor": 0.2, "evaluationInterval": 2, "delayEvaluation": 3}
    limits = {"maxTotalTrials": 3, "maxConcurrentTrials": 3}
    run = asyncio.run(jobs.run(sweep(earlyTermination=policy, limits=limits)))
    assert run.status == "Completed", run.error
    trials = jobs.children()
    assert {name: trial.status for name, trial in trials.items()} == {
        "0": "Canceled",
        "1": "Canceled",
        "2": "Completed",
    }
    assert run.properties["best_child_run_id"] == "job_2"
    assert run.properties["score"] == "1.2"
    assert run.tags == {f"job_{n}": f'{{"lr": {rate}}}' for n, rate in enumerate((0.1, 0.2, 0.3))}
    assert "trial job_0 is stopped early: its best value 0.4 is worse than " in (
        jobs.log("job", "azureml-logs/hyperdrive.txt")
    )
    assert jobs.launcher.alive == {}


def test_values_on_a_logarithmic_scale_have_the_base_that_is_asked_for() -> None:
    space: search_space.Space = {"a": ("loguniform", [-3, -1])}
    values = [point["a"] for point in search_space.points(space, "random", 1, 50, 10.0)]
    assert 0.001 <= min(values) < 0.01 < max(values) <= 0.1


def test_what_a_sweep_says_of_itself(jobs: Jobs) -> None:
    jobs.launcher.programs["train"] = logs_metric(jobs)
    run = asyncio.run(jobs.run(sweep()))
    assert run.properties == {
        "azureml.runsource": "hyperdrive",
        "runTemplate": "HyperDrive",
        "primary_metric_config": '{"name": "acc", "goal": "maximize"}',
        "best_child_run_id": "job_1",
        "score": "0.2",
        "best_metric_status": "Succeeded",
    }
