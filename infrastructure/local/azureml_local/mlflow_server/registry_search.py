"""Filters, order and pages of the registry's searches, in MLflow's grammar.

    name = 'taxi' AND tags.stage != 'old' AND run_id IN ('a', 'b') AND version_number > 3

Source: mlflow.org/docs/2.16.2, "Search Syntax", and `MlflowClient.search_model_versions`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import invalid

Entity = dict[str, Any]
T = TypeVar("T")

_CLAUSE = re.compile(
    r"""\s*(?P<key>(?:\w+\.)?(?:`[^`]+`|"[^"]+"|[\w.\-/]+))
        \s*(?P<operator>!=|>=|<=|=|>|<|\bNOT\s+IN\b|\bIN\b|\bI?LIKE\b)
        \s*(?P<value>'[^']*'|"[^"]*"|-?\d+(?:\.\d+)?|\([^()]*\))
        \s*(?P<rest>\Z|\bAND\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_TEXT_OPERATORS = frozenset({"=", "!=", "LIKE", "ILIKE"})
_NUMBER_OPERATORS = frozenset({"=", "!=", ">", ">=", "<", "<="})

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    "IN": lambda left, right: left in right,
    "LIKE": lambda left, right: _like(right).fullmatch(left) is not None,
    "ILIKE": lambda left, right: _like(right.lower()).fullmatch(left.lower()) is not None,
}


@dataclass(frozen=True)
class Searchable:
    """What a search may ask: attributes by their name in filters -> by their name in the entity."""

    text: dict[str, str]
    numbers: dict[str, str]
    lists: frozenset[str]  # attributes that also take IN
    order: dict[str, str]


MODELS = Searchable(
    text={"name": "name"},
    numbers={},
    lists=frozenset(),
    order={
        "name": "name",
        "creation_timestamp": "creation_timestamp",
        "last_updated_timestamp": "last_updated_timestamp",
    },
)
VERSIONS = Searchable(
    text={"name": "name", "run_id": "run_id", "source_path": "source"},
    numbers={"version_number": "version"},
    lists=frozenset({"run_id"}),
    order={**MODELS.order, "version_number": "version"},
)


@dataclass(frozen=True)
class Clause:
    """One comparison. `tag` tells whether `key` is a tag's or an attribute's (as the entity names it)."""

    tag: bool
    key: str
    operator: str
    value: str | float | Collection[str]

    def matches(self, entity: Entity) -> bool:
        if self.tag:
            found = {tag["key"]: tag["value"] for tag in entity.get("tags", [])}.get(self.key)
        else:
            found = entity.get(self.key)
            if self.key == "version":
                found = number_of(str(found))
        return found is not None and _COMPARE[self.operator](found, self.value)


def number_of(version: str) -> int:
    """A version as a number, for order and comparison; versions that `az ml` gave a word come first."""
    return int(version) if version.isdigit() else -1


def parse(text: str, searchable: Searchable) -> list[Clause]:
    """The clauses of a filter, all of which must match. MlflowError names what can't be read and what is allowed."""
    clauses = []
    rest = text.strip()
    while rest:
        match = _CLAUSE.match(rest)
        if match is None:
            raise invalid(
                f"Invalid clause(s) in filter string: {rest}. "
                "Expected comparisons such as name = 'my-model' or tags.`key` LIKE 'a%', joined by AND."
            )
        clauses.append(_clause(match, searchable))
        rest = rest[match.end() :].strip()
        if match["rest"] and not rest:
            raise invalid(f"Invalid filter string: {text}. A comparison must follow AND.")
    return clauses


def _clause(match: re.Match[str], searchable: Searchable) -> Clause:
    entity, dot, name = match["key"].partition(".")
    kind, key = (entity.lower(), name) if dot else ("attribute", entity)
    key = key.strip('`"')
    operator = re.sub(r"\s+", " ", match["operator"].upper())
    if kind in ("tag", "tags"):
        _check_operator(operator, _TEXT_OPERATORS, "tag")
        return Clause(True, key, operator, _text(match["value"], "tags"))
    if kind not in ("attribute", "attributes", "attr"):
        raise invalid(f"Invalid entity type '{kind}'. Valid entity types are ('attribute', 'tag', 'tags')")
    if key in searchable.numbers:
        _check_operator(operator, _NUMBER_OPERATORS, f"attribute {key}")
        return Clause(False, searchable.numbers[key], operator, _number(match["value"], key))
    if key not in searchable.text:
        allowed = sorted({*searchable.text, *searchable.numbers})
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are {allowed}")
    field = searchable.text[key]
    if operator == "IN" and key in searchable.lists:
        return Clause(False, field, operator, _list(match["value"], key))
    _check_operator(operator, _TEXT_OPERATORS, "attribute")
    return Clause(False, field, operator, _text(match["value"], key))


def _check_operator(operator: str, allowed: frozenset[str], what: str) -> None:
    if operator not in allowed:
        raise invalid(f"Invalid comparator for {what}: {operator}. Valid comparators are {sorted(allowed)}")


def _text(value: str, what: str) -> str:
    if value[0] not in "'\"":
        raise invalid(f"Expected a quoted string value for {what} (e.g. 'my-value'). Got value {value}")
    return value[1:-1]


def _number(value: str, key: str) -> float:
    try:
        return float(value.strip("'\""))
    except ValueError:
        raise invalid(f"Expected a number for attribute {key}. Got value {value}") from None


def _list(value: str, key: str) -> frozenset[str]:
    items = [single or double for single, double in _QUOTED.findall(value)]
    if not value.startswith("(") or not items or _QUOTED.sub("", value).strip("(), \t\n"):
        raise invalid(f"Expected a list of quoted string values for {key} (e.g. ('a', 'b')). Got value {value}")
    return frozenset(items)


def _like(pattern: str) -> re.Pattern[str]:
    """SQL's LIKE: `%` any text, `_` any character."""
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL)


def ordered(entities: list[Entity], order_by: Sequence[str], searchable: Searchable) -> list[Entity]:
    """In the asked order; ties by name ascending, then by version descending."""
    result = sorted(entities, key=lambda entity: (entity["name"], -number_of(entity.get("version", "0"))))
    seen: set[str] = set()
    keys: list[tuple[str, bool]] = []
    for clause in order_by:
        match = re.fullmatch(r"\s*(?:attributes?\.)?[`\"]?(\w+)[`\"]?(?:\s+(ASC|DESC))?\s*", clause, re.IGNORECASE)
        if match is None or match[1] not in searchable.order:
            raise invalid(f"Invalid order by key '{clause}' specified. Valid keys are {sorted(searchable.order)}")
        if match[1] in seen:
            raise invalid(f"`order_by` contains duplicate fields: {list(order_by)}")
        seen.add(match[1])
        keys.append((searchable.order[match[1]], (match[2] or "ASC").upper() == "DESC"))
    for key, descending in reversed(keys):
        result.sort(key=lambda entity: _sortable(entity, key), reverse=descending)
    return result


def _sortable(entity: Entity, key: str) -> Any:
    return number_of(entity["version"]) if key == "version" else entity[key]


def page(items: Sequence[T], token: str, size: int) -> tuple[Sequence[T], str | None]:
    """One page, and the token of the next one. A token is `{"offset"}` in base64, as MLflow's are."""
    offset = 0
    if token:
        try:
            offset = int(json.loads(base64.b64decode(token, validate=True))["offset"])
        except (ValueError, KeyError, TypeError):
            raise invalid("Invalid page token, could not base64-decode") from None
    following = offset + size
    more = following < len(items)
    next_token = base64.b64encode(json.dumps({"offset": following}).encode()).decode() if more else None
    return items[offset:following], next_token
