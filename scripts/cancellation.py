"""Cancelling: from the runner's signal to Azure's cancel call, at once.

The runner sends SIGINT, after 7.5 s SIGTERM, after 2.5 s more SIGKILL, to the process that a composite's step has
become by `exec` (steps of a composite that come later never run on cancel: actions/runner#2638).
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from enum import Enum
from types import FrameType

from clock import Clock
from errors import ActionError
from github import Runner
from workspace import Workspace

PATIENCE = 6.0  # seconds in all for the cancel call: done before the runner's SIGKILL, ten seconds after its SIGINT


class Outcome(Enum):
    """What became of a cancel call."""

    REQUESTED = "requested"
    NOTHING = "nothing to cancel"  # the job never was, or had ended
    REFUSED = "refused"


class Cancelled(BaseException):
    """SIGINT or SIGTERM arrived. A BaseException, so that no `except Exception` on the way takes it for an error."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        return 128 + self.signum


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Within the block SIGINT and SIGTERM raise Cancelled, once: a second signal cannot break the cancel call."""

    def arrived(signum: int, _: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Cancelled(signum)

    before = {each: signal.signal(each, arrived) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def cancel_job(workspace: Workspace, name: str, runner: Runner, clock: Clock, *, may_appear: bool = False) -> Outcome:
    """Ask Azure to cancel job `name`.

    `may_appear`: the job was being created when the signal came, so "not found" is asked again for some seconds.
    """
    end = clock.monotonic() + PATIENCE
    wait = 0.25
    while True:
        missing = False
        try:
            response = workspace.cancel_job(name, timeout=max(1.0, end - clock.monotonic()))
        except ActionError as error:
            told = error.detail or error.what
        else:
            if response.status in (200, 202, 204):
                runner.say(f"Cancel of job {name} requested.")
                return Outcome.REQUESTED
            refused = workspace.rest.refused("POST", workspace.url(f"/jobs/{name}/cancel"), response)
            told = refused.detail
            missing = response.status == 404
            if missing and not may_appear:
                runner.say(f"There is no job {name}: nothing to cancel.")
                return Outcome.NOTHING
            if response.status in (400, 409, 412):  # it has ended already
                runner.say(f"Job {name} was not cancelled: {told}")
                return Outcome.NOTHING
        if clock.monotonic() + wait >= end:
            if missing:
                runner.say(f"Job {name} was not created: nothing to cancel.")
                return Outcome.NOTHING
            runner.error(f"Job {name} could not be cancelled and may still run: {told}", title="cancel")
            return Outcome.REFUSED
        clock.sleep(wait)
        wait *= 2
