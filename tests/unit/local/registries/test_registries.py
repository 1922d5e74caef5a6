"""Registries: what the workspaces share, as the SDK's clients ask for it at ARM and at a region's own host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from azureml_local import uris
from azureml_local.assets import components, environments
from azureml_local.errors import AzureError
from azureml_local.jobs import references
from azureml_local.jobs.problems import Problems
from azureml_local.jobs.values import Data
from azureml_local.online import plan
from azureml_local.routing import REGION_PREFIX
from support.local_server import ARM
from support.local_storage import Storage, error_of

DISCOVERY = "https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/"
BODY: dict[str, Any] = {"location": "East US", "properties": {"regionDetails": [{"location": "eastus"}]}}
OWN_ACCOUNT: dict[str, Any] = {
    "location": "eastus",
    "properties": {
        "regionDetails": [
            {"location": "eastus", "storageAccountDetails": [{"userCreatedStorageAccount": {"armResourceId": {}}}]}
        ]
    },
}
REGISTRY = "azureml://registries/ours"


@dataclass
class Registry:
    """The registry `ours` of a workspace's group, asked at the host that its discovery names."""

    storage: Storage

    def arm_id(self, name: str = "ours") -> str:
        workspace = self.storage.workspace
        return (
            f"/subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}"
            f"/providers/Microsoft.MachineLearningServices/registries/{name}"
        )

    def create(self, name: str = "ours", body: dict[str, Any] = BODY) -> httpx.Response:
        return asyncio.run(self.storage.server.call("PUT", ARM + self.arm_id(name), json=body))

    def discover(self, name: str = "ours") -> httpx.Response:
        return asyncio.run(self.storage.server.call("GET", f"{DISCOVERY}{name}/discovery"))

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """A request below the registry; a long-running operation is followed to its end, which an error is, too."""

        async def followed() -> httpx.Response:
            server = self.storage.server
            url = f"https://cert-eastus.experiments.azureml.net{REGION_PREFIX}{self.arm_id()}{path}"
            answer = await server.call(method, url, json=body, **options)
            if answer.status_code != 202:
                return answer
            while (state := (await server.call("GET", answer.headers["azure-asyncoperation"])).json())["status"] == (
                "InProgress"
            ):
                await asyncio.sleep(0.001)
            return (
                await server.call("GET", answer.headers["location"])
                if "error" not in state
                else httpx.Response(400, json={"error": state["error"]})
            )

        return asyncio.run(followed())

    def share(
        self, kind: str = "models", name: str = "taxi", version: str = "1", to: str = "shared:7"
    ) -> httpx.Response:
        workspace = self.storage.services.store.get(self.storage.workspace.id)
        assert workspace is not None
        guid = workspace["properties"]["workspaceId"]
        source = f"azureml://locations/westeurope/workspaces/{guid}/{kind}/{name}/versions/{version}"
        shared_name, _, shared_version = to.partition(":")
        details = {"destinationName": shared_name, "destinationVersion": shared_version, "sourceAssetId": source}
        return self.call("POST", "/import", {"properties": details})

    def files(self) -> list[str]:
        """What lies in the registry's own containers, without their names."""
        root = self.storage.services.blobs.root / self.storage.services.blobs.account
        found = (path.relative_to(root) for path in root.glob("registry-*/**/*") if path.is_file())
        return sorted("/".join(path.parts[1:]) for path in found)


@pytest.fixture
def registry(storage: Storage) -> Registry:
    made = Registry(storage)
    assert made.create().status_code == 201
    return made


@pytest.fixture
def shared(registry: Registry) -> Registry:
    """With the workspace's model taxi:1 in it as shared:7."""
    registry.storage.file("model/weights", "w")
    model = {"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/model", "tags": {"a": "b"},
                            "jobName": "job1", "stage": "Production"}}  # fmt: skip
    assert registry.storage.arm("PUT", "/models/taxi/versions/1", model).status_code == 201
    assert registry.share().status_code == 204
    return registry


def test_a_registry_is_made_found_and_deleted_with_all_it_has(shared: Registry) -> None:
    call = shared.storage.server.call
    found = shared.discover().json()
    workspace = shared.storage.workspace
    assert (found["subscriptionId"], found["resourceGroup"]) == (workspace.subscription, workspace.group)
    assert found["primaryRegionResourceProviderUri"] == "https://cert-eastus.experiments.azureml.net/"
    document = asyncio.run(call("GET", ARM + shared.arm_id().lower())).json()
    assert (document["name"], document["location"]) == ("ours", "eastus")
    assert document["properties"]["regionDetails"][0]["location"] == "eastus"
    group = ARM + shared.arm_id().rpartition("/")[0]
    assert [d["name"] for d in asyncio.run(call("GET", group)).json()["value"]] == ["ours"]
    assert shared.create(body={**BODY, "tags": {"team": "a"}}).json()["tags"] == {"team": "a"}
    assert error_of(shared.create(body={**BODY, "location": "westus"}))[:2] == (409, "InvalidResourceLocation")
    assert shared.files() == ["model/weights"]

    assert asyncio.run(call("DELETE", ARM + shared.arm_id())).status_code == 202
    assert error_of(shared.discover())[0] == 404
    assert shared.files() == []
    assert shared.create().status_code == 201
    assert shared.call("GET", "/models").json()["value"] == []
    assert asyncio.run(call("DELETE", ARM + shared.arm_id("other"))).status_code == 204


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("x", BODY, "Registry name 'x' is invalid"),
        ("ours", {**BODY, "location": ""}, "needs a 'location'"),
        ("ours", {"location": "eastus"}, "needs 'replication_locations'"),
        ("ours", OWN_ACCOUNT, "Azure makes its own"),
        ("azureml", BODY, "The registry name 'azureml' is taken"),
    ],
)  # fmt: skip
def test_a_bad_registry_is_refused(storage: Storage, name: str, body: dict[str, Any], message: str) -> None:
    assert message in error_of(Registry(storage).create(name, body))[2]


def test_a_registrys_name_is_one_in_the_world(registry: Registry) -> None:
    call = registry.storage.server.call
    elsewhere = registry.arm_id().replace(f"/resourceGroups/{registry.storage.workspace.group}", "/resourceGroups/rg2")
    group = elsewhere.partition("/providers/")[0]
    asyncio.run(call("PUT", ARM + group, json={"location": "eastus"}))
    answer = asyncio.run(call("PUT", ARM + elsewhere, json=BODY))
    assert error_of(answer)[:2] == (409, "RegistryNameNotAvailable")
    assert error_of(asyncio.run(call("GET", ARM + elsewhere)))[:2] == (404, "ResourceNotFound")
    missing = error_of(registry.discover("theirs"))
    assert missing[0] == 404
    assert "there are: ours, azureml" in missing[2]


def test_its_hosts_want_a_token(registry: Registry) -> None:
    assert registry.call("GET", "/models", token="").status_code == 401
    answer = asyncio.run(registry.storage.server.call("GET", f"{DISCOVERY}ours/discovery", token=""))
    assert answer.status_code == 401


def test_a_shared_model_is_a_copy_of_its_own(shared: Registry) -> None:
    document = shared.call("GET", "/models/shared/versions/7").json()
    properties = document["properties"]
    assert document["id"] == f"{REGISTRY}/models/shared/versions/7"
    assert document["type"] == "Microsoft.MachineLearningServices/registries/models/versions"
    assert properties["tags"] == {"a": "b"}
    assert properties["originAssetId"].endswith("/models/taxi/versions/1")
    assert "jobName" not in properties, "the job is the workspace's"
    assert "stage" not in properties
    shared.storage.file("model/weights", "changed")
    resolved = uris.resolve(shared.storage.services, shared.storage.workspace, document["id"])
    assert (resolved.name, (resolved / "weights").read_text()) == ("model", "w")
    latest = uris.resolve(shared.storage.services, shared.storage.workspace, f"{REGISTRY}/models/shared/labels/latest")
    assert latest == resolved


def test_a_version_in_a_registry_never_changes(shared: Registry) -> None:
    assert error_of(shared.share())[0] == 409
    asked = {"assetId": f"{REGISTRY}/models/shared/versions/7"}
    assert error_of(shared.call("PUT", "/tempdatarefs/shared/versions/7", asked))[0] == 409
    shared.share(to="other:1")
    other = shared.call("GET", "/models/other/versions/1").json()["properties"]
    status, _, message = error_of(shared.call("PUT", "/models/shared/versions/7", {"properties": other}))
    assert (status, "its content cannot be changed" in message) == (400, True)
    same = shared.call("GET", "/models/shared/versions/7").json()["properties"] | {"tags": {"c": "d"}}
    assert shared.call("PUT", "/models/shared/versions/7", {"properties": same}).json()["properties"]["tags"] == {
        "c": "d"
    }


def test_environments_and_data_are_shared_too(registry: Registry) -> None:
    storage = registry.storage
    storage.file("context/Dockerfile", "FROM python:3.11\n")
    context = storage.services.blobs.url(storage.container, "context/")
    for path, properties in (
        ("/environments/image/versions/1", {"image": "python:3.11", "condaFile": "dependencies: [python=3.11]"}),
        ("/environments/built/versions/1", {"build": {"contextUri": context, "dockerfilePath": "Dockerfile"}}),
        ("/data/rows/versions/1", {"dataType": "uri_file", "dataUri": storage.file("rows.csv", "a,b")}),
    ):
        assert storage.arm("PUT", path, {"properties": properties}).status_code == 201
    assert registry.share("environments", "image", to="e:1").status_code == 204
    assert registry.share("environments", "built", to="b:1").status_code == 204
    assert registry.share("data", "rows", to="d:1").status_code == 204
    assert registry.files() == ["context/Dockerfile", "rows.csv"]
    assert registry.call("GET", "/data/d").json()["properties"]["dataType"] == "uri_file"
    found = environments.resolve(storage.services, storage.workspace, f"{REGISTRY}/environments/b/versions/1")
    copied = uris.resolve(storage.services, storage.workspace, found["properties"]["build"]["contextUri"])
    assert [path.name for path in copied.iterdir()] == ["Dockerfile"]


@pytest.mark.parametrize(
    ("kind", "name", "version", "to", "status", "message"),
    [
        ("models", "nope", "1", "a:1", 404, "Could not find model 'nope' version '1' in workspace"),
        ("components", "c", "1", "a:1", 400, "A component is created in the registry itself"),
        ("models", "taxi", "1", "a b:1", 400, "The model name 'a b' is not valid"),
        ("jobs", "j/x", "1", "a:1", 400, "is not the id of a workspace's asset"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    shared: Registry, kind: str, name: str, version: str, to: str, status: int, message: str
) -> None:
    found = error_of(shared.share(kind, name, version, to))
    assert (found[0], message in found[2]) == (status, True), found


def test_a_model_without_its_files_is_not_shared(shared: Registry) -> None:
    uri = uris.resolve(shared.storage.services, shared.storage.workspace, "azureml:taxi:1", kinds=("models",))
    (uri / "weights").unlink()
    uri.rmdir()
    assert "are not in the workspace's storage any more" in error_of(shared.share(to="shared:8"))[2]
    assert shared.call("GET", "/models/shared/versions/8").status_code == 404


def test_files_are_uploaded_to_the_registry_and_downloaded_from_it(shared: Registry) -> None:
    asked = {"assetId": f"{REGISTRY}/models/direct/versions/1"}
    pending = shared.call("PUT", "/tempdatarefs/direct/versions/1", asked).json()["blobReferenceForConsumption"]
    place = pending["credential"]["sasUri"].replace("?", "/w.txt?")
    put: dict[str, Any] = {"content": b"w", "headers": {"x-ms-blob-type": "BlockBlob"}, "token": ""}
    assert asyncio.run(shared.storage.server.call("PUT", place, **put)).status_code == 201
    model = {"properties": {"modelUri": f"{pending['blobUri']}/w.txt"}}
    assert shared.call("PUT", "/models/direct/versions/1", model).status_code == 200
    missing = {"properties": {"modelUri": f"{pending['blobUri']}/nothing"}}
    assert "upload the files first" in error_of(shared.call("PUT", "/models/direct/versions/2", missing))[2]

    asked["blobUri"] = model["properties"]["modelUri"]
    lent = shared.call("POST", "/datarefs/direct/versions/1", asked).json()["blobReferenceForConsumption"]
    url = lent["credential"]["sasUri"].replace("?", "/w.txt?")
    assert asyncio.run(shared.storage.server.call("GET", url, token="")).content == b"w"
    assert asyncio.run(shared.storage.server.call("PUT", url, **put)).status_code == 403, "to read, not to write"

    asked["blobUri"] = shared.storage.services.blobs.url(shared.storage.container, "secret")
    refused = error_of(shared.call("POST", "/datarefs/direct/versions/1", asked))
    assert "is not in the registry's storage" in refused[2]
    elsewhere = error_of(shared.call("PUT", "/tempdatarefs/x/versions/1", {"assetId": "azureml:x:1"}))
    assert "is not the id of a version in the registry 'ours'" in elsewhere[2]


def test_jobs_and_deployments_use_what_is_in_a_registry(shared: Registry) -> None:
    services, workspace = shared.storage.services, shared.storage.workspace
    model = f"{REGISTRY}/models/shared/versions/7"
    asset = references.asset(services, workspace, model, "models")
    assert (asset.id, asset.name, asset.version) == (model, "shared", "7")
    assert references.is_asset_id(model, "models")
    assert not references.is_asset_id(model, "data")
    deployed = plan._model(services, workspace, f"{REGISTRY}/models/shared/labels/latest")
    assert deployed is not None
    assert (deployed.name, deployed.version, deployed.path.endswith("/model")) == ("shared", "7", True)
    for reference, message in (
        (f"{REGISTRY}/models/shared/versions/8", "Could not find model 'shared' version '8' in registry 'ours'"),
        (f"{REGISTRY}/models/shared/labels/best", "the label 'best' is not known"),
        (f"{REGISTRY}/environments/e/versions/1", "does not name a model"),
        ("azureml://registries/theirs/models/m/versions/1", "there is no registry 'theirs'. Registries here: ours"),
    ):
        with pytest.raises(references.UnknownReferenceError, match=message):
            references.asset(services, workspace, reference, "models")


def test_a_label_is_settled_when_a_job_or_a_deployment_is_made(shared: Registry) -> None:
    services, workspace = shared.storage.services, shared.storage.workspace
    latest = f"{REGISTRY}/models/shared/labels/latest"
    problems = Problems()
    value = problems.check_data(services, workspace, Data(latest, "custom_model"), "inputs.m")
    made = plan.settled(services, workspace, {"model": latest, "environmentId": None})
    shared.share(to="shared:8")
    assert value == Data(f"{REGISTRY}/models/shared/versions/7", "custom_model")
    assert made == {"model": f"{REGISTRY}/models/shared/versions/7", "environmentId": None}
    assert plan.settled(services, workspace, {"model": latest})["model"].endswith("/versions/8")
    assert plan.settled(services, workspace, {"model": "azureml:taxi@latest"})["model"].endswith(
        "/models/taxi/versions/1"
    )
    assert problems.check_data(services, workspace, Data(f"{REGISTRY}/data/no/labels/latest", "uri_file"), "inputs.d")
    assert problems.found == [("inputs.d", "Could not find data asset 'no' in registry 'ours'.")]


def test_a_component_in_a_registry_refers_to_registries_only(registry: Registry) -> None:
    spec = {"type": "command", "command": "x", "environment": "azureml://registries/azureml/environments/e/versions/1"}
    put = registry.call("PUT", "/components/c/versions/1", {"properties": {"componentSpec": spec}})
    assert put.status_code == 200
    services, workspace = registry.storage.services, registry.storage.workspace
    assert components.resolve(services, workspace, f"{REGISTRY}/components/c/labels/latest")["name"] == "1"
    refused_specs: tuple[tuple[str, dict[str, Any]], ...] = (
        ("environment", {"type": "command", "environment": "azureml:mine:1"}),
        ("code", {"type": "parallel", "task": {"code": f"azureml:{workspace.id}/codes/c/versions/1"}}),
        ("componentId", {"type": "pipeline", "jobs": {"a": {"componentId": "azureml:c:1"}}}),
    )
    for field, refused_spec in refused_specs:
        refused = registry.call("PUT", "/components/d/versions/1", {"properties": {"componentSpec": refused_spec}})
        assert f"The component's {field} 'azureml:" in error_of(refused)[2]


def test_microsofts_registry_has_curated_environments_and_takes_nothing(storage: Storage) -> None:
    call = storage.server.call
    found = asyncio.run(call("GET", f"{DISCOVERY}azureml/discovery")).json()
    base = (
        f"{found['primaryRegionResourceProviderUri']}{REGION_PREFIX[1:]}/subscriptions/{found['subscriptionId']}"
        f"/resourceGroups/{found['resourceGroup']}/providers/Microsoft.MachineLearningServices/registries/azureml"
    )
    document = asyncio.run(call("GET", f"{base}/environments/sklearn-1.5/versions/9")).json()
    assert document["id"] == "azureml://registries/azureml/environments/sklearn-1.5/versions/9"
    assert document["properties"]["image"] == "mcr.microsoft.com/azureml/curated/sklearn-1.5:9"
    assert error_of(asyncio.run(call("GET", f"{base}/environments/nope/versions/1")))[0] == 404
    put = asyncio.run(call("PUT", f"{base}/environments/mine/versions/1", json={"properties": {"image": "x"}}))
    assert error_of(put)[:2] == (403, "AuthorizationFailed")
    with pytest.raises(AzureError, match="is not one of the curated environments known here"):
        environments.resolve(
            storage.services, storage.workspace, "azureml://registries/azureml/environments/x/labels/latest"
        )
