"""Undoes what deploy-online or deploy-batch was doing on an endpoint: for a workflow's `if: cancelled()` step.

The runner leaves a cancelled step ten seconds, Azure may need a minute for one change of traffic. This step runs
afterwards and finds on the endpoint itself what there is to restore. Input lock is that action's output: a mark of
any other run is left alone.
"""

from __future__ import annotations

import sys

import traffic
from action import Context, run
from deploy_lock import Lock, Mark, before_of
from deployment_files import DEPLOYMENT, ENDPOINT
from endpoints import BATCH, ONLINE, Endpoint
from errors import ExitCode

TITLE = "cancel deployment"
DEADLINE = 5 * 60.0  # seconds: the grace that GitHub gives a cancelled job


def cancel(context: Context) -> int:
    """Exit 0 when the endpoint is as it was before, or there was nothing to undo."""
    inputs, runner = context.inputs, context.runner
    target = context.target()
    name = inputs.text("endpoint-name", pattern=ENDPOINT[0], allowed=ENDPOINT[1])
    deployment = inputs.text("deployment-name", pattern=DEPLOYMENT[0], allowed=DEPLOYMENT[1])
    kind = {"online": ONLINE, "batch": BATCH}[inputs.choice("kind", ("online", "batch"), default="online")]
    owner = inputs.raw("lock")
    inputs.check()
    if not name or not owner:
        runner.say("No deployment had begun: nothing to undo.")
        return int(ExitCode.OK)
    _, workspace = context.sign_in(target)
    endpoint = Endpoint(workspace, kind, name, context.clock, runner.say)
    deadline = context.clock.monotonic() + DEADLINE
    document = endpoint.find()
    mark = Mark.of((document or {}).get("tags") or {})
    if document is None or mark is None or mark.owner != owner:
        runner.say(f"Endpoint {name} does not carry this run's mark: nothing to undo.")
        return int(ExitCode.OK)
    before = before_of(document.get("tags") or {})
    lock = Lock(endpoint, owner, runner.run_url, runner.say)
    lock.held = True
    if before is not None:
        lock.set_traffic(before, deadline, "Restoring the traffic")
        runner.say(f"Endpoint {name}: {traffic.told(before)}, as before.")
        if deployment and deployment not in before and kind == ONLINE:
            endpoint.delete_deployment(deployment, deadline)
            runner.say(f"Deployment {deployment} is deleted.")
    lock.release(deadline)
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, cancel))
