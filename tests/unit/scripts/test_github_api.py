"""One comment, made once and then updated; what happens where the token may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from errors import ActionError
from github_api import GitHubApi, NotAllowed
from support.fake_azure import FakeClock, answer
from transport import Request, Response, TransportError

MARKER = "<!-- ours -->"


class FakeGitHub:
    """Comments of issue 7; `status` answers everything that writes; `faults` come first (None: a broken connection)."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.faults: list[Response | None] = []
        self.loses_answers = 0  # of POSTs that are carried out
        self.comments: list[dict[str, Any]] = []
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if self.faults:
            fault = self.faults.pop(0)
            if fault is None:
                raise TransportError("connection reset by peer")
            return fault
        path = request.url.removeprefix("https://api.github.com/repos/o/r/")
        if request.method == "GET":
            if path.startswith("issues/7/comments"):
                page = int(path.rpartition("page=")[2])
                return answer(200, self.comments[(page - 1) * 100 : page * 100])
            return answer(200, {"artifacts": [{"name": "training-taxi", "id": 5}]})
        if self.status != 200:
            return answer(self.status, {"message": "Resource not accessible by integration"})
        body = json.loads(request.body or b"{}")["body"]
        if request.method == "POST":
            self.comments.append({"id": len(self.comments), "body": body, "user": {"type": "Bot"}})
            if self.loses_answers:
                self.loses_answers -= 1
                raise TransportError("connection reset by peer")
            return answer(201, {"html_url": "https://github.com/o/r/pull/7#1"})
        self.comments[int(path.rpartition("/")[2])]["body"] = body
        return answer(200, {"html_url": "https://github.com/o/r/pull/7#1"})


def api(github: Any, clock: FakeClock | None = None) -> GitHubApi:
    return GitHubApi.of({"GH_TOKEN": "t", "GITHUB_REPOSITORY": "o/r"}, github, clock or FakeClock())


def test_the_second_time_updates() -> None:
    github = FakeGitHub()
    github.comments = [
        {"id": number, "body": MARKER if number == 3 else "hello", "user": {"type": "User"}} for number in range(150)
    ]  # number 3 is somebody who quotes us
    assert api(github).comment("7", MARKER, "one") == "https://github.com/o/r/pull/7#1"
    api(github).comment("7", MARKER, "two")
    assert len(github.comments) == 151
    assert github.comments[150]["body"] == f"{MARKER}\ntwo"
    assert github.comments[3]["body"] == MARKER
    assert all(request.headers["Authorization"] == "Bearer t" for request in github.requests)


def test_a_forks_token_may_not_write() -> None:
    with pytest.raises(NotAllowed, match=r"does not let this token POST issues/7/comments \(403\)"):
        api(FakeGitHub(403)).comment("7", MARKER, "x")


def test_an_error_of_github_is_told() -> None:
    with pytest.raises(ActionError, match="GitHub answered 500 to POST issues/7/comments"):
        api(FakeGitHub(500)).comment("7", MARKER, "x")


def test_no_token_and_no_network_are_the_same_to_us() -> None:
    with pytest.raises(NotAllowed, match="There is no GitHub token in this run"):
        GitHubApi.of({"GITHUB_REPOSITORY": "o/r"}, FakeGitHub(), FakeClock())

    def broken(_: Request) -> Response:
        raise TransportError("no route to host")

    with pytest.raises(NotAllowed, match="cannot be reached from here"):
        api(broken).comment("7", MARKER, "x")


def test_artifacts_by_name() -> None:
    assert api(FakeGitHub()).artifacts("12") == {"training-taxi": 5}


def test_passing_failures_are_tried_again_and_rate_limits_waited_for() -> None:
    github, clock = FakeGitHub(), FakeClock()
    limited = answer(403, {"message": "You have exceeded a secondary rate limit"}, retry_after="30")
    github.faults = [None, answer(502), limited]
    assert api(github, clock).artifacts("12") == {"training-taxi": 5}
    assert clock.slept == [1.0, 2.0, 30.0]


def test_a_rate_limit_of_an_hour_is_told_not_waited_for() -> None:
    github, clock = FakeGitHub(), FakeClock()
    github.faults = [answer(429, {"message": "API rate limit exceeded"}, retry_after="3600")]
    with pytest.raises(ActionError, match="GitHub answered 429 to GET") as caught:
        api(github, clock).artifacts("12")
    assert caught.value.detail == "API rate limit exceeded"
    assert clock.slept == []


def test_a_comment_whose_answer_was_lost_is_not_written_twice() -> None:
    github = FakeGitHub()
    github.loses_answers = 1
    api(github).comment("7", MARKER, "one")
    assert [each["body"] for each in github.comments] == [f"{MARKER}\none"]


def test_a_comment_that_did_not_arrive_is_sent_again() -> None:
    github = FakeGitHub()
    github.faults = [answer(200, []), answer(503)]
    assert api(github).comment("7", MARKER, "one") == "https://github.com/o/r/pull/7#1"
    assert len(github.comments) == 1
