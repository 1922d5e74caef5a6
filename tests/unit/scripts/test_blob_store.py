"""Blobs by REST alone: pieces, blocks, retries, and names that must not lead astray."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import blob_store
from blob_store import BlobStore, Place
from errors import ActionError
from rest import Rest
from support.fake_azure import StaticCredential
from support.fake_endpoints import BATCH_SAS, FakeEndpoints
from transport import Request, Response, TransportError
from workspace import Workspace

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def azure() -> FakeEndpoints:
    return FakeEndpoints()


@pytest.fixture
def store(azure: FakeEndpoints) -> BlobStore:
    rest = Rest(StaticCredential(azure), transport=azure, clock=azure.clock)
    workspace = Workspace(rest, SUBSCRIPTION, "rg-ml", "aml")
    masked: list[str] = []
    made = BlobStore.of(
        workspace, "workspaceblobstore", lambda: StaticCredential(azure), azure, azure.clock, masked.append
    )
    assert masked == [BATCH_SAS]
    return made


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("azureml://datastores/d/paths/a/b/", Place("d", "a/b/")),
        ("azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/d/paths/a", Place("d", "a")),
        ("azureml://jobs/x", None),
        ("https://x", None),
    ],
)
def test_places(uri: str, place: Place | None) -> None:
    assert Place.of(uri) == place


def test_a_folder_goes_up_and_comes_back(store: BlobStore, azure: FakeEndpoints, tmp_path: Path) -> None:
    source = tmp_path / "trips"
    (source / "deep").mkdir(parents=True)
    (source / "a b.csv").write_text("1,2\n")
    (source / "deep" / "empty.csv").write_text("")
    where = store.upload(source, "LocalUpload")
    assert where.startswith("LocalUpload/")
    assert where.endswith("/trips")
    files = store.download(where, tmp_path / "back")
    assert [each.relative_to(tmp_path / "back").as_posix() for each in files] == ["a b.csv", "deep/empty.csv"]
    assert files[0].read_text() == "1,2\n"
    (source / "a b.csv").write_text("3,4\n")
    assert store.upload(source, "LocalUpload") != where, "other content, other place"


def test_a_single_file_keeps_its_name(store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("1\n")
    where = store.upload(tmp_path / "one.csv", "LocalUpload")
    assert where.endswith("/one.csv")
    (found,) = store.download(where, tmp_path / "back")
    assert found.name == "one.csv"


def test_neighbours_are_not_downloaded(store: BlobStore, azure: FakeEndpoints, tmp_path: Path) -> None:
    azure.blobs = {"out/score/p.csv": b"1\n", "out/score-old/p.csv": b"2\n"}
    assert [each.read_text() for each in store.download("out/score/", tmp_path / "x")] == ["1\n"]


def test_a_name_that_leads_out_is_refused(store: BlobStore, azure: FakeEndpoints, tmp_path: Path) -> None:
    azure.blobs = {"out/../../evil": b"x"}
    with pytest.raises(ActionError, match="leads out of"):
        store.download("out", tmp_path / "inner" / "x")
    assert not (tmp_path / "evil").exists()


def test_large_files_travel_in_pieces(
    store: BlobStore, azure: FakeEndpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_store, "_PIECE", 10)
    blocks: dict[str, bytes] = {}
    fake = azure._blob

    def blob(request: Request, name: str, query: str) -> Response:
        asked = parse_qs(query)
        if asked.get("comp") == ["block"]:
            blocks[asked["blockid"][0]] = request.body or b""
            return Response(201)
        if asked.get("comp") == ["blocklist"]:
            listed = (request.body or b"").decode().split("<Latest>")[1:]
            azure.blobs[name] = b"".join(blocks[each.partition("<")[0]] for each in listed)
            return Response(201)
        return fake(request, name, query)

    monkeypatch.setattr(azure, "_blob", blob)
    data = bytes(range(35))
    (tmp_path / "big.bin").write_bytes(data)
    where = store.upload(tmp_path / "big.bin", "LocalUpload")
    assert len(blocks) == 4
    (found,) = store.download(where, tmp_path / "back")
    assert found.read_bytes() == data
    ranges = [each.headers["x-ms-range"] for each in azure.asked(r"big\.bin\?sv", "GET")]
    assert ranges == ["bytes=0-9", "bytes=10-19", "bytes=20-29", "bytes=30-34"]


def test_passing_failures_are_lived_through_and_others_told_without_the_signature(
    store: BlobStore, azure: FakeEndpoints
) -> None:
    answers: list[Response | None] = [None, Response(503), Response(200, {}, b"<E><Blobs/></E>")]

    def flaky(request: Request) -> Response:
        assert parse_qs(urlsplit(request.url).query)["sig"]
        found = answers.pop(0)
        if found is None:
            raise TransportError("connection reset")
        return found

    store.transport = flaky
    assert store.sizes("x") == {}
    assert azure.clock.slept == [1.0, 2.0]
    answers = [Response(503, {"retry-after": "7"}), Response(200, {}, b"<E><Blobs/></E>")]
    store.sizes("x")
    assert azure.clock.slept == [1.0, 2.0, 7.0], "the storage says how long it wants to be left alone"
    store.transport = lambda _: Response(403, {}, b"AuthorizationFailure")
    with pytest.raises(ActionError) as caught:
        store.sizes("x")
    assert "AuthorizationFailure" in caught.value.text()
    assert "sig=" not in caught.value.text()


def test_a_token_that_ended_early_is_renewed_once(store: BlobStore) -> None:
    class Bearer:
        def token(self, *, renew: bool = False) -> str:
            return "new" if renew else "old"

    store.sas, store.credential = "", Bearer()
    seen: list[str] = []

    def strict(request: Request) -> Response:
        seen.append(request.headers["Authorization"])
        return Response(200, {}, b"<E><Blobs/></E>") if seen[-1] == "Bearer new" else Response(401)

    store.transport = strict
    assert store.sizes("x") == {}
    assert seen == ["Bearer old", "Bearer new"]
    store.transport = lambda _: Response(401)
    with pytest.raises(ActionError, match="failed"):
        store.sizes("x")


def test_a_datastore_without_blobs_is_refused(azure: FakeEndpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = Rest(StaticCredential(azure), transport=azure, clock=azure.clock)
    workspace = Workspace(rest, SUBSCRIPTION, "rg-ml", "aml")
    monkeypatch.setattr(rest, "get", lambda _: {"properties": {"datastoreType": "AzureFile"}})
    with pytest.raises(ActionError, match="Datastore files is AzureFile; only blob and data lake storage"):
        BlobStore.of(workspace, "files", lambda: StaticCredential(azure), azure, azure.clock, lambda _: None)
