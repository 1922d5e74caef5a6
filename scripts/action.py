"""What every action's script is wrapped in: time, network and processes handed in; one place that turns failures into
annotations, summary and exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

from az_cli import Az, Launch, launch
from cancellation import Cancelled, signals_raise
from clock import Clock, SystemClock
from errors import ActionError, ExitCode, unforeseen
from github import Runner
from inputs import Inputs
from rest import Rest
from session import Session, Target, open_session, read_target
from transport import Transport, send
from workspace import Workspace


@dataclass
class Context:
    """The world as one action sees it."""

    runner: Runner
    inputs: Inputs
    az: Az
    transport: Transport
    clock: Clock

    def target(self) -> Target:
        """The inputs all actions have; wrong ones are collected, call `inputs.check()` after the last input."""
        return read_target(self.inputs, self.runner)

    def sign_in(self, target: Target) -> tuple[Session, Workspace]:
        """Signed in, and sure that the workspace is there and may be read."""
        session = open_session(target, self.az, self.runner, self.transport, self.clock)
        rest = Rest(session.credential, transport=self.transport, clock=self.clock, say=self.runner.say)
        workspace = Workspace(rest, session.subscription, target.resource_group, target.workspace)
        workspace.document()
        return session, workspace


Body = Callable[[Context], int]


def run(
    title: str,
    body: Body,
    *,
    env: Mapping[str, str] | None = None,
    transport: Transport = send,
    clock: Clock | None = None,
    processes: Launch = launch,
    out: TextIO | None = None,
) -> int:
    """Run an action's body; its exit code (see errors.ExitCode). Without arguments: in the real world."""
    env = os.environ if env is None else env
    runner = Runner(env, out)
    with signals_raise(), Az(env, run=processes, say=runner.say) as az:
        try:
            return body(Context(runner, Inputs(env), az, transport, clock or SystemClock()))
        except ActionError as error:
            runner.fail(title, error)
            return int(error.exit_code)
        except Cancelled as cancelled:
            runner.say(f"{title}: cancelled.")
            return cancelled.exit_code
        except Exception as error:  # noqa: BLE001 - told like any other failure, and the traceback for whoever mends it
            runner.traceback(error)
            runner.fail(title, unforeseen(error))
            return int(ExitCode.DEFECT)
