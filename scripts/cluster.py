"""A compute cluster's settings: as inputs, as Azure shows them, as a body to write, and what differs between two.

Source: https://learn.microsoft.com/rest/api/azureml/compute/create-or-update
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inputs import Inputs

SETTINGS = ("size", "tier", "min", "max", "idle", "identity")
FIXED = ("size", "tier")  # what cannot be changed after creation
TIERS = {"dedicated": "Dedicated", "low_priority": "LowPriority"}
_WRITABLE = (
    "vmSize", "vmPriority", "osType", "subnet", "enableNodePublicIp", "isolatedNetwork", "remoteLoginPortPublicAccess",
    "virtualMachineImage",
)  # fmt: skip
SYSTEM = "system_assigned"
_USER_ASSIGNED = re.compile(
    r"/subscriptions/[^/\s]+/resourceGroups/[^/\s]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[\w-]+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Cluster:
    """A cluster's settings. `idle` in seconds, `tier` as in the inputs.

    `identity`: system_assigned, or resource ids of user-assigned identities in order, with ", " between; "" for none.
    """

    size: str
    tier: str
    min: int
    max: int
    idle: int
    identity: str = ""

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
            identity=identity_of(document.get("identity") or {}),
        )

    def scale(self) -> dict[str, Any]:
        return {
            "minNodeCount": self.min,
            "maxNodeCount": self.max,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle}S",
        }


def identity_of(document: Mapping[str, Any]) -> str:
    """An identity as Azure shows it, as Cluster has it."""
    if str(document.get("type", "")).lower() == "systemassigned":
        return SYSTEM
    return ", ".join(sorted(document.get("userAssignedIdentities") or {}, key=str.lower))


def identity_body(identity: str) -> dict[str, Any]:
    """The part of a cluster's body that gives it `identity`; empty for none."""
    if not identity:
        return {}
    if identity == SYSTEM:
        return {"identity": {"type": "SystemAssigned"}}
    users: dict[str, dict[str, str]] = {name: {} for name in identity.split(", ")}
    return {"identity": {"type": "UserAssigned", "userAssignedIdentities": users}}


def read_identity(inputs: Inputs) -> str:
    """Input identity: system_assigned, or resource ids separated by commas or lines; "" for none."""
    given = [part for part in re.split(r"[\s,]+", inputs.raw("identity")) if part]
    if not given or given == [SYSTEM]:
        return "".join(given)
    for each in given:
        if _USER_ASSIGNED.fullmatch(each) is None:
            inputs.wrong(
                "identity",
                each,
                f"it must be {SYSTEM}, or resource ids of user-assigned identities, as in /subscriptions/…"
                "/resourceGroups/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
                "A cluster has either the one or the others. `az identity show --query id` tells an id.",
            )
    return ", ".join(sorted(dict.fromkeys(given), key=str.lower))


def seconds_of(duration: str) -> int:
    """Seconds of an ISO 8601 duration as AML writes it (`PT2M`, `PT1H30M`, `P1DT0S`); -1 when it is none."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?", duration)
    if match is None:
        return -1
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def drift(wanted: Cluster, found: Cluster) -> dict[str, dict[str, str | int]]:
    """Fields that differ, each with what is wanted and what was found; case means nothing in sizes and resource ids.

    Where no identity is wanted, the one that is there is left alone.
    """
    differing: dict[str, dict[str, str | int]] = {}
    for name in SETTINGS if wanted.identity else SETTINGS[:-1]:
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
    return Cluster(size, tier, smallest, largest, idle, read_identity(inputs))


def rewritten(document: Mapping[str, Any], wanted: Cluster) -> dict[str, Any]:
    """The body that gives an existing cluster what is wanted and leaves all else that can be written as it is."""
    properties = document["properties"]
    inner = properties.get("properties") or {}
    kept = {key: inner[key] for key in _WRITABLE if inner.get(key) is not None}
    return {
        "location": document.get("location"),
        "tags": document.get("tags") or {},
        **identity_body(wanted.identity),
        "properties": {
            **{key: properties[key] for key in ("computeType", "description", "disableLocalAuth") if key in properties},
            "properties": {**kept, "scaleSettings": wanted.scale()},
        },
    }
