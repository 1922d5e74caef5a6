"""JSON Schema's subset against the real validator, and what is refused up front."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from json_schema import Schema

ROW = {
    "$defs": {"fare": {"type": "number", "minimum": 0, "exclusiveMaximum": 500}},
    "type": "array",
    "minItems": 1,
    "maxItems": 3,
    "items": {"$ref": "#/$defs/fare"},
}
OBJECT = {
    "type": "object",
    "required": ["label"],
    "properties": {
        "label": {"enum": ["cat", "dog", None]},
        "score": {"type": ["number", "null"], "maximum": 1},
        "id": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4},
    },
    "additionalProperties": False,
}
CHOICE = {"anyOf": [{"type": "integer", "multipleOf": 5}, {"const": "none"}], "not": {"const": 15}}
ONE = {"oneOf": [{"type": "number"}, {"type": "integer"}], "allOf": [{"minimum": 1}]}
TUPLE = {"prefixItems": [{"type": "string"}, {"type": "number"}], "items": False, "uniqueItems": True}
TREE = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}, "maxProperties": 1}

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 5, 15, 2.5, 500, "", "none", "cat", [], [1], [1, 1], [1.0, 2, 3, 4], ["a", 1],
    ["a", "b"], ["a", 1, 2], [True], [-0.5], [500], {}, {"label": "cat"}, {"label": None, "score": None},
    {"label": "cow"}, {"label": "dog", "score": 2}, {"label": "dog", "x": 1}, {"label": "dog", "id": "abc"},
    {"label": "dog", "id": "a"}, {"label": "dog", "id": "ABC"}, {"kids": [{"kids": []}, {}]}, {"kids": [3]},
    {"kids": [], "more": 1}, [{"a": 1}, {"a": 1.0}],
]  # fmt: skip


@pytest.mark.parametrize("schema", [ROW, OBJECT, CHOICE, ONE, TUPLE, TREE, True, False, {}])
def test_it_agrees_with_the_reference_validator(schema: Any) -> None:
    mine, reference = Schema.read(schema), jsonschema.Draft202012Validator(schema)
    assert mine.problems == []
    for value in VALUES:
        assert (not mine.violations(value)) == reference.is_valid(value), (value, mine.violations(value))


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (ROW, [1, -3], "answer[1]: -3 is less than 0"),
        (ROW, [500], "answer[0]: 500 is not less than 500"),
        (ROW, {"error": "x"}, 'answer: {"error": "x"} is no array'),
        (ROW, [], "answer: 0 items are fewer than 1"),
        (ROW, ["1"], 'answer[0]: "1" is no number'),
        (ROW, [True], "answer[0]: true is no number"),
        (OBJECT, {}, "answer: 'label' is missing"),
        (OBJECT, {"label": "cat", "x": 1}, "answer: 'x' is not allowed"),
        (OBJECT, {"label": "cow"}, 'answer.label: "cow" is none of ["cat", "dog", null]'),
        (CHOICE, 3, "answer: 3 fits none of the 2 choices"),
        (ONE, 3, "answer: 3 fits 2 choices, one is allowed"),
        (CHOICE, 15, "answer: 15 is what must not be"),
        (TUPLE, ["a", 1, 2], "answer[2]: nothing is allowed here"),
    ],
)
def test_a_violation_says_where_and_why(schema: Any, value: Any, told: str) -> None:
    assert Schema.read(schema).violations(value) == [told]


def test_not_a_number_is_no_number() -> None:
    assert Schema.read(ROW).violations(json.loads("[NaN]")) == ["answer[0]: NaN is no number"]


def test_at_most_ten_violations_are_told() -> None:
    assert len(Schema.read({"items": {"type": "string"}}).violations(list(range(1000)))) == 10


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"items": {"format": "date"}}, "#/items uses 'format', which is not supported here"),
        ({"properties": {"a": {"if": {}}}}, "#/properties/a uses 'if', which is not supported here"),
        ({"type": "float"}, '#/type is "float"; there are null, boolean, integer, number, string, array, object'),
        ({"minimum": "0"}, "#/minimum must be a number"),
        ({"multipleOf": 0}, "#/multipleOf must be greater than 0"),
        ({"minItems": -1}, "#/minItems must be a whole number from 0"),
        ({"enum": "a"}, "#/enum must be a list"),
        ({"required": "a"}, "#/required must be a list of names"),
        ({"anyOf": {}}, "#/anyOf must be a list of schemas"),
        ({"properties": []}, "#/properties must be an object of schemas"),
        ({"pattern": "["}, "#/pattern cannot be used: unterminated character set at position 0"),
        ({"$ref": "#/$defs/x"}, '#/$ref is "#/$defs/x", which is no place in this schema'),
        ({"$ref": "other.json"}, '#/$ref is "other.json", which is no place in this schema'),
        ([], "# is []; a schema is an object, true or false"),
    ],
)
def test_what_cannot_be_checked_is_refused_by_name(schema: Any, problem: str) -> None:
    assert Schema.read(schema).problems == [problem]


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = Schema.read({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})
    assert schema.violations(1) == ["answer: the schema refers to itself without end"]


def test_the_schemas_of_the_models_are_supported() -> None:
    found = list((Path(__file__).parents[3] / "data").glob("*/*-response.schema.json"))
    assert found
    for path in found:
        assert Schema.read(json.loads(path.read_text())).problems == []
