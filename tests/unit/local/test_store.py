from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from azureml_local.store import ResourceStore

WS = "/subscriptions/S/resourceGroups/rg/providers/X/workspaces/W"


@pytest.fixture
def store() -> ResourceStore:
    moments = iter(datetime(2030, 1, 1, 0, 0, second, tzinfo=timezone.utc) for second in range(60))
    return ResourceStore(":memory:", clock=lambda: next(moments))


def test_ids_are_found_in_any_case_and_kept_in_their_own(store: ResourceStore) -> None:
    store.put({"id": f"{WS}/models/Taxi"})
    found = store.get(f"{WS}/MODELS/taxi".upper())
    assert found is not None
    assert found["id"] == f"{WS}/models/Taxi"


def test_a_second_write_keeps_who_created_it_and_when(store: ResourceStore) -> None:
    first = store.put({"id": f"{WS}/models/a"}, by="ann")
    second = store.put({"id": f"{WS}/models/a", "tags": {"x": "1"}}, by="bob")
    assert second["systemData"]["createdAt"] == first["systemData"]["createdAt"]
    assert second["systemData"]["createdBy"] == "ann"
    assert second["systemData"]["lastModifiedBy"] == "bob"
    assert second["systemData"]["lastModifiedAt"] > first["systemData"]["lastModifiedAt"]


def test_a_collection_lists_its_own_documents_in_order(store: ResourceStore) -> None:
    for name in ("b", "a"):
        store.put({"id": f"{WS}/models/{name}", "name": name})
    store.put({"id": f"{WS}/models/a/versions/1", "name": "1"})
    store.put({"id": f"{WS}/models/b", "name": "b"})  # an update does not move it
    assert [row["name"] for row in store.list(f"{WS}/models")] == ["b", "a"]
    assert [row["name"] for row in store.list(f"{WS}/Models", newest_first=True)] == ["a", "b"]


def test_delete_takes_what_lies_below_and_nothing_else(store: ResourceStore) -> None:
    for name in ("a", "a/versions/1", "ab", "a_b/versions/1"):
        store.put({"id": f"{WS}/models/{name}"})
    assert store.delete(f"{WS}/models/A")
    assert not store.delete(f"{WS}/models/a")
    assert store.get(f"{WS}/models/a/versions/1") is None
    assert store.get(f"{WS}/models/ab") is not None
    assert store.get(f"{WS}/models/a_b/versions/1") is not None


def test_a_failed_transaction_leaves_nothing(store: ResourceStore) -> None:
    def two_writes_then_trouble() -> None:
        with store.transaction():
            store.put({"id": "/x/one"})
            store.put({"id": "/x/two"})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        two_writes_then_trouble()
    assert store.list("/x") == []


def test_numbers_are_never_given_twice_not_even_after_a_restart(tmp_path: Path) -> None:
    store = ResourceStore(tmp_path / "db")
    assert [store.next_number("n"), store.next_number("n"), store.next_number("other")] == [1, 2, 1]
    store.close()
    assert ResourceStore(tmp_path / "db").next_number("n") == 3
