"""Every known failure is recognised from what Azure, az or a log really says."""

from __future__ import annotations

import pytest

from errors import ExitCode
from failures_in_logs import IN_LOGS
from known_failures import KNOWN, explain, failure
from support.failure_examples import LOGS, SAYS


def test_every_template_has_an_example() -> None:
    assert {known.name for known in KNOWN} == set(SAYS)
    assert {known.name for known in IN_LOGS} == set(LOGS)


@pytest.mark.parametrize("name", SAYS)
def test_a_known_failure_is_explained(name: str) -> None:
    known = explain(SAYS[name])
    assert known is not None
    assert known.name == name
    assert known.cause.endswith(".")
    assert known.fix.endswith((".", "name.", "`$schema`."))
    assert known.link == "" or known.link.startswith("https://")


@pytest.mark.parametrize("name", LOGS)
def test_a_log_is_explained_with_the_thing_it_names(name: str) -> None:
    text, part = LOGS[name]
    known = explain("line before\n" + text + "\nline after", IN_LOGS)
    assert known is not None
    assert known.name == name
    assert part in known.cause


def test_what_is_not_known_is_told_in_azures_words() -> None:
    error = failure("It failed.", "500 Weird: something new")
    assert error.text() == "It failed.\nAzure said: 500 Weird: something new"
    assert error.exit_code is ExitCode.AZURE


def test_sign_in_failures_have_their_exit_code() -> None:
    assert failure("x", SAYS["wrong-secret"]).exit_code is ExitCode.SIGN_IN


def test_the_exit_codes_are_fixed() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "JOB_FAILED": 1,
        "BAD_INPUT": 2,
        "SIGN_IN": 3,
        "AZURE": 4,
        "TIMEOUT": 5,
        "LOST": 6,
        "REJECTED": 7,
        "DEFECT": 70,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
