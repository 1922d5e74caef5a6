"""One model version, shared from the workspace it was trained in to a registry that all workspaces may read.

Where there is a registry, test and prod deploy `azureml://registries/R/models/M/versions/V`, and no files travel with
the workflow. A version that was shared already is left alone; one of the same number that came from elsewhere is
refused, since the stages would deploy that. Inputs INPUT_MODEL_NAME, INPUT_MODEL_VERSION and INPUT_REGISTRY, and those
that name the workspace. Output: azure-model, the reference. Exit codes: see errors.ExitCode.

Sources: `az ml model share`; registry discovery and models, dataplane preview 2021-10-01, as azure-ai-ml asks for them.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

from action import Context, run
from az_cli import ML_EXTENSION, essence, without_noise
from errors import ActionError, ExitCode, Problem, bad_input
from inputs import ASSET
from known_failures import failure
from markdown_text import code
from models import REGISTRY
from workspace import Workspace

TITLE = "share model"
DATAPLANE = "2021-10-01-dataplanepreview"


def share(context: Context) -> int:
    """Shares the version unless the registry has it, and says what to deploy."""
    inputs, runner = context.inputs, context.runner
    target = context.target()
    name = inputs.text("model-name", required=True, pattern=ASSET[0], allowed=ASSET[1])
    version = inputs.text("model-version", required=True, pattern=r"[\w.-]+", allowed="it must be a version")
    registry = inputs.text("registry", required=True, pattern=REGISTRY[0], allowed=REGISTRY[1])
    extension = inputs.text("ml-extension-version", default=ML_EXTENSION, pattern=r"\d+\.\d+\.\d+")
    inputs.check()
    session, workspace = context.sign_in(target)
    if not workspace.model_version_exists(name, version):
        raise bad_input([Problem(f"There is no model {name}:{version} in workspace {workspace.name}.")])
    url = version_url(workspace, registry, name, version)
    shared = workspace.rest.find(url)
    what = "has it already" if shared is not None else "has it now"
    if shared is None:
        session.sign_in_az(context.az)
        context.az.ensure_ml(extension)
        with runner.group(f"az ml model share {name}:{version} to {registry}"):
            done = context.az.ml_patiently(
                [
                    "model", "share", *workspace.scope_arguments(), "--name", name, "--version", version,
                    "--share-with-name", name, "--share-with-version", version, "--registry-name", registry,
                ],
                context.clock,
                lambda: workspace.rest.find(url) is not None,
            )  # fmt: skip
            runner.foreign("az:", without_noise(done.stderr))
        shared = workspace.rest.find(url)
        if shared is None:
            told = essence(done.stderr) if done.code else "az reported success, but the registry does not have it"
            raise failure(f"{name}:{version} could not be shared to registry {registry}.", told)
    _same(workspace, shared, registry, name, version)
    reference = f"azureml://registries/{registry}/models/{name}/versions/{version}"
    runner.output("azure-model", reference)
    runner.say(f"Registry {registry} {what}: {name}:{version}")
    runner.summary(f"Registry {code(registry)} {what}: {code(f'{name}:{version}')}\n")
    return int(ExitCode.OK)


def version_url(workspace: Workspace, registry: str, name: str, version: str) -> str:
    """Where the registry keeps the version. Raises ActionError when there is no such registry."""
    found = workspace.rest.find(
        f"{workspace.service('api')}/registrymanagement/v1.0/registries/{quote(registry)}/discovery"
    )
    if found is None:
        raise ActionError(
            f"There is no registry {registry}, or this identity may not see it.",
            fix="Create it (az ml registry create), give this identity the role AzureML Registry User on it, or mend "
            "`registry` in mlops/models.yml or the variable REGISTRY_NAME.",
            exit_code=ExitCode.BAD_INPUT,
        )
    scope = (
        f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
        f"/providers/Microsoft.MachineLearningServices/registries/{quote(registry)}"
    )
    base = str(found["primaryRegionResourceProviderUri"]).rstrip("/")
    path = f"/models/{quote(name)}/versions/{quote(version)}"
    return f"{base}/mferp/managementfrontend{scope}{path}?api-version={DATAPLANE}"


def _same(workspace: Workspace, shared: dict[str, Any], registry: str, name: str, version: str) -> None:
    """Refuse a version of the same number that is another model: only this workspace's own is delivered."""
    origin = str((shared.get("properties") or {}).get("originAssetId") or "")
    guid = str((workspace.document().get("properties") or {}).get("workspaceId") or "")
    if origin.lower().endswith(f"/workspaces/{guid}/models/{name}/versions/{version}".lower()):
        return
    raise ActionError(
        f"Registry {registry} has another model as {name}:{version}.",
        cause=f"It was not shared from workspace {workspace.name}: its origin is {origin or 'not told'}.",
        fix="Share from one workspace only. Archive that version in the registry and train again for a new number, or "
        "use another registry.",
        exit_code=ExitCode.BAD_INPUT,
    )


if __name__ == "__main__":
    sys.exit(run(TITLE, share))
