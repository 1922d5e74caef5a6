"""Every state, broken connections, timeouts: hours of waiting in milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from errors import ActionError, ExitCode
from job_status import IN_PROGRESS, SILENCE, TERMINAL, Wait, interval
from rest import UnreachableError
from support.fake_azure import FakeClock


class Told:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.looks: list[str] = []


def waiting(states: list[str | Exception], clock: FakeClock, told: Told, timeout: float = 0.0) -> Wait:
    def status() -> str:
        state = states.pop(0) if len(states) > 1 else states[0]
        if isinstance(state, Exception):
            raise state
        return state

    look: Callable[[str], None] = told.looks.append
    return Wait(status, clock, told.said.append, told.warned.append, look, timeout, jitter=lambda: 0.5)


def lost() -> Exception:
    return UnreachableError("x", detail="connection reset", exit_code=ExitCode.LOST)


@pytest.mark.parametrize("state", sorted(IN_PROGRESS))
def test_a_state_in_progress_is_waited_for(state: str) -> None:
    told = Told()
    assert waiting([state, state, "Completed"], FakeClock(), told).until_ended() == "Completed"
    assert told.said == [f"{state} after 0.0 s", "Completed after 2.0 s"]
    assert told.warned == []
    assert told.looks == [state, state, "Completed"]


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_terminal_state_ends_the_wait(state: str) -> None:
    clock = FakeClock()
    assert waiting([state], clock, Told()).until_ended() == state
    assert clock.slept == []


def test_an_unknown_state_is_warned_of_once_and_waited_for() -> None:
    told = Told()
    assert (
        waiting(["Dreaming", "Dreaming", "Running", "Dreaming", "Failed"], FakeClock(), told).until_ended() == "Failed"
    )
    assert told.warned == ["Azure reports a state that is not known here, 'Dreaming': waiting on."]


def test_an_empty_state_is_no_end_and_no_endless_loop() -> None:
    told = Told()
    clock = FakeClock()
    assert waiting(["", "", "Completed"], clock, told).until_ended() == "Completed"
    with pytest.raises(ActionError) as raised:
        waiting([""], clock, told, timeout=60).until_ended()
    assert raised.value.exit_code is ExitCode.TIMEOUT
    assert "its state is 'unknown'" in raised.value.what


def test_substrings_of_states_are_not_states() -> None:
    told = Told()
    assert waiting(["Run", "Complete", "Completed"], FakeClock(), told).until_ended() == "Completed"
    assert len(told.warned) == 2


def test_a_broken_connection_is_lived_through_and_told_once() -> None:
    told = Told()
    states: list[str | Exception] = ["Running", lost(), lost(), "Running", "Completed"]
    assert waiting(states, FakeClock(), told).until_ended() == "Completed"
    assert len(told.warned) == 1
    assert "Azure does not answer (connection reset); waiting on" in told.warned[0]
    assert "Azure answers again." in told.said


def test_silence_for_too_long_ends_the_wait() -> None:
    clock = FakeClock()
    with pytest.raises(ActionError) as raised:
        waiting(["Running", lost()], clock, Told()).until_ended()
    assert raised.value.exit_code is ExitCode.LOST
    assert "Azure did not answer for 30 min 00 s; the job may still run." in raised.value.text()
    assert SILENCE <= clock.now - 1000 < SILENCE + 10


def test_a_timeout_names_the_state() -> None:
    clock = FakeClock()
    with pytest.raises(ActionError) as raised:
        waiting(["Queued"], clock, Told(), timeout=600).until_ended()
    assert raised.value.exit_code is ExitCode.TIMEOUT
    assert raised.value.what == ("The job was not finished after 10 min 00 s (timeout-minutes); its state is 'Queued'.")
    assert 600 <= clock.now - 1000 < 605


def test_looks_become_rarer_but_never_rare() -> None:
    assert [interval(seconds) for seconds in (0, 59, 60, 599, 600, 36_000)] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
