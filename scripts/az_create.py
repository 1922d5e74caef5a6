"""`az ml … create` of an endpoint or a deployment: signed in when needed, scoped, told, and ended in time."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from az_cli import Az, essence, without_noise
from clock import Clock
from errors import ActionError, ExitCode
from github import Runner
from session import Session
from workspace import Workspace


class _TimeIsUp(Exception):  # noqa: N818 - not an error: an alarm
    """The alarm went off while a child process ran."""


@contextlib.contextmanager
def alarm(seconds: float, what: str) -> Iterator[None]:
    """End a wait for a child process after `seconds` of real time: ActionError with ExitCode.TIMEOUT."""

    def ring(_: int, __: FrameType | None) -> None:
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.01, seconds))
    try:
        yield
    except _TimeIsUp:
        raise ActionError(
            f"{what} took longer than timeout-minutes allows.", fix="Raise timeout-minutes.", exit_code=ExitCode.TIMEOUT
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Creator:
    """Runs `az ml` for one action; `extension` is the version to install where there is none."""

    az: Az
    session: Session
    workspace: Workspace
    runner: Runner
    clock: Clock
    extension: str

    def create(
        self, arguments: Sequence[str], what: str, seconds: float, arrived: Callable[[], bool] | None = None
    ) -> str:
        """One `az ml` call; "" or what az said when it failed.

        `arguments` begin with group and verb and have `--set`, whose values are not told. With `arrived`, which tells
        whether the object is there all the same, a passing failure is tried once more.
        """
        self.session.sign_in_az(self.az)
        self.az.ensure_ml(self.extension)
        group, verb, *rest = arguments
        scoped = [group, verb, *self.workspace.scope_arguments(), *rest]
        shown = " ".join(arguments[: arguments.index("--set")])
        with self.runner.group(f"az ml {shown}"), alarm(seconds, what):
            done = self.az.ml(scoped) if arrived is None else self.az.ml_patiently(scoped, self.clock, arrived)
            self.runner.foreign("az:", without_noise(done.stderr))
        return essence(done.stderr) if done.code else ""
