from __future__ import annotations

import json

from azureml_local.workflow_run.environment_step import MARK
from azureml_local.workflow_run.job_environments import STEP_ID
from azureml_local.workflow_run.records import Event, Reader
from azureml_local.workflow_run.terminal import job_rows, reasons


def feed(*entries: object) -> tuple[Reader, list[Event]]:
    """Feed act's records one second apart."""
    events: list[Event] = []
    seconds = iter(range(1000))
    reader = Reader(events.append, lambda: float(next(seconds)))
    for entry in entries:
        reader.feed(entry if isinstance(entry, str) else json.dumps(entry))
    return reader, events


def step(message: str, **more: object) -> dict[str, object]:
    return {"job": "w/a", "jobID": "a", "stage": "Main", "step": "S", "stepID": ["0"], "msg": message, **more}


END = {"job": "w/a", "jobID": "a", "jobResult": "success", "msg": "Job succeeded"}


def test_a_step_and_its_job_are_timed_and_judged() -> None:
    reader, events = feed(step("⭐ Run Main S"), step("ok", stepResult="success"), END)
    job = reader.record.jobs["w/a"]
    assert (job.steps[0].result, job.steps[0].seconds) == ("success", 1.0)
    assert reader.record.succeeded
    assert [event.kind for event in events] == ["job-start", "step-start", "step-end", "job-end"]


def test_one_failed_job_fails_the_run_whatever_the_others_say() -> None:
    failed = {**END, "job": "w/b", "jobID": "b", "jobResult": "failure"}
    assert not feed(END, failed)[0].record.succeeded


def test_a_run_without_any_job_did_not_succeed() -> None:
    assert not feed()[0].record.succeeded


def test_a_job_that_act_skips_for_its_runner_is_a_problem() -> None:
    reader, _ = feed(
        {"job": "w/a", "jobID": "a", "msg": "🚧  Skipping unsupported platform -- Try running with windows"}
    )
    assert "no runner here for `runs-on:" in reader.record.problems[0]
    assert not reader.record.succeeded


def test_outputs_and_summaries_are_kept_by_job() -> None:
    reader, _ = feed(
        step("out", command="set-output", name="model-version", arg="3"),
        step("s", command="summary", content="# One\n"),
        step("s", command="summary", content="# Two\n"),
    )
    assert reader.record.outputs() == {"model-version": "3"}
    assert reader.record.jobs["w/a"].summary == "# One\n# Two\n"


def test_a_composites_summary_is_kept_once_although_act_tells_it_twice() -> None:
    reader, _ = feed(
        step("s", command="summary", content="# A\n", stepID=["1", "0"]),
        step("s", command="summary", content="# A\n", stepID=["1"]),
        step("s", command="summary", content="# B\n", stepID=["2"]),
    )
    assert reader.record.jobs["w/a"].summary == "# A\n# B\n"


def test_log_lines_groups_and_annotations_are_shown_as_they_come() -> None:
    _, events = feed(
        step("hello\n", raw_output=True),
        step("g", command="group", arg="Phase"),
        step("w", command="warning", arg="careful"),
    )
    assert [(event.kind, event.text) for event in events[1:]] == [
        ("line", "hello"),
        ("group", "Phase"),
        ("warning", "careful"),
    ]


def test_what_act_says_outside_json_is_an_error_of_the_run() -> None:
    reader, _ = feed("Error: workflow is not valid", END)
    assert reader.record.problems == ["Error: workflow is not valid"]
    assert not reader.record.succeeded


def test_the_inner_steps_of_a_composite_are_not_counted_as_steps() -> None:
    reader, _ = feed(step("⭐ Run Main inner", stepID=["0", "1"]), END)
    assert reader.record.jobs["w/a"].steps == []


def test_a_job_that_only_calls_a_workflow_is_no_job_and_the_called_ones_bear_its_name() -> None:
    fetching = {"job": "w/Train", "jobID": "train", "msg": "LocalRepositoryCache matched https://github.com/O/R"}
    called = {**END, "job": "Train/train/Run pipeline ", "jobID": "run-pipeline"}
    reader, _ = feed(fetching, called)
    assert [job.label for job in reader.record.jobs.values()] == ["Train/run-pipeline"]
    assert reader.record.succeeded


def test_a_later_success_of_the_same_name_hides_no_failure() -> None:
    failed = {**END, "jobResult": "failure"}
    assert not feed(failed, END)[0].record.succeeded
    assert not feed(END, failed)[0].record.succeeded


def gate(message: str, **more: object) -> dict[str, object]:
    return step(message, stepID=[STEP_ID], **more)


def test_a_job_that_asks_for_its_environment_is_told_and_the_question_is_no_line_and_no_step() -> None:
    reader, events = feed(gate("⭐ Run Main Environment prod"), gate(f"{MARK}{{}}\n", raw_output=True), END)
    assert [(event.kind, event.text) for event in events] == [
        ("job-start", ""),
        ("environment", "{}\n"),
        ("job-end", ""),
    ]
    assert reader.record.jobs["w/a"].steps == []


def test_the_table_names_the_environment_and_what_its_reviewers_said() -> None:
    reader, _ = feed(END)
    job = reader.record.jobs["w/a"]
    job.environment, job.review = "prod", "approved by --approve"
    assert job_rows(reader.record) == [("✓ a", "success", "1.0s", "prod (approved by --approve)")]


def test_a_run_was_held_back_only_where_nothing_else_failed() -> None:
    failed = {**END, "jobResult": "failure"}
    reader, _ = feed({**END, "job": "w/b"}, failed)
    reader.record.jobs["w/a"].held_back = True
    assert [job.label for job in reader.record.held_back] == ["a"]
    reader.feed(json.dumps({**failed, "job": "w/c"}))
    assert reader.record.held_back == []


def test_the_last_screen_says_why_without_the_log_that_follows() -> None:
    text = "Deployment green ended as Failed.%0ACause: init() fails.%0A" + "%0A".join(f"log {n}" for n in range(90))
    reader, _ = feed(
        step("e", command="error", arg=text), step("exit status 7", level="error"), {**END, "jobResult": "failure"}
    )
    (reason,) = reasons(reader.record)
    assert reason.startswith("✗ a: Deployment green ended as Failed.\n    Cause: init() fails.\n    log 0\n")
    assert len(reason.splitlines()) == 8
    assert reasons(feed(END)[0].record) == []
