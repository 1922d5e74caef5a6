from __future__ import annotations

import pytest

from support.local_storage import Storage


@pytest.fixture
def digits(storage: Storage) -> Storage:
    storage.file("digits", "0123456789")
    return storage


@pytest.mark.parametrize(
    ("asked", "content", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=8-33554431", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_206(digits: Storage, asked: str, content: bytes, content_range: str) -> None:
    answer = digits.blob("GET", "digits", headers={"x-ms-range": asked, "Range": "bytes=0-0"})
    assert (answer.status_code, answer.content, answer.headers["content-range"]) == (206, content, content_range)
    assert answer.headers["content-length"] == str(len(content))


def test_a_range_beyond_the_end_is_416_with_the_size(digits: Storage) -> None:
    answer = digits.blob("GET", "digits", headers={"Range": "bytes=10-20"})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (416, "InvalidRange")
    assert answer.headers["content-range"] == "bytes */10"


def test_head_tells_size_and_type_without_a_body(digits: Storage) -> None:
    answer = digits.blob("HEAD", "digits")
    assert (answer.headers["content-length"], answer.headers["x-ms-blob-type"]) == ("10", "BlockBlob")


def test_the_etag_changes_with_the_content_and_guards_a_download(digits: Storage) -> None:
    etag = digits.blob("HEAD", "digits").headers["etag"]
    assert digits.blob("GET", "digits", headers={"If-None-Match": etag}).status_code == 304
    digits.file("digits", "9876543210")
    answer = digits.blob("GET", "digits", headers={"If-Match": etag})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (412, "ConditionNotMet")


def test_modification_time_conditions(digits: Storage) -> None:
    modified = digits.blob("HEAD", "digits").headers["last-modified"]
    assert digits.blob("GET", "digits", headers={"If-Modified-Since": modified}).status_code == 304
    earlier = {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert digits.blob("DELETE", "digits", headers=earlier).status_code == 412
    assert digits.blob("GET", "digits").status_code == 200


def test_what_is_not_there(storage: Storage) -> None:
    answer = storage.blob("GET", "nope")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (404, "BlobNotFound")
    storage.file("folder/file")
    assert storage.blob("HEAD", "folder").status_code == 404
    assert storage.blob("GET", "folder/file/below").status_code == 404


def test_delete(digits: Storage) -> None:
    assert digits.blob("DELETE", "digits").status_code == 202
    assert digits.blob("DELETE", "digits").headers["x-ms-error-code"] == "BlobNotFound"
