"""Requests judged: percentiles, limits, what an answer says of itself."""

from __future__ import annotations

import time

import pytest

from az_create import alarm
from errors import ActionError, ExitCode
from json_schema import Schema
from scoring import Answer, Client, Limits, Tally, percentile, soak
from support.fake_azure import FakeClock
from transport import Request, Response, TransportError


def client(clock: FakeClock, response: Response | None, expect: object = None) -> Client:
    def transport(_: Request) -> Response:
        clock.now += 0.25
        if response is None:
            raise TransportError("refused")
        return response

    schema = None if expect is None else Schema.read(expect)
    return Client("https://e/score", b"{}", lambda: "key", transport, clock, schema)


@pytest.mark.parametrize(("share", "found"), [(0.5, 10.0), (0.95, 19.0), (1.0, 20.0), (0.0, 1.0)])
def test_percentiles_are_nearest_rank(share: float, found: float) -> None:
    assert percentile([float(n) for n in range(20, 0, -1)], share) == found
    assert percentile([], share) == 0.0


@pytest.mark.parametrize(
    ("response", "expect", "problem"),
    [
        (Response(200, {}, b"[1]"), None, ""),
        (Response(200, {}, b"not json"), None, ""),
        (Response(200, {}, b"not json"), {"type": "array"}, "the answer is not JSON: not json"),
        (Response(200, {}, b"{}"), {"type": "array"}, "the answer is not what expect says: answer: {} is no array"),
        (Response(401), None, "status 401 (the key or token was not accepted)"),
        (
            Response(424, {"ms-azureml-model-error-statuscode": "500"}, b"boom\n  and more"),
            None,
            "status 424 (the model failed, with 500): boom and more",
        ),
        (Response(418, {}, b"teapot"), None, "status 418: teapot"),
        (None, None, "no answer: refused"),
    ],
)
def test_an_answer_says_what_is_wrong_with_it(response: Response | None, expect: object, problem: str) -> None:
    answer = client(FakeClock(), response, expect).ask("green")
    assert answer.problem == problem
    assert answer.seconds == 0.25


def test_limits() -> None:
    tally = Tally()
    for number in range(100):
        tally.add(Answer(200, 0.001 * number, "[]", "status 503" if number < 2 else "", "green"))
    assert Limits(2.0).verdict(tally) == ""
    assert Limits(1.9).verdict(tally) == "2 of 100 requests failed (2.0 %, allowed are 1.9 %): status 503"
    assert Limits(2.0, 93).verdict(tally) == "p95 latency is 94 ms, allowed are 93 ms"
    assert Limits(2.0, 94).verdict(tally) == ""


def test_a_soak_waits_for_the_new_one_to_be_reached() -> None:
    """With 10 % and bad luck twenty answers may all be the old one's."""
    clock = FakeClock()
    asked: list[int] = []

    def transport(_: Request) -> Response:
        asked.append(1)
        return Response(200, {"azureml-model-deployment": "green" if len(asked) > 100 else "blue"}, b"[]")

    probing = Client("https://e/score", b"{}", lambda: "key", transport, clock)
    tally, verdict = soak(probing, "green", 0, Limits())
    assert verdict == ""
    assert tally.deployments == {"blue": 100, "green": 5}


def test_a_soak_ends_where_answers_do_not_tell_who_gave_them() -> None:
    tally, _ = soak(client(FakeClock(), Response(200, {}, b"[]")), "green", 0, Limits())
    assert tally.answers == 20


def test_a_child_that_takes_too_long_is_a_timeout() -> None:
    with (
        pytest.raises(ActionError, match="Creating took longer than timeout-minutes") as caught,
        alarm(0.01, "Creating"),
    ):
        time.sleep(5)
    assert caught.value.exit_code == ExitCode.TIMEOUT


def test_an_alarm_that_is_over_rings_no_more() -> None:
    with alarm(0.02, "Creating"):
        pass
    time.sleep(0.03)
