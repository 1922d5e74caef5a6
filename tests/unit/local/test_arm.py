from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from azureml_local import arm, operations
from azureml_local.errors import AzureError
from azureml_local.routing import GROUP, Host
from azureml_local.store import Document
from support.local_server import ARM, Server, make_server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return make_server(tmp_path, operations, arm)


def group_url(server: Server, name: str = "rg-local") -> str:
    return f"{ARM}/subscriptions/{server.services.settings.subscription_id}/resourceGroups/{name}"


def workspace_url(server: Server, name: str, group: str = "rg-local") -> str:
    return f"{group_url(server, group)}/providers/Microsoft.MachineLearningServices/workspaces/{name}"


def test_the_seeded_workspace_is_there_in_any_case(server: Server) -> None:
    answer = asyncio.run(
        server.call("GET", workspace_url(server, "AML-LOCAL").replace("resourceGroups", "RESOURCEGROUPS"))
    )
    assert answer.json()["name"] == "aml-local"
    assert answer.json()["properties"]["discoveryUrl"].endswith(".api.azureml.ms/discovery")


def test_a_missing_group_and_a_missing_workspace_are_told_apart(server: Server) -> None:
    answer = asyncio.run(server.call("GET", workspace_url(server, "w", "nope")))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceGroupNotFound")
    answer = asyncio.run(server.call("GET", workspace_url(server, "nope")))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
    assert "workspaces/nope" in answer.json()["error"]["message"]


def test_a_second_workspace_has_a_guid_of_its_own_and_keeps_it(server: Server) -> None:
    async def create() -> list[str]:
        guids = []
        for _ in range(2):
            answer = await server.call("PUT", workspace_url(server, "aml-test"), json={})
            guids.append(answer.json()["properties"]["workspaceId"])
        return guids

    first, second = asyncio.run(create())
    assert first == second != server.services.settings.workspace_guid


def test_a_workspace_keeps_what_an_update_does_not_name(server: Server) -> None:
    async def update() -> Document:
        created = {"tags": {"a": "1"}, "properties": {"friendlyName": "Test", "description": "for tests"}}
        await server.call("PUT", workspace_url(server, "aml-test"), json=created)
        await server.call("PATCH", workspace_url(server, "aml-test"), json={"properties": {"description": "new"}})
        document: Document = (await server.call("GET", workspace_url(server, "aml-test"))).json()
        return document

    document = asyncio.run(update())
    assert document["tags"] == {"a": "1"}
    assert (document["properties"]["friendlyName"], document["properties"]["description"]) == ("Test", "new")


def test_resource_providers_are_registered_already(server: Server) -> None:
    url = f"{ARM}/subscriptions/{server.services.settings.subscription_id}/providers"
    answer = asyncio.run(server.call("POST", f"{url}/Microsoft.MachineLearningServices/register"))
    assert (answer.json()["namespace"], answer.json()["registrationState"]) == (
        "Microsoft.MachineLearningServices",
        "Registered",
    )
    answer = asyncio.run(server.call("GET", f"{url}/Contoso.Things"))
    assert answer.json()["error"]["message"] == "The resource namespace 'Contoso.Things' is invalid."


def test_an_illegal_workspace_name_is_refused(server: Server) -> None:
    answer = asyncio.run(server.call("PUT", workspace_url(server, "-x"), json={}))
    assert "must be between 3 and 33 characters" in answer.json()["error"]["message"]


def test_what_no_route_knows_is_501_and_a_wrong_method_405(server: Server) -> None:
    answer = asyncio.run(server.call("GET", workspace_url(server, "aml-local") + "/featurestores/x"))
    assert answer.status_code == 501
    assert "COVERAGE.md" in answer.json()["error"]["message"]
    answer = asyncio.run(server.call("DELETE", group_url(server)))
    assert answer.status_code == 405


@pytest.mark.parametrize(("fails", "expected"), [(False, "Succeeded"), (True, "Failed")])
def test_an_operation_is_followed_to_its_end(server: Server, fails: bool, expected: str) -> None:
    async def run() -> tuple[dict[str, object], dict[str, object]]:
        gate = asyncio.Event()

        async def work() -> Document | None:
            await gate.wait()
            if fails:
                raise AzureError(400, "QuotaExceeded", "no cores left")
            return {"id": "/done"}

        @server.services.routes.put(Host.ARM, GROUP + "/slow")
        async def slow(request: Request) -> Response:
            return server.services.operations.start(request, work, name="slow", body={"id": "/slow"}, status=201)

        started = await server.call("PUT", group_url(server) + "/slow")
        status = started.headers["Azure-AsyncOperation"]
        before = await server.call("GET", status)
        assert before.headers["Retry-After"] == "0.2"
        gate.set()
        await asyncio.sleep(0.01)
        return before.json(), (await server.call("GET", status)).json()

    before, after = asyncio.run(run())
    assert before["status"] == "InProgress"
    assert after["status"] == expected
    if fails:
        assert after["error"] == {"code": "QuotaExceeded", "message": "no cores left"}


def test_a_restart_fails_the_operations_it_interrupted(server: Server) -> None:
    server.services.store.put({"id": "internal:/operations/1", "name": "1", "status": "InProgress"})
    operations.Operations(server.services).fail_interrupted()
    found = server.services.store.get("internal:/operations/1")
    assert found is not None
    assert found["status"] == "Failed"
    assert "restarted" in found["error"]["message"]
