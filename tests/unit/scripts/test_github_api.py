"""One comment, made once and then updated; what happens where the token may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from errors import ActionError
from github_api import GitHubApi, NotAllowed
from support.fake_azure import answer
from transport import Request, Response, TransportError

MARKER = "<!-- ours -->"


class FakeGitHub:
    """Comments of issue 7; `status` answers everything that writes."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.comments: list[dict[str, Any]] = []
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
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
            return answer(201, {"html_url": "https://github.com/o/r/pull/7#1"})
        self.comments[int(path.rpartition("/")[2])]["body"] = body
        return answer(200, {"html_url": "https://github.com/o/r/pull/7#1"})


def api(github: Any) -> GitHubApi:
    return GitHubApi.of({"GH_TOKEN": "t", "GITHUB_REPOSITORY": "o/r"}, github)


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
        GitHubApi.of({"GITHUB_REPOSITORY": "o/r"}, FakeGitHub())

    def broken(_: Request) -> Response:
        raise TransportError("no route to host")

    with pytest.raises(NotAllowed, match="cannot be reached from here"):
        api(broken).comment("7", MARKER, "x")


def test_artifacts_by_name() -> None:
    assert api(FakeGitHub()).artifacts("12") == {"training-taxi": 5}
