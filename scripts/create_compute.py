"""Action create-compute: a compute cluster of this name exists; what differs from the inputs is told field by field.

All of it is REST (https://learn.microsoft.com/rest/api/azureml/compute): no `az` launch is needed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from action import Context, run
from cluster import FIXED, SETTINGS, TIERS, Cluster, drift, identity_body, read_cluster, rewritten
from errors import ActionError, ExitCode
from inputs import COMPUTE
from known_failures import failure
from markdown_text import cell, table
from workspace import Workspace

TITLE = "create-compute"
DEADLINE = 30 * 60.0  # seconds; Azure answers for a cluster within a minute or two


def create(context: Context) -> int:
    """Get or create; report drift; set the outputs."""
    inputs, runner = context.inputs, context.runner
    target = context.target()
    name = inputs.text("cluster-name", required=True, pattern=COMPUTE[0], allowed=COMPUTE[1])
    wanted = read_cluster(inputs)
    on_drift = inputs.choice("on-drift", ("warn", "update", "fail"), default="warn")
    inputs.check()

    _, workspace = context.sign_in(target)
    existing = workspace.compute(name)
    created = existing is None
    if existing is None:
        runner.say(f"Creating {name}: {wanted.size}, {wanted.tier}, {wanted.min} to {wanted.max} nodes")
        body = {
            "location": workspace.location,
            "tags": runner.tags(),
            **identity_body(wanted.identity),
            "properties": {
                "computeType": "AmlCompute",
                "properties": {
                    "vmSize": wanted.size,
                    "vmPriority": TIERS[wanted.tier],
                    "scaleSettings": wanted.scale(),
                    "remoteLoginPortPublicAccess": "NotSpecified",
                },
            },
        }
        deadline = context.clock.monotonic() + DEADLINE
        workspace.rest.finish(workspace.put_compute(name, body), deadline, f"Creating the cluster {name}")
        existing = workspace.compute(name) or {}
    existing = settled(context, workspace, name, existing)
    differing = drift(wanted, Cluster.of(existing))
    outcome = "created" if created else "unchanged"
    if differing and not created:
        outcome = _mend(context, workspace, existing, wanted, differing=differing, on_drift=on_drift)
    runner.output("compute-name", name)
    runner.output("created", str(created).lower())
    runner.output("drift", json.dumps(differing, sort_keys=True))
    found = Cluster.of(existing)
    mark = "updated" if outcome == "updated" else "⚠️ differs"
    rows = [
        [
            field,
            *(cell(str(getattr(each, field)) or "-") for each in (wanted, found)),
            mark if field in differing else "",
        ]
        for field in SETTINGS
    ]
    runner.summary(
        f"### {'⚠️' if outcome == 'drifted' else '✅'} Cluster {name} {outcome}\n\n"
        + table(["Setting", "Wanted", "Found", ""], rows)
    )
    runner.say(f"Cluster {name}: {outcome}.")
    return int(ExitCode.OK)


def settled(context: Context, workspace: Workspace, name: str, document: dict[str, Any]) -> dict[str, Any]:
    """The cluster once nobody is making or changing it. Refuses other kinds of compute and broken ones."""
    deadline = context.clock.monotonic() + DEADLINE
    while True:
        properties = document.get("properties") or {}
        kind = str(properties.get("computeType", ""))
        if kind.lower() != "amlcompute":
            raise ActionError(
                f"{name} exists and is a {kind or 'compute of unknown kind'}, not a cluster.",
                fix="Choose another cluster-name.",
                exit_code=ExitCode.BAD_INPUT,
            )
        state = str(properties.get("provisioningState", "Succeeded"))
        if state == "Succeeded":
            return document
        if state in ("Failed", "Canceled", "Deleting"):
            errors = [
                str((each.get("error") or each).get("message", each))
                for each in properties.get("provisioningErrors") or []
            ]
            raise failure(
                f"Cluster {name} is in state {state}: it can be created anew once `az ml compute delete --name {name}` "
                "has removed it.",
                "; ".join(errors) or "no reason was given",
            )
        if context.clock.monotonic() > deadline:
            raise ActionError(f"Cluster {name} is still {state}.", exit_code=ExitCode.TIMEOUT)
        context.clock.sleep(2.0)
        document = workspace.compute(name) or document


def _mend(
    context: Context,
    workspace: Workspace,
    document: dict[str, Any],
    wanted: Cluster,
    *,
    differing: dict[str, dict[str, str | int]],
    on_drift: str,
) -> str:
    """Act on drift as `on-drift` says: "updated" or "drifted", or an error. `document`: Compute - Get's."""
    name = str(document["name"])
    told = "; ".join(f"{field}: wanted {each['wanted']}, found {each['found']}" for field, each in differing.items())
    fixed = [field for field in FIXED if field in differing]
    if on_drift == "fail" or (on_drift == "update" and fixed):
        why = (
            f"{' and '.join(fixed)} cannot be changed after creation" if on_drift == "update" else "on-drift is 'fail'"
        )
        raise ActionError(
            f"Cluster {name} differs from what the workflow asks for: {told}.",
            f"The cluster exists with other settings, and {why}.",
            "Make the inputs agree with the cluster, choose another cluster-name, or delete it: "
            f"`az ml compute delete --name {name}`.",
            exit_code=ExitCode.BAD_INPUT,
        )
    if on_drift == "warn":
        context.runner.warning(f"Cluster {name} differs and is used as it is: {told}.", title=TITLE)
        return "drifted"
    if "identity" in differing:  # Compute - Update does not take it
        response = workspace.put_compute(name, rewritten(document, wanted))
    else:
        response = workspace.patch_compute(name, {"properties": {"properties": {"scaleSettings": wanted.scale()}}})
    deadline = context.clock.monotonic() + DEADLINE
    workspace.rest.finish(response, deadline, f"Updating the cluster {name}")
    context.runner.say(f"Updated {name}: {told}")
    return "updated"


if __name__ == "__main__":
    sys.exit(run(TITLE, create))
