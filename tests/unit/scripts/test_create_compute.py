"""create-compute: created once, compared ever after, and no az at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster import Cluster, seconds_of
from create_compute import TITLE, create
from support.fake_azure import World, answer, refusal


@pytest.fixture
def asking(world: World) -> World:
    world.give(cluster_name="cpu-cluster", cluster_size="4", node_sku="Standard_DS3_v2", idle_seconds="120")
    return world


def run(world: World) -> int:
    code = world.run(TITLE, create)
    assert world.az.calls == []
    return code


def cluster(**change: Any) -> dict[str, Any]:
    inner = {
        "vmSize": change.get("size", "STANDARD_DS3_V2"),
        "vmPriority": change.get("tier", "LowPriority"),
        "scaleSettings": {
            "minNodeCount": change.get("low", 0),
            "maxNodeCount": change.get("high", 4),
            "nodeIdleTimeBeforeScaleDown": change.get("idle", "PT2M"),
        },
    }
    state = change.get("state", "Succeeded")
    kind = change.get("kind", "AmlCompute")
    return {
        "name": "cpu-cluster",
        "location": "westeurope",
        "tags": {"team": "fares"},
        **({"identity": change["identity"]} if "identity" in change else {}),
        "properties": {"computeType": kind, "provisioningState": state, "properties": inner, **change.get("more", {})},
    }


def test_a_missing_cluster_is_created_with_its_tags(asking: World) -> None:
    asking.azure.operations["compute-cpu-cluster"] = [
        answer(200, {"status": "Creating"}),
        answer(200, {"status": "Succeeded"}),
    ]
    assert run(asking) == 0, asking.log
    assert asking.outputs == {"compute-name": "cpu-cluster", "created": "true", "drift": "{}"}
    body = json.loads(asking.azure.asked("computes", "PUT")[0].body or b"")
    assert body["location"] == "westeurope"
    assert body["tags"]["run-url"].endswith("/runs/987654321")
    assert body["properties"]["properties"] == {
        "vmSize": "Standard_DS3_v2",
        "vmPriority": "LowPriority",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT120S"},
        "remoteLoginPortPublicAccess": "NotSpecified",
    }
    assert "### ✅ Cluster cpu-cluster created" in asking.summary


def test_the_same_cluster_is_left_alone(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster()
    assert run(asking) == 0
    assert asking.outputs == {"compute-name": "cpu-cluster", "created": "false", "drift": "{}"}
    assert asking.azure.asked("computes", "PUT") == []
    assert "Cluster cpu-cluster unchanged" in asking.summary


def test_drift_is_told_field_by_field(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(
        size="Standard_NC6", tier="Dedicated", low=1, high=2, idle="PT1H30M5S"
    )
    assert run(asking) == 0
    assert json.loads(asking.outputs["drift"]) == {
        "size": {"wanted": "Standard_DS3_v2", "found": "Standard_NC6"},
        "tier": {"wanted": "low_priority", "found": "dedicated"},
        "min": {"wanted": 0, "found": 1},
        "max": {"wanted": 4, "found": 2},
        "idle": {"wanted": 120, "found": 5405},
    }
    assert (
        "::warning title=create-compute::Cluster cpu-cluster differs and is used as it is: size: wanted" in asking.log
    )
    assert "| max | 4 | 2 | ⚠️ differs |" in asking.summary


def test_drift_can_fail_the_step(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(high=2)
    asking.give(on_drift="fail")
    assert run(asking) == 2
    assert "Cluster cpu-cluster differs from what the workflow asks for: max: wanted 4, found 2." in asking.log
    assert "az ml compute delete --name cpu-cluster" in asking.log


def test_drift_of_the_scale_can_be_updated(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(high=2)
    asking.give(on_drift="update")
    assert run(asking) == 0
    assert Cluster.of(asking.azure.computes["cpu-cluster"]).max == 4
    assert json.loads(asking.outputs["drift"]) == {"max": {"wanted": 4, "found": 2}}
    assert "Cluster cpu-cluster updated" in asking.summary


def test_what_cannot_change_is_not_updated(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(size="Standard_NC6", high=2)
    asking.give(on_drift="update")
    assert run(asking) == 2
    assert "size cannot be changed after creation" in asking.log
    assert asking.azure.asked("computes", "PATCH") == []


def test_another_kind_of_compute_is_refused(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(kind="ComputeInstance")
    assert run(asking) == 2
    assert "cpu-cluster exists and is a ComputeInstance, not a cluster." in asking.log


def test_a_broken_cluster_tells_its_reason(asking: World) -> None:
    errors = [
        {"error": {"code": "ClusterCoreQuotaReached", "message": "exceeds quota limit of 10 cores: QuotaExceeded"}}
    ]
    asking.azure.computes["cpu-cluster"] = cluster(state="Failed", more={"provisioningErrors": errors})
    assert run(asking) == 4
    assert "Cluster cpu-cluster is in state Failed: it can be created anew once `az ml compute delete" in asking.log
    assert "Cause: The subscription's vCPU quota" in asking.log


def test_a_cluster_that_somebody_is_making_is_waited_for(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(state="Creating")
    ready = cluster()
    asking.clock.at(10, lambda: asking.azure.computes.update({"cpu-cluster": ready}))
    assert run(asking) == 0
    assert asking.outputs["created"] == "false"


def test_quota_is_explained_when_creation_fails(asking: World) -> None:
    failed = {"status": "Failed", "error": {"code": "ClusterCoreQuotaReached", "message": "over"}}
    asking.azure.operations["compute-cpu-cluster"] = [answer(200, failed)]
    assert run(asking) == 4
    assert "Creating the cluster cpu-cluster failed." in asking.log
    assert "Ask for less (node-sku, cluster-size)" in asking.log


def test_a_refused_role_is_explained(asking: World) -> None:
    from support.fake_azure import Fault

    asking.azure.faults = [Fault("computes", refusal(403, "AuthorizationFailed", "no"), method="PUT")]
    assert run(asking) == 3
    assert "`AzureML Compute Operator` makes clusters" in asking.log


def test_bad_inputs_are_told_together(world: World) -> None:
    world.give(
        cluster_name="1-cluster", cluster_size="2", min_nodes="3", tier="spot", node_sku="big", on_drift="ignore"
    )
    assert run(world) == 2
    for part in (
        "5 problems with the inputs",
        "cluster-name is '1-cluster': it must have 2 to 24 letters, digits or -, starting with a letter",
        "node-sku is 'big': it must be a VM size like Standard_DS3_v2. `az ml compute list-sizes` names them.",
        "min-nodes is '3': it must not exceed cluster-size, which is 2.",
        "tier is 'spot': it must be one of dedicated, low_priority.",
        "on-drift is 'ignore': it must be one of warn, update, fail.",
    ):
        assert part in world.log
    assert world.azure.requests == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT120S", 120), ("PT2M", 120), ("P1DT1H1M1S", 90061), ("PT0S", 0), ("PT5.5S", 5), ("soon", -1)],
)
def test_durations_are_read_in_all_their_spellings(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


# --- identity

USER = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"


def test_a_cluster_is_created_with_an_identity(asking: World) -> None:
    asking.give(identity="system_assigned")
    assert run(asking) == 0, asking.log
    body = json.loads(asking.azure.asked("computes", "PUT")[0].body or b"")
    assert body["identity"] == {"type": "SystemAssigned"}
    assert "| identity | system\\_assigned | system\\_assigned |  |" in asking.summary


def test_user_assigned_identities_are_given_by_resource_id(asking: World) -> None:
    asking.give(identity=f"{USER}two,\n{USER}one\n")
    assert run(asking) == 0, asking.log
    body = json.loads(asking.azure.asked("computes", "PUT")[0].body or b"")
    assert body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {f"{USER}one": {}, f"{USER}two": {}}}


@pytest.mark.parametrize("given", ["me", f"system_assigned {USER}one", "/subscriptions/s/x", f"{USER}a/b"])
def test_what_is_no_identity_is_refused_before_anything_is_made(asking: World, given: str) -> None:
    asking.give(identity=given)
    assert run(asking) == 2
    assert "identity is '" in asking.log
    assert "it must be system_assigned, or resource ids of user-assigned identities" in asking.log
    assert asking.azure.requests == []


def test_an_identity_that_nobody_asked_for_is_no_drift(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(identity={"type": "SystemAssigned", "principalId": "p"})
    asking.give(on_drift="fail")
    assert run(asking) == 0, asking.log
    assert asking.outputs["drift"] == "{}"


def test_the_case_of_a_resource_id_means_nothing(asking: World) -> None:
    shown = {"type": "UserAssigned", "userAssignedIdentities": {f"{USER}one".lower(): {"clientId": "c"}}}
    asking.azure.computes["cpu-cluster"] = cluster(identity=shown)
    asking.give(on_drift="fail", identity=f"{USER}one")
    assert run(asking) == 0, asking.log


def test_a_missing_identity_is_told_and_can_be_given(asking: World) -> None:
    asking.azure.computes["cpu-cluster"] = cluster(more={"disableLocalAuth": True})
    asking.azure.computes["cpu-cluster"]["properties"]["properties"] |= {"osType": "Linux", "currentNodeCount": 2}
    asking.give(identity="system_assigned")
    assert run(asking) == 0
    assert json.loads(asking.outputs["drift"]) == {"identity": {"found": "", "wanted": "system_assigned"}}
    asking.give(on_drift="update", cluster_size="6")
    assert run(asking) == 0, asking.log
    assert json.loads(asking.azure.asked("computes", "PUT")[0].body or b"") == {
        "location": "westeurope",
        "tags": {"team": "fares"},
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "computeType": "AmlCompute",
            "disableLocalAuth": True,
            "properties": {
                "vmSize": "STANDARD_DS3_V2",
                "vmPriority": "LowPriority",
                "osType": "Linux",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 6, "nodeIdleTimeBeforeScaleDown": "PT120S"},
            },
        },
    }
    assert "Cluster cpu-cluster updated" in asking.summary
