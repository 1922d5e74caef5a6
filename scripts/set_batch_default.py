"""Makes a deployment that has scored already the default of its batch endpoint: the last step of a delivery's stage.

A stage with both kinds of endpoint scores the folder first, then rolls out online, then comes here: so neither the
batch default nor the traffic moves where one of the two refuses the version. Inputs INPUT_ENDPOINT_NAME and
INPUT_DEPLOYMENT_NAME, and those that name the workspace. Output: lock, for cancel_deployment.py. Exit codes: see
errors.ExitCode.
"""

from __future__ import annotations

import secrets
import sys

from action import Context, run
from deploy_lock import Lock, owner_of
from deployment_files import DEPLOYMENT, ENDPOINT
from endpoints import BATCH, Endpoint
from errors import ActionError, ExitCode
from markdown_text import code

TITLE = "batch default"
SECONDS = 15 * 60.0


def set_default(context: Context) -> int:
    """Marks the endpoint, sets the default, unmarks it; one that is the default already is left alone."""
    inputs, runner = context.inputs, context.runner
    target = context.target()
    name = inputs.text("endpoint-name", required=True, pattern=ENDPOINT[0], allowed=ENDPOINT[1])
    deployment = inputs.text("deployment-name", required=True, pattern=DEPLOYMENT[0], allowed=DEPLOYMENT[1])
    inputs.check()
    _, workspace = context.sign_in(target)
    endpoint = Endpoint(workspace, BATCH, name, context.clock, runner.say)
    if endpoint.deployment(deployment) is None:
        raise ActionError(
            f"Batch endpoint {name} has no deployment {deployment}.",
            "It was deleted since it scored.",
            "Run the delivery again.",
        )
    deadline = context.clock.monotonic() + SECONDS
    lock = Lock(endpoint, owner_of(runner.env, secrets.token_hex(6)), runner.run_url, runner.say)
    runner.output("lock", lock.owner)
    try:
        lock.acquire(SECONDS, deadline)
        lock.set_traffic({deployment: 100}, deadline, "Setting the default deployment")
    finally:
        lock.release(deadline)
    before = next(iter(lock.before), "")
    told = f" (before: {before})" if before and before != deployment else ""
    runner.say(f"The default of {name} is {deployment}{told}.")
    runner.summary(f"The default of batch endpoint {code(name)} is {code(deployment)}{told}.\n")
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, set_default))
