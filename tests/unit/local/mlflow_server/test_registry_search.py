from __future__ import annotations

from typing import Any

import pytest

from azureml_local.mlflow_server.errors import MlflowError
from azureml_local.mlflow_server.registry_search import MODELS, VERSIONS, ordered, page, parse


def version(name: str, number: str, **more: Any) -> dict[str, Any]:
    tags = [{"key": key, "value": value} for key, value in more.pop("tags", {}).items()]
    times = {"creation_timestamp": int(number), "last_updated_timestamp": int(number)}
    return {"name": name, "version": number, "run_id": f"run-{number}", "source": "s", "tags": tags, **times, **more}


FOUND = [
    version("taxi", "1", tags={"stage": "old", "my key": "x"}),
    version("taxi", "2", tags={"stage": "new"}),
    version("Taxi-fast", "10"),
    version("tax_i", "3"),
]


def matching(text: str) -> list[str]:
    clauses = parse(text, VERSIONS)
    return [f"{e['name']}:{e['version']}" for e in FOUND if all(clause.matches(e) for clause in clauses)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["taxi:1", "taxi:2", "Taxi-fast:10", "tax_i:3"]),
        ("name = 'taxi'", ["taxi:1", "taxi:2"]),
        ('name="taxi"', ["taxi:1", "taxi:2"]),
        ("attribute.name = 'taxi'", ["taxi:1", "taxi:2"]),
        ("name != 'taxi'", ["Taxi-fast:10", "tax_i:3"]),
        ("name LIKE 'taxi%'", ["taxi:1", "taxi:2"]),
        ("name like 'tax_'", ["taxi:1", "taxi:2"]),
        ("name ILIKE 'TAXI%'", ["taxi:1", "taxi:2", "Taxi-fast:10"]),
        ("name = 'taxi' AND run_id = 'run-2'", ["taxi:2"]),
        ("name = 'taxi' and run_id IN ('run-1', \"run-10\")", ["taxi:1"]),
        ("version_number > 2", ["Taxi-fast:10", "tax_i:3"]),
        ("version_number = '10'", ["Taxi-fast:10"]),
        ("tags.stage = 'old'", ["taxi:1"]),
        ("tag.`my key` = 'x'", ["taxi:1"]),
        ("tags.\"my key\" LIKE '%'", ["taxi:1"]),
        ("tags.stage != 'old'", ["taxi:2"]),
        ("tags.missing = 'x'", []),
        ("name = 'AND'", []),
        ("name = ''", []),
    ],
)
def test_filters(text: str, expected: list[str]) -> None:
    assert matching(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name", "Invalid clause(s) in filter string: name"),
        ("name = taxi", "Invalid clause(s) in filter string: name = taxi"),
        ("name = 3", "Expected a quoted string value for name"),
        ("nope = 'x'", "Invalid attribute key 'nope' specified. Valid keys are ['name', 'run_id', 'source_path'"),
        ("metrics.x = 'x'", "Invalid entity type 'metrics'"),
        ("name > 'x'", "Invalid comparator for attribute: >"),
        ("tags.x > 'x'", "Invalid comparator for tag: >"),
        ("name IN ('x')", "Invalid comparator for attribute: IN"),
        ("run_id IN 'x'", "Expected a list of quoted string values for run_id"),
        ("run_id IN (x)", "Expected a list of quoted string values for run_id"),
        ("version_number > 'x'", "Expected a number for attribute version_number"),
        ("name = 'x' AND", "A comparison must follow AND"),
        ("name = 'x' OR name = 'y'", "Invalid clause(s) in filter string"),
    ],
)
def test_a_bad_filter_is_named(text: str, message: str) -> None:
    with pytest.raises(MlflowError) as refusal:
        parse(text, VERSIONS)
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"
    assert message in refusal.value.message


def test_versions_are_ordered_as_numbers_and_ties_by_name() -> None:
    def names(*order: str) -> list[str]:
        return [f"{e['name']}:{e['version']}" for e in ordered(FOUND, order, VERSIONS)]

    assert names("version_number DESC") == ["Taxi-fast:10", "tax_i:3", "taxi:2", "taxi:1"]
    assert names("name ASC") == ["Taxi-fast:10", "tax_i:3", "taxi:2", "taxi:1"]
    assert names("name DESC", "version_number") == ["taxi:1", "taxi:2", "tax_i:3", "Taxi-fast:10"]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (["run_id"], "Invalid order by key 'run_id'"),
        (["name SIDEWAYS"], "Invalid order by key"),
        (["name", "name DESC"], "duplicate fields"),
    ],
)
def test_a_bad_order_is_named(order: list[str], message: str) -> None:
    with pytest.raises(MlflowError, match=message):
        ordered(FOUND, order, VERSIONS)


def test_models_have_no_run_to_ask_for() -> None:
    with pytest.raises(MlflowError, match="Invalid attribute key 'run_id'"):
        parse("run_id = 'x'", MODELS)


def test_pages_join_to_the_whole_and_a_made_up_token_is_refused() -> None:
    whole, token, seen = list(range(7)), "", list[int]()
    while True:
        part, following = page(whole, token, 3)
        seen += part
        if following is None:
            break
        token = following
    assert seen == whole
    with pytest.raises(MlflowError, match="Invalid page token"):
        page(whole, "made-up", 3)
