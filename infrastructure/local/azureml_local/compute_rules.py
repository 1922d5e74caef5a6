"""What Azure accepts as a compute, how it completes it, and what of one that exists may change.

Source: Microsoft.MachineLearningServices 2023-08-01-preview, Compute - Create Or Update.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from . import vm_sizes
from .errors import bad_request, not_implemented
from .store import Document

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])")
_USER_ASSIGNED = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[\w-]+",
    re.IGNORECASE,
)
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_PRIORITIES = {"dedicated": "Dedicated", "lowpriority": "LowPriority"}


def _count(scale: dict[str, Any], field: str, default: int) -> int:
    value = scale.get(field, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise bad_request(f"scaleSettings.{field} must be a number of nodes, 0 or more, not {value!r}.", target=field)
    return value


def _cluster(given: dict[str, Any], moment: str) -> dict[str, Any]:
    """A cluster's settings, checked and completed as Azure shows them."""
    scale = given.get("scaleSettings") or {}
    smallest, most = _count(scale, "minNodeCount", 0), _count(scale, "maxNodeCount", 1)
    if smallest > most:
        raise bad_request(
            f"The minimum node count ({smallest}) cannot be greater than the maximum node count ({most}).",
            target="scaleSettings",
        )
    idle = scale.get("nodeIdleTimeBeforeScaleDown") or "PT120S"
    if not _DURATION.fullmatch(str(idle)) or idle in ("P", "PT"):
        raise bad_request(f"nodeIdleTimeBeforeScaleDown '{idle}' is not an ISO 8601 duration such as PT120S.")
    priority = str(given.get("vmPriority") or "Dedicated")
    if priority.lower() not in _PRIORITIES:
        raise bad_request(f"vmPriority '{priority}' is not one of Dedicated, LowPriority.", target="vmPriority")
    return {
        "osType": "Linux",
        "enableNodePublicIp": True,
        "isolatedNetwork": False,
        **{key: value for key, value in given.items() if value is not None},
        "vmPriority": _PRIORITIES[priority.lower()],
        "remoteLoginPortPublicAccess": given.get("remoteLoginPortPublicAccess") or "NotSpecified",
        "scaleSettings": {"minNodeCount": smallest, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": idle},
        "allocationState": "Steady",
        "allocationStateTransitionTime": moment,
        "errors": None,
        "currentNodeCount": smallest,
        "targetNodeCount": smallest,
        "nodeStateCounts": {"preparingNodeCount": 0, "runningNodeCount": 0, "idleNodeCount": smallest,
                            "unusableNodeCount": 0, "leavingNodeCount": 0, "preemptedNodeCount": 0},
    }  # fmt: skip


def _instance(given: dict[str, Any], state: str) -> dict[str, Any]:
    return {
        "applicationSharingPolicy": "Shared",
        "computeInstanceAuthorizationType": "personal",
        "enableNodePublicIp": True,
        "applications": [],
        "errors": [],
        **{key: value for key, value in given.items() if value is not None},
        "state": state,
    }


def identity(given: Document | None, owner: str, tenant: str) -> Document | None:
    """A compute's managed identity as Azure shows it, or the 400 that Azure would answer. `owner`: the compute's id.

    Its ids are made up from names, the same for the same: steps run as whoever started the workspace.
    """
    kind = str((given or {}).get("type") or "None").lower()
    users = list((given or {}).get("userAssignedIdentities") or {})
    if kind == "none":
        return None
    if kind == "systemassigned" and not users:
        return {"type": "SystemAssigned", "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, owner)), "tenantId": tenant}
    if kind != "userassigned" or not users:
        raise bad_request(
            "A compute's identity is of type SystemAssigned, or UserAssigned with userAssignedIdentities; not both.",
            target="identity",
        )
    for user in users:
        if _USER_ASSIGNED.fullmatch(user) is None:
            raise bad_request(f"'{user}' is not the resource id of a user-assigned identity.", target="identity")
    shown = {
        user: {
            "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user.lower()}#principal")),
            "clientId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user.lower()}#client")),
        }
        for user in users
    }
    return {"type": "UserAssigned", "tenantId": tenant, "userAssignedIdentities": shown}


def checked(name: str, body: Document, old: Document | None, moment: str) -> Document:
    """The document of a compute about to be made or updated, or the 400 that Azure would answer."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"Compute name '{name}' is invalid. It can include letters, digits and dashes. It must start with a "
            "letter, end with a letter or digit, and be between 2 and 32 characters in length.",
            target="name",
        )
    outer = body.get("properties") or {}
    kind = str(outer.get("computeType") or "")
    known = {"amlcompute": "AmlCompute", "computeinstance": "ComputeInstance"}.get(kind.lower())
    if known is None:
        raise not_implemented(f"compute of type '{kind}' (it does AmlCompute and ComputeInstance)")
    given = dict(outer.get("properties") or {})
    size = str(given.get("vmSize") or "")
    if not size:
        raise bad_request(f"The compute '{name}' needs a VM size ('vmSize'), such as Standard_DS3_v2.", target="vmSize")
    if not vm_sizes.looks_like_one(size):
        raise bad_request(
            f"The specified VM size '{size}' is not supported. It must be a name such as Standard_DS3_v2; "
            "`az ml compute list-sizes` lists them.",
            target="vmSize",
        )
    if old is not None:
        _refuse_change(name, known, given, old)
    return {
        "computeType": known,
        "description": outer.get("description"),
        "computeLocation": outer.get("computeLocation"),
        "disableLocalAuth": bool(outer.get("disableLocalAuth", False)),
        "isAttachedCompute": False,
        "provisioningErrors": None,
        "resourceId": None,
        "createdOn": old["properties"]["createdOn"] if old else moment,
        "modifiedOn": moment,
        "properties": _cluster(given, moment) if known == "AmlCompute" else _instance(given, "Running"),
    }


def _refuse_change(name: str, kind: str, given: dict[str, Any], old: Document) -> None:
    """Of a cluster that exists, only scale settings, tags and description may change."""
    before = old["properties"]
    changes = [("computeType", before["computeType"], kind)]
    for field in ("vmSize", "vmPriority"):
        if field in given and given[field] is not None:
            changes.append((field, before["properties"].get(field), given[field]))
    for field, was, now in changes:
        if str(was).lower() != str(now).lower():
            raise bad_request(
                f"The compute '{name}' exists with {field} '{was}', which cannot be changed to '{now}': "
                "only its scale settings can be updated. Delete it first, or use another name.",
                target=field,
            )
