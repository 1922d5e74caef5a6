from __future__ import annotations

import asyncio

import httpx
import pytest

from support.local_storage import Storage


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["x-ms-error-code"]


@pytest.fixture
def one(storage: Storage) -> Storage:
    storage.file("one")
    return storage


def test_a_stranger_is_told_how_to_sign_in(one: Storage) -> None:
    answer = one.blob("GET", "one", sas="")
    assert refusal(answer) == (401, "NoAuthenticationInformation")
    assert "resource_id=https://storage.azure.com" in answer.headers["www-authenticate"]


def test_a_storage_token_opens_and_another_does_not(one: Storage) -> None:
    assert one.blob("GET", "one", sas="", token=one.server.token("https://storage.azure.com/")).status_code == 200
    answer = one.blob("GET", "one", sas="", token=one.server.token("https://management.azure.com/"))
    assert refusal(answer) == (403, "AuthenticationFailed")
    assert "audience" in answer.text


def test_a_signature_expires(one: Storage) -> None:
    sas = one.services.blobs.sas(one.container, seconds=60)
    assert one.blob("GET", "one", sas=sas).status_code == 200
    one.server.time.now += 61
    answer = one.blob("GET", "one", sas=sas)
    assert refusal(answer) == (403, "AuthenticationFailed")
    assert "expired at" in answer.text


def test_a_signature_cannot_be_stretched(one: Storage) -> None:
    sas = one.services.blobs.sas(one.container, permissions="r")
    for changed in (sas.replace("sp=r", "sp=rwdl"), sas.replace("se=2027", "se=2099"), sas[:-4] + "0000"):
        assert changed != sas
        assert refusal(one.blob("GET", "one", sas=changed)) == (403, "AuthenticationFailed")


def test_a_signature_is_for_one_container(one: Storage) -> None:
    one.services.blobs.container("another")
    assert refusal(one.blob("GET", "one", sas=one.services.blobs.sas("another"))) == (403, "AuthenticationFailed")


@pytest.mark.parametrize(
    ("permissions", "method", "query", "status"),
    [("r", "GET", "", 200), ("r", "PUT", "", 403), ("r", "DELETE", "", 403), ("w", "GET", "", 403),
     ("w", "PUT", "", 201), ("c", "PUT", "", 403),
     ("r", "PUT", "comp=metadata", 403), ("w", "PUT", "comp=metadata", 200), ("d", "DELETE", "", 202)],
)  # fmt: skip
def test_a_signature_grants_what_it_says(one: Storage, permissions: str, method: str, query: str, status: int) -> None:
    sas = one.services.blobs.sas(one.container, permissions=permissions)
    answer = one.blob(method, "one", query, sas=sas, headers={"x-ms-blob-type": "BlockBlob"})
    assert answer.status_code == status
    if status == 403:
        assert refusal(answer) == (403, "AuthorizationPermissionMismatch")


def test_a_signature_to_create_makes_new_blobs_only(one: Storage) -> None:
    sas = one.services.blobs.sas(one.container, permissions="c")
    assert one.blob("PUT", "new", sas=sas, headers={"x-ms-blob-type": "BlockBlob"}).status_code == 201
    assert one.blob("PUT", "new", sas=sas, headers={"x-ms-blob-type": "BlockBlob"}).status_code == 403


def test_listing_needs_its_own_permission(one: Storage) -> None:
    query = "restype=container&comp=list"
    assert one.blob("GET", "", query, sas=one.services.blobs.sas(one.container, permissions="r")).status_code == 403
    assert one.blob("GET", "", query, sas=one.services.blobs.sas(one.container, permissions="l")).status_code == 200


def test_account_keys_are_not_in_use(one: Storage) -> None:
    answer = one.blob("GET", "one", sas="", headers={"Authorization": "SharedKey a:b"})
    assert refusal(answer) == (403, "AuthenticationFailed")


def test_another_account_and_a_missing_container_are_not_here(one: Storage) -> None:
    token = one.server.token("https://storage.azure.com/")
    answer = asyncio.run(one.server.call("GET", "https://other.blob.core.windows.net/c/b", token=token))
    assert refusal(answer) == (404, "ResourceNotFound")
    assert "storage account 'other' is not the local workspace's" in answer.text
    answer = asyncio.run(one.server.call("GET", f"https://{one.services.blobs.host}/nothing/b", token=token))
    assert refusal(answer) == (404, "ContainerNotFound")


def test_container_properties(one: Storage) -> None:
    for method in ("GET", "HEAD"):
        answer = one.blob(method, "", "restype=container")
        assert (answer.status_code, answer.headers["x-ms-lease-state"]) == (200, "available")
