"""Settings of the train workflow, made one from its three kinds of event, and checked.

`workflow_dispatch` and `workflow_call` bring `inputs`, `repository_dispatch` a `client_payload` with the same names
(there `inputs` is empty). What neither gives is as mlops/models.yml says of the model, or its conventions.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from action import Context, run
from errors import ExitCode, Problem, bad_input
from inputs import ASSET, Inputs, variable
from markdown_text import table
from models import Model, read_manifest

TITLE = "train settings"
DEFAULTS = {
    "environment": "dev",
    "resource-group": "",  # empty: the variable RESOURCE_GROUP of the GitHub environment
    "workspace-name": "",  # empty: the variable WORKSPACE_NAME
    "model": "taxi",
    "environment-file": "",  # empty, here and below: the model's, see `of_model`
    "pipeline-file": "",
    "cluster-name": "",
    "cluster-size": "",
    "node-sku": "",
    "tier": "",
    "set": "",
}


def merged(given: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, str]:
    """Inputs win over the payload, both over the defaults. Raises ActionError for names that do not exist."""
    unknown = sorted(set(payload) - set(DEFAULTS))
    if unknown:
        allowed = ", ".join(DEFAULTS)
        raise bad_input([Problem(f"client_payload has '{name}'; it may have {allowed}.") for name in unknown])
    return {name: str(given.get(name) or payload.get(name) or default) for name, default in DEFAULTS.items()}


def of_model(model: Model) -> dict[str, str]:
    """The settings that belong to a model."""
    return {
        "environment-file": model.environment_file,
        "pipeline-file": model.pipeline_file,
        "cluster-name": model.cluster.name,
        "cluster-size": str(model.cluster.size),
        "node-sku": model.cluster.sku,
        "tier": model.cluster.tier,
    }


def _object(text: str) -> dict[str, Any]:
    """A JSON object; what GitHub writes for nothing (null, "") is an empty one."""
    found = json.loads(text or "null")
    return found if isinstance(found, dict) else {}


def settle(context: Context) -> int:
    """Reads INPUTS and PAYLOAD (JSON), sets one output per setting."""
    runner = context.runner
    settings = merged(_object(runner.env.get("INPUTS", "")), _object(runner.env.get("PAYLOAD", "")))
    checked = Inputs({variable(name): value for name, value in settings.items()})
    checked.text("model", required=True, pattern=ASSET[0], allowed=ASSET[1])
    checked.check()  # a name that is none finds no files either
    usual = of_model(read_manifest().model(settings["model"]))
    settings = {name: value or usual.get(name, "") for name, value in settings.items()}
    checked = Inputs({variable(name): value for name, value in settings.items()})
    checked.file("environment-file", what="an environment's YAML file")
    checked.file("pipeline-file", what="a pipeline's YAML file")
    try:
        settings["set"] = "\n".join(shlex.split(settings["set"]))  # one line in the form, one setting per word
    except ValueError as error:
        checked.wrong("set", settings["set"], f"its quotes do not match ({error})")
    checked.check()
    for name, value in settings.items():
        runner.output(name, value)
        runner.say(f"{name}: {value or '(the GitHub environment says)'}" if name != "set" else f"set: {value!r}")
    shown = [[f"`{name}`", f"`{value}`"] for name, value in settings.items() if value]
    runner.summary(
        f"<details><summary>Settings of this run</summary>\n\n{table(['Setting', 'Value'], shown)}\n</details>\n"
    )
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, settle))
