"""Faults of single requests and of tokens, in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from azureml_local import arm, blob_api, blobs, compute, datastores, faults, identity, local_api, online, operations
from azureml_local.faults.kinds import FaultError
from azureml_local.local_api import KEY_HEADER, local_key
from azureml_local.online.access import AAD_TOKEN, Guard
from azureml_local.online.router import EndpointRoute
from support.local_server import ARM, Server, make_server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return make_server(tmp_path, operations, faults, identity, arm, local_api, blobs, blob_api, datastores, compute)


def on(server: Server, kind: str, match: str = "", count: int = 1, skip: int = 0, **options: Any) -> None:
    assert server.services.faults is not None
    server.services.faults.add({"kind": kind, "match": match, "count": count, "skip": skip, "options": options})


def get(server: Server, url: str = ARM + "/subscriptions", **options: Any) -> httpx.Response:
    return asyncio.run(server.call("GET", url, **options))


def test_nothing_fails_unasked(server: Server) -> None:
    assert get(server).status_code == 200


def test_throttling_says_when_to_come_back_and_ends(server: Server) -> None:
    on(server, "throttle", "/subscriptions", count=2, **{"retry-after": 7})
    answers = [get(server) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["error"]["code"] == "TooManyRequests"


def test_a_match_is_by_method_host_and_path_and_may_let_some_pass(server: Server) -> None:
    on(server, "throttle", "^put management.*/computes", skip=1)
    assert get(server).status_code == 200
    url = f"{ARM}{server.services.workspaces()[0].id}/computes/cpu"
    codes = [asyncio.run(server.call("PUT", url, json={})).status_code for _ in range(3)]
    assert codes == [501, 429, 501]  # an empty compute is refused, once it is looked at


def test_blobs_are_throttled_in_their_own_words(server: Server) -> None:
    on(server, "throttle", "blob.core", count=1)
    account = server.services.settings.storage_account
    answer = get(server, f"https://{account}.blob.core.windows.net/c/b", token="")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (503, "ServerBusy")
    assert answer.text.startswith("<?xml")


@pytest.mark.parametrize(
    ("status", "says"),
    [(500, '"InternalServerError"'), (502, "<h1>Bad Gateway</h1>"), (503, '"ServiceUnavailable"'), (504, "<html>")],
)
def test_server_errors_are_json_of_the_service_or_html_of_the_gateway(server: Server, status: int, says: str) -> None:
    on(server, "server-error", status=status)
    answer = get(server)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_a_cut_before_leaves_nothing_done_and_a_cut_after_only_loses_the_answer(server: Server) -> None:
    url = f"{ARM}/subscriptions/{server.services.settings.subscription_id}/resourceGroups/made"

    def put() -> httpx.Response:
        return asyncio.run(server.call("PUT", url, json={"location": "westeurope"}))

    on(server, "cut", "^PUT", when="before")
    with pytest.raises(ConnectionResetError):
        put()
    assert get(server, url).status_code == 404
    on(server, "cut", "^PUT", when="after")
    with pytest.raises(ConnectionResetError):
        put()
    assert get(server, url).status_code == 200


def test_requests_to_endpoints_come_by_the_front_door_while_a_fault_is_on(tmp_path: Path) -> None:
    server = make_server(tmp_path, operations, faults, arm, blobs, online)
    host = "taxi.westeurope.inference.ml.azure.com"
    url = f"https://{host}/score"
    assert server.application.direct("management.azure.com") is None
    assert server.application.direct(host) is None
    guard = Guard(AAD_TOKEN, host, None, server.services.tokens)
    server.services.online.router.endpoints["taxi"] = EndpointRoute("taxi", guard, (), ())
    assert server.application.direct(host) is not None
    on(server, "server-error", "/score", status=503)
    assert server.application.direct(host) is None
    answers = [asyncio.run(server.call("POST", url)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 401]
    assert server.services.faults is not None
    server.services.faults.clear()
    assert server.application.direct(host) is not None


def test_tokens_given_until_now_expire_and_new_ones_are_good(server: Server) -> None:
    old, of_a_job = server.token(), server.services.tokens.issue(ARM, lifetime=14 * 24 * 3600.0)
    on(server, "expire-tokens")
    answer = get(server, token=old)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    assert get(server).status_code == 200
    assert get(server, token=of_a_job).status_code == 200


def test_a_short_life_of_tokens_until_cleared(server: Server) -> None:
    on(server, "token-lifetime", seconds=5)
    token = server.token()
    server.time.now += 6
    assert get(server, token=token).status_code == 401
    assert server.services.faults is not None
    assert server.services.faults.clear() == 1
    token = server.token()
    server.time.now += 60
    assert get(server, token=token).status_code == 200


def test_the_switch_is_for_the_owner_of_the_state_folder_and_is_never_hit_itself(server: Server) -> None:
    url = "https://127.0.0.1/faults"
    asked = {"kind": "throttle", "count": 0}
    assert asyncio.run(server.call("POST", url, token="", json=asked)).status_code == 401
    key = {KEY_HEADER: local_key(server.services.tokens)}
    assert asyncio.run(server.call("POST", url, token="", json=asked, headers=key)).status_code == 201
    assert [get(server).status_code for _ in range(2)] == [429, 429]
    listed = asyncio.run(server.call("GET", url, token="", headers=key)).json()["value"]
    assert [(fault["kind"], fault["hits"], fault["live"]) for fault in listed] == [("throttle", 2, True)]
    assert asyncio.run(server.call("DELETE", url, token="", headers=key)).json() == {"cleared": 1}
    assert get(server).status_code == 200


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kind": "flood"}, "There is no fault 'flood'; there are: throttle, server-error"),
        ({"kind": "throttle", "match": "("}, "--match '(' is not a regular expression"),
        ({"kind": "throttle", "count": -1}, "--count must be a whole number from 0 on, not '-1'"),
        ({"kind": "throttle", "options": {"status": 503}}, "'throttle' does not take --status; its options: --retry-a"),
        ({"kind": "server-error", "options": {"status": 404}}, "--status must be one of 500, 502, 503, 504, not '404'"),
        ({"kind": "cut", "options": {"when": "never"}}, "--when must be one of before, after, not 'never'"),
        ({"kind": "slow", "options": {"seconds": "long"}}, "--seconds must be a number from 0 on, not 'long'"),
        ({"kind": "expire-tokens", "match": "x"}, "'expire-tokens' hits everything at once: it takes no --match"),
    ],
)
def test_what_cannot_be_asked_for_is_said(server: Server, asked: dict[str, Any], told: str) -> None:
    assert server.services.faults is not None
    with pytest.raises(FaultError) as error:
        server.services.faults.add(asked)
    assert told in str(error.value)


def cluster(size: str = "Standard_DS3_v2") -> dict[str, Any]:
    inner = {"vmSize": size, "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}}
    return {"properties": {"computeType": "AmlCompute", "properties": inner}}


async def put_cluster(server: Server, size: str = "Standard_DS3_v2") -> tuple[dict[str, Any], dict[str, Any]]:
    """The operation at its end, and the cluster then."""
    url = f"{ARM}{server.services.workspaces()[0].id}/computes/cpu"
    answer = await server.call("PUT", url, json=cluster(size))
    await asyncio.gather(*server.services._tasks)
    operation = await server.call("GET", answer.headers["azure-asyncoperation"])
    return operation.json(), (await server.call("GET", url)).json()


def test_a_cluster_without_quota_fails_as_an_operation(server: Server) -> None:
    on(server, "quota", "/computes/")
    operation, found = asyncio.run(put_cluster(server, "Standard_NC6s_v3"))
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "ClusterMinNodesExceedCoreQuota")
    assert "NCSv3 family vCPU quota of 0" in operation["error"]["message"]
    assert "maps to 6 vCPUs" in operation["error"]["message"]
    assert found["properties"]["provisioningState"] == "Failed"
    assert found["properties"]["provisioningErrors"][0]["error"]["code"] == "ClusterMinNodesExceedCoreQuota"
    operation, found = asyncio.run(put_cluster(server, "Standard_NC6s_v3"))
    assert (operation["status"], found["properties"]["provisioningErrors"]) == ("Succeeded", None)


def test_endpoints_and_deployments_without_quota_are_refused_at_once(server: Server) -> None:
    on(server, "quota", count=0)
    endpoint = f"{ARM}{server.services.workspaces()[0].id}/onlineEndpoints/e"
    answer = asyncio.run(server.call("PUT", endpoint, json={}))
    assert (answer.status_code, "QuotaExceeded" in answer.json()["error"]["message"]) == (400, True)
    body = {"sku": {"capacity": 3}, "properties": {"instanceType": "Standard_F4s_v2"}}
    answer = asyncio.run(server.call("PUT", endpoint + "/deployments/blue", json=body))
    assert "Not enough quota available for Standard_F4s_v2" in answer.json()["error"]["message"]
    assert "Additional needed: 12." in answer.json()["error"]["message"]


def test_a_slow_operation_is_in_progress_for_longer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    go = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await go.wait()

    monkeypatch.setattr("azureml_local.faults.switches.asyncio.sleep", sleep)

    async def story() -> list[str]:
        url = f"{ARM}{server.services.workspaces()[0].id}/computes/cpu"
        answer = await server.call("PUT", url, json=cluster())
        seen = [(await server.call("GET", answer.headers["azure-asyncoperation"])).json()["status"]]
        go.set()
        await asyncio.gather(*server.services._tasks)
        return [*seen, (await server.call("GET", answer.headers["azure-asyncoperation"])).json()["status"]]

    on(server, "slow", "/computes/", seconds=30)
    assert asyncio.run(story()) == ["InProgress", "Succeeded"]
    assert waited == [30.0]
