"""Early termination: who is stopped, from nothing but the values that trials logged."""

from __future__ import annotations

import pytest

from azureml_local.jobs.early_termination import Judge, Policy, read_policy
from azureml_local.jobs.problems import Problems


def bandit(**more: float) -> Policy:
    return Policy("bandit", **{"interval": 1, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "minimize", "logged", "stopped"),
    [
        (bandit(slack_factor=0.2), False, {0: [0.8], 1: [0.66], 2: [0.67]}, {1}),  # 0.8 / 1.2 = 0.667
        (bandit(slack_factor=0.2), True, {0: [1.0], 1: [1.21], 2: [1.19]}, {1}),
        (bandit(slack_amount=0.2), False, {0: [0.8], 1: [0.59], 2: [0.61]}, {1}),
        (bandit(slack_factor=0.5), False, {0: [-1.0], 1: [-2.0]}, {1}),  # the best of negative values stays
        (bandit(slack_factor=0.2), False, {0: [0.8], 1: [0.9, 0.1]}, set()),  # its best value counts
        (bandit(slack_factor=0.2, delay=3), False, {0: [1, 1, 1], 1: [0.1, 0.1], 2: [0.1, 0.1, 0.1]}, {2}),
        (bandit(slack_factor=0.2, interval=2), False, {0: [1, 1], 1: [0.1]}, set()),
        (bandit(slack_factor=0.2, interval=2), False, {0: [0.5, 0.5], 1: [0.45, 0.45, 0.1]}, set()),
        (Policy("median_stopping"), False, {0: [0.1], 1: [0.5], 2: [0.6]}, {0}),
        (Policy("median_stopping"), True, {0: [3, 3], 1: [1, 1], 2: [2.0, 2.0]}, {0}),
        (Policy("truncation_selection", percentage=34), False, {0: [3], 1: [1], 2: [2]}, {1}),
        (Policy("truncation_selection", percentage=34), True, {0: [3], 1: [1], 2: [2]}, {0}),
        (Policy("truncation_selection", percentage=20), False, {0: [3], 1: [1], 2: [2]}, set()),
    ],
)
def test_who_is_stopped(
    policy: Policy,
    minimize: bool,
    logged: dict[int, list[float]],
    stopped: set[int],
) -> None:
    assert set(Judge(policy, minimize=minimize).to_stop(logged, list(logged))) == stopped


def test_trials_that_ended_are_compared_with_but_not_stopped() -> None:
    judge = Judge(bandit(slack_factor=0.2), minimize=False)
    assert set(judge.to_stop({0: [0.9], 1: [0.1], 2: [0.1]}, [2])) == {2}


def test_truncation_takes_its_share_once_at_each_interval() -> None:
    judge = Judge(Policy("truncation_selection", percentage=50, exclude_finished=True), minimize=False)
    logged = {0: [4.0], 1: [3.0], 2: [2.0], 3: [1.0]}
    assert set(judge.to_stop(logged, [0, 1, 2, 3])) == {2, 3}
    assert judge.to_stop(logged, [0, 1]) == {}
    assert set(judge.to_stop({**logged, 0: [4.0, 4.0], 1: [3.0, 3.0]}, [0, 1])) == {1}


def test_policies_are_read_as_jobs_and_as_steps_write_them() -> None:
    problems = Problems()
    job = {
        "policyType": "TruncationSelection",
        "truncationPercentage": 20,
        "evaluationInterval": 2,
        "delayEvaluation": 5,
    }
    node = {
        "type": "truncation_selection",
        "truncation_percentage": 20,
        "evaluation_interval": 2,
        "delay_evaluation": 5,
    }
    assert read_policy(job, "", problems) == read_policy(node, "", problems)
    assert read_policy(node, "", problems) == Policy("truncation_selection", 2, 5, percentage=20)
    assert problems.found == []
