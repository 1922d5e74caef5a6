from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from support.local_storage import Storage

NEW = {"x-ms-blob-type": "BlockBlob"}


def block_id(number: int) -> str:
    return base64.b64encode(f"{number:032d}".encode()).decode()


def block_list(*numbers: int) -> str:
    items = "".join(f"<Latest>{block_id(number)}</Latest>" for number in numbers)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{items}</BlockList>'


def put_block(storage: Storage, name: str, number: int, content: bytes) -> httpx.Response:
    query = f"comp=block&blockid={httpx.QueryParams({'i': block_id(number)})['i'].replace('=', '%3D')}"
    return storage.blob("PUT", name, query, content=content)


def test_a_blob_is_a_plain_file_and_comes_back(storage: Storage) -> None:
    put = storage.blob(
        "PUT",
        "a/b c#1?.txt",
        content=b"hello",
        headers={**NEW, "x-ms-meta-owner": "me", "x-ms-blob-content-type": "text/csv"},
    )
    assert put.status_code == 201
    assert storage.services.blobs.path(storage.container, "a/b c#1?.txt").read_bytes() == b"hello"
    got = storage.blob("GET", "a/b c#1?.txt")
    assert (got.content, got.headers["x-ms-meta-owner"], got.headers["content-type"]) == (b"hello", "me", "text/csv")
    assert got.headers["content-md5"] == base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    assert got.headers["etag"] == put.headers["etag"]


def test_blocks_are_joined_in_the_order_of_the_list_and_leave_nothing_behind(storage: Storage) -> None:
    for number, content in ((2, b"two"), (1, b"one"), (3, b"never committed")):
        assert put_block(storage, "big", number, content).status_code == 201
    assert storage.blob("HEAD", "big").status_code == 404, "a blob shows only when it is committed"
    done = storage.blob("PUT", "big", "comp=blocklist", content=block_list(1, 2), headers={"x-ms-meta-a": "b"})
    assert done.status_code == 201
    got = storage.blob("GET", "big")
    assert (got.content, got.headers["x-ms-meta-a"]) == (b"onetwo", "b")
    assert list((storage.services.blobs.uploads / "blocks").iterdir()) == []


def test_a_list_with_an_unknown_block_is_refused(storage: Storage) -> None:
    put_block(storage, "big", 1, b"one")
    done = storage.blob("PUT", "big", "comp=blocklist", content=block_list(1, 7))
    assert (done.status_code, done.headers["x-ms-error-code"]) == (400, "InvalidBlockList")
    assert "<Code>InvalidBlockList</Code>" in done.text
    assert storage.blob("HEAD", "big").status_code == 404


def test_a_broken_upload_leaves_no_blob_no_rest_and_no_signature_in_the_log(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    assert storage.blob("PUT", "half", content=broken(), headers=NEW).status_code == 500
    assert storage.blob("HEAD", "half").status_code == 404
    assert list(storage.services.blobs.uploads.glob("*.part")) == []
    assert "/half" in caplog.text
    assert "sig=" not in caplog.text


def test_if_none_match_star_never_replaces_a_blob(storage: Storage) -> None:
    headers = {**NEW, "If-None-Match": "*"}
    assert storage.blob("PUT", "once", content=b"1", headers=headers).status_code == 201
    again = storage.blob("PUT", "once", content=b"2", headers=headers)
    assert (again.status_code, again.headers["x-ms-error-code"]) == (409, "BlobAlreadyExists")
    assert storage.blob("GET", "once").content == b"1"


def test_of_two_uploads_at_once_that_must_be_new_one_wins(storage: Storage) -> None:
    server, blobs = storage.server, storage.services.blobs
    url = f"{blobs.url(storage.container, 'race')}?{blobs.sas(storage.container)}"
    headers = {**NEW, "If-None-Match": "*"}

    async def slow(text: bytes) -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield text

    async def both() -> list[int]:
        calls = (server.call("PUT", url, token="", content=slow(text), headers=headers) for text in (b"a", b"b"))
        return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert sorted(asyncio.run(both())) == [201, 409]


def test_a_wrong_md5_is_refused(storage: Storage) -> None:
    answer = storage.blob("PUT", "x", content=b"hello", headers={**NEW, "Content-MD5": "AAAA"})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")


def test_metadata_is_replaced_and_ends_with_the_file_it_was_set_on(storage: Storage) -> None:
    storage.blob("PUT", "m", content=b"1", headers={**NEW, "x-ms-meta-old": "1"})
    assert (
        storage.blob("PUT", "m", "comp=metadata", headers={"x-ms-meta-upload_status": "completed"}).status_code == 200
    )
    head = storage.blob("HEAD", "m")
    assert head.headers["x-ms-meta-upload_status"] == "completed"
    assert "x-ms-meta-old" not in head.headers
    storage.services.blobs.path(storage.container, "m").write_text("written in place by a step")
    assert "x-ms-meta-upload_status" not in storage.blob("HEAD", "m").headers


def test_a_name_cannot_be_a_blob_and_a_folder(storage: Storage) -> None:
    storage.blob("PUT", "a", content=b"1", headers=NEW)
    answer = storage.blob("PUT", "a/b", content=b"1", headers=NEW)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "ResourceTypeMismatch")
    storage.blob("PUT", "d/e", content=b"1", headers=NEW)
    assert storage.blob("PUT", "d", content=b"1", headers=NEW).status_code == 409


def test_a_folder_marker_makes_a_folder_and_an_empty_folder_gives_way(storage: Storage) -> None:
    assert storage.blob("PUT", "f", headers={**NEW, "x-ms-meta-hdi_isfolder": "true"}).status_code == 201
    assert storage.services.blobs.path(storage.container, "f").is_dir()
    assert storage.blob("PUT", "f", content=b"1", headers=NEW).status_code == 201


def test_a_full_disk_is_told_once_and_plainly(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("azureml_local.blob_api.upload._join", full)
    put_block(storage, "big", 1, b"one")
    answer = storage.blob("PUT", "big", "comp=blocklist", content=block_list(1))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "InsufficientDiskSpace")
    assert "Free some space" in answer.text


@pytest.mark.parametrize("path", ["../outside", "a/../../outside"])
def test_a_blob_cannot_leave_its_container(storage: Storage, path: str) -> None:
    blobs = storage.services.blobs
    scope_url = (
        f"https://{blobs.host}/{storage.container}/{path.replace('..', '%2e%2e')}?{blobs.sas(storage.container)}"
    )
    answer = asyncio.run(storage.server.call("PUT", scope_url, token="", content=b"x", headers=NEW))
    assert answer.status_code in (400, 403, 404)
    assert not (blobs.root / blobs.account / "outside").exists()


@pytest.mark.parametrize(
    ("query", "headers"),
    [("comp=appendblock", {}), ("", {"x-ms-blob-type": "PageBlob"}), ("", {"x-ms-copy-source": "https://x/y"})],
)
def test_other_operations_are_refused_not_pretended(storage: Storage, query: str, headers: dict[str, str]) -> None:
    answer = storage.blob("PUT", "x", query, content=b"1", headers=headers)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (501, "NotImplementedLocally")
    assert "sig=" not in answer.text
