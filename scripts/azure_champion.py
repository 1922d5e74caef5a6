"""What is best on Azure now, of the models that a pull request touches: looked up, nothing else.

The pull request's own training and its champion live in the runner's workspace. Where the repository is connected to
Azure, this reads the versions that are registered there and what their tags say that they reached when they were
trained, so that the comment can tell both. It never fails the pull request: without Azure there is nothing to tell.

Inputs: INPUT_MODELS (JSON list), and the common ones of the actions (INPUT_RESOURCE_GROUP, INPUT_WORKSPACE_NAME,
INPUT_SUBSCRIPTION_ID, INPUT_CLIENT_ID, INPUT_TENANT_ID). Output `champions`: JSON, model -> workspace, version, value.
Exit codes: 0; 2 bad input.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from action import Context, run
from errors import ActionError, ExitCode
from models import Gate, read_manifest
from workspace import Model

TITLE = "champions on Azure"


@dataclass(frozen=True)
class Champion:
    """The best registered version: `value` is what its tag named like the gate's metric says."""

    workspace: str
    version: str
    value: float


def recorded(model: Model, metric: str) -> float | None:
    """The metric that a version was registered with (its tag), None where it has none that is a number."""
    try:
        value = float(model.tags.get(metric, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def best(versions: Iterable[Model], gate: Gate, workspace: str) -> Champion | None:
    """The version with the best recorded value of the gate's metric; the newest of equals."""
    found: Champion | None = None
    for model in versions:  # newest first
        value = recorded(model, gate.metric)
        if value is not None and (found is None or gate.better(value - found.value)):
            found = Champion(workspace, model.version, value)
    return found


def look_up(context: Context) -> int:
    """Sets the output `champions`."""
    inputs, runner = context.inputs, context.runner
    if not inputs.raw("workspace-name"):
        runner.say("There is no WORKSPACE_NAME to look at: the variables of this GitHub environment name none.")
        runner.output("champions", "{}")
        return int(ExitCode.OK)
    target = context.target()
    try:
        names = [str(name) for name in json.loads(inputs.raw("models") or "[]")]
    except ValueError:
        names = []
        inputs.wrong("models", inputs.raw("models"), "it must be a JSON list")
    inputs.check()
    manifest = read_manifest()
    found: dict[str, Champion] = {}
    try:
        _, workspace = context.sign_in(target)
        for name in names:
            gate = manifest.model(name).gate if name in manifest.names() else None
            champion = best(workspace.model_versions(name, newest=100), gate, workspace.name) if gate else None
            if champion is None:
                runner.say(f"{name}: nothing is registered in {target.workspace} that the gate could look at.")
            else:
                found[name] = champion
                runner.say(f"{name}: version {champion.version} of {target.workspace} has {champion.value:g}.")
    except ActionError as error:
        runner.warning(f"The champions on Azure are not told. {error.text()}", title=TITLE)
    runner.output("champions", json.dumps({name: asdict(each) for name, each in found.items()}))
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, look_up))
