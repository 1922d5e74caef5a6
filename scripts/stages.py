"""The stages that a model goes through, and what it is delivered to in each, as mlops/models.yml says.

Reads INPUT_MODEL and INPUT_REGISTRY. Outputs:

    environments        a JSON list; training is in dev, so that stage is always there
    registry            where a trained version is shared: the manifest's, else INPUT_REGISTRY; empty for none
    online, batch       'true' where the model has such an endpoint: its files are there, and the manifest does not say
                        `online: false`, `batch: false`
    environment-file    the environment that scoring may need
    cluster-name, cluster-size, node-sku, tier      the cluster that batch scoring runs on

Exit codes: 0; 2 for a model that does not exist, a stage that deliver-model.yml does not have, or an endpoint with a
file that is missing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from action import Context, run
from errors import ExitCode, Problem, bad_input
from models import MANIFEST, REGISTRY, Endpoint, Model, read_manifest
from train_settings import of_model

TITLE = "stages"
STAGES = ("dev", "test", "prod")


def endpoints(model: Model) -> dict[str, bool]:
    """Which kinds of endpoint the model has. Raises ActionError for one whose files are not all there."""
    problems: list[Problem] = []

    def there(kind: str, endpoint: Endpoint) -> bool:
        missing = [file for file in endpoint.files if not Path(file).is_file()]
        if not endpoint.delivered or (len(missing) == len(endpoint.files) and not endpoint.named):
            return False
        named = f"models.{model.name}.{kind} in {MANIFEST} needs it"
        beside = "the other one is there"
        for file in missing:
            problems.append(Problem(f"{file} does not exist, but {named if endpoint.named else beside}."))
        return True

    found = {"online": there("online", model.online), "batch": there("batch", model.batch)}
    if problems:
        raise bad_input(problems)
    return found


def find(context: Context) -> int:
    """Sets the outputs."""
    manifest, name = read_manifest(), context.inputs.text("model", required=True)
    usual = context.inputs.text("registry", pattern=REGISTRY[0], allowed=f"{REGISTRY[1]} (variable REGISTRY_NAME)")
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
    registry = model.registry or usual
    kinds = endpoints(model)
    context.runner.output("registry", registry)
    context.runner.output("environments", json.dumps(chosen))
    for kind, there in kinds.items():
        context.runner.output(kind, str(there).lower())
    settings = of_model(model)
    for output in ("environment-file", "cluster-name", "cluster-size", "node-sku", "tier"):
        context.runner.output(output, settings[output])
    offered = " and ".join(kind for kind, there in kinds.items() if there)
    end = f"to its {offered} endpoint{'s' if all(kinds.values()) else ''}" if offered else "registered, not deployed"
    way = f", by registry {registry}" if registry else ""
    context.runner.say(f"{name} goes through {', '.join(chosen)}{way}, {end}.")
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, find))
