"""The stages that a model goes through, as mlops/models.yml says.

Reads INPUT_MODEL. Outputs: `environments`, a JSON list; `environment-file`, the environment that scoring may need.
Training is in dev, so that stage is always there. Exit codes: 0; 2 for a model that does not exist, or a stage that
deliver-model.yml does not have.
"""

from __future__ import annotations

import json
import sys

from action import Context, run
from errors import ExitCode, Problem, bad_input
from models import MANIFEST, read_manifest

TITLE = "stages"
STAGES = ("dev", "test", "prod")


def find(context: Context) -> int:
    """Sets the output."""
    manifest, name = read_manifest(), context.inputs.text("model", required=True)
    context.inputs.check()
    if name not in manifest.names():
        raise bad_input([Problem(f"model is '{name}': it must be one of {', '.join(manifest.names())}.")])
    model = manifest.model(name)
    given = model.environments
    unknown = [each for each in given if each not in STAGES]
    if unknown or "dev" not in given:
        told = f"models.{name}.environments in {MANIFEST} is {', '.join(given)}"
        raise bad_input(
            [Problem(f"{told}: it must have dev, and may have test and prod, the stages of deliver-model.")]
        )
    chosen = [stage for stage in STAGES if stage in given]
    context.runner.output("environments", json.dumps(chosen))
    context.runner.output("environment-file", model.environment_file)
    context.runner.say(f"{name} goes through {', '.join(chosen)}.")
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, find))
