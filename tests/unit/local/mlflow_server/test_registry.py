from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.local_server import ARM

from .conftest import Mlflow


def register(mlflow: Mlflow, name: str, run_id: str, **more: Any) -> dict[str, Any]:
    if "_status" in mlflow.call("GET registered-models/get", name=name):
        mlflow.call("POST registered-models/create", {"name": name})
    source = mlflow.log_model(run_id)
    answer = mlflow.call("POST model-versions/create", {"name": name, "source": source, "run_id": run_id, **more})
    assert "_status" not in answer, answer
    version: dict[str, Any] = answer["model_version"]
    return version


def arm_get(mlflow: Mlflow, path: str) -> dict[str, Any]:
    answer = asyncio.run(mlflow.server.call("GET", f"{ARM}{mlflow.workspace_id}/{path}"))
    body: dict[str, Any] = answer.json()
    return body


def test_a_version_registered_with_mlflow_is_the_same_model_in_arm(mlflow: Mlflow) -> None:
    version = register(mlflow, "taxi", "run-1", description="first", tags=[{"key": "rmse", "value": "0.2"}])
    assert (version["version"], version["run_id"], version["status"]) == ("1", "run-1", "READY")
    document = arm_get(mlflow, "models/taxi/versions/1")["properties"]
    assert document["modelUri"].endswith("/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.run-1/model")
    assert (document["modelType"], document["jobName"]) == ("mlflow_model", "run-1")
    assert document["flavors"] == {"python_function": {"data": {"loader_module": "mlflow.sklearn"}}}
    assert (document["description"], document["tags"]) == ("first", {"rmse": "0.2"})
    container = arm_get(mlflow, "models/taxi")["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("1", "2")


def test_a_version_registered_with_arm_is_found_and_downloaded_by_mlflow(mlflow: Mlflow) -> None:
    services = mlflow.server.services
    folder = services.blobs.path(f"azureml-blobstore-{services.settings.workspace_guid}", "LocalUpload/sha/model")
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"model")
    body = {
        "properties": {
            "modelUri": "azureml://datastores/workspaceblobstore/paths/LocalUpload/sha/model",
            "modelType": "custom_model",
            "tags": {"team": "a"},
        }
    }
    url = f"{ARM}{mlflow.workspace_id}/models/taxi/versions/7"
    assert asyncio.run(mlflow.server.call("PUT", url, json=body)).status_code == 201

    found = mlflow.call("GET model-versions/search", filter="name = 'taxi'")["model_versions"]
    assert [(entity["version"], entity["tags"]) for entity in found] == [("7", [{"key": "team", "value": "a"}])]
    uri = mlflow.call("GET model-versions/get-download-uri", name="taxi", version="7")["artifact_uri"]
    assert uri == "azureml://artifacts/RegisteredModel/taxi:7/model"
    base = f"/artifact/v2.0{mlflow.workspace_id}/artifacts/RegisteredModel/taxi:7"
    assert [entry["path"] for entry in mlflow.send("GET", base).json()["value"]] == ["model/model.pkl"]
    information = mlflow.send("GET", base + "/contentinfo", params={"path": "model/model.pkl"}).json()
    assert "/LocalUpload/sha/model/model.pkl?" in information["contentUri"]
    # The next number goes on from the highest, whoever gave it.
    assert register(mlflow, "taxi", "run-1")["version"] == "8"


def test_numbers_are_never_given_twice(mlflow: Mlflow) -> None:
    assert [register(mlflow, "taxi", f"run-{number}")["version"] for number in (1, 2)] == ["1", "2"]
    mlflow.call("DELETE model-versions/delete", {"name": "taxi", "version": "2"})
    assert register(mlflow, "taxi", "run-3")["version"] == "3"
    mlflow.call("DELETE model-versions/delete", {"name": "taxi", "version": "1"})
    mlflow.call("DELETE model-versions/delete", {"name": "taxi", "version": "3"})
    assert mlflow.call("GET registered-models/get", name="taxi")["registered_model"]["latest_versions"] == []
    assert register(mlflow, "taxi", "run-4")["version"] == "4"


def test_a_source_without_mlmodel_is_a_custom_model(mlflow: Mlflow) -> None:
    mlflow.call("POST registered-models/create", {"name": "plain"})
    source = mlflow.log_model("run-1", "weights", mlmodel=None)
    mlflow.call("POST model-versions/create", {"name": "plain", "source": source})
    document = arm_get(mlflow, "models/plain/versions/1")["properties"]
    assert (document["modelType"], document["flavors"], document["jobName"]) == ("custom_model", {}, "run-1")


def test_a_version_can_be_copied_to_another_model(mlflow: Mlflow) -> None:
    register(mlflow, "taxi", "run-1")
    mlflow.call("POST registered-models/create", {"name": "taxi-prod"})
    copy = mlflow.call("POST model-versions/create", {"name": "taxi-prod", "source": "models:/taxi/1"})
    assert copy["model_version"]["run_id"] == "run-1"
    original = mlflow.call("GET model-versions/get-download-uri", name="taxi", version="1")
    assert mlflow.call("GET model-versions/get-download-uri", name="taxi-prod", version="1") == original


@pytest.mark.parametrize(
    ("operation", "given", "status", "code", "message"),
    [
        ("POST registered-models/create", {"name": "taxi"}, 400, "RESOURCE_ALREADY_EXISTS", "already exists"),
        ("POST registered-models/create", {"name": "a/b"}, 400, "INVALID_PARAMETER_VALUE", "not valid on Azure ML"),
        ("POST registered-models/create", {"name": 3}, 400, "INVALID_PARAMETER_VALUE", "must be a string"),
        ("POST registered-models/create", {"tags": []}, 400, "INVALID_PARAMETER_VALUE", "required parameter 'name'"),
        ("GET registered-models/get", {"name": "no"}, 404, "RESOURCE_DOES_NOT_EXIST", "Registered Model with name=no"),
        ("POST registered-models/rename", {"name": "taxi", "new_name": "x"}, 400, "BAD_REQUEST", "can't rename"),
        ("GET model-versions/get", {"name": "taxi", "version": "9"}, 404, "RESOURCE_DOES_NOT_EXIST", "version=9"),
        ("GET registered-models/search", {"max_results": "0"}, 400, "INVALID_PARAMETER_VALUE", "between 1 and 1000"),
        ("GET registered-models/search", {"max_results": "x"}, 400, "INVALID_PARAMETER_VALUE", "'max_results'"),
        ("GET registered-models/alias", {"name": "taxi", "alias": "no"}, 400, "INVALID_PARAMETER_VALUE", "alias no"),
        (
            "POST registered-models/alias",
            {"name": "taxi", "alias": "latest", "version": "1"},
            400,
            "INVALID_PARAMETER_VALUE",
            "reserved",
        ),
        (
            "POST registered-models/alias",
            {"name": "taxi", "alias": "a b", "version": "1"},
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid alias name",
        ),
        (
            "POST model-versions/transition-stage",
            {"name": "taxi", "version": "1", "stage": "Live"},
            400,
            "INVALID_PARAMETER_VALUE",
            "None, Staging, Production, Archived",
        ),
        (
            "POST model-versions/transition-stage",
            {"name": "taxi", "version": "1", "stage": "None", "archive_existing_versions": True},
            400,
            "INVALID_PARAMETER_VALUE",
            "not an Active stage",
        ),
        (
            "POST model-versions/create",
            {"name": "taxi", "source": "runs:/run-1/nothing-here"},
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "nothing to register",
        ),
        (
            "POST model-versions/create",
            {"name": "taxi", "source": "s3://bucket/model"},
            400,
            "INVALID_PARAMETER_VALUE",
            "not in this workspace",
        ),
        (
            "POST model-versions/create",
            {"name": "taxi", "source": "azureml://datastores/nowhere/paths/x"},
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Could not find datastore: nowhere",
        ),
        (
            "POST model-versions/create",
            {"name": "unknown", "source": "runs:/run-1/model"},
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "name=unknown",
        ),
        (
            "POST registered-models/set-tag",
            {"name": "taxi", "key": "k" * 251, "value": "v"},
            400,
            "INVALID_PARAMETER_VALUE",
            "too long",
        ),
        ("POST registered-models/destroy", {"name": "taxi"}, 404, "ENDPOINT_NOT_FOUND", "No API found"),
        ("GET logged-models/x", {}, 404, "ENDPOINT_NOT_FOUND", "pin 'mlflow<3'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_mlflows_words(
    mlflow: Mlflow, operation: str, given: dict[str, Any], status: int, code: str, message: str
) -> None:
    register(mlflow, "taxi", "run-1")
    answer = mlflow.call(operation, **given) if operation.startswith("GET") else mlflow.call(operation, given)
    assert (answer["_status"], answer["error_code"]) == (status, code)
    assert message in answer["message"]


def test_stages_and_the_newest_version_of_each(mlflow: Mlflow) -> None:
    for number in (1, 2, 3):
        register(mlflow, "taxi", f"run-{number}")
    for promoted in ("1", "2"):
        body = {"name": "taxi", "version": promoted, "stage": "production", "archive_existing_versions": True}
        mlflow.call("POST model-versions/transition-stage", body)
    latest = mlflow.call("GET registered-models/get", name="taxi")["registered_model"]["latest_versions"]
    stages = {entity["current_stage"]: entity["version"] for entity in latest}
    assert stages == {"None": "3", "Production": "2", "Archived": "1"}
    only = mlflow.call("POST registered-models/get-latest-versions", {"name": "taxi", "stages": ["Production"]})
    assert [entity["version"] for entity in only["model_versions"]] == ["2"]
    assert arm_get(mlflow, "models/taxi/versions/2")["properties"]["stage"] == "Production"


def test_aliases_follow_their_version_and_go_with_it(mlflow: Mlflow) -> None:
    register(mlflow, "taxi", "run-1")
    register(mlflow, "taxi", "run-2")
    for version in ("1", "2"):
        mlflow.call("POST registered-models/alias", {"name": "taxi", "alias": "champion", "version": version})
    found = mlflow.call("GET registered-models/alias", name="taxi", alias="champion")["model_version"]
    assert (found["version"], found["aliases"]) == ("2", ["champion"])
    mlflow.call("DELETE model-versions/delete", {"name": "taxi", "version": "2"})
    assert mlflow.call("GET registered-models/get", name="taxi")["registered_model"]["aliases"] == []
    mlflow.call("POST registered-models/alias", {"name": "taxi", "alias": "champion", "version": "1"})
    mlflow.call("DELETE registered-models/alias", {"name": "taxi", "alias": "champion"})
    assert mlflow.call("GET registered-models/alias", name="taxi", alias="champion")["_status"] == 400


def test_descriptions_and_tags_change_in_both_views(mlflow: Mlflow) -> None:
    register(mlflow, "taxi", "run-1", tags=[{"key": "old", "value": "1"}])
    mlflow.call("PATCH registered-models/update", {"name": "taxi", "description": "fares"})
    mlflow.call("PATCH model-versions/update", {"name": "taxi", "version": "1", "description": "better"})
    mlflow.call("POST model-versions/set-tag", {"name": "taxi", "version": "1", "key": "rmse", "value": "0.2"})
    mlflow.call("DELETE model-versions/delete-tag", {"name": "taxi", "version": "1", "key": "old"})
    mlflow.call("POST registered-models/set-tag", {"name": "taxi", "key": "team", "value": "a"})
    mlflow.call("POST registered-models/set-tag", {"name": "taxi", "key": "gone", "value": "a"})
    mlflow.call("DELETE registered-models/delete-tag", {"name": "taxi", "key": "gone"})
    version = arm_get(mlflow, "models/taxi/versions/1")["properties"]
    assert (version["description"], version["tags"]) == ("better", {"rmse": "0.2"})
    container = arm_get(mlflow, "models/taxi")["properties"]
    assert (container["description"], container["tags"]) == ("fares", {"team": "a"})


def test_archived_models_are_out_of_searches(mlflow: Mlflow) -> None:
    register(mlflow, "taxi", "run-1")
    register(mlflow, "old", "run-2")
    store = mlflow.server.services.store
    store.update(f"{mlflow.workspace_id}/models/old", lambda document: document["properties"].update(isArchived=True))
    found = mlflow.call("GET registered-models/search")["registered_models"]
    assert [entity["name"] for entity in found] == ["taxi"]
    assert [entity["name"] for entity in mlflow.call("GET model-versions/search")["model_versions"]] == ["taxi"]


def test_searches_come_in_pages(mlflow: Mlflow) -> None:
    for name in ("a", "b", "c"):
        mlflow.call("POST registered-models/create", {"name": name})
    first = mlflow.call("GET registered-models/search", max_results=2, order_by=["name DESC"])
    assert [entity["name"] for entity in first["registered_models"]] == ["c", "b"]
    query: dict[str, Any] = {"max_results": 2, "order_by": ["name DESC"], "page_token": first["next_page_token"]}
    rest = mlflow.call("GET registered-models/search", **query)
    assert [entity["name"] for entity in rest["registered_models"]] == ["a"]
    assert "next_page_token" not in rest


def test_deleting_a_model_deletes_its_versions(mlflow: Mlflow) -> None:
    register(mlflow, "taxi", "run-1")
    mlflow.call("DELETE registered-models/delete", {"name": "taxi"})
    assert mlflow.call("GET model-versions/search")["model_versions"] == []
    assert arm_get(mlflow, "models/taxi/versions/1")["error"]["message"].startswith("Could not find model 'taxi'")


def test_the_registry_wants_a_token(mlflow: Mlflow) -> None:
    path = f"/mlflow/v2.0{mlflow.workspace_id}/api/2.0/mlflow/registered-models/search"
    assert mlflow.send("GET", path, token="").status_code == 401
    assert mlflow.send("GET", path, token="made.up.token").status_code == 401
    assert mlflow.send("GET", path.replace("aml-local", "other")).status_code == 404
