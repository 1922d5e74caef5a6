"""The REST face of endpoints and deployments. Servers are pretended (`Servers`); each test tells what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from azureml_local import arm, blobs, datastores, online, operations
from azureml_local.assets import codes, environments, models
from azureml_local.errors import AzureError
from azureml_local.online import deployments, endpoints, logs
from azureml_local.online.backend import Backend, Target
from azureml_local.online.manager import OnlineManager
from azureml_local.online.plan import Plan
from support.local_server import ARM, Server, make_server

VERSION = "?api-version=2023-04-01-preview"
E = "/onlineEndpoints/taxi"
D = E + "/deployments/blue"


class Servers:
    """Stands in for a deployment's processes."""

    fail: AzureError | None = None
    wait: asyncio.Event | None = None

    def __init__(self, services: object, folder: Path, backend: Backend, ledger: object) -> None:
        self.backend = backend
        self.logs = logs.Logs(folder / "logs")
        self.healthy = False
        self.brought_up: list[Plan] = []
        self.scaled: list[int] = []
        self.ended = False
        self.notes: list[str] = []

    async def bring_up(self, plan: Plan, revision: str | None = None, *, notes: Sequence[str] = ()) -> str:
        if Servers.wait is not None:
            await Servers.wait.wait()
        if Servers.fail is not None:
            raise Servers.fail
        self.brought_up.append(plan)
        self.notes += notes
        self.healthy = True
        self.backend.starting = False
        self.backend.replace([Target(1, ready=True)], concurrency=plan.concurrency, timeout=plan.timeout)
        return revision or f"r{len(self.brought_up)}"

    async def scale(self, plan: Plan) -> None:
        self.scaled.append(plan.instances)

    async def end(self, *, keep_files: bool) -> None:
        self.ended = True

    async def tidy(self, revision: str | None) -> None:
        """Nothing lies anywhere."""


@dataclass
class Workspace:
    """A workspace in memory with a model, code and an environment in it."""

    server: Server
    manager: OnlineManager = field(init=False)

    def __post_init__(self) -> None:
        services = self.server.services
        self.manager = services.online = OnlineManager(services, runtime=Servers)  # type: ignore[arg-type]
        endpoints.install(services, self.manager)
        deployments.install(services, self.manager)
        container = services.store.get(f"{self.id}/datastores/workspaceblobstore")
        assert container is not None
        folder = services.blobs.path(container["properties"]["containerName"])
        for path in ("code/score.py", "model/weights"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("x")
        self.url = services.blobs.url(container["properties"]["containerName"], "")

    @property
    def id(self) -> str:
        return self.server.services.settings.workspace_id

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.server.call(method, f"{ARM}{self.id}{path}{VERSION}", json=body, **options)

    async def register(self) -> None:
        at = "azureml://datastores/workspaceblobstore/paths"
        for path, properties in (
            ("/models/fares/versions/1", {"modelUri": f"{at}/model"}),
            ("/models/mlf/versions/1", {"modelUri": f"{at}/model", "modelType": "mlflow_model"}),
            ("/models/tri/versions/1", {"modelUri": f"{at}/model", "modelType": "triton_model"}),
            ("/codes/c/versions/1", {"codeUri": f"{self.url}/code"}),
            ("/environments/env/versions/1", {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"}),
            (
                "/environments/own/versions/1",
                {"image": "x", "inferenceConfig": {"livenessRoute": {"port": 1, "path": "/"}}},
            ),
        ):
            assert (await self.call("PUT", path, {"properties": properties})).status_code == 201

    async def done(self, answer: httpx.Response) -> dict[str, Any]:
        """The operation's end."""
        assert answer.status_code in (200, 201, 202), answer.text
        while True:
            state = (await self.server.call("GET", answer.headers["azure-asyncoperation"])).json()
            if state["status"] != "InProgress":
                return dict(state)
            await asyncio.sleep(0)

    async def endpoint(self, **properties: Any) -> httpx.Response:
        return await self.call("PUT", E, {"properties": {"authMode": "Key", **properties}})

    def deployment(self, count: int = 1, **properties: Any) -> dict[str, Any]:
        return {
            "sku": {"name": "Default", "capacity": count},
            "properties": {
                "endpointComputeType": "Managed",
                "model": "azureml:fares:1",
                "environmentId": f"{self.id}/environments/env/versions/1",
                "codeConfiguration": {"codeId": f"{self.id}/codes/c/versions/1", "scoringScript": "score.py"},
                **properties,
            },
        }

    async def state(self, path: str) -> str:
        return str((await self.call("GET", path)).json()["properties"]["provisioningState"])


Check = Callable[[Workspace], Coroutine[Any, Any, None]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Check], None]:
    """Run a coroutine on a fresh workspace with endpoint `taxi`."""
    monkeypatch.setattr(Servers, "fail", None)
    monkeypatch.setattr(Servers, "wait", None)
    server = make_server(tmp_path, operations, blobs, datastores, arm, models, codes, environments)

    def go(check: Check) -> None:
        async def all_of_it() -> None:
            workspace = Workspace(server)
            await workspace.register()
            await workspace.done(await workspace.endpoint())
            await check(workspace)

        asyncio.run(all_of_it())

    return go


def message(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


def test_an_endpoint_has_azures_shape(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        document = (await workspace.call("GET", E)).json()
        assert document["name"] == "taxi"
        assert document["kind"] == "Managed"
        assert document["identity"]["type"] == "SystemAssigned"
        properties = document["properties"]
        assert properties["scoringUri"] == "https://taxi.westeurope.inference.ml.azure.com/score"
        assert properties["swaggerUri"] == "https://taxi.westeurope.inference.ml.azure.com/swagger.json"
        assert (properties["traffic"], properties["mirrorTraffic"]) == ({}, {})
        assert properties["provisioningState"] == "Succeeded"
        assert "primaryKey" not in str(document)
        listed = (await workspace.call("GET", "/onlineEndpoints")).json()["value"]
        assert [each["name"] for each in listed] == ["taxi"]

    run(check)


def test_endpoints_that_are_refused(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        for path, body, status, said in (
            ("/onlineEndpoints/1x", {}, 400, "The endpoint name '1x' is not valid"),
            ("/onlineEndpoints/new", {"properties": {"authMode": "magic"}}, 400, "authMode 'magic' is not one of Key"),
            ("/onlineEndpoints/new", {"properties": {"compute": "k8s"}}, 501, "Kubernetes online endpoints need"),
            ("/onlineEndpoints/new", {"properties": {"traffic": {"blue": 100}}}, 400, "Its deployments: none."),
            ("/onlineEndpoints/new", {"identity": {"type": "mine"}}, 400, "The identity type 'mine' is not one of"),
        ):
            answer = await workspace.call("PUT", path, body)
            assert (answer.status_code, said in message(answer)) == (status, True), answer.text
        missing = await workspace.call("GET", "/onlineEndpoints/new")
        assert missing.status_code == 404
        assert "Online endpoint 'new' not found" in message(missing)
        assert (await workspace.call("DELETE", "/onlineEndpoints/new")).status_code == 204

    run(check)


def test_an_identity_is_spelled_as_the_service_does(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        for given, kept in (
            ("systemAssigned", "SystemAssigned"),
            ("systemassigned, userassigned", "SystemAssigned,UserAssigned"),
        ):
            answer = await workspace.call("PUT", E, {"identity": {"type": given}, "properties": {}})
            assert answer.json()["identity"]["type"] == kept
            await workspace.done(answer)

    run(check)


def test_a_name_taken_in_another_workspace_is_refused(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        settings = workspace.server.services.settings
        arm.create_workspace(workspace.server.services, settings.resource_group, "second")
        other = workspace.id.rpartition("/")[0] + "/second/onlineEndpoints/TAXI"
        answer = await workspace.server.call("PUT", f"{ARM}{other}{VERSION}", json={"properties": {}})
        assert answer.status_code == 400
        assert "already in use in region westeurope, by an online endpoint of workspace 'aml-local'" in message(answer)
        assert "unique in a region" in message(answer)

    run(check)


def test_a_name_of_a_batch_endpoint_is_refused(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        workspace.server.services.store.put({"id": f"{workspace.id}/batchEndpoints/night", "name": "night"})
        answer = await workspace.call("PUT", "/onlineEndpoints/night", {"properties": {}})
        assert answer.status_code == 400
        assert "already in use in region westeurope, by a batch endpoint of workspace 'aml-local'" in message(answer)

    run(check)


def test_properties_name_the_resource_and_the_operation_to_follow(run: Callable[[Check], None]) -> None:
    """Scripts that speak REST read both there: azureml-examples/cli/deploy-rest.sh, deploy-moe-autoscale.sh."""

    async def check(workspace: Workspace) -> None:
        for path, body in ((E, {"properties": {"properties": {"mine": "1"}}}), (D, workspace.deployment())):
            created = await workspace.call("PUT", path, body)
            given = created.json()["properties"]["properties"]
            assert given["AzureAsyncOperationUri"] == created.headers["azure-asyncoperation"]
            assert (await workspace.done(created))["status"] == "Succeeded"
            assert (await workspace.call("GET", path)).json()["properties"]["properties"] == given
        endpoint = (await workspace.call("GET", E)).json()
        assert endpoint["properties"]["properties"]["mine"] == "1"
        assert endpoint["properties"]["properties"]["azureml.onlineendpointid"] == endpoint["id"].lower()

    run(check)


def test_a_deleted_deployment_leaves_the_traffic(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        await workspace.done(await workspace.call("PUT", D, workspace.deployment()))
        await workspace.done(await workspace.endpoint(traffic={"blue": 0}))
        assert (await workspace.call("GET", E)).json()["properties"]["traffic"] == {"blue": 0}
        await workspace.done(await workspace.call("DELETE", D))
        assert (await workspace.call("GET", E)).json()["properties"]["traffic"] == {}

    run(check)


def test_a_deployment_is_created_and_completed(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        created = await workspace.call("PUT", D, workspace.deployment())
        assert created.status_code == 201
        assert created.json()["properties"]["provisioningState"] == "Creating"
        assert (await workspace.done(created))["status"] == "Succeeded"
        document = (await workspace.call("GET", D)).json()
        assert document["sku"] == {"name": "Default", "capacity": 1}
        assert document["properties"]["endpointComputeType"] == "Managed"
        assert document["properties"]["scaleSettings"] == {"scaleType": "Default"}
        runtime = workspace.manager.runtime(document["id"])
        plan = runtime.brought_up[0]  # type: ignore[attr-defined]
        assert (plan.model.name, plan.code.script, plan.environment.name) == ("fares", "score.py", "env:1")
        listed = (await workspace.call("GET", E + "/deployments")).json()["value"]
        assert [each["name"] for each in listed] == ["blue"]

    run(check)


@pytest.mark.parametrize(
    ("properties", "status", "said"),
    [
        ({"model": "azureml:nothing:1"}, 404, "Could not find model 'nothing' version '1'"),
        ({"model": "azureml://registries/r/models/m/versions/1"}, 400, "there is no registry 'r'"),
        ({"environmentId": "azureml:nothing:1"}, 404, "Could not find environment 'nothing'"),
        ({"codeConfiguration": {"codeId": "azureml:c:1", "scoringScript": "sc.py"}}, 400, "which has: score.py."),
        (
            {"codeConfiguration": {"codeId": "azureml:c:1", "scoringScript": "../x.py"}},
            400,
            "is not in the code folder",
        ),
        ({"codeConfiguration": None}, 400, "Only MLflow models can be deployed without"),
        ({"codeConfiguration": None, "environmentId": "azureml:own:1"}, 501, "The environment 'x' is a container with"),
        ({"codeConfiguration": None, "model": "azureml:tri:1"}, 501, "To serve the model here, give the deployment a"),
    ],
)
def test_deployments_that_are_refused_leave_nothing(
    run: Callable[[Check], None], properties: dict[str, Any], status: int, said: str
) -> None:
    async def check(workspace: Workspace) -> None:
        answer = await workspace.call("PUT", D, workspace.deployment(**properties))
        assert (answer.status_code, said in message(answer)) == (status, True), answer.text
        assert (await workspace.call("GET", D)).status_code == 404

    run(check)


def test_an_mlflow_model_needs_neither_code_nor_environment(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        body = workspace.deployment(model="azureml:mlf@latest", codeConfiguration=None, environmentId=None)
        assert (await workspace.done(await workspace.call("PUT", D, body)))["status"] == "Succeeded"

    run(check)


def test_what_is_ignored_is_told_once(run: Callable[[Check], None], caplog: pytest.LogCaptureFixture) -> None:
    async def check(workspace: Workspace) -> None:
        await workspace.done(await workspace.endpoint(publicNetworkAccess="Disabled"))
        network = "public_network_access: disabled (endpoints answer on this machine, and nowhere else)"
        assert f"online endpoints: the local workspace ignores {network}" in caplog.messages
        body = workspace.deployment(
            instanceType="Standard_F4s_v2",
            egressPublicNetworkAccess="Disabled",
            requestSettings={"maxQueueWait": "PT1S"},
        )
        created = await workspace.call("PUT", D, body)
        await workspace.done(created)
        runtime: Any = workspace.manager.runtime(created.json()["id"])
        assert runtime.notes == [
            f"the local workspace ignores {what}"
            for what in (
                network,
                "egress_public_network_access: disabled (scoring scripts reach what this machine reaches)",
                "request_settings.max_queue_wait_ms (a request waits for its turn until request_timeout_ms)",
                "instance_type Standard_F4s_v2 (servers run on this machine)",
            )
        ]
        body["properties"]["environmentVariables"] = {"A": "1"}
        await workspace.done(await workspace.call("PUT", D, body))
        assert (len(runtime.brought_up), len(runtime.notes)) == (2, 4)
        await workspace.done(await workspace.endpoint(publicNetworkAccess="Disabled"))
        assert len([line for line in caplog.messages if network in line]) == 1

    run(check)


def test_traffic_goes_where_the_document_says(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        for name in ("blue", "green"):
            path = f"{E}/deployments/{name}"
            await workspace.done(await workspace.call("PUT", path, workspace.deployment()))
        await workspace.done(await workspace.endpoint(traffic={"BLUE": 90, "green": 10}))
        route = workspace.manager.router.endpoints["taxi"]
        assert dict(route.traffic) == {"blue": 90, "green": 10}
        mirrored = await workspace.endpoint(traffic={"blue": 100}, mirrorTraffic={"green": 20})
        await workspace.done(mirrored)
        route = workspace.manager.router.endpoints["taxi"]
        assert (dict(route.traffic), dict(route.mirror)) == ({"blue": 100}, {"green": 20})
        for name, kind in (("blue", "100 % of the live"), ("green", "20 % of the mirrored")):
            refused = await workspace.call("DELETE", f"{E}/deployments/{name}")
            assert refused.status_code == 400
            assert f"The deployment '{name}' has {kind} traffic of endpoint 'taxi'" in message(refused)
        await workspace.done(await workspace.endpoint(traffic={"green": 100}))
        assert (await workspace.done(await workspace.call("DELETE", D)))["status"] == "Succeeded"
        assert "blue" not in workspace.manager.router.endpoints["taxi"].backends

    run(check)


def test_one_operation_at_a_time(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        Servers.wait = asyncio.Event()
        creating = await workspace.call("PUT", D, workspace.deployment())
        for method, path, body in (
            ("PUT", D, workspace.deployment()),
            ("PATCH", D, {"sku": {"capacity": 2}}),
            ("DELETE", D, None),
            ("DELETE", E, None),
        ):
            answer = await workspace.call(method, path, body)
            assert answer.status_code == 409, f"{method} {path}"
            assert "'blue' is in Creating state" in message(answer)
        refused = await workspace.endpoint(traffic={"blue": 100})
        assert "has never been ready" in message(refused)
        Servers.wait.set()
        await workspace.done(creating)
        assert await workspace.state(D) == "Succeeded"

    run(check)


def test_a_failure_is_the_operations_error_and_the_old_one_serves_on(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        Servers.fail = AzureError(400, "ResourceNotReady", "User container has crashed\nValueError: no weights")
        failed = await workspace.done(await workspace.call("PUT", D, workspace.deployment()))
        assert (failed["status"], failed["error"]["code"]) == ("Failed", "ResourceNotReady")
        assert "ValueError: no weights" in failed["error"]["message"]
        assert await workspace.state(D) == "Failed"
        assert message(await workspace.endpoint(traffic={"blue": 100})).startswith("traffic cannot go to deployment")

        Servers.fail = None
        await workspace.done(await workspace.call("PUT", D, workspace.deployment()))
        await workspace.done(await workspace.endpoint(traffic={"blue": 100}))
        Servers.fail = AzureError(400, "ImageBuildFailure", "no such package")
        again = await workspace.call("PUT", D, workspace.deployment(environmentVariables={"A": "1"}))
        assert again.json()["properties"]["provisioningState"] == "Updating"
        assert (await workspace.done(again))["status"] == "Failed"
        plan = workspace.manager.plan(again.json()["id"])
        assert plan is not None
        assert plan.variables == {}
        assert "blue" in workspace.manager.router.endpoints["taxi"].backends

    run(check)


def test_only_the_number_of_instances_changes_without_a_new_start(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        await workspace.done(await workspace.call("PUT", D, workspace.deployment()))
        scaling = await workspace.call("PUT", D, workspace.deployment(count=3))
        assert scaling.json()["properties"]["provisioningState"] == "Scaling"
        await workspace.done(scaling)
        patched = await workspace.call("PATCH", D, {"sku": {"capacity": 2}, "tags": {"a": "b"}})
        await workspace.done(patched)
        document = (await workspace.call("GET", D)).json()
        assert (document["sku"]["capacity"], document["tags"]) == (2, {"a": "b"})
        runtime: Any = workspace.manager.runtime(document["id"])
        assert (len(runtime.brought_up), runtime.scaled) == (1, [3, 2])
        await workspace.done(await workspace.call("PUT", D, workspace.deployment(count=2)))  # nothing to do
        assert (len(runtime.brought_up), runtime.scaled) == (1, [3, 2])

    run(check)


def test_keys_and_tokens(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        keys = (await workspace.call("POST", E + "/listKeys")).json()
        assert set(keys) == {"primaryKey", "secondaryKey"}
        body = {"keyType": "Primary", "keyValue": keys["primaryKey"]}
        await workspace.done(await workspace.call("POST", E + "/regenerateKeys", body))
        changed = (await workspace.call("POST", E + "/listKeys")).json()
        assert changed["primaryKey"] != keys["primaryKey"]
        assert changed["secondaryKey"] == keys["secondaryKey"]
        wrong = await workspace.call("POST", E + "/regenerateKeys", {"keyType": "third"})
        assert "keyType 'third' is not one of Primary, Secondary." in message(wrong)
        assert "does not use Azure ML tokens: its authMode is Key" in message(
            await workspace.call("POST", E + "/token")
        )
        await workspace.done(await workspace.call("PUT", E, {"properties": {"authMode": "AMLToken"}}))
        token = (await workspace.call("POST", E + "/token")).json()
        workspace.manager.router.endpoints["taxi"].guard.check(f"Bearer {token['accessToken']}".encode())
        assert "does not use keys" in message(await workspace.call("POST", E + "/listKeys"))

    run(check)


def test_logs(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        document = (await workspace.call("PUT", D, workspace.deployment())).json()
        await asyncio.sleep(0)
        kept = workspace.manager.runtime(document["id"]).logs
        kept.begin("one")
        kept.server.write_text("first\nsecond\n")
        kept.storage("copied")
        shown = (await workspace.call("POST", D + "/getLogs", {"tail": 1})).json()["content"]
        assert shown.endswith("Container logs:\nsecond")
        stored = await workspace.call("POST", D + "/getLogs", {"containerType": "StorageInitializer"})
        assert stored.json() == {"content": "copied"}
        wrong = await workspace.call("POST", D + "/getLogs", {"containerType": "x"})
        assert "containerType 'x' is not one of InferenceServer, StorageInitializer." in message(wrong)

    run(check)


def test_deleting_an_endpoint_takes_everything_with_it(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        created = await workspace.call("PUT", D, workspace.deployment())
        await workspace.done(created)
        await workspace.done(await workspace.endpoint(traffic={"blue": 100}))
        runtime: Any = workspace.manager.runtime(created.json()["id"])
        key = (await workspace.call("POST", E + "/listKeys")).json()["primaryKey"]
        assert (await workspace.done(await workspace.call("DELETE", E)))["status"] == "Succeeded"
        assert runtime.ended
        assert (await workspace.call("GET", E)).status_code == 404
        assert workspace.manager.router.endpoints == {}
        await workspace.done(await workspace.endpoint())
        assert (await workspace.call("POST", E + "/listKeys")).json()["primaryKey"] != key

    run(check)


def test_after_a_restart_all_is_as_it_was(run: Callable[[Check], None]) -> None:
    async def check(workspace: Workspace) -> None:
        await workspace.done(await workspace.call("PUT", D, workspace.deployment()))
        await workspace.done(await workspace.endpoint(traffic={"blue": 100}))
        keys = (await workspace.call("POST", E + "/listKeys")).json()
        Servers.wait = asyncio.Event()
        green = f"{E}/deployments/green"
        await workspace.call("PUT", green, workspace.deployment())  # and now the workspace is killed

        services = workspace.server.services
        again = OnlineManager(services, runtime=Servers)  # type: ignore[arg-type]
        await again.start()
        assert await workspace.state(green) == "Failed"
        assert await workspace.state(D) == "Succeeded"
        route = again.router.endpoints["taxi"]
        assert dict(route.traffic) == {"blue": 100}
        route.guard.check(f"Bearer {keys['primaryKey']}".encode())
        blue = route.backends["blue"]
        assert (blue.starting, len(blue.targets)) == (True, 0)
        Servers.wait.set()
        while not blue.targets:
            await asyncio.sleep(0)
        assert not blue.starting
        assert "green" not in route.backends
        await again.stop()

    run(check)


def test_only_an_online_endpoints_requests_go_straight_from_the_connection(tmp_path: Path) -> None:
    server = make_server(tmp_path, operations, blobs, datastores, arm, online)
    direct, host = server.application.direct, "{}.westeurope.inference.ml.azure.com"
    server.services.online.router.endpoints["taxi"] = None  # type: ignore[assignment]
    assert direct(host.format("Taxi")) is not None
    assert direct(host.format("taxi-batch")) is None, "a batch endpoint's go through the front door"
    assert direct("management.azure.com") is None
