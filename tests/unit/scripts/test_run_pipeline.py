"""run-pipeline from its inputs to its outputs, and every way it can be broken off."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from az_cli import Finished
from errors import ExitCode
from run_pipeline import TITLE, run_pipeline
from support.fake_azure import Fault, World, child, job, model_version, option, refusal

NAME = r"^pipeline-987654321-1-[0-9a-f]{8}$"


@pytest.fixture
def training(world: World) -> World:
    """A workspace where a submitted pipeline prepares, trains, registers version 3 and completes."""
    Path("pipeline.yml").write_text("type: pipeline\njobs:\n  prep:\n    code: .\n    command: python prep.py\n")
    world.give(pipeline_file="pipeline.yml")

    def ml(argv: Sequence[str]) -> Finished:
        name = option(argv, "--name")
        azure = world.azure
        definition = {"prep": {}, "train": {"inputs": {"d": {"uri": "${{parent.jobs.prep.outputs.d}}"}}}}
        azure.jobs[name] = job(name, "NotStarted", jobs=definition, displayName="taxi-train")
        azure.states.setdefault(name, ["NotStarted", "Preparing", "Running", "Running", "Finalizing", "Completed"])
        azure.children.setdefault(
            name, [child("r1", "prep"), child("r2", "train", startTimeUtc="2026-01-01T00:00:02Z")]
        )
        azure.logs.update({"r1/user_logs/std_log.txt": "read 10 rows\n", "r2/user_logs/std_log.txt": "rmse 2\n"})
        azure.data.update({"r2": {"metrics": {"rmse": 2.0, "champion_rmse": 2.5}, "params": {"champion_version": "2"}}})
        azure.models.setdefault("taxi", [model_version("4", "other"), model_version("3", "r2")])
        return Finished(0, json.dumps({"name": name}), "")

    world.az.ml = ml
    return world


def run(world: World) -> int:
    return world.run(TITLE, run_pipeline)


def test_a_pipeline_is_submitted_followed_and_handed_on(training: World) -> None:
    assert run(training) == ExitCode.OK, training.log
    outputs = training.outputs
    assert re.match(NAME, outputs["job-name"])
    assert outputs["status"] == "Completed"
    assert outputs["studio-url"] == f"https://ml.azure.com/runs/{outputs['job-name']}"
    assert (outputs["model-name"], outputs["model-version"]) == ("taxi", "3")
    assert json.loads(outputs["metrics"]) == {"rmse": 2.0, "champion_rmse": 2.5}
    assert outputs["duration-seconds"] == f"{training.clock.now - 1000:.0f}"
    assert "[prep] read 10 rows" in training.log
    assert "[train] rmse 2" in training.log
    assert "; registered taxi:3." in training.log
    assert training.summary.startswith("### ✅ taxi-train: Completed after ")
    assert "s0 --> s1" in training.summary
    assert "| `rmse` | 2 | 2.5 | -0.5 |" in training.summary


def test_it_needs_one_az_ml_call(training: World) -> None:
    training.give(set="inputs.rounds=10\n\ninputs.text=a=b c", experiment_name="nightly")
    run(training)
    calls = training.az.launches("ml")
    assert len(calls) == 1
    assert option(calls[0], "--file") == "pipeline.yml"
    settings = calls[0][calls[0].index("--set") + 1 : calls[0].index("--only-show-errors")]
    assert settings == [
        "inputs.rounds=10",
        "inputs.text=a=b c",
        "experiment_name=nightly",
        "tags.managed-by=octo/models",
        "tags.commit-sha=abc123",
        "tags.run-url=https://github.com/octo/models/actions/runs/987654321",
    ]
    assert [call[1] for call in training.az.calls] == ["login", "ml"]


def test_a_rerun_attaches_to_the_job_that_exists(training: World) -> None:
    run(training)
    name = training.outputs["job-name"]
    training.output_file.unlink()
    assert run(training) == 0
    assert training.outputs["job-name"] == name
    assert training.outputs["model-version"] == "3"
    assert len(training.az.launches("ml")) == 1
    assert f"Attached to job {name}" in training.log
    assert "it was not started a second time" in training.summary


def names_of(world: World, **change: str) -> str:
    before = dict(world.env)
    world.env.update(change)
    run(world)
    world.env.clear()
    world.env.update(before)
    return world.outputs["job-name"]


def test_names_differ_where_jobs_differ(training: World) -> None:
    Path("other.yml").write_text("type: pipeline\n")
    names = [
        names_of(training),
        names_of(training, GITHUB_RUN_ATTEMPT="2"),
        names_of(training, GITHUB_RUN_ID="5555"),
        names_of(training, GITHUB_JOB="other"),
        names_of(training, INPUT_SET="inputs.fold=1"),
        names_of(training, INPUT_PIPELINE_FILE="other.yml"),
        names_of(training, GITHUB_RUN_ID="1"),
        names_of(training, GITHUB_RUN_ID="1"),
        names_of(training, GITHUB_RUN_ID=""),
    ]
    assert len(set(names)) == len(names)
    assert names_of(training) == names[0]


def test_another_version_of_the_extension_can_be_asked_for(training: World, tmp_path: Path) -> None:
    training.env["AZURE_EXTENSION_DIR"] = str(tmp_path / "none")
    training.give(ml_extension_version="2.40.0")
    assert run(training) == 0
    assert option(training.az.launches("extension add")[0], "--version") == "2.40.0"


def test_a_given_name_is_used(training: World) -> None:
    training.give(job_name="my-job_1")
    assert run(training) == 0
    assert training.outputs["job-name"] == "my-job_1"


def test_without_waiting_it_returns_after_submission(training: World) -> None:
    training.give(wait="false")
    assert run(training) == 0
    assert training.outputs["status"] == "NotStarted"
    assert training.outputs["metrics"] == "{}"
    assert training.clock.slept == []


def test_a_failed_step_fails_the_action_and_is_explained(training: World) -> None:
    submit = training.az.ml

    def ml(argv: Sequence[str]) -> Finished:
        done = submit(argv)
        name = option(argv, "--name")
        training.azure.states[name] = ["Running", "Failed"]
        error = {"error": {"message": "Execution failed. exit code 1"}}
        training.azure.children[name] = [child("r1", "prep"), child("r2", "train", "Failed", error=error)]
        training.azure.logs["r2/user_logs/std_log.txt"] = "start\nModuleNotFoundError: No module named 'lightgbm'\n"
        training.azure.models["taxi"] = []
        return done

    training.az.ml = ml
    assert run(training) == ExitCode.JOB_FAILED
    errors = [line for line in training.log.splitlines() if line.startswith("::error")]
    assert len(errors) == 1
    assert (
        "ended as Failed.%0AStep train Failed.%0ACause: The step's environment has no module named lightgbm."
        in errors[0]
    )
    assert "End of its log:%0Astart%0AModuleNotFoundError" in errors[0]
    assert training.summary.startswith("### ❌ taxi-train: Failed")
    assert training.outputs["status"] == "Failed"
    assert training.outputs["model-version"] == ""


@pytest.mark.parametrize("state", ["Canceled", "NotResponding", "Paused"])
def test_other_ends_fail_too(training: World, state: str) -> None:
    training.give(job_name="j")
    training.azure.states["j"] = ["Running", state]
    assert run(training) == ExitCode.JOB_FAILED
    assert f"Job j ended as {state}." in training.log


def test_a_token_that_ends_during_the_wait_is_renewed(training: World) -> None:
    training.azure.token_life = 4
    training.give(job_name="j")
    training.azure.states["j"] = ["Running"] * 100 + ["Completed"]
    assert run(training) == 0
    assert len(training.azure.id_tokens) > 10
    assert "AADSTS700024" not in training.log


def test_a_broken_connection_during_the_wait_is_lived_through(training: World) -> None:
    training.give(job_name="j")
    training.clock.at(2, lambda: training.azure.faults.append(Fault("management.azure.com", None, times=20)))
    training.azure.states["j"] = ["Running"] * 10 + ["Completed"]
    assert run(training) == 0
    assert "Azure does not answer (connection reset by peer)" in training.log
    assert "Azure answers again." in training.log


def test_a_create_whose_connection_broke_is_recognised(training: World) -> None:
    submit = training.az.ml

    def ml(argv: Sequence[str]) -> Finished:
        submit(argv)
        return Finished(1, "", "ERROR: Connection aborted. Remote end closed connection without response")

    training.az.ml = ml
    assert run(training) == 0
    assert "az failed, but the job was submitted: Connection aborted." in training.log
    assert len(training.az.launches("ml")) == 1


def test_what_az_refuses_fails_with_its_reason(training: World) -> None:
    text = "ERROR: Error: Validation for PipelineJobSchema failed:\n\n - jobs.prep.inputz: Unknown field.\n"
    training.az.ml = lambda argv: Finished(1, "", text)
    assert run(training) == ExitCode.BAD_INPUT
    assert "The pipeline pipeline.yml could not be submitted." in training.log
    assert "jobs.prep.inputz: Unknown field." in training.summary
    assert training.azure.cancelled == []


def test_a_passing_failure_of_az_is_tried_once_more(training: World) -> None:
    submit, answers = training.az.ml, [Finished(1, "", "ERROR: (ServiceUnavailable) busy")]
    training.az.ml = lambda argv: answers.pop() if answers else submit(argv)
    assert run(training) == 0
    assert len(training.az.launches("ml")) == 2
    assert "az failed for a passing reason, trying once more: (ServiceUnavailable) busy" in training.log


def test_success_without_a_job_is_no_success(training: World) -> None:
    training.az.ml = lambda argv: Finished(0, "{}", "")
    assert run(training) == ExitCode.AZURE
    assert "az reported success, but there is no such job" in training.log


def test_a_timeout_cancels_the_job(training: World) -> None:
    training.give(job_name="j", timeout_minutes="2")
    training.azure.states["j"] = ["Running"]
    assert run(training) == ExitCode.TIMEOUT
    assert training.azure.cancelled == ["j"]
    assert "The job was not finished after 2 min 00 s (timeout-minutes); its state is 'Running'." in training.log
    assert training.outputs["status"] == "CancelRequested"


def signalling(signum: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), signum)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_wait_cancels_at_once(training: World, signum: int) -> None:
    training.give(job_name="j")
    training.azure.states["j"] = ["Running"]
    training.clock.at(3, signalling(signum))
    assert run(training) == 128 + signum
    assert training.azure.cancelled == ["j"]
    after = training.azure.requests.index(training.azure.asked("jobs/j/cancel")[0])
    assert after == len(training.azure.requests) - 1, "the cancel call was not the next and last request"
    assert training.clock.now < 1005
    assert training.outputs["status"] == "CancelRequested"
    assert "### ⏳ taxi-train: CancelRequested" in training.summary


def test_a_signal_during_submission_cancels_the_job_that_was_made(training: World) -> None:
    submit = training.az.ml

    def ml(argv: Sequence[str]) -> Finished:
        submit(argv)
        signalling(signal.SIGINT)()
        raise AssertionError("the signal did not interrupt")

    training.az.ml = ml
    training.give(job_name="j")
    assert run(training) == 130
    assert training.azure.cancelled == ["j"]


def test_a_job_that_appears_late_is_cancelled_too(training: World) -> None:
    submit = training.az.ml

    def ml(argv: Sequence[str]) -> Finished:
        def appear() -> None:
            submit(argv)

        training.clock.at(1, appear)
        signalling(signal.SIGINT)()
        raise AssertionError

    training.az.ml = ml
    training.give(job_name="j")
    assert run(training) == 130
    assert training.azure.cancelled == ["j"]


def test_a_submission_that_never_arrived_needs_no_cancel(training: World) -> None:
    def ml(argv: Sequence[str]) -> Finished:
        signalling(signal.SIGTERM)()
        raise AssertionError

    training.az.ml = ml
    training.give(job_name="j")
    assert run(training) == 143
    assert "Job j was not created: nothing to cancel." in training.log
    assert training.clock.now < 1007


def test_a_signal_before_submission_creates_nothing(training: World) -> None:
    training.azure.faults = [Fault("workspaces/aml\\?", refusal(503, "Busy"), times=9)]
    training.clock.at(1, signalling(signal.SIGINT))
    assert run(training) == 130
    assert training.log.endswith("run-pipeline: cancelled.\n")
    assert training.azure.asked("/cancel") == []
    assert training.az.launches("ml") == []


def test_a_cancel_that_azure_does_not_take_is_told(training: World) -> None:
    training.give(job_name="j")
    training.azure.states["j"] = ["Running"]
    training.azure.faults = [Fault("jobs/j/cancel", None, times=99)]
    training.clock.at(3, signalling(signal.SIGINT))
    assert run(training) == 130
    assert "Job j could not be cancelled and may still run: connection reset by peer" in training.log
    assert training.clock.now < 1012


def test_a_cancel_is_tried_again(training: World) -> None:
    training.give(job_name="j")
    training.azure.states["j"] = ["Running"]
    training.azure.faults = [Fault("jobs/j/cancel", refusal(503, "Busy"), times=2)]
    training.clock.at(3, signalling(signal.SIGINT))
    assert run(training) == 130
    assert training.azure.cancelled == ["j"]


@pytest.mark.parametrize(("when", "written"), [("always", True), ("on-failure", False), ("never", False)])
def test_the_summary_is_written_when_wanted(training: World, when: str, written: bool) -> None:
    training.give(job_summary=when)
    run(training)
    assert bool(training.summary) == written


def test_a_summary_on_failure_is_written_on_failure(training: World) -> None:
    training.give(job_summary="on-failure", job_name="j")
    training.azure.states["j"] = ["Failed"]
    run(training)
    assert training.summary.startswith("### ❌")


def test_a_model_of_another_name_is_not_handed_on(training: World) -> None:
    training.give(model_name="wine")
    assert run(training) == 0
    assert (training.outputs["model-name"], training.outputs["model-version"]) == ("", "")
    assert training.azure.asked("models/taxi") == []


def test_metrics_that_cannot_be_read_do_not_fail_a_good_job(training: World) -> None:
    training.azure.faults = [Fault("runs/get", None, times=99)]
    assert run(training) == 0
    assert "Metrics and models could not be read: connection reset by peer" in training.log


def test_bad_inputs_are_told_together_and_nothing_is_asked(world: World) -> None:
    Path("pipeline.yml").write_text("jobs:\n  a:\n    code: ./src\n")
    world.give(
        pipeline_file="pipeline.yml",
        set="inputs.x",
        job_name="my job",
        wait="no",
        timeout_minutes="-1",
        job_summary="sometimes",
        experiment_name="a/b",
    )
    assert run(world) == ExitCode.BAD_INPUT
    for part in (
        "7 problems with the inputs",
        "jobs.a.code names ./src, which does not exist",
        "set is 'inputs.x': each line must be key=value, as in inputs.rounds=10.",
        "job-name is 'my job': it must have up to 255 letters, digits, - or _",
        "wait is 'no': it must be 'true' or 'false'.",
        "timeout-minutes is '-1': it must be a whole number from 0 to 43200.",
        "job-summary is 'sometimes': it must be one of always, on-failure, never.",
        "experiment-name is 'a/b'",
    ):
        assert part in world.log, part
    assert "::error title=run-pipeline,file=pipeline.yml,line=3::" in world.log
    assert world.azure.requests == []
    assert world.outputs == {}


def test_a_timeout_needs_a_wait(training: World) -> None:
    training.give(wait="false", timeout_minutes="5")
    assert run(training) == ExitCode.BAD_INPUT
    assert "timeout-minutes is '5': it has no meaning when wait is 'false'." in training.log


def test_a_job_that_is_deleted_meanwhile_ends_the_wait(training: World) -> None:
    training.give(job_name="j")
    training.azure.states["j"] = ["Running"]
    training.clock.at(3, training.azure.jobs.clear)
    assert run(training) == ExitCode.AZURE
    assert "Job j does not exist any more." in training.log


def test_no_token_is_told(training: World) -> None:
    run(training)
    everything = training.log + training.summary + training.output_file.read_text() + str(training.az.calls)
    for secret in [*training.azure.tokens, *training.azure.id_tokens, "request-token"]:
        assert secret not in everything
