from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from azureml_local import compute
from azureml_local.errors import AzureError
from support.local_server import ARM
from support.local_storage import Storage, error_of


def cluster(most: int = 4, **properties: Any) -> dict[str, Any]:
    scale = {"maxNodeCount": most, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S"}
    inner = {"vmSize": "Standard_DS3_v2", "scaleSettings": scale, **properties}
    return {
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {"computeType": "AmlCompute", "properties": inner},
    }


def run(storage: Storage, method: str, path: str, body: Any = None) -> tuple[httpx.Response, str]:
    """A long-running call: its first answer, and the operation's status at its end."""

    async def follow() -> tuple[httpx.Response, str]:
        options = {} if body is None else {"json": body}
        first = await storage.server.call(method, ARM + storage.workspace.id + path, **options)
        if "azure-asyncoperation" not in first.headers:
            return first, "none"
        for _ in range(20):
            await asyncio.sleep(0)
            status = (await storage.server.call("GET", first.headers["azure-asyncoperation"])).json()["status"]
            if status != "InProgress":
                return first, status
        return first, "InProgress"

    return asyncio.run(follow())


def test_a_cluster_is_created_then_updated(storage: Storage) -> None:
    first, status = run(storage, "PUT", "/computes/cpu", cluster())
    assert (first.status_code, first.json()["properties"]["provisioningState"], status) == (
        201,
        "Creating",
        "Succeeded",
    )
    shown = storage.arm("GET", "/computes/cpu").json()
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["properties"]["vmPriority"] == "Dedicated"
    assert (shown["tags"], shown["location"]) == ({"a": "b"}, "westeurope")
    second, status = run(storage, "PUT", "/computes/cpu", cluster(2))
    assert (second.status_code, second.json()["properties"]["provisioningState"], status) == (
        200,
        "Updating",
        "Succeeded",
    )
    again = storage.arm("GET", "/computes/cpu").json()["properties"]
    assert again["properties"]["scaleSettings"]["maxNodeCount"] == 2
    assert again["createdOn"] == shown["properties"]["createdOn"]


def test_scale_settings_can_be_patched(storage: Storage) -> None:
    run(storage, "PUT", "/computes/cpu", cluster())
    patch = {"properties": {"properties": {"scaleSettings": {"maxNodeCount": 7}}}}
    assert run(storage, "PATCH", "/computes/cpu", patch)[1] == "Succeeded"
    scale = storage.arm("GET", "/computes/cpu").json()["properties"]["properties"]["scaleSettings"]
    assert scale == {"maxNodeCount": 7, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S"}


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("1cpu", cluster(), "It must start with a letter"),
        ("cpu-", cluster(), "end with a letter or digit"),
        ("c", cluster(), "between 2 and 32 characters"),
        ("c" * 33, cluster(), "between 2 and 32 characters"),
        ("cpu", cluster(-1), "maxNodeCount must be a number of nodes, 0 or more, not -1"),
        ("cpu", cluster(scaleSettings={"minNodeCount": 3, "maxNodeCount": 2}), "(3) cannot be greater"),
        ("cpu", cluster(scaleSettings={"nodeIdleTimeBeforeScaleDown": "2m"}), "'2m' is not an ISO 8601 duration"),
        ("cpu", cluster(vmPriority="spot"), "vmPriority 'spot' is not one of Dedicated, LowPriority"),
        ("cpu", cluster(vmSize=""), "needs a VM size"),
        ("cpu", cluster(vmSize="big"), "The specified VM size 'big' is not supported"),
    ],
)  # fmt: skip
def test_a_bad_cluster_is_refused_before_anything_is_made(
    storage: Storage, name: str, body: dict[str, Any], message: str
) -> None:
    status, _, text = error_of(storage.arm("PUT", f"/computes/{name}", body))
    assert status == 400
    assert message in text
    assert storage.arm("GET", "/computes").json()["value"] == []


@pytest.mark.parametrize("change", [{"vmSize": "Standard_DS4_v2"}, {"vmPriority": "LowPriority"}])
def test_size_and_tier_of_a_cluster_cannot_change(storage: Storage, change: dict[str, Any]) -> None:
    run(storage, "PUT", "/computes/cpu", cluster())
    message = error_of(storage.arm("PUT", "/computes/cpu", cluster(**change)))[2]
    assert "only its scale settings can be updated" in message
    assert storage.arm("GET", "/computes/cpu").json()["properties"]["provisioningState"] == "Succeeded"


def test_an_equal_size_in_another_spelling_is_no_change(storage: Storage) -> None:
    run(storage, "PUT", "/computes/cpu", cluster())
    assert run(storage, "PUT", "/computes/cpu", cluster(vmSize="STANDARD_DS3_V2"))[1] == "Succeeded"


def test_delete(storage: Storage) -> None:
    run(storage, "PUT", "/computes/cpu", cluster())
    first, status = run(storage, "DELETE", "/computes/cpu?underlyingResourceAction=Delete")
    assert (first.status_code, status) == (202, "Succeeded")
    assert error_of(storage.arm("GET", "/computes/cpu")) == (
        404,
        "ResourceNotFound",
        "Compute with name cpu not found.",
    )


def test_what_a_job_may_count_on(storage: Storage) -> None:
    run(storage, "PUT", "/computes/cpu", cluster(vmPriority="LowPriority"))
    for reference in ("cpu", "azureml:CPU", f"{storage.workspace.id}/computes/cpu"):
        found = compute.nodes(storage.services, storage.workspace, reference)
        assert (found.name, found.most, found.low_priority, found.size) == ("cpu", 4, True, "Standard_DS3_v2")
    assert compute.max_nodes(storage.services, storage.workspace, None) == 1
    assert compute.nodes(storage.services, storage.workspace, "serverless").name == "serverless"
    with pytest.raises(AzureError) as caught:
        compute.nodes(storage.services, storage.workspace, "azureml:nope")
    assert (caught.value.code, caught.value.message) == ("UserError", "Unknown compute target 'nope'.")
    run(storage, "PUT", "/computes/cpu", cluster(0))
    with pytest.raises(AzureError, match="has max nodes 0, so no job can run on it"):
        compute.nodes(storage.services, storage.workspace, "cpu")


def test_an_instance_can_be_stopped_and_started(storage: Storage) -> None:
    body = {"properties": {"computeType": "ComputeInstance", "properties": {"vmSize": "Standard_DS3_v2"}}}
    run(storage, "PUT", "/computes/ci", body)
    assert compute.max_nodes(storage.services, storage.workspace, "ci") == 1
    assert run(storage, "POST", "/computes/ci/stop")[1] == "Succeeded"
    with pytest.raises(AzureError, match="'ci' is Stopped, so it cannot run jobs"):
        compute.nodes(storage.services, storage.workspace, "ci")
    run(storage, "POST", "/computes/ci/start")
    assert storage.arm("GET", "/computes/ci").json()["properties"]["properties"]["state"] == "Running"
    run(storage, "PUT", "/computes/cpu", cluster())
    assert "is for compute instances" in error_of(storage.arm("POST", "/computes/cpu/stop"))[2]


def test_other_compute_is_not_pretended(storage: Storage) -> None:
    body = {"properties": {"computeType": "Kubernetes", "properties": {}}}
    status, code, message = error_of(storage.arm("PUT", "/computes/k8s", body))
    assert (status, code) == (501, "NotImplementedLocally")
    assert "compute of type 'Kubernetes'" in message


def test_nodes_are_the_runs_on_the_compute(storage: Storage) -> None:
    run(storage, "PUT", "/computes/cpu", cluster())
    for name, status in (("one", "Running"), ("two", "Completed")):
        properties = {"status": status, "computeId": f"{storage.workspace.id}/computes/cpu"}
        storage.services.store.put(
            {"id": f"{storage.workspace.id}/jobs/{name}", "name": name, "properties": properties}
        )
    (node,) = storage.arm("POST", "/computes/cpu/listNodes").json()["nodes"]
    assert (node["runId"], node["nodeState"]) == ("one", "running")


def test_sizes_and_usage(storage: Storage) -> None:
    base = (
        f"{ARM}/subscriptions/{storage.services.settings.subscription_id}/providers/Microsoft.MachineLearningServices"
    )
    sizes = asyncio.run(storage.server.call("GET", f"{base}/locations/westeurope/vmSizes")).json()["value"]
    assert {"name": "Standard_DS3_v2", "vCPUs": 4}.items() <= next(s for s in sizes if "DS3" in s["name"]).items()
    usage = asyncio.run(storage.server.call("GET", f"{base}/locations/westeurope/usages")).json()["value"]
    assert usage[0]["currentValue"] == 0


def test_an_identity_is_checked_and_shown(storage: Storage) -> None:
    user = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes"
    assert run(storage, "PUT", "/computes/cpu", cluster() | {"identity": {"type": "SystemAssigned"}})[1] == "Succeeded"
    shown = storage.arm("GET", "/computes/cpu").json()["identity"]
    assert (shown["type"], set(shown)) == ("SystemAssigned", {"type", "principalId", "tenantId"})
    given = {"type": "UserAssigned", "userAssignedIdentities": {user: {}}}
    run(storage, "PUT", "/computes/cpu", cluster() | {"identity": given})
    run(storage, "PATCH", "/computes/cpu", {"properties": {"properties": {"scaleSettings": {"maxNodeCount": 9}}}})
    shown = storage.arm("GET", "/computes/cpu").json()["identity"]
    assert set(shown["userAssignedIdentities"][user]) == {"principalId", "clientId"}
    run(storage, "PUT", "/computes/cpu", cluster())
    assert storage.arm("GET", "/computes/cpu").json()["identity"] is None
    for wrong, told in (
        ({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {user: {}}}, "not both"),
        ({"type": "UserAssigned"}, "UserAssigned with userAssignedIdentities"),
        ({"type": "UserAssigned", "userAssignedIdentities": {"nodes": {}}}, "'nodes' is not the resource id"),
    ):
        status, _, message = error_of(storage.arm("PUT", "/computes/cpu", json=cluster() | {"identity": wrong}))
        assert status == 400
        assert told in message
