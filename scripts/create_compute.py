"""Action create-compute: a compute cluster of this name exists; what differs from the inputs is told field by field.

All of it is REST (https://learn.microsoft.com/rest/api/azureml/compute): no `az` launch is needed.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any

from action import Context, run
from errors import ActionError, ExitCode
from inputs import COMPUTE, Inputs
from known_failures import failure
from markdown_text import table
from workspace import Workspace

TITLE = "create-compute"
TIERS = {"dedicated": "Dedicated", "low_priority": "LowPriority"}
DEADLINE = 30 * 60.0  # seconds; Azure answers for a cluster within a minute or two
_FIXED = ("size", "tier")  # what cannot be changed after creation


@dataclass(frozen=True)
class Cluster:
    """A cluster's settings. `idle` in seconds, `tier` as in the inputs."""

    size: str
    tier: str
    min: int
    max: int
    idle: int

    @classmethod
    def of(cls, document: dict[str, Any]) -> Cluster:
        """From Compute - Get."""
        inner = (document.get("properties") or {}).get("properties") or {}
        scale = inner.get("scaleSettings") or {}
        tiers = {rest.lower(): ours for ours, rest in TIERS.items()}
        tier = str(inner.get("vmPriority") or "Dedicated")
        return cls(
            size=str(inner.get("vmSize", "")),
            tier=tiers.get(tier.lower(), tier),
            min=int(scale.get("minNodeCount") or 0),
            max=int(scale.get("maxNodeCount") or 0),
            idle=seconds_of(str(scale.get("nodeIdleTimeBeforeScaleDown") or "PT120S")),
        )

    def scale(self) -> dict[str, Any]:
        return {
            "minNodeCount": self.min,
            "maxNodeCount": self.max,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle}S",
        }


def seconds_of(duration: str) -> int:
    """Seconds of an ISO 8601 duration as AML writes it (`PT2M`, `PT1H30M`, `P1DT0S`); -1 when it is none."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?", duration)
    if match is None:
        return -1
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def drift(wanted: Cluster, found: Cluster) -> dict[str, dict[str, str | int]]:
    """Fields that differ, each with what is wanted and what was found; sizes are compared without regard to case."""
    differing: dict[str, dict[str, str | int]] = {}
    for name in ("size", "tier", "min", "max", "idle"):
        want, have = getattr(wanted, name), getattr(found, name)
        if str(want).lower() != str(have).lower():
            differing[name] = {"wanted": want, "found": have}
    return differing


def read_cluster(inputs: Inputs) -> Cluster:
    """The inputs that describe the cluster."""
    size = inputs.text(
        "node-sku",
        default="Standard_DS3_v2",
        pattern=r"[A-Za-z]+_[A-Za-z0-9_-]+",
        allowed="it must be a VM size like Standard_DS3_v2",
        mend="`az ml compute list-sizes` names them.",
    )
    largest = inputs.integer("cluster-size", default=4, low=1, high=10_000)
    smallest = inputs.integer("min-nodes", default=0, low=0, high=10_000)
    if smallest > largest:
        inputs.wrong("min-nodes", str(smallest), f"it must not exceed cluster-size, which is {largest}")
    tier = inputs.choice("tier", TIERS, default="low_priority")
    idle = inputs.integer("idle-seconds", default=120, low=30, high=86_400)
    return Cluster(size, tier, smallest, largest, idle)


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
        outcome = _mend(context, workspace, name, wanted, differing=differing, on_drift=on_drift)
    runner.output("compute-name", name)
    runner.output("created", str(created).lower())
    runner.output("drift", json.dumps(differing, sort_keys=True))
    found = Cluster.of(existing)
    mark = "updated" if outcome == "updated" else "⚠️ differs"
    rows = [
        [field, str(getattr(wanted, field)), str(getattr(found, field)), mark if field in differing else ""]
        for field in ("size", "tier", "min", "max", "idle")
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
    name: str,
    wanted: Cluster,
    *,
    differing: dict[str, dict[str, str | int]],
    on_drift: str,
) -> str:
    """Act on drift as `on-drift` says: "updated" or "drifted", or an error."""
    told = "; ".join(f"{field}: wanted {each['wanted']}, found {each['found']}" for field, each in differing.items())
    fixed = [field for field in _FIXED if field in differing]
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
    body = {"properties": {"properties": {"scaleSettings": wanted.scale()}}}
    response = workspace.patch_compute(name, body)
    deadline = context.clock.monotonic() + DEADLINE
    workspace.rest.finish(response, deadline, f"Updating the cluster {name}")
    context.runner.say(f"Updated {name}: {told}")
    return "updated"


if __name__ == "__main__":
    sys.exit(run(TITLE, create))
