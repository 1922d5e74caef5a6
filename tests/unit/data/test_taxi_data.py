"""data/taxi: the committed files are what the generator writes, and fit the model and the endpoint."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

DATA = Path(__file__).resolve().parents[3] / "data"
REQUEST = DATA / "taxi" / "taxi-request.json"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("taxi_generate", DATA / "taxi" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def test_every_committed_file_is_what_the_generator_writes_byte_for_byte(generate: ModuleType, tmp_path: Path) -> None:
    assert generate.main(["--into", str(tmp_path)]) == 0

    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(written) == 8
    for name, content in written.items():
        assert (DATA / name).read_bytes() == content, f"data/{name} differs: run python data/taxi/generate.py"


def test_batch_folder_holds_nothing_but_the_generated_files(generate: ModuleType) -> None:
    expected = {Path(name).name for name in generate.contents() if "/batch/" in name}
    assert {path.name for path in (DATA / "taxi" / "batch").iterdir()} == expected


def test_another_seed_gives_other_trips(generate: ModuleType) -> None:
    assert generate.invent_trip(generate.Dice(1)) != generate.invent_trip(generate.Dice(2))
    assert generate.invent_trip(generate.Dice(1)) == generate.invent_trip(generate.Dice(1))


def test_batch_and_request_rows_are_none_of_the_training_rows(generate: ModuleType) -> None:
    with (DATA / "taxi" / "taxi-data.csv").open(newline="") as file:
        trained = {tuple(row[column] for column in generate.FEATURES) for row in csv.DictReader(file)}
    for path in sorted((DATA / "taxi" / "batch").glob("*.csv")):
        with path.open(newline="") as file:
            reader = csv.reader(file)
            assert tuple(next(reader)) == generate.FEATURES
            assert not trained & {tuple(row) for row in reader}


def test_both_request_files_are_equal() -> None:
    assert (DATA / "taxi-request.json").read_bytes() == REQUEST.read_bytes()


def test_request_has_the_layout_an_mlflow_endpoint_takes(generate: ModuleType) -> None:
    body = json.loads(REQUEST.read_text())["input_data"]
    assert set(body) == {"columns", "index", "data"}
    assert tuple(body["columns"]) == generate.FEATURES
    assert len(body["index"]) == len(body["data"]) == 3
    assert {len(row) for row in body["data"]} == {len(generate.FEATURES)}
    # JSON keeps apart what the model's signature keeps apart: 9.0 is a double, 9 a long.
    assert all(isinstance(row[body["columns"].index("distance")], float) for row in body["data"])
    assert all(isinstance(row[body["columns"].index("passengers")], int) for row in body["data"])


def test_manhattan_to_jfk_is_a_flat_fare(generate: ModuleType) -> None:
    with (DATA / "taxi" / "taxi-data.csv").open(newline="") as file:
        flat = [
            float(row["cost"])
            for row in csv.DictReader(file)
            if float(row["pickup_longitude"]) > -73.79 and float(row["dropoff_longitude"]) < -73.97
            and float(row["dropoff_latitude"]) > 40.70
        ]  # fmt: skip
    assert len(flat) > 50
    # 52 and 0.80 of surcharges, 4.50 more in the weekday peak, 5.54 more where a toll was due: nothing in between
    assert {round(cost, 2) for cost in flat} <= {52.8, 57.3, 58.34, 62.84}


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ([12.5, 8, 61.2], True),
        ([], False),
        ([-1.0], False),
        ([5e6], False),
        (["12.5"], False),
        ([None], False),
        ({"error": "no"}, False),
    ],
)
def test_response_schema_tells_fares_from_nonsense(answer: Any, accepted: bool) -> None:
    schema = json.loads((DATA / "taxi" / "taxi-response.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert jsonschema.Draft202012Validator(schema).is_valid(answer) is accepted
