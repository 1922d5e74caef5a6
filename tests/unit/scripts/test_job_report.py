"""The summary: result first, nothing that breaks out of its place."""

from __future__ import annotations

from typing import Any

import pytest

from job_log import StepLog
from job_report import (
    Report,
    Step,
    edges_of,
    failure_text,
    mermaid,
    number,
    render,
    seconds_between,
    steps_of,
)
from job_result import Result
from markdown_text import cell, fenced
from support.fake_azure import child, job
from workspace import Model, Run

JOB = job(
    "j1",
    "Completed",
    jobs={
        "prep": {"inputs": {"raw": {"uri": "${{parent.inputs.raw}}"}}},
        "train": {"inputs": {"data": {"job_input_type": "literal", "value": "${{parent.jobs.prep.outputs.data}}"}}},
        "evaluate": {
            "inputs": {"m": {"uri": "${{parent.jobs.train.outputs.model}}"}, "d": "${{parent.jobs.prep.outputs.d}}"}
        },
    },
)
MODEL = Model("taxi", "3", "id", "j1", "", "", {})


def report(**change: Any) -> Report:
    steps = [Step("prep", "Completed", 2.5, "", ("ready",)), Step("train", "Completed", 61.0)]
    result = Result({"rmse": 2.0, "champion_rmse": 2.5, "rows": 10.0}, [MODEL], "2")
    given = {
        "title": "taxi-train",
        "job": "j1",
        "status": "Completed",
        "seconds": 65.0,
        "studio_url": "https://studio/j1",
    }
    return Report(**{**given, "steps": steps, "edges": [("prep", "train")], "result": result, **change})


def test_the_result_stands_first() -> None:
    text = render(report(run_url="https://github.com/run"))
    lines = text.splitlines()
    assert lines[0] == "### ✅ taxi-train: Completed after 1 min 05 s"
    assert lines[2] == "job `j1` · [studio](https://studio/j1) · [run](https://github.com/run)"
    assert text.index("#### Model") < text.index("#### Steps") < text.index("```mermaid") < text.index("#### Metrics")
    assert text.index("#### Metrics") < text.index("<details>")


def test_tables_have_states_durations_and_deltas() -> None:
    text = render(report())
    assert "| prep | ✅ Completed | 2.5 s |" in text
    assert "| train | ✅ Completed | 1 min 01 s |" in text
    assert "| Metric | Value | Champion (version 2) | Δ |" in text
    assert "| `rmse` | 2 | 2.5 | -0.5 |" in text
    assert "| `rows` | 10 | - | - |" in text
    assert "| `taxi` | **3** | `azureml:taxi:3` |" in text


def test_without_a_champion_there_is_no_column_for_it() -> None:
    text = render(report(result=Result({"rmse": 2.0})))
    assert "| Metric | Value |\n" in text
    assert "No model was registered by this job.\n" in text


def test_a_job_that_registered_nothing_names_the_champion() -> None:
    assert "No model was registered by this job; the champion stays version 2." in render(
        report(result=Result({}, [], "2"))
    )


def test_why_a_model_was_registered_or_not_stands_beside_it() -> None:
    kept = render(report(result=Result({}, [], "2", decision="rmse 2.5 is worse than the champion's 2.0")))
    assert "the champion stays version 2. Why: rmse 2.5 is worse than the champion's 2.0.\n" in kept
    made = render(report(result=Result({}, [MODEL], "", decision="no earlier version to beat")))
    why = made.index("\nWhy: no earlier version to beat.\n")
    assert made.index(f"**{MODEL.version}**") < why < made.index("#### Steps")


def test_a_failed_step_is_explained_before_anything_else() -> None:
    bad = Step("train", "Failed", 1.0, "exit code 1", ("Traceback", "ModuleNotFoundError: No module named 'lightgbm'"))
    text = render(report(status="Failed", steps=[Step("prep", "Completed", 1.0), bad], result=Result()))
    assert text.startswith("### ❌ taxi-train: Failed")
    assert text.index("**Step `train` Failed.**") < text.index("#### Steps")
    assert "**Cause:** The step's environment has no module named lightgbm." in text
    assert "ModuleNotFoundError: No module named 'lightgbm'\n```" in text
    told = failure_text(bad)
    assert told.startswith("Step train Failed.\nCause: The step's environment has no module named lightgbm.\nFix: Add")
    assert told.endswith("End of its log:\nTraceback\nModuleNotFoundError: No module named 'lightgbm'")


def test_an_unknown_failure_shows_azures_words() -> None:
    bad = Step("train", "Failed", 1.0, "something | new", ())
    assert "something \\| new" in render(report(status="Failed", steps=[bad]))


def test_edges_come_from_bindings() -> None:
    assert edges_of(JOB) == [("prep", "evaluate"), ("prep", "train"), ("train", "evaluate")]


def test_steps_that_never_started_are_shown() -> None:
    logs = [
        StepLog(Run.of(child("r1", "prep"))),
        StepLog(Run.of(child("r2", "train", "Failed", startTimeUtc="2026-02"))),
    ]
    steps = steps_of(JOB, logs)
    assert [(step.name, step.status, step.seconds) for step in steps] == [
        ("prep", "Completed", 2.5),
        ("train", "Failed", None),
        ("evaluate", "not started", None),
    ]


def test_reused_steps_say_so() -> None:
    log = StepLog(Run.of(child("r1", "prep", properties={"azureml.isreused": "true", "azureml.reusedrunid": "r0"})))
    step = steps_of(job("j"), [log])[0]
    assert step.status == "Completed (reused)"
    assert ":::ok" in mermaid([step], [])


def test_names_cannot_break_the_graph() -> None:
    text = mermaid(
        [Step('a"] --> x["', "Completed", 1.0), Step("b", "Failed", 1.0)], [('a"] --> x["', "b"), ("b", "gone")]
    )
    assert '  s0["a   --  x  "]:::ok' in text
    assert text.count("-->") == 1


def test_cells_and_fences_hold_their_content() -> None:
    assert cell("a|b\n<script>`c`") == "a\\|b \\<script\\>\\`c\\`"
    assert fenced("x\n````\ny").startswith("`````text\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3.0, "3"), (0.123456789, "0.12346"), (-2.5, "-2.5"), (1e20, "1e+20"), ("nan", "nan"), (0.0, "0")],
)
def test_numbers_are_readable(value: float | str, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:01.1234567Z", 1.0),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T01:00:00.5+00:00", 3600.5),
        ("", "2026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z", None),
        ("yesterday", "today", None),
    ],
)
def test_durations_are_read_as_azure_writes_them(start: str, end: str, seconds: float | None) -> None:
    assert seconds_between(start, end) == seconds


def test_huge_logs_leave_room_for_the_rest() -> None:
    steps = [Step(f"s{n}", "Completed", 1.0, "", tuple("x" * 5000 for _ in range(200))) for n in range(5)]
    assert len(render(report(steps=steps)).encode()) < 800_000


def test_a_reused_registration_is_named_as_such() -> None:
    text = render(report(result=Result({}, [MODEL], "", frozenset({"j1"}))))
    assert "Registered earlier, by the run whose result was reused." in text
    assert "Registered earlier" not in render(report())


def test_an_attached_job_says_so() -> None:
    assert "it was not started a second time" in render(report(attached=True))
