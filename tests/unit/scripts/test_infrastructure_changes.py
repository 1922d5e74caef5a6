"""What-if told once: one comment that is updated, one issue that opens, changes and closes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from az_cli import Finished
from infrastructure_changes import COMMENT_MARKER, ISSUE_MARKER, main
from support.fake_azure import FakeClock, answer
from transport import Request, Response
from what_if import parse

GROUP = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-amlv2-a-b"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/abdevst"
NOTHING: dict[str, Any] = {"status": "Succeeded", "changes": [{"changeType": "NoChange", "resourceId": STORAGE}]}
DRIFT: dict[str, Any] = {
    "status": "Succeeded",
    "changes": [
        {
            "changeType": "Modify",
            "resourceId": STORAGE,
            "delta": [
                {
                    "path": "properties.allowSharedKeyAccess",
                    "propertyChangeType": "Modify",
                    "before": True,
                    "after": False,
                },
                {
                    "path": "properties.networkAcls",
                    "propertyChangeType": "Modify",
                    "children": [{"path": "ipRules", "propertyChangeType": "Delete", "before": ["10.0.0.0/8"]}],
                },
                {"path": "properties.etag", "propertyChangeType": "NoEffect", "before": "1", "after": "2"},
            ],
        },
        {"changeType": "Create", "resourceId": f"{GROUP}/providers/Microsoft.Insights/components/a|b", "after": {}},
        {"changeType": "Modify", "resourceId": GROUP, "delta": [{"path": "x", "propertyChangeType": "NoEffect"}]},
        {"changeType": "Unsupported", "resourceId": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/r"},
        {"changeType": "Ignore", "resourceId": f"{GROUP}/providers/Other/thing/t"},
    ],
}


@dataclass
class World:
    """az answers each environment's what-if, GitHub keeps comments and issues."""

    answers: dict[str, dict[str, Any] | str] = field(default_factory=lambda: {"dev": NOTHING, "prod": DRIFT})
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)
    refuses: bool = False

    def run(self, argv: Sequence[str], env: Mapping[str, str]) -> Finished:
        """The child processes."""
        argv = list(argv)
        assert argv[0] == "az"
        self.calls.append(argv)
        environment = next(part for part in argv if part.startswith("env=")).removeprefix("env=")
        found = self.answers[environment]
        return Finished(1, "", found) if isinstance(found, str) else Finished(0, json.dumps(found), "")

    def github(self, request: Request) -> Response:
        """GitHub's API."""
        assert request.headers["Authorization"] == "Bearer ghs_job"
        if self.refuses:
            return answer(403, {"message": "Resource not accessible by integration"})
        path, _, query = request.url.removeprefix("https://api.github.com/repos/o/r/").partition("?")
        values = json.loads(request.body or b"{}")
        if request.method == "GET":
            kept = self.comments if "/comments" in path else [i for i in self.issues if i["state"] == "open"]
            page = int(query.rpartition("page=")[2])
            return answer(200, kept[100 * (page - 1) : 100 * page])
        number = next((int(part) for part in reversed(path.split("/")) if part.isdigit()), 0)
        if request.method == "POST" and path == "issues":
            self.issues.append({"number": len(self.issues) + 1, "state": "open", "user": {"type": "Bot"}, **values})
        elif request.method == "POST":
            self.comments.append({"id": len(self.comments) + 1, "of": number, "user": {"type": "Bot"}, **values})
        else:
            kept = self.comments if "issues/comments" in path else self.issues
            next(entry for entry in kept if entry.get("id", entry.get("number")) == number).update(values)
        return answer(200, {"html_url": "https://github.com/o/r/pull/7#comment"})


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "INPUT_ENVIRONMENTS": '["dev", "prod"]',
        "INPUT_PREFIX": "a",
        "INPUT_POSTFIX": "b",
        "INPUT_LOCATION": "westeurope",
        "INPUT_SUBJECT_PREFIX": "repo:o@1/r@2",
        "INPUT_PULL_REQUEST": "7",
        "GITHUB_REPOSITORY": "o/r",
        "GH_TOKEN": "ghs_job",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "99",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "RUNNER_TEMP": str(tmp_path),
    }


def tell(world: World, env: Mapping[str, str], mode: str = "pull-request") -> tuple[int, str]:
    out = io.StringIO()
    code = main([mode], run=world.run, transport=world.github, clock=FakeClock(), env=env, out=out)
    return code, out.getvalue()


def test_a_pull_request_gets_one_comment_however_often_it_is_told(env: dict[str, str]) -> None:
    world = World()
    for _ in range(2):
        code, said = tell(world, env)
        assert code == 0
        assert said.endswith("Comment: https://github.com/o/r/pull/7#comment\n")
    assert len(world.comments) == 1
    body = world.comments[0]["body"]
    assert body.startswith(COMMENT_MARKER)
    assert "| dev | 0 | 0 | 0 | 0 |" in body
    assert "| prod | 1 | 1 | 0 | 0 |" in body
    assert "properties.allowSharedKeyAccess: true → false" in body
    assert 'properties.networkAcls.ipRules: \\["10.0.0.0/8"\\] → –' in body
    assert "etag" not in body
    assert "a\\|b" in body, "a name cannot break the table"
    assert "11111111-2222" not in body, "subscription ids stay out of comments"
    assert "Not judged by what-if: rg-amlv2-a-b / Microsoft.Authorization/roleAssignments/r" in body
    assert (
        Path(env["GITHUB_STEP_SUMMARY"])
        .read_text("utf-8")
        .startswith("## What this pull request would change in Azure")
    )


def test_a_comment_of_somebody_else_with_our_marker_is_not_touched(env: dict[str, str]) -> None:
    world = World(comments=[{"id": 1, "of": 7, "user": {"type": "User"}, "body": COMMENT_MARKER}])
    tell(world, env)
    assert world.comments[0]["body"] == COMMENT_MARKER
    assert len(world.comments) == 2


def test_the_identity_needs_no_right_to_write(env: dict[str, str]) -> None:
    world = World()
    tell(world, env)
    asked = [call for call in world.calls if call[0] == "az"]
    assert len(asked) == 2
    for call in asked:
        assert call[1:4] == ["deployment", "sub", "what-if"]
        assert call[-2:] == ["--validation-level", "ProviderNoRbac"]
        assert "githubSubjectPrefix=repo:o@1/r@2" in call


def test_drift_opens_an_issue_updates_it_once_and_closes_it(env: dict[str, str]) -> None:
    world = World()
    assert tell(world, env, "drift")[1].endswith("Drift: opened an issue.\n")
    (issue,) = world.issues
    assert issue["title"] == "Infrastructure differs from main.bicep"
    assert issue["body"].startswith(ISSUE_MARKER)
    assert tell(world, env, "drift")[1].endswith("The same drift as before: issue 1.\n")
    assert world.comments == []
    world.answers["dev"] = DRIFT
    assert tell(world, env, "drift")[1].endswith("The drift has changed: updated issue 1.\n")
    assert world.comments[0]["body"] == "The drift has changed: https://github.com/o/r/actions/runs/99\n"
    world.answers = {"dev": NOTHING, "prod": NOTHING}
    assert tell(world, env, "drift")[1].endswith("No drift any more: closed issue 1.\n")
    assert issue["state"] == "closed"
    assert tell(world, env, "drift")[1].endswith("No drift.\n")
    assert len(world.issues) == 1


def test_no_answer_is_told_and_does_not_close_the_issue(env: dict[str, str]) -> None:
    world = World()
    tell(world, env, "drift")
    world.answers = {"dev": NOTHING, "prod": "ERROR: (AuthorizationFailed) The client may not."}
    code, said = tell(world, env, "drift")
    assert code == 4
    assert "::error title=what-if prod::(AuthorizationFailed) The client may not." in said
    assert world.issues[0]["state"] == "open"
    code, _ = tell(world, env)
    assert code == 4
    body = world.comments[-1]["body"]
    assert "| prod | ❌ no answer |" in body
    assert "(AuthorizationFailed) The client may not.\nThe identity is signed in but may not do this." in body


def test_what_github_refuses_is_explained(env: dict[str, str]) -> None:
    code, said = tell(World(refuses=True), env)
    assert code == 4
    assert "GitHub does not let this token GET issues/7/comments (403)." in said
    assert "The job's `permissions:` must allow it" in said
    assert "Resource not accessible by integration" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("INPUT_ENVIRONMENTS", "", "environments is empty: it must be a JSON list"),
        ("INPUT_ENVIRONMENTS", '["../x"]', "environments is '[\"../x\"]': it must be a JSON list"),
        ("INPUT_PREFIX", "", "prefix is empty: it must have 1 to 10 letters and digits"),
        ("INPUT_PULL_REQUEST", "7; rm", "pull-request is '7; rm': it must be the pull request's number"),
    ],
)
def test_bad_input_is_refused_before_azure_is_asked(env: dict[str, str], name: str, value: str, words: str) -> None:
    world = World()
    code, said = tell(world, {**env, name: value})
    assert code == 2
    assert words in said
    assert world.calls == []


def test_usage() -> None:
    out = io.StringIO()
    assert main(["what"], run=World().run, env={}, out=out) == 2
    assert "pull-request|drift" in out.getvalue()


def test_a_modification_without_effect_is_no_change() -> None:
    result = parse("dev", DRIFT)
    assert [change.kind for change in result.changes] == ["Modify", "Create"]
    assert parse("dev", NOTHING).changes == ()
