"""What all kinds of assets have in common, shown on models and environments."""

from __future__ import annotations

import pytest

from azureml_local.assets import models, versions
from support.local_storage import Storage, error_of


def model(storage: Storage, path: str = "m/a.txt", **more: object) -> dict[str, object]:
    return {"properties": {"modelUri": storage.file(path), "modelType": "custom_model", **more}}


def test_a_version_is_created_once_and_updated_after(storage: Storage) -> None:
    first = storage.arm("PUT", "/models/taxi/versions/1", model(storage, tags={"a": "1"}, description="x"))
    assert first.status_code == 201
    document = first.json()
    assert document["id"] == f"{storage.workspace.id}/models/taxi/versions/1"
    assert (document["name"], document["type"].rpartition("/")[2]) == ("1", "versions")
    assert document["properties"]["provisioningState"] == "Succeeded"
    again = storage.arm("PUT", "/models/taxi/versions/1", model(storage, tags={"b": "2"}))
    assert again.status_code == 200
    assert again.json()["properties"]["tags"] == {"b": "2"}
    assert again.json()["systemData"]["createdAt"] == document["systemData"]["createdAt"]


def test_its_content_never_changes(storage: Storage) -> None:
    storage.arm("PUT", "/models/taxi/versions/1", model(storage))
    status, code, message = error_of(storage.arm("PUT", "/models/taxi/versions/1", model(storage, "other")))
    assert (status, code) == (400, "UserError")
    assert "'taxi' and version '1' already exists and its content cannot be changed" in message


def test_the_container_counts(storage: Storage) -> None:
    for version in ("1", "2", "10", "beta"):
        storage.arm("PUT", f"/models/taxi/versions/{version}", model(storage))
    container = storage.arm("GET", "/models/taxi").json()["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("beta", "11")
    storage.arm("DELETE", "/models/taxi/versions/10")
    storage.arm("DELETE", "/models/taxi/versions/beta")
    container = storage.arm("GET", "/models/taxi").json()["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("2", "11"), "a number is never given again"


def test_the_next_number_is_taken_in_one_step(storage: Storage) -> None:
    uri = storage.file("m")
    found = [
        models.create_model_version(storage.services, storage.workspace, "taxi", uri=uri)["name"] for _ in range(3)
    ]
    assert found == ["1", "2", "3"]


def test_deleting_one_and_all(storage: Storage) -> None:
    for version in ("1", "2"):
        storage.arm("PUT", f"/models/taxi/versions/{version}", model(storage))
    assert storage.arm("DELETE", "/models/taxi/versions/2").status_code == 200
    assert storage.arm("DELETE", "/models/taxi/versions/2").status_code == 204
    assert storage.arm("DELETE", "/models/taxi").status_code == 200
    assert error_of(storage.arm("GET", "/models/taxi/versions/1"))[0] == 404
    assert error_of(storage.arm("GET", "/models/taxi"))[0] == 404


def test_what_is_not_there_is_named(storage: Storage) -> None:
    expected = (404, "UserError", "Could not find model 'nope' version '3' in workspace 'aml-local'.")
    assert error_of(storage.arm("GET", "/models/nope/versions/3")) == expected
    assert error_of(storage.arm("GET", "/models/nope/versions"))[0] == 404
    assert "environment 'nope'" in error_of(storage.arm("GET", "/environments/nope"))[2]


@pytest.mark.parametrize(("name", "version"), [("a b", "1"), (".a", "1"), ("a" * 256, "1"), ("a", "1!")])
def test_bad_names_are_refused(storage: Storage, name: str, version: str) -> None:
    status, _, message = error_of(storage.arm("PUT", f"/models/{name}/versions/{version}", model(storage)))
    assert status == 400
    assert "is not valid. It may have up to 255 letters" in message


def test_names_are_found_without_regard_to_case_and_keep_their_spelling(storage: Storage) -> None:
    storage.arm("PUT", "/models/Taxi/versions/1", model(storage))
    second = storage.arm("PUT", "/models/taxi/versions/2", model(storage)).json()
    assert second["id"].endswith("/models/Taxi/versions/2")
    assert len(storage.arm("GET", "/models/TAXI/versions").json()["value"]) == 2


def names(storage: Storage, path: str) -> list[str]:
    return [document["name"] for document in storage.arm("GET", path).json()["value"]]


def test_lists_are_newest_first_and_in_pages(storage: Storage) -> None:
    for _ in range(250):
        models.create_model_version(storage.services, storage.workspace, "taxi", uri=storage.file("m"))
    seen: list[str] = []
    path: str | None = "/models/taxi/versions?listViewType=ActiveOnly"
    while path:
        body = storage.arm("GET", path).json()
        seen += [document["name"] for document in body["value"]]
        path = body.get("nextLink", "").partition(storage.workspace.id)[2] or None
    assert seen == [str(number) for number in range(250, 0, -1)]


def test_order_top_and_tags(storage: Storage) -> None:
    for version, tags in (("1", {"stage": "dev"}), ("2", {"stage": "prod", "x": "y"}), ("3", {})):
        storage.arm("PUT", f"/models/taxi/versions/{version}", model(storage, tags=tags))
    storage.arm("PUT", "/models/taxi/versions/1", model(storage, tags={"stage": "dev"}))
    assert names(storage, "/models/taxi/versions?$orderBy=createdtime desc&$top=1") == ["3"]
    assert names(storage, "/models/taxi/versions?$orderBy=createdtime asc") == ["1", "2", "3"]
    assert names(storage, "/models/taxi/versions?$orderBy=modifiedtime desc&$top=1") == ["1"]
    assert "nextLink" not in storage.arm("GET", "/models/taxi/versions?$top=1").json()
    assert names(storage, "/models/taxi/versions?tags=stage") == ["2", "1"]
    assert names(storage, "/models/taxi/versions?tags=stage=prod,x=y") == ["2"]
    assert names(storage, "/models/taxi/versions?version=2") == ["2"]
    for query in ("$orderBy=size", "$top=many", "listViewType=Some"):
        assert storage.arm("GET", f"/models/taxi/versions?{query}").status_code == 400


def test_archiving_a_version_hides_it_and_moves_latest(storage: Storage) -> None:
    for version in ("1", "2"):
        storage.arm("PUT", f"/models/taxi/versions/{version}", model(storage))
    storage.arm("PUT", "/models/taxi/versions/2", model(storage, isArchived=True))
    assert names(storage, "/models/taxi/versions") == ["1"]
    assert names(storage, "/models/taxi/versions?listViewType=ArchivedOnly") == ["2"]
    assert names(storage, "/models/taxi/versions?listViewType=All") == ["2", "1"]
    assert storage.arm("GET", "/models/taxi").json()["properties"]["latestVersion"] == "1"
    found = versions.resolve(storage.services, models.KIND, storage.workspace, "azureml:taxi@latest")
    assert found["name"] == "1"
    assert storage.arm("GET", "/models/taxi/versions/2").status_code == 200


def test_an_archived_container_is_hidden_and_takes_no_version(storage: Storage) -> None:
    storage.arm("PUT", "/models/taxi/versions/1", model(storage))
    container = storage.arm("GET", "/models/taxi").json()
    container["properties"]["isArchived"] = True
    assert storage.arm("PUT", "/models/taxi", container).status_code == 200
    assert names(storage, "/models") == []
    assert names(storage, "/models?listViewType=All") == ["taxi"]
    assert "Restore it first" in error_of(storage.arm("PUT", "/models/taxi/versions/2", model(storage)))[2]
    container["properties"]["isArchived"] = False
    storage.arm("PUT", "/models/taxi", container)
    assert names(storage, "/models") == ["taxi"]


def test_who_wrote_it_is_told(storage: Storage) -> None:
    document = storage.arm("PUT", "/models/taxi/versions/1", model(storage)).json()
    assert document["systemData"]["createdBy"] == storage.services.settings.client_id
