"""What the workflows' settings have in common: made one from the three kinds of event, told, and handed on.

`workflow_dispatch` and `workflow_call` bring `inputs`, `repository_dispatch` a `client_payload` with the same names
(there `inputs` is empty).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from errors import Problem, bad_input
from github import Runner
from markdown_text import code, table

#: Settings that every workflow has. Empty: the variables RESOURCE_GROUP and WORKSPACE_NAME of the GitHub environment.
COMMON = {"environment": "dev", "resource-group": "", "workspace-name": "", "model": "taxi"}


def merged(defaults: Mapping[str, str], given: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, str]:
    """Inputs win over the payload, both over the defaults. Raises ActionError for names that do not exist."""
    unknown = sorted(set(payload) - set(defaults))
    if unknown:
        allowed = ", ".join(defaults)
        raise bad_input([Problem(f"client_payload has '{name}'; it may have {allowed}.") for name in unknown])
    return {name: _text(given.get(name)) or _text(payload.get(name)) or default for name, default in defaults.items()}


def of_event(defaults: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """The settings of this run, from INPUTS and PAYLOAD (JSON)."""
    return merged(defaults, _object(env.get("INPUTS", "")), _object(env.get("PAYLOAD", "")))


def tell(runner: Runner, settings: Mapping[str, str]) -> None:
    """Set one output per setting; log and summary have them all."""
    for name, value in settings.items():
        runner.output(name, value)
        shown = repr(value) if "\n" in value or name == "set" else value
        runner.say(f"{name}: {shown or '(left open)'}")
    rows = [[code(name), code(value)] for name, value in settings.items() if value]
    runner.summary(
        f"<details><summary>Settings of this run</summary>\n\n{table(['Setting', 'Value'], rows)}\n</details>\n"
    )


def _text(value: Any) -> str:
    """An input as text: a boolean of a form or payload in lower case, as GitHub writes it elsewhere."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object(text: str) -> dict[str, Any]:
    """A JSON object; what GitHub writes for nothing (null, "") is an empty one."""
    found = json.loads(text or "null")
    return found if isinstance(found, dict) else {}
