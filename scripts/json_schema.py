"""Does an answer have the shape it should have? JSON Schema, the part of it that describes answers of models.

A schema that uses anything else is refused up front, by the keyword's name and place: a rule that is silently not
checked is worse than none. Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def _is_number(value: Any) -> bool:
    """A number of JSON: Python's reader also takes NaN and Infinity, which no bound would catch."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


#: Keywords that say something to people and check nothing.
_NOTES = {
    "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
}  # fmt: skip
_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")
_SINGLE = ("items", "additionalProperties", "not")
_WHOLE = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SUPPORTED = {
    *_NOTES, *_LISTED, *_NAMED, *_SINGLE, *_WHOLE, *_BOUNDS,
    "type", "enum", "const", "required", "pattern", "uniqueItems", "$ref",
}  # fmt: skip
_MOST = 10  # violations told at once


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values: true is not 1, 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


@dataclass
class Schema:
    """A schema that may be used: `Schema.read` finds what is wrong with it."""

    root: Any
    problems: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, root: Any) -> Schema:
        """The schema with everything that is wrong with it, or not supported here, in `problems`."""
        schema = cls(root)
        schema._check(root, "#")
        return schema

    def violations(self, value: Any) -> list[str]:
        """Why `value` does not fit, at most ten places, as `answer[2]: -3 is less than 0`; empty when it fits."""
        found: list[str] = []
        self._match(self.root, value, "answer", found, 0)
        return found[:_MOST]

    # --- the schema itself

    def _check(self, schema: Any, place: str) -> None:
        if isinstance(schema, bool):
            return
        if not isinstance(schema, dict):
            self.problems.append(f"{place} is {_shown(schema)}; a schema is an object, true or false")
            return
        for keyword in schema:
            if keyword not in _SUPPORTED:
                self.problems.append(f"{place} uses '{keyword}', which is not supported here")
        for keyword in _LISTED:
            inner = schema.get(keyword, [])
            if not isinstance(inner, list):
                self.problems.append(f"{place}/{keyword} must be a list of schemas")
                continue
            for position, each in enumerate(inner):
                self._check(each, f"{place}/{keyword}/{position}")
        for keyword in _NAMED:
            named = schema.get(keyword, {})
            if not isinstance(named, dict):
                self.problems.append(f"{place}/{keyword} must be an object of schemas")
                continue
            for name, each in named.items():
                self._check(each, f"{place}/{keyword}/{name}")
        for keyword in _SINGLE:
            if keyword in schema:
                self._check(schema[keyword], f"{place}/{keyword}")
        self._check_values(schema, place)

    def _check_values(self, schema: dict[str, Any], place: str) -> None:
        wrong = self.problems
        types = schema.get("type", [])
        for name in types if isinstance(types, list) else [types]:
            if name not in _TYPES:
                wrong.append(f"{place}/type is {_shown(name)}; there are {', '.join(_TYPES)}")
        wrong += [
            f"{place}/{keyword} must be a whole number from 0"
            for keyword in _WHOLE
            if keyword in schema and not (_TYPES["integer"](schema[keyword]) and schema[keyword] >= 0)
        ]
        wrong += [
            f"{place}/{keyword} must be a number"
            for keyword in _BOUNDS
            if keyword in schema and not _is_number(schema[keyword])
        ]
        if _is_number(schema.get("multipleOf")) and schema["multipleOf"] <= 0:
            wrong.append(f"{place}/multipleOf must be greater than 0")
        if not isinstance(schema.get("enum", []), list):
            wrong.append(f"{place}/enum must be a list")
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            wrong.append(f"{place}/required must be a list of names")
        if "pattern" in schema:
            try:
                re.compile(schema["pattern"])
            except (re.error, TypeError) as error:
                wrong.append(f"{place}/pattern cannot be used: {error}")
        if "$ref" in schema and self._target(schema["$ref"]) is None:
            wrong.append(f"{place}/$ref is {_shown(schema['$ref'])}, which is no place in this schema")

    def _target(self, reference: Any) -> Any | None:
        """The schema that a local reference (`#/$defs/row`) names."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            return None
        found: Any = self.root
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                return None
        return found

    # --- a value

    def _fits(self, schema: Any, value: Any, depth: int) -> bool:
        found: list[str] = []
        self._match(schema, value, "", found, depth)
        return not found

    def _match(self, schema: Any, value: Any, place: str, found: list[str], depth: int) -> None:
        if len(found) >= _MOST or schema is True:
            return
        if schema is False:
            found.append(f"{place}: nothing is allowed here")
            return
        if depth > 200:
            found.append(f"{place}: the schema refers to itself without end")
            return
        found += [f"{place}: {text}" for text in _own(schema, value)]
        if "$ref" in schema:
            self._match(self._target(schema["$ref"]), value, place, found, depth + 1)
        self._combined(schema, value, place, found, depth + 1)
        if isinstance(value, list):
            first = schema.get("prefixItems", [])
            for position, item in enumerate(value):
                rule = first[position] if position < len(first) else schema.get("items", True)
                self._match(rule, item, f"{place}[{position}]", found, depth + 1)
        if isinstance(value, dict):
            known = schema.get("properties", {})
            for name, item in value.items():
                rule = known.get(name, schema.get("additionalProperties", True))
                if rule is False:
                    found.append(f"{place}: '{name}' is not allowed")
                else:
                    self._match(rule, item, f"{place}.{name}", found, depth + 1)

    def _combined(self, schema: Mapping[str, Any], value: Any, place: str, found: list[str], depth: int) -> None:
        for each in schema.get("allOf", []):
            self._match(each, value, place, found, depth)
        for keyword in ("anyOf", "oneOf"):
            if keyword not in schema:
                continue
            fitting = sum(self._fits(each, value, depth) for each in schema[keyword])
            if not fitting:
                found.append(f"{place}: {_shown(value)} fits none of the {len(schema[keyword])} choices")
            elif keyword == "oneOf" and fitting > 1:
                found.append(f"{place}: {_shown(value)} fits {fitting} choices, one is allowed")
        if "not" in schema and self._fits(schema["not"], value, depth):
            found.append(f"{place}: {_shown(value)} is what must not be")


def _own(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What the keywords of this one schema say of `value` itself, not of its parts."""
    found: list[str] = []
    shown = _shown(value)
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(_TYPES[name](value) for name in types):
        return [f"{shown} is no {' or '.join(types)}"]
    if "enum" in schema and not any(_same(value, each) for each in schema["enum"]):
        found.append(f"{shown} is none of {_shown(schema['enum'])}")
    if "const" in schema and not _same(value, schema["const"]):
        found.append(f"{shown} is not {_shown(schema['const'])}")
    if _is_number(value):
        found += _number_rules(schema, value)
    if isinstance(value, str) and "pattern" in schema and re.search(schema["pattern"], value) is None:
        found.append(f"{shown} does not match {schema['pattern']}")
    for kind, low, high, what in (
        (str, "minLength", "maxLength", "characters"),
        (list, "minItems", "maxItems", "items"),
        (dict, "minProperties", "maxProperties", "properties"),
    ):
        if isinstance(value, kind):
            if len(value) < schema.get(low, 0):
                found.append(f"{len(value)} {what} are fewer than {schema[low]}")
            if high in schema and len(value) > schema[high]:
                found.append(f"{len(value)} {what} are more than {schema[high]}")
    if isinstance(value, list) and schema.get("uniqueItems") is True:
        twice = [item for position, item in enumerate(value) if any(_same(item, each) for each in value[:position])]
        found += [f"{_shown(twice[0])} is there twice"] if twice else []
    if isinstance(value, dict):
        found += [f"'{name}' is missing" for name in schema.get("required", []) if name not in value]
    return found


def _number_rules(schema: Mapping[str, Any], value: float) -> list[str]:
    found = []
    for keyword, broken, told in (
        ("minimum", lambda limit: value < limit, "is less than"),
        ("maximum", lambda limit: value > limit, "is greater than"),
        ("exclusiveMinimum", lambda limit: value <= limit, "is not greater than"),
        ("exclusiveMaximum", lambda limit: value >= limit, "is not less than"),
        ("multipleOf", lambda limit: not float(value / limit).is_integer(), "is no multiple of"),
    ):
        if keyword in schema and broken(schema[keyword]):
            found.append(f"{_shown(value)} {told} {schema[keyword]}")
    return found
