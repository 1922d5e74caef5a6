"""Cancels the job named by the input job-name: for a workflow's `if: cancelled()` step.

A step of a composite gets its chance only while its process lives; this one runs afterwards, also when the runner
killed that process before it could speak.
"""

from __future__ import annotations

import sys

from action import Context, run
from cancellation import Outcome, cancel_job
from errors import ExitCode

TITLE = "cancel"


def cancel(context: Context) -> int:
    """Exit 0 when the job is being cancelled, has ended, or never was."""
    target = context.target()
    name = context.inputs.text("job-name")
    context.inputs.check()
    if not name:
        context.runner.say("No job had been submitted: nothing to cancel.")
        return int(ExitCode.OK)
    _, workspace = context.sign_in(target)
    outcome = cancel_job(workspace, name, context.runner, context.clock, may_appear=True)
    return int(ExitCode.AZURE if outcome is Outcome.REFUSED else ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, cancel))
