from __future__ import annotations

import asyncio

import pytest

from azureml_local import datastores
from azureml_local.errors import AzureError
from support.local_server import ARM
from support.local_storage import Storage, error_of

BLOB = {"datastoreType": "AzureBlob", "accountName": "elsewhere", "containerName": "c"}


def test_every_workspace_has_its_own_two(storage: Storage) -> None:
    other = storage.workspace.id.replace("aml-local", "aml-other")
    asyncio.run(storage.server.call("PUT", ARM + other, json={}))
    containers = set()
    for workspace in (storage.workspace.id, other):
        answer = asyncio.run(storage.server.call("GET", f"{ARM}{workspace}/datastores")).json()["value"]
        assert [document["name"] for document in answer] == ["workspaceblobstore", "workspaceartifactstore"]
        containers |= {document["properties"]["containerName"] for document in answer}
    assert len(containers) == 4


def test_the_default_is_the_blob_store(storage: Storage) -> None:
    (only,) = storage.arm("GET", "/datastores?isDefault=true").json()["value"]
    assert only["name"] == "workspaceblobstore"
    assert only["properties"]["accountName"] == storage.services.blobs.account


def test_its_secret_is_a_signature_for_its_container(storage: Storage) -> None:
    secret = storage.arm("POST", "/datastores/workspaceblobstore/listSecrets", {"expirableSecret": True}).json()
    assert secret["secretsType"] == "Sas"
    storage.file("x", "content")
    assert storage.blob("GET", "x", sas=secret["sasToken"]).content == b"content"


def test_a_missing_one_is_azures_404(storage: Storage) -> None:
    assert error_of(storage.arm("GET", "/datastores/nope")) == (404, "UserError", "Could not find datastore: nope.")


def test_one_elsewhere_is_kept_with_its_secret_apart_and_cannot_be_read(storage: Storage) -> None:
    secrets = {"secretsType": "AccountKey", "key": "very-secret"}
    credentials = {"credentialsType": "AccountKey", "secrets": secrets}
    answer = storage.arm("PUT", "/datastores/mine", {"properties": {**BLOB, "credentials": credentials}})
    assert answer.status_code == 201
    assert "very-secret" not in answer.text + storage.arm("GET", "/datastores").text
    assert storage.arm("POST", "/datastores/mine/listSecrets", {}).json() == secrets
    with pytest.raises(AzureError, match="'mine' is AzureBlob 'elsewhere/c', which the local workspace cannot read"):
        datastores.path_of(storage.services, storage.workspace, "mine", "a/b")


def test_one_in_the_local_account_can_be_read(storage: Storage) -> None:
    storage.services.blobs.container("shared")
    here = {**BLOB, "accountName": storage.services.blobs.account, "containerName": "shared"}
    storage.arm("PUT", "/datastores/mine", {"properties": here})
    path = datastores.path_of(storage.services, storage.workspace, "mine", "a/b")
    assert path == storage.services.blobs.path("shared", "a/b")
    assert storage.arm("DELETE", "/datastores/mine").status_code == 200
    assert storage.arm("DELETE", "/datastores/mine").status_code == 204


@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("a-b", BLOB, "may have up to 255 letters, digits and underscores"),
        ("ok", {"datastoreType": "Ftp"}, "datastoreType 'Ftp' is not one of AzureBlob"),
        ("ok", {"datastoreType": "AzureBlob", "accountName": "a"}, "needs 'containerName'"),
        ("workspaceblobstore", BLOB, "belongs to the workspace and cannot be changed"),
    ],
)
def test_a_bad_one_is_refused(storage: Storage, name: str, properties: dict[str, str], message: str) -> None:
    status, code, text = error_of(storage.arm("PUT", f"/datastores/{name}", {"properties": properties}))
    assert (status, code) == (400, "UserError")
    assert message in text


def test_the_workspaces_own_stay(storage: Storage) -> None:
    assert "cannot be deleted" in error_of(storage.arm("DELETE", "/datastores/workspaceartifactstore"))[2]
