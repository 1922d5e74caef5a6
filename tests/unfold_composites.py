"""Turn a composite action into a workflow that actionlint understands.

actionlint checks workflows and reads an action's inputs and outputs, but does not look inside composites: scripts, step
references and expressions there go unchecked. The same steps in a `workflow_call` workflow with the same inputs are
checked like any others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def unfold(action: Path) -> str:
    """The text of a workflow with the composite's inputs, steps and outputs."""
    document: dict[str, Any] = yaml.safe_load(action.read_text())
    inputs = {
        name: {"type": "string", "required": False, "description": settings.get("description", "")}
        for name, settings in (document.get("inputs") or {}).items()
    }
    steps = document["runs"]["steps"]
    outputs = {
        name: {"value": "${{ jobs.composite.outputs.%s }}" % name}  # noqa: UP031 - braces of two languages
        for name in document.get("outputs") or {}
    }
    job = {
        "runs-on": "ubuntu-24.04",
        "outputs": {name: settings["value"] for name, settings in (document.get("outputs") or {}).items()},
        "steps": steps,
    }
    call = {"inputs": inputs, "outputs": outputs}
    if not outputs:  # actionlint wants no empty section
        del job["outputs"], call["outputs"]
    workflow = {
        "name": f"composite {action.parent.name}",
        "on": {"workflow_call": call},
        "permissions": {},
        "jobs": {"composite": job},
    }
    return yaml.safe_dump(workflow, sort_keys=False, width=1000)
