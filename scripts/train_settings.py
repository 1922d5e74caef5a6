"""Settings of the train workflow, made one from its three kinds of event, and checked.

`workflow_dispatch` and `workflow_call` bring `inputs`, `repository_dispatch` a `client_payload` with the same names
(there `inputs` is empty). What neither gives is as mlops/models.yml says of the model, or its conventions.
"""

from __future__ import annotations

import shlex
import sys

from action import Context, run
from errors import ExitCode
from inputs import ASSET, Inputs, variable
from models import Model, read_manifest
from workflow_settings import COMMON, of_event, tell

TITLE = "train settings"
DEFAULTS = {
    **COMMON,
    "environment-file": "",  # empty, here and below: the model's, see `of_model`
    "pipeline-file": "",
    "cluster-name": "",
    "cluster-size": "",
    "node-sku": "",
    "tier": "",
    "set": "",
}


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


def settle(context: Context) -> int:
    """Reads INPUTS and PAYLOAD (JSON), sets one output per setting."""
    runner = context.runner
    settings = of_event(DEFAULTS, runner.env)
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
    tell(runner, settings)
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, settle))
