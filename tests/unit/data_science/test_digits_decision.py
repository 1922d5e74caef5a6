"""digits/code/decision.py: the gate for metrics of either direction, and that it fails closed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def decision(load_step: Callable[[str, str], ModuleType]) -> ModuleType:
    return load_step("digits", "decision")


@pytest.mark.parametrize(
    ("higher", "candidate", "champion", "tolerance", "deploy", "reason"),
    [
        (True, 0.95, None, 0.0, True, "m 0.9500; no earlier version to beat"),
        (True, 0.95, 0.95 * (1 + 1e-12), 0.0, True, "m 0.9500 is at least as good as the champion's 0.9500"),
        (True, 0.94, 0.95, 0.0, False, "m 0.9400 is worse than the champion's 0.9500"),
        (True, 0.945, 0.95, 0.01, True, "at least as good as the champion's 0.9500 with the tolerance of 1.0%"),
        (True, 0.89, None, 0.0, False, "m 0.8900 is below the limit 0.9"),
        (True, 0.9, None, 0.0, True, "no earlier version"),
        (True, math.nan, None, 0.0, False, "m is nan: the model cannot be measured"),
        (True, 0.99, math.nan, 0.0, False, "archive or delete that version to go on without it"),
        (False, 0.8, 0.85, 0.0, True, "m 0.8000 is at least as good as the champion's 0.8500"),
        (False, 0.86, 0.85, 0.0, False, "m 0.8600 is worse than the champion's 0.8500"),
        (False, 0.91, 2.0, 0.0, False, "m 0.9100 is above the limit 0.9"),
    ],
)
def test_verdict(
    decision: ModuleType, higher: bool, candidate: float, champion: float | None, tolerance: float, deploy: bool,
    reason: str,
) -> None:  # fmt: skip
    found = decision.Gate("m", higher, limit=0.9, tolerance=tolerance).verdict(candidate, champion)
    assert found[0] is deploy
    assert reason in found[1]


def test_the_champion_is_the_best_on_record_that_is_usable(decision: ModuleType) -> None:
    version = decision.Version
    versions = [
        version("1", 1, {"m": "0.8"}),
        version("2", 2, {"m": "0.9"}),
        version("3", 3, {"m": "0.9"}),
        version("4", 4, {"m": "0.99"}, archived=True),
        version("5", 5, {"m": "0.99"}, ready=False),
        version("6", 6, {"m": "nan"}),
        version("7", 7),
    ]
    assert decision.Gate("m", True, 0.0).champion_of(versions).name == "3"
    assert decision.Gate("m", False, 0.0).champion_of(versions).name == "1"
    assert decision.Gate("m", True, 0.0).champion_of(versions[5:]).name == "7"
    assert decision.Gate("m", True, 0.0).champion_of([]) is None


def test_only_a_real_boolean_opens_the_gate(decision: ModuleType, tmp_path: Path) -> None:
    written = decision.Decision(True, "good", "digits", {"test_accuracy": 0.99, "odd": math.nan})
    path = written.write(tmp_path)
    assert decision.Decision.read(tmp_path).deploy_flag is True
    for value in ("true", 1, None):
        path.write_text(json.dumps({**json.loads(path.read_text()), "deploy_flag": value}))
        with pytest.raises(ValueError, match="it must be true or false"):
            decision.Decision.read(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="not there; the evaluate step writes it"):
        decision.Decision.read(tmp_path)


def test_the_tags_of_a_version_say_where_it_comes_from(decision: ModuleType) -> None:
    made = decision.Decision(True, "good", "digits", {"test_accuracy": 1 / 3}, champion_version="2")
    tags = decision.registration_tags(made, job="job-1", commit="")
    assert tags == {"test_accuracy": repr(1 / 3), "job": "job-1", "decision": "good", "champion_version": "2"}
