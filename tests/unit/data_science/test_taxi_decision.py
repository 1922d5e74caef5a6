"""taxi/code/decision.py: which version is the champion, what passes the gate, and that the gate fails closed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def decision(load_step: Callable[[str, str], ModuleType]) -> ModuleType:
    return load_step("taxi", "decision")


@pytest.mark.parametrize(
    ("candidate", "champion", "tolerance", "expected"),
    [
        (2.0, None, 0.0, (True, "test_rmse 2.0000; no earlier version to beat")),
        (2.0, 2.1, 0.0, (True, "test_rmse 2.0000 is at least as good as the champion's 2.1000")),
        (2.1, 2.1, 0.0, (True, "test_rmse 2.1000 is at least as good as the champion's 2.1000")),
        (2.1 * (1 + 1e-12), 2.1, 0.0, (True, "test_rmse 2.1000 is at least as good as the champion's 2.1000")),
        (2.11, 2.1, 0.0, (False, "test_rmse 2.1100 is worse than the champion's 2.1000")),
        (2.11, 2.1, 0.01, (True, "at least as good as the champion's 2.1000 with the tolerance of 1.0%")),
        (2.2, 2.1, 0.01, (False, "worse than the champion's 2.1000 with the tolerance of 1.0%")),
        (2.0, math.nan, 0.0, (False, "archive or delete that version to go on without it")),
        (5.5, None, 0.0, (False, "test_rmse 5.5000 is above the limit 5")),
        (5.5, 9.0, 0.0, (False, "test_rmse 5.5000 is above the limit 5")),
        (math.nan, None, 0.0, (False, "test_rmse is nan: the model has no measurable error")),
        (math.inf, 2.0, 9.0, (False, "test_rmse is inf: the model has no measurable error")),
    ],
)
def test_verdict(
    decision: ModuleType, candidate: float, champion: float | None, tolerance: float, expected: tuple[bool, str]
) -> None:
    deploy, reason = decision.verdict(candidate, champion, tolerance=tolerance, limit=5.0)
    assert deploy is expected[0]
    assert expected[1] in reason


def test_champion_is_the_version_with_the_lowest_recorded_error(decision: ModuleType) -> None:
    versions = [
        decision.Version("1", 10, {"test_rmse": "2.4"}),
        decision.Version("2", 20, {"test_rmse": "2.1"}),
        decision.Version("3", 30, {"test_rmse": "2.3"}),
        decision.Version("4", 40, {}),
        decision.Version("5", 50, {"test_rmse": "nan"}),
        decision.Version("6", 60, {"test_rmse": "good"}),
    ]
    assert decision.champion_of(versions).name == "2"


def test_of_equal_versions_and_where_none_has_an_error_the_newest_is_champion(decision: ModuleType) -> None:
    equal = [decision.Version("1", 10, {"test_rmse": "2"}), decision.Version("2", 20, {"test_rmse": "2.0"})]
    assert decision.champion_of(equal).name == "2"
    assert decision.champion_of([decision.Version("b", 2), decision.Version("a", 1)]).name == "b"


def test_archived_and_unfinished_versions_are_no_champions(decision: ModuleType) -> None:
    best = {"test_rmse": "0.1"}
    versions = [decision.Version("1", 1, best, archived=True), decision.Version("2", 2, best, ready=False)]
    assert decision.champion_of(versions) is None
    assert decision.champion_of([]) is None


def made(decision: ModuleType, **changes: Any) -> Any:
    values: dict[str, Any] = {
        "deploy_flag": True,
        "reason": "better",
        "model_name": "taxi",
        "metrics": {"test_rmse": 2.0102467182, "test_r2": 0.97},
    }
    return decision.Decision(**values | changes)


def test_a_decision_survives_its_file(decision: ModuleType, tmp_path: Path) -> None:
    wrote = made(decision, champion_version="7", champion_metrics={"test_rmse": 2.1}, champion_measured=True)
    wrote.write(tmp_path / "evaluation")
    assert decision.Decision.read(tmp_path / "evaluation") == wrote


def test_numbers_json_cannot_hold_become_null_and_come_back_as_nan(decision: ModuleType, tmp_path: Path) -> None:
    path = made(decision, metrics={"test_rmse": math.inf}).write(tmp_path)
    assert json.loads(path.read_text())["metrics"] == {"test_rmse": None}
    assert math.isnan(decision.Decision.read(tmp_path).metrics["test_rmse"])


@pytest.mark.parametrize("flag", ["false", "true", 1, 0, None])
def test_only_a_boolean_opens_the_gate(decision: ModuleType, tmp_path: Path, flag: object) -> None:
    path = made(decision).write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"deploy_flag": flag}))
    with pytest.raises(ValueError, match=r"decision.json: deploy_flag is .*, it must be true or false"):
        decision.Decision.read(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"deploy_flag": true}', "not json"])
def test_a_file_that_is_no_decision_is_refused_by_name(decision: ModuleType, tmp_path: Path, content: str) -> None:
    (tmp_path / "decision.json").write_text(content)
    with pytest.raises(ValueError, match=r"decision.json: not a decision of the evaluate step"):
        decision.Decision.read(tmp_path)


def test_a_missing_decision_says_who_writes_it(decision: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"decision.json: not there; the evaluate step writes it"):
        decision.Decision.read(tmp_path)


def test_tags_carry_all_digits_of_the_metrics_and_no_empty_value(decision: ModuleType) -> None:
    tags = decision.registration_tags(made(decision, champion_version="3"), job="job-1", commit="")
    assert tags == {
        "test_rmse": "2.0102467182",
        "test_r2": "0.97",
        "job": "job-1",
        "decision": "better",
        "champion_version": "3",
    }
