"""What a deployment would change, read from `az deployment sub what-if` and shown as Markdown.

Source: https://learn.microsoft.com/rest/api/resources/deployments/what-if-at-subscription-scope
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from markdown_text import cell, table

_MARKS = {"Create": "➕ create", "Modify": "✏️ modify", "Delete": "➖ delete", "Deploy": "♻️ redeploy"}
_SUBSCRIPTION = re.compile(r"^/subscriptions/[^/]+/?(?:resourceGroups/)?", re.IGNORECASE)
_SHOWN = 60  # characters of a value


@dataclass(frozen=True)
class PropertyChange:
    """One property: its path, and its value before and after as short text ("" where there is none)."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One resource that would be created, modified, deleted or redeployed."""

    kind: str
    resource: str
    properties: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True)
class WhatIf:
    """An environment's answer. `unsure`: resources that what-if cannot judge. `failure`: why there is no answer."""

    environment: str
    changes: tuple[Change, ...] = ()
    unsure: tuple[str, ...] = ()
    failure: str = ""

    def count(self, kind: str) -> int:
        return sum(change.kind == kind for change in self.changes)


def short(resource_id: str) -> str:
    """A resource id without its subscription: comments are read by more people than the portal."""
    return _SUBSCRIPTION.sub("", resource_id).replace("/providers/", " / ", 1)


def parse(environment: str, document: Mapping[str, Any]) -> WhatIf:
    """From what `az … what-if --no-pretty-print` prints. What has no effect is left out."""
    changes, unsure = [], []
    for entry in document.get("changes") or []:
        kind, resource = str(entry.get("changeType", "")), short(str(entry.get("resourceId", "")))
        properties = tuple(_properties(entry.get("delta") or [])) if kind == "Modify" else ()
        if kind == "Unsupported":
            unsure.append(resource)
        elif kind in _MARKS and (kind != "Modify" or properties):
            changes.append(Change(kind, resource, properties))
    unsure += [short(str(entry.get("resourceId", ""))) for entry in document.get("potentialChanges") or []]
    return WhatIf(environment, tuple(changes), tuple(unsure))


def _properties(delta: Iterable[Mapping[str, Any]], parent: str = "") -> Iterator[PropertyChange]:
    for entry in delta:
        path = ".".join(part for part in (parent, str(entry.get("path", ""))) if part)
        if entry.get("propertyChangeType") == "NoEffect":
            continue
        if entry.get("children"):
            yield from _properties(entry["children"], path)
        else:
            yield PropertyChange(path, _value(entry.get("before")), _value(entry.get("after")))


def _value(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@dataclass
class Report:
    """All environments together, as one text."""

    title: str
    results: list[WhatIf] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return any(result.changes for result in self.results)

    @property
    def failed(self) -> bool:
        return any(result.failure for result in self.results)

    def markdown(self) -> str:
        """Verdict first, a row for each environment, details folded."""
        kinds = ("Create", "Modify", "Delete", "Deploy")
        rows = [
            (
                cell(result.environment),
                *(["❌ no answer", "", "", ""] if result.failure else [str(result.count(kind)) for kind in kinds]),
            )
            for result in self.results
        ]
        parts = [f"## {self.title}\n", table(("environment", "create", "modify", "delete", "redeploy"), rows)]
        parts += [_details(result) for result in self.results if result.changes or result.unsure or result.failure]
        if not self.changed and not self.failed:
            parts.append("No changes.\n")
        parts.append(
            "<sub>By `az deployment sub what-if`, which can name changes that are none "
            "(defaults that Azure fills in).</sub>\n"
        )
        return "\n".join(parts)


def _details(result: WhatIf) -> str:
    lines = [f"<details><summary>{result.environment}</summary>\n"]
    if result.failure:
        lines += ["```text", result.failure.replace("```", "'''"), "```\n"]
    if result.changes:
        rows = []
        for change in result.changes:
            properties = [
                f"{cell(prop.path)}: {cell(prop.before) or '–'} → {cell(prop.after) or '–'}"
                for prop in change.properties
            ]
            rows.append((_MARKS[change.kind], cell(change.resource), "<br>".join(properties)))
        lines.append(table(("", "resource", "properties"), rows))
    if result.unsure:
        lines.append("Not judged by what-if: " + ", ".join(cell(name) for name in result.unsure) + "\n")
    lines.append("</details>\n")
    return "\n".join(lines)
