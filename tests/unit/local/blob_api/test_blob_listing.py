from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from azureml_local.blob_api import listing
from support.local_storage import Storage


def names(text: str, tag: str = "Blob") -> list[str]:
    return [element.findtext("Name") or "" for element in ET.fromstring(text).iter(tag)]


@pytest.fixture
def tree(storage: Storage) -> Storage:
    for path in ("b.txt", "a/1.txt", "a/2.txt", "a/deep/3.txt", "a-b", "ab & <c>.txt"):
        storage.file(path)
    return storage


def test_all_names_in_the_order_of_the_service(tree: Storage) -> None:
    answer = tree.blob("GET", "", "restype=container&comp=list")
    expected = ["a-b", "a/1.txt", "a/2.txt", "a/deep/3.txt", "ab & <c>.txt", "b.txt"]
    assert names(answer.text) == expected == sorted(expected)
    assert ET.fromstring(answer.text).findtext("NextMarker") == ""


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("a/", ["a/1.txt", "a/2.txt", "a/deep/3.txt"]),
     ("a", ["a-b", "a/1.txt", "a/2.txt", "a/deep/3.txt", "ab & <c>.txt"]),
     ("a/d", ["a/deep/3.txt"]), ("nope/x", []), ("../", []), ("b.txt/", [])],
)  # fmt: skip
def test_by_prefix(tree: Storage, prefix: str, expected: list[str]) -> None:
    assert names(tree.blob("GET", "", f"restype=container&comp=list&prefix={prefix}").text) == expected


def test_folded_at_the_delimiter(tree: Storage) -> None:
    text = tree.blob("GET", "", "restype=container&comp=list&prefix=a/&delimiter=/").text
    assert (names(text), names(text, "BlobPrefix")) == (["a/1.txt", "a/2.txt"], ["a/deep/"])


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_page_by_page_nothing_is_lost_or_repeated(tree: Storage, size: int, delimiter: str) -> None:
    whole = tree.blob("GET", "", f"restype=container&comp=list&delimiter={delimiter}").text
    found: list[str] = []
    marker = ""
    for _ in range(10):
        query = f"restype=container&comp=list&maxresults={size}&marker={marker}&delimiter={delimiter}"
        text = tree.blob("GET", "", query).text
        page = [element.findtext("Name") or "" for element in ET.fromstring(text).find("Blobs") or []]
        assert len(page) <= size
        found += page
        marker = (ET.fromstring(text).findtext("NextMarker") or "").replace("&", "%26").replace(" ", "%20")
        if not marker:
            break
    assert sorted(found) == sorted(names(whole) + names(whole, "BlobPrefix"))


def test_metadata_only_when_asked_for(storage: Storage) -> None:
    storage.blob("PUT", "m", content=b"12", headers={"x-ms-blob-type": "BlockBlob", "x-ms-meta-who": "a&b"})
    plain = storage.blob("GET", "", "restype=container&comp=list").text
    asked = storage.blob("GET", "", "restype=container&comp=list&include=metadata,tags").text
    assert "<Metadata>" not in plain
    assert ET.fromstring(asked).findtext(".//Metadata/who") == "a&b"
    assert ET.fromstring(asked).findtext(".//Content-Length") == "2"


def test_a_bad_page_size_is_refused(storage: Storage) -> None:
    answer = storage.blob("GET", "", "restype=container&comp=list&maxresults=0")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "OutOfRangeQueryParameterValue")


def test_a_blob_that_goes_while_it_is_listed_is_left_out() -> None:
    text = listing.to_xml(
        listing.Page(["gone"], [], ""),
        lambda _: None,
        endpoint="https://x/",
        container="c",
        asked={},
        with_metadata=False,
    )
    assert re.search("<Blobs></Blobs>", text)
