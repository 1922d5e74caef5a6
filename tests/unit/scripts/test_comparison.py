"""The gate of a pull request, and how it is told."""

from __future__ import annotations

import json
import math

import pytest

from comparison import Comparison, Training
from models import Gate

RMSE = Gate("test_rmse", "minimize", limit=5.0, tolerance=0.02)
ACCURACY = Gate("test_accuracy", "maximize", limit=0.9, tolerance=0.01)


def done(**metrics: float | str) -> Training:
    return Training("Completed", dict(metrics), job="job", version="2", seconds=75.0)


@pytest.mark.parametrize(
    ("gate", "value", "before", "good", "reason"),
    [
        (RMSE, 2.0, 2.1, True, "test_rmse 2 is as good as the base branch's 2.1 with the tolerance of 2.0%"),
        (RMSE, 2.04, 2.0, True, "test_rmse 2.04 is as good as the base branch's 2 with the tolerance of 2.0%"),
        (RMSE, 2.05, 2.0, False, "test_rmse 2.05 is worse than the base branch's 2 with the tolerance of 2.0%"),
        (RMSE, 5.1, 6.0, False, "test_rmse 5.1 is above the limit 5"),
        (ACCURACY, 0.95, 0.955, True, "test_accuracy 0.95 is as good as"),
        (ACCURACY, 0.94, 0.955, False, "test_accuracy 0.94 is worse than"),
        (ACCURACY, 0.89, 0.5, False, "test_accuracy 0.89 is below the limit 0.9"),
    ],
)
def test_the_gate(gate: Gate, value: float, before: float, good: bool, reason: str) -> None:
    result = Comparison("m", done(**{gate.metric: value}), done(**{gate.metric: before}), gate)
    assert result.verdict()[0] is good
    assert result.verdict()[1].startswith(reason)


@pytest.mark.parametrize(
    ("head", "base", "gate", "good", "reason"),
    [
        (Training("Failed", reason="Step train Failed"), None, RMSE, False, "ended as Failed: Step train Failed"),
        (done(other=1.0), None, RMSE, False, "logged no number test_rmse, which the gate looks at; it logged other"),
        (done(test_rmse="NaN"), None, RMSE, False, "logged no number test_rmse"),
        (done(test_rmse=math.nan), None, RMSE, False, "logged no number test_rmse"),
        (done(test_rmse=2.0), None, RMSE, True, "nothing to compare with: the base branch has no such model"),
        (done(test_rmse=2.0), Training("Failed"), RMSE, True, "the base branch's training ended as Failed"),
        (done(test_rmse=2.0), done(), RMSE, True, "the base branch's pipeline logs no test_rmse"),
        (done(), done(), None, True, "no gate in mlops/models.yml"),
    ],
)
def test_what_cannot_be_compared(
    head: Training, base: Training | None, gate: Gate | None, good: bool, reason: str
) -> None:
    found = Comparison("m", head, base, gate).verdict()
    assert found[0] is good
    assert reason in found[1]


def test_the_table_has_deltas_to_base_and_champion() -> None:
    head = done(test_rmse=2.0, champion_test_rmse=2.5, rows=100.0, note="odd")
    text = Comparison("m", head, done(test_rmse=1.9, rows=100.0), RMSE).metrics_table()
    assert text.splitlines()[2:] == [
        "| **`test_rmse`** | 2 | 1.9 | +0.1 🔴 | 2.5 | -0.5 🟢 |",
        "| `note` | odd | - | - | - | - |",
        "| `rows` | 100 | 100 | 0 | - | - |",
    ]


def test_the_section_tells_verdict_graph_and_plots() -> None:
    graph = "```mermaid\nflowchart LR\n```"
    result = Comparison("taxi", done(test_rmse=2.0), None, RMSE, graph, ("evaluate-a.png",))
    text = result.section("https://github.com/o/r/actions/runs/1/artifacts/2")
    assert text.startswith("### ✅ taxi\n\n**Gate passed:** test\\_rmse 2; nothing to compare with")
    assert "Trained in 1 min 15 s on a local workspace; there the pipeline registered version 2." in text
    assert graph in text
    assert "Plots: `evaluate-a.png` in [this artifact](https://github.com/o/r/actions/runs/1/artifacts/2)." in text


def test_it_says_who_the_champion_is() -> None:
    told = "Champion: the version that the base branch registered there, measured on this test data."
    assert told in Comparison("taxi", done(test_rmse=2.0, champion_test_rmse=2.5), None, RMSE).section()
    assert told not in Comparison("taxi", done(test_rmse=2.0), None, RMSE).section()


def test_it_survives_json() -> None:
    result = Comparison("taxi", done(test_rmse=2.0), Training("Failed", reason="x"), RMSE, "g", ("a.png",))
    assert Comparison.of(json.loads(json.dumps(result.document()))) == result


def test_the_best_version_on_azure_is_told_beside_it() -> None:
    champion = {"workspace": "prod`-mlw", "version": "7", "value": 2.5}
    told = (
        "On Azure, in `prod'-mlw`, the best is version 7: `test_rmse` 2.5 on the data of its own training, Δ -0.5 🟢. "
        "The pipeline there compares on the same data."
    )
    assert told in Comparison("taxi", done(test_rmse=2.0), None, RMSE).section(champion=champion)
    assert "On Azure" not in Comparison("taxi", Training("Failed"), None, RMSE).section(champion=champion)
    assert "On Azure" not in Comparison("taxi", done(test_rmse=2.0), None, None).section(champion=champion)
    assert "On Azure" not in Comparison("taxi", done(test_rmse=2.0), None, RMSE).section(champion={"value": "x"})
