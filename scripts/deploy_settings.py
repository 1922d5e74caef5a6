"""Settings of the workflows deploy-online and deploy-batch: `python3 deploy_settings.py online` (or `batch`).

What the event leaves out is as mlops/models.yml says of the model, or its conventions. Nothing is asked of Azure here:
an empty endpoint-name or model-version is settled by the action, which is signed in. Variable AZURE_MODEL: the model's
reference, where that is not the version registered in the workspace, but a registry's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from action import Context, run
from deployment_files import DEPLOYMENT, ENDPOINT
from errors import ExitCode
from inputs import ASSET, Inputs, variable
from models import Model, read_manifest
from workflow_settings import COMMON, of_event, tell

_BOTH = {
    **COMMON,
    "model-name": "",  # as it is registered; empty: as the model is called
    "model-version": "",  # empty: the newest
    "endpoint-file": "",
    "deployment-file": "",
    "endpoint-name": "",
    "deployment-name": "",
}
ONLINE = {
    **_BOTH,
    "request-file": "",
    "expect": "",
    "traffic": "10,50,100",
    "soak-seconds": "30",
    "max-error-rate": "1",
    "max-p95-ms": "0",
    "rollback": "true",
    "keep-previous": "false",
}
BATCH = {**_BOTH, "cluster-name": "", "input": "", "expect-rows": "", "set-default": "true"}


def online_of(model: Model) -> dict[str, str]:
    """The settings that belong to a model's online endpoint; tests only where the files are there."""
    return {
        "endpoint-file": model.online.endpoint_file,
        "deployment-file": model.online.deployment_file,
        "endpoint-name": model.online.endpoint_name,
        "request-file": _if_there(model, model.request_file),
        "expect": _if_there(model, model.response_schema),
    }


def batch_of(model: Model) -> dict[str, str]:
    """The settings that belong to a model's batch endpoint; an input only where there is one."""
    return {
        "endpoint-file": model.batch.endpoint_file,
        "deployment-file": model.batch.deployment_file,
        "endpoint-name": model.batch.endpoint_name,
        "cluster-name": model.cluster.name,
        "input": _if_there(model, model.batch_input),
    }


def _if_there(model: Model, path: str) -> str:
    """A path of the conventions where it is there. One that the manifest names always: a wrong one is refused."""
    named = path in {file for _, file in model.named}
    return path if named or Path(path).exists() else ""


def settle(kind: str) -> Callable[[Context], int]:
    """The body for a kind of endpoint."""
    defaults, usual_of = {"online": (ONLINE, online_of), "batch": (BATCH, batch_of)}[kind]

    def body(context: Context) -> int:
        settings = of_event(defaults, context.runner.env)
        checked = Inputs({variable(name): value for name, value in settings.items()})
        checked.text("model", required=True, pattern=ASSET[0], allowed=ASSET[1])
        checked.check()  # a name that is none finds no files either
        usual = usual_of(read_manifest().model(settings["model"]))
        settings = {name: value or usual.get(name, "") for name, value in settings.items()}
        settings["model-name"] = settings["model-name"] or settings["model"]
        checked = Inputs({variable(name): value for name, value in settings.items()})
        checked.file("endpoint-file", what="an endpoint's YAML file")
        checked.file("deployment-file", what="a deployment's YAML file")
        checked.text("endpoint-name", pattern=ENDPOINT[0], allowed=ENDPOINT[1])
        checked.text("deployment-name", pattern=DEPLOYMENT[0], allowed=DEPLOYMENT[1])
        checked.text("model-name", pattern=ASSET[0], allowed=ASSET[1])
        checked.text("model-version", pattern=r"[\w.-]+", allowed="it must be the version of a registered model")
        checked.check()
        version = settings["model-version"]
        registered = f"azureml:{settings['model-name']}" + (f":{version}" if version else "@latest")
        settings["azure-model"] = context.runner.env.get("AZURE_MODEL") or registered
        tell(context.runner, settings)
        return int(ExitCode.OK)

    return body


if __name__ == "__main__":
    if sys.argv[1:] not in (["online"], ["batch"]):
        sys.exit("usage: deploy_settings.py online|batch")
    sys.exit(run(f"deploy-{sys.argv[1]} settings", settle(sys.argv[1])))
