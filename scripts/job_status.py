"""The states of a job, and waiting for its end.

States: https://learn.microsoft.com/rest/api/azureml/jobs/get#jobstatus
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from clock import Clock, spoken
from errors import ActionError, ExitCode
from rest import UnreachableError

IN_PROGRESS = frozenset(
    {
        "NotStarted",
        "Queued",
        "Preparing",
        "Provisioning",
        "Starting",
        "Running",
        "Finalizing",
        "CancelRequested",
    }
)
TERMINAL = frozenset({"Completed", "Failed", "Canceled", "NotResponding", "Paused"})
SILENCE = 30 * 60.0  # seconds without any answer from Azure before waiting is given up


def interval(waited: float) -> float:
    """Seconds until the next look: short at first, always soon enough."""
    if waited < 60:
        return 1.0
    return 2.0 if waited < 600 else 3.0


@dataclass
class Wait:
    """Waits until a job has ended.

    `status` asks for the current state and may raise UnreachableError: that is lived through, told once, until Azure
    was silent for SILENCE seconds. `each_look` is called after every answer (logs are followed there). `timeout` in
    seconds, 0 for none.
    """

    status: Callable[[], str]
    clock: Clock
    say: Callable[[str], None]
    warn: Callable[[str], None]
    each_look: Callable[[str], None] = lambda _: None
    timeout: float = 0.0
    jitter: Callable[[], float] = random.random

    def until_ended(self) -> str:
        """The terminal state. Raises with ExitCode.TIMEOUT after `timeout`, with ExitCode.LOST after SILENCE."""
        began = heard = self.clock.monotonic()
        shown = ""
        unknown: set[str] = set()
        silent = False
        while True:
            waited = self.clock.monotonic() - began
            try:
                state = self.status()
            except UnreachableError as error:
                if not silent:
                    self.warn(f"Azure does not answer ({error.detail}); waiting on, the job does not depend on it.")
                silent = True
                if self.clock.monotonic() - heard > SILENCE:
                    raise ActionError(
                        f"Azure did not answer for {spoken(SILENCE)}; the job may still run.",
                        detail=error.detail,
                        fix="Look at the job in the studio; run again to attach to it.",
                        exit_code=ExitCode.LOST,
                    ) from error
            else:
                heard = self.clock.monotonic()
                if silent:
                    self.say("Azure answers again.")
                    silent = False
                if state != shown and state:
                    self.say(f"{state} after {spoken(self.clock.monotonic() - began)}")
                    shown = state
                if state and state not in IN_PROGRESS | TERMINAL and state not in unknown:
                    unknown.add(state)
                    self.warn(f"Azure reports a state that is not known here, '{state}': waiting on.")
                self.each_look(state)
                if state in TERMINAL:
                    return state
            if self.timeout and self.clock.monotonic() - began >= self.timeout:
                raise ActionError(
                    f"The job was not finished after {spoken(self.timeout)} (timeout-minutes); its state is "
                    f"'{shown or 'unknown'}'.",
                    fix="Raise timeout-minutes, or find in the log which step takes so long.",
                    exit_code=ExitCode.TIMEOUT,
                )
            self.clock.sleep(interval(waited) * (0.9 + self.jitter() * 0.2))
