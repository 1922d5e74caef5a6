"""Scheduled training: the matrix, and the one issue of each model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from action import run
from retrain import TITLE, choose, report
from support.fake_azure import World, answer
from transport import Request, Response


@pytest.fixture
def repository(world: World) -> World:
    for name in ("taxi", "digits"):
        path = Path(f"mlops/azureml/train/{name}_pipeline.yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    Path("mlops/models.yml").write_text("models:\n  digits:\n    cluster: {size: 2}\n    environments: [test, prod]\n")
    return world


def chosen(world: World, inputs: object, payload: object) -> list[dict[str, str]]:
    world.env.update(INPUTS=json.dumps(inputs), PAYLOAD=json.dumps(payload))
    assert world.run(TITLE, choose) == 0, world.log
    found: list[dict[str, str]] = json.loads(world.outputs["models"])
    return found


def test_a_schedule_trains_every_model_with_its_own_settings(repository: World) -> None:
    digits, taxi = chosen(repository, None, None)
    assert (digits["model"], digits["cluster-size"], digits["environment"]) == ("digits", "2", "test")
    assert (taxi["model"], taxi["cluster-size"], taxi["environment"]) == ("taxi", "4", "dev")
    assert taxi["pipeline-file"] == "mlops/azureml/train/taxi_pipeline.yml"


def test_a_payload_or_an_input_names_one(repository: World) -> None:
    assert [each["model"] for each in chosen(repository, {}, {"model": "taxi"})] == ["taxi"]
    found = chosen(repository, {"model": "digits", "environment": "prod"}, None)
    assert [(each["model"], each["environment"]) for each in found] == [("digits", "prod")]


def test_an_unknown_model_is_refused(repository: World) -> None:
    repository.env.update(INPUTS='{"model": "fare"}', PAYLOAD="null")
    assert repository.run(TITLE, choose) == 2
    assert "model is 'fare': it must be one of digits, taxi." in repository.log


class Issues:
    """GitHub's issues of one repository."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []
        self.comments: list[str] = []

    def __call__(self, request: Request) -> Response:
        path = request.url.partition("/repos/o/r/")[2]
        body = json.loads(request.body or b"{}")
        if request.method == "GET":
            assert path.startswith("issues?state=open&labels=retrain&")
            return answer(200, self.issues)
        if path.endswith("/comments"):
            self.comments.append(body["body"])
            return answer(201, {})
        if request.method == "POST":
            self.issues.append(
                {"number": 4, "user": {"type": "Bot"}, "html_url": "https://github.com/o/r/issues/4", **body}
            )
            return answer(201, self.issues[-1])
        self.issues[0].update(body)
        return answer(200, self.issues[0])


class Told:
    def __init__(self) -> None:
        self.github = Issues()
        self.out = io.StringIO()

    def tell(self, **inputs: str) -> None:
        env = {
            "GITHUB_REPOSITORY": "o/r",
            "GH_TOKEN": "t",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "9",
        }
        env |= {"INPUT_MODEL": "taxi", "INPUT_RESULT": "success", "INPUT_STATUS": "Completed"}
        env |= {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        assert run(TITLE, report, env=env, transport=self.github, out=self.out) == 0, self.out.getvalue()


METRICS = '{"test_rmse": 2.0, "champion_test_rmse": 2.5}'


def test_a_new_version_opens_an_issue_that_says_how_to_release_it() -> None:
    told = Told()
    told.tell(model_name="taxi", model_version="7", metrics=METRICS)
    issue = told.github.issues[0]
    assert issue["title"] == "taxi: version 7 waits for its release"
    assert issue["labels"] == ["retrain"]
    assert issue["body"].startswith("<!-- mlops-actions: retrain taxi -->\n")
    assert "gh workflow run deploy-online.yml -f model=taxi -f model-version=7\n" in issue["body"]
    assert "| `test_rmse` | 2 | 2.5 | -0.5 |" in issue["body"]
    assert "[run](https://github.com/o/r/actions/runs/9)" in issue["body"]


def test_the_next_outcome_updates_the_same_issue_and_tells_people() -> None:
    told = Told()
    told.tell(model_version="7")
    told.tell(result="failure", status="Failed")
    assert len(told.github.issues) == 1
    assert told.github.issues[0]["title"] == "taxi: training failed"
    assert "ended as **Failed**" in told.github.issues[0]["body"]
    assert told.github.comments == ["taxi: training failed: https://github.com/o/r/actions/runs/9\n"]


def test_a_champion_that_stays_opens_nothing_and_bothers_nobody() -> None:
    told = Told()
    told.tell(metrics=METRICS)
    assert told.github.issues == []
    assert "The champion stays; no issue was opened." in told.out.getvalue()
    told.tell(model_version="7")
    told.tell(metrics=METRICS)
    assert told.github.issues[0]["title"] == "taxi: trained again, the champion stays"
    assert told.github.comments == []


def test_other_models_issues_are_left_alone() -> None:
    told = Told()
    told.tell(model="digits", model_version="1")
    told.tell(model="taxi", model_version="2")
    assert [issue["title"].partition(":")[0] for issue in told.github.issues] == ["digits", "taxi"]


def test_a_stage_before_the_pipeline_that_failed_is_a_failure() -> None:
    told = Told()
    told.tell(result="skipped", status="")
    assert "ended as **not submitted**" in told.github.issues[0]["body"]


def test_a_cancelled_run_tells_nobody() -> None:
    told = Told()
    told.tell(result="cancelled")
    assert told.github.issues == []


def test_without_a_token_the_summary_has_the_outcome() -> None:
    told = Told()
    told.tell(model_version="7", gh_token="")
    env_free = io.StringIO()
    assert (
        run(TITLE, report, env={"INPUT_MODEL": "taxi", "INPUT_RESULT": "success"}, transport=told.github, out=env_free)
        == 0
    )
    assert (
        "There is no GitHub token in this run. The outcome stands in this job's summary instead." in env_free.getvalue()
    )


def test_metrics_that_are_none_are_refused(world: World) -> None:
    world.give(model="taxi", result="success", metrics="[1")
    assert world.run(TITLE, report) == 2
    assert "metrics is '[1': it must be a JSON object, as run-pipeline's output metrics is." in world.log
