"""The one comment of a pull request, and the check's verdict."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from action import run
from comparison import Comparison, Training
from models import Gate
from pull_request_report import MARKER, TITLE, tell
from unit.scripts.test_github_api import FakeGitHub

GATE = Gate("test_rmse", "minimize", limit=5.0)


class Report:
    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "results"
        self.summary_file = tmp_path / "summary"
        self.github = FakeGitHub()
        self.out = io.StringIO()
        self.env = {
            "GITHUB_STEP_SUMMARY": str(self.summary_file), "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "12",
            "GITHUB_SERVER_URL": "https://github.com", "GH_TOKEN": "t", "INPUT_RESULTS": str(self.folder),
            "INPUT_PULL_REQUEST": "7", "INPUT_VALIDATION": "success",
        }  # fmt: skip

    def result(self, model: str, value: float) -> None:
        folder = self.folder / f"training-{model}"
        folder.mkdir(parents=True)
        head = Training("Completed", {"test_rmse": value}, job="j", version="2", seconds=3.0)
        base = Training("Completed", {"test_rmse": 2.0})
        comparison = Comparison(model, head, base, GATE, plots=("evaluate-a.png",))
        (folder / "comparison.json").write_text(json.dumps(comparison.document()))

    def tell(self, *models: str, **env: str) -> int:
        self.env.update(INPUT_MODELS=json.dumps(models), **env)
        return run(TITLE, tell, env=self.env, transport=self.github, out=self.out)

    @property
    def log(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(tmp_path)


def test_comment_and_summary_say_the_same_and_link_the_plots(report: Report) -> None:
    report.result("taxi", 1.9)
    assert report.tell("taxi") == 0, report.log
    body = report.github.comments[0]["body"]
    assert body == f"{MARKER}\n{report.summary_file.read_text()}"
    assert "## ✅ Models: taxi" in body
    assert "| `taxi` | ✅ passed | `test_rmse` 1.9 | 2 |" in body
    assert "in [this artifact](https://github.com/o/r/actions/runs/12/artifacts/5)." in body
    assert "Comment: https://github.com/o/r/pull/7#1" in report.log


def test_what_is_best_on_azure_stands_in_the_comment_and_decides_nothing(report: Report) -> None:
    report.result("taxi", 1.9)
    champions = {"taxi": {"workspace": "aml", "version": "7", "value": 1.5}}
    assert report.tell("taxi", INPUT_CHAMPIONS=json.dumps(champions)) == 0, report.log
    assert "On Azure, in `aml`, the best is version 7: `test_rmse` 1.5" in report.github.comments[0]["body"]
    assert report.tell("taxi", INPUT_CHAMPIONS="[]") == 2
    assert "champions is '[]': it must be azure_champion.py's output." in report.log


def test_a_second_run_updates_the_comment(report: Report) -> None:
    report.result("taxi", 1.9)
    report.tell("taxi")
    report.tell("taxi")
    assert len(report.github.comments) == 1


def test_one_model_that_is_worse_makes_the_check_red(report: Report) -> None:
    report.result("taxi", 2.5)
    report.result("digits", 1.0)
    assert report.tell("digits", "taxi") == 1
    assert "## ❌ Models: digits, taxi" in report.github.comments[0]["body"]
    assert "::error title=pull request::taxi: test_rmse 2.5 is worse than the base branch's 2." in report.log
    assert "::error title=pull request::digits" not in report.log


def test_a_model_without_a_result_makes_it_red(report: Report) -> None:
    report.result("taxi", 1.0)
    assert report.tell("digits", "taxi") == 1
    assert "| `digits` | ❌ not trained | - | - |" in report.github.comments[0]["body"]
    assert "digits: there is no result." in report.log


def test_broken_yaml_is_in_the_comment(report: Report) -> None:
    problems = "| Where | What |\n| --- | --- |\n| `a.yml:3` | oh |\n"
    assert report.tell("taxi", INPUT_VALIDATION="failure", INPUT_PROBLEMS=problems) == 1
    assert "**The YAML files are not right; nothing was trained.**" in report.github.comments[0]["body"]
    assert "| `a.yml:3` | oh |" in report.github.comments[0]["body"]


def test_a_forks_pull_request_is_green_and_keeps_the_text_in_the_summary(report: Report) -> None:
    report.github = FakeGitHub(403)
    report.result("taxi", 1.9)
    assert report.tell("taxi") == 0
    assert "::notice title=pull request::GitHub does not let this token POST issues/7/comments (403)." in report.log
    assert "## ✅ Models: taxi" in report.summary_file.read_text()


def test_without_a_token_the_comments_text_is_in_the_log(report: Report) -> None:
    report.result("taxi", 1.9)
    assert report.tell("taxi", GH_TOKEN="") == 0
    assert "│ ## ✅ Models: taxi" in report.log
    assert "There is no GitHub token in this run. The comment stands in this job's summary instead." in report.log
    assert report.github.requests == []


def test_no_model_no_comment(report: Report) -> None:
    assert report.tell() == 0
    assert report.github.comments == []
    assert "No model is touched by this change; nothing was trained." in report.summary_file.read_text()


def test_an_earlier_comment_does_not_go_stale(report: Report) -> None:
    report.result("taxi", 1.9)
    report.tell("taxi")
    assert report.tell() == 0
    assert [each["body"] for each in report.github.comments] == [
        f"{MARKER}\nNo model is touched by this change; nothing was trained.\n"
    ]


def test_models_that_were_not_found_are_no_success(report: Report) -> None:
    assert report.tell(INPUT_CHANGES="failure") == 1
    assert "The models of this change were not found" in report.log
    assert report.github.requests == []


def test_the_check_always_runs() -> None:
    """GitHub takes a required check that is skipped for one that passed."""
    workflow = yaml.safe_load((Path(__file__).parents[3] / ".github/workflows/pull-request.yml").read_text())
    assert workflow["jobs"]["models"]["if"] == "always()"
    assert set(workflow["jobs"]["models"]["needs"]) == set(workflow["jobs"]) - {"models"}
