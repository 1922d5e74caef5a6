"""Who lets a job into a GitHub environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from azureml_local.workflow_run import environment_step
from azureml_local.workflow_run.records import Event, JobRecord
from azureml_local.workflow_run.reviews import Reviews, ask_terminal


def job() -> JobRecord:
    return JobRecord("Deliver to prod/deliver-stage/prod", "stage", 0.0)


def trust(environment: str) -> tuple[str, str]:
    return f"repo:o/r:environment:{environment}", "https://token/?job=x"


def reviews(folder: Path, *, reviewed: str = "", approved: str = "", says: bool | None = None) -> Reviews:
    def names(text: str) -> frozenset[str]:
        return frozenset(filter(None, text.split(",")))

    return Reviews(folder, trust, reviewed=names(reviewed), approved=names(approved), ask=lambda _, __: says)


def asked(record: JobRecord, environment: str = "prod") -> Event:
    return Event("environment", record, json.dumps({"environment": environment, "answer": "a.json", "pid": 1}))


def said(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "answers" / "a.json").read_text())
    return found


@pytest.mark.parametrize(
    ("reviewed", "approved", "says", "how"),
    [
        ("", "", None, "no reviewers"),
        ("test", "", None, "no reviewers"),
        ("prod", "test,prod", None, "approved by --approve"),
        ("", "prod", None, "approved by --approve"),
        ("prod", "", True, "approved at the terminal"),
    ],
)
def test_a_job_that_may_go_on_is_trusted_and_told_where_to_ask_for_id_tokens(
    tmp_path: Path, reviewed: str, approved: str, says: bool | None, how: str
) -> None:
    record = job()
    reviews(tmp_path, reviewed=reviewed, approved=approved, says=says).answer(asked(record))
    assert said(tmp_path)["approved"]
    assert (said(tmp_path)["subject"], said(tmp_path)["url"]) == trust("prod")
    assert (record.environment, record.review, record.held_back) == ("prod", how, False)


@pytest.mark.parametrize(
    ("says", "how", "told"),
    [
        (None, "not approved", "nobody approved: this job and those that need it do not run. Run again with --approve"),
        (False, "rejected", "The deployment to environment prod was rejected at the terminal."),
    ],
)  # fmt: skip
def test_a_job_that_nobody_approved_is_held_back_and_gets_no_way_to_id_tokens(
    tmp_path: Path, says: bool | None, how: str, told: str
) -> None:
    record = job()
    reviews(tmp_path, reviewed="prod", approved="test", says=says).answer(asked(record))
    assert told in said(tmp_path)["told"]
    assert "url" not in said(tmp_path)
    assert (record.review, record.held_back) == (how, True)


def test_a_workspace_that_does_not_answer_holds_the_job_back(tmp_path: Path) -> None:
    def broken(_: str) -> tuple[str, str]:
        raise OSError("connection refused")

    record = job()
    Reviews(tmp_path, broken, reviewed=frozenset(), approved=frozenset(), ask=lambda _, __: None).answer(asked(record))
    assert "connection refused" in said(tmp_path)["told"]
    assert record.held_back


@pytest.mark.parametrize(("typed", "answer"), [("y\n", True), ("Yes\n", True), ("\n", False), ("no\n", False)])
def test_the_terminal_is_asked(typed: str, answer: bool, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        os.write(ours, typed.encode())
        assert ask_terminal("Approve? ", os.getpid(), terminal) is answer
    os.close(ours)
    assert "Approve? " in capsys.readouterr().err


def test_nobody_answers_where_there_is_no_terminal_or_the_job_is_gone(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("y\n")
    with (tmp_path / "in").open() as file:
        assert ask_terminal("Approve? ", os.getpid(), file) is None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        assert ask_terminal("Approve? ", gone.pid, terminal) is None
    os.close(ours)


def step(tmp_path: Path, name: str, answer: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The step itself, as act runs it; the answer comes once it has asked."""
    (tmp_path / "answers").mkdir()
    env = {"ENVIRONMENT_NAME": name, "AZUREML_LOCAL_RUN_FOLDER": str(tmp_path), "GITHUB_ENV": str(tmp_path / "env")}
    command = [sys.executable, str(environment_step.__file__)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if line.startswith(environment_step.MARK):
            question = json.loads(line.removeprefix(environment_step.MARK))
            assert (question["environment"], question["pid"]) == (name, process.pid)
            (tmp_path / "answers" / question["answer"]).write_text(json.dumps(answer))
        rest = process.stdout.read()
    return subprocess.CompletedProcess(command, process.returncode, line + rest)


def test_the_step_hands_the_url_to_the_steps_after_it(tmp_path: Path) -> None:
    done = step(
        tmp_path, "prod", {"approved": True, "url": "https://token/?job=x", "subject": "repo:o/r:environment:prod"}
    )
    assert done.returncode == 0
    assert (tmp_path / "env").read_text() == "ACTIONS_ID_TOKEN_REQUEST_URL=https://token/?job=x\n"
    assert "ID tokens of this job have the subject repo:o/r:environment:prod" in done.stdout


def test_the_step_fails_with_the_reason(tmp_path: Path) -> None:
    done = step(tmp_path, "prod", {"approved": False, "told": "nobody approved"})
    assert done.returncode == 1
    assert "::error::nobody approved" in done.stdout


def test_the_step_ends_when_nobody_is_left_to_answer(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    env = {
        "ENVIRONMENT_NAME": "prod",
        "AZUREML_LOCAL_RUN_FOLDER": str(tmp_path),
        "AZUREML_LOCAL_RUN_PID": str(gone.pid),
    }
    command = [sys.executable, str(environment_step.__file__)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "::error::azureml-local run is gone: nobody can let this job in." in done.stdout


def test_an_empty_name_is_no_environment(tmp_path: Path) -> None:
    done = step(tmp_path, "", {})
    assert (done.returncode, done.stdout) == (0, "")
