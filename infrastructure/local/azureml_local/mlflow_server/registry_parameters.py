"""Reading the parameters of registry calls, and cutting their answers into pages. What is not valid is named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import registry_search as searching
from .errors import invalid
from .registry_documents import STAGES

Parameters = Mapping[str, Any]

_ALIAS = re.compile(r"[\w-]{1,255}")
_TAG_KEY_LENGTH = 250
_TAG_VALUE_LENGTH = 5000


def text(given: Parameters, name: str) -> str:
    """A required string."""
    value = given.get(name)
    if value is None or value == "":
        raise invalid(f"Missing value for required parameter '{name}'.")
    if not isinstance(value, str):
        raise invalid(f"Invalid value {value!r} for parameter '{name}' supplied: it must be a string.")
    return value


def strings(given: Parameters, name: str) -> Sequence[str]:
    """A list of strings that may be missing; in a query, one item comes as itself."""
    value = given.get(name) or []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise invalid(f"Invalid value {value!r} for parameter '{name}' supplied: it must be a list of strings.")
    return items


def tag(key: str, value: object) -> tuple[str, str]:
    """A tag within MLflow's limits; a missing value is an empty one."""
    content = "" if value is None else str(value)
    if len(key) > _TAG_KEY_LENGTH or len(content) > _TAG_VALUE_LENGTH:
        raise invalid(
            f"The tag '{key[:50]}' is too long: its key may have {_TAG_KEY_LENGTH} characters, "
            f"its value {_TAG_VALUE_LENGTH}."
        )
    return key, content


def tags(given: Parameters) -> dict[str, str]:
    """`"tags": [{"key", "value"}]`, which may be missing."""
    found = given.get("tags") or []
    if not isinstance(found, list) or not all(isinstance(entry, dict) and entry.get("key") for entry in found):
        raise invalid(f"Invalid value {found!r} for parameter 'tags' supplied: it must be a list of key and value.")
    return dict(tag(str(entry["key"]), entry.get("value")) for entry in found)


def stage(word: str) -> str:
    """A stage in its canonical spelling."""
    for known in STAGES:
        if known.lower() == word.lower():
            return known
    raise invalid(f"Invalid Model Version stage: {word}. Value must be one of {', '.join(STAGES)}.")


def alias(given: Parameters) -> str:
    """The required parameter `alias`. `latest` and `v3` mean something else already."""
    name = text(given, "alias")
    if not _ALIAS.fullmatch(name):
        raise invalid(
            f"Invalid alias name: '{name}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    if name.lower() == "latest" or re.fullmatch(r"[vV]\d+", name):
        raise invalid(f"The alias name '{name}' is reserved.")
    return name


def paged(key: str, items: Sequence[Any], given: Parameters, *, default: int, most: int) -> dict[str, Any]:
    """The page of `items` that `max_results` and `page_token` ask for, under `key`, with the next page's token."""
    try:
        size = int(given.get("max_results") or default)
    except (TypeError, ValueError):
        raise invalid(f"Invalid value {given['max_results']!r} for parameter 'max_results' supplied.") from None
    if not 1 <= size <= most:
        raise invalid(f"Invalid value for max_results: {size}. It must be between 1 and {most}.")
    found, token = searching.page(items, str(given.get("page_token") or ""), size)
    return {key: list(found), **({"next_page_token": token} if token else {})}
