"""A deployment's folder, laid out as in Azure's container, and what its processes find in their environment.

<deployment>/<revision>/azureml-models/<model>/<version>/<files>   AZUREML_MODEL_DIR ends at the version
<deployment>/<revision>/azureml-app/<code folder>/                 AML_APP_ROOT, the scoring script in it
<deployment>/logs/                                                what get-logs shows

The model is a copy without write permission: a scoring script cannot change what is registered.

Source: learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints, "Understand the scoring script".
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from azureml_local import shell_environment
from azureml_local.environments import mlflow_models
from azureml_local.environments import plan as environment_plans
from azureml_local.environments.build import BuiltEnvironment
from azureml_local.environments.spec import EnvironmentSpec, spec_from_rest
from azureml_local.jobs import variables as job_variables
from azureml_local.jobs.layout import Places
from azureml_local.services import Services

from .plan import Plan

SERVER = "azureml-inference-server-http"
_BRING_THE_SERVER = frozenset({SERVER, "azureml-defaults"})
_READY = ".laid-out"
_SCORING = Path(__file__).parent / "mlflow_scoring.py"


@dataclass(frozen=True)
class Laid:
    """Where things lie for the servers of one revision."""

    root: Path
    model_root: Path | None  # AZUREML_MODEL_DIR
    model: Path | None  # the model's own folder or file in it
    app_root: Path
    script: Path


def lay_out(plan: Plan, root: Path, say: Callable[[str], None]) -> Laid:
    """Copy model and code below `root`, unless that was done before. Blocks: call it in a thread."""
    laid = _places(plan, root)
    if (root / _READY).exists():
        return laid
    remove(root)
    (root / "tmp").mkdir(parents=True)
    if plan.model is not None and laid.model is not None:
        say(f"copying model {plan.model.name}:{plan.model.version} to {laid.model}")
        laid.model.parent.mkdir(parents=True)
        _copy(Path(plan.model.path), laid.model)
        _set_read_only(laid.model)
    if plan.code is not None:
        say(f"copying code to {laid.app_root}")
        laid.app_root.parent.mkdir(parents=True, exist_ok=True)
        _copy(Path(plan.code.path), laid.app_root)
    else:
        laid.app_root.mkdir(parents=True)
        shutil.copyfile(_SCORING, laid.script)
    (root / _READY).touch()
    say("done")
    return laid


def _places(plan: Plan, root: Path) -> Laid:
    model_root = model = None
    if plan.model is not None:
        model_root = root / "azureml-models" / plan.model.name / plan.model.version
        model = model_root / Path(plan.model.path).name
    app = root / "azureml-app"
    if plan.code is not None:
        app_root = app / Path(plan.code.path).name
        return Laid(root, model_root, model, app_root, app_root / plan.code.script)
    return Laid(root, model_root, model, app / "mlflow", app / "mlflow" / "score.py")


def remove(root: Path) -> None:
    """Delete a folder that may have read-only parts."""
    if not root.exists():
        return
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]:
        folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(root, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target)


def _set_read_only(path: Path) -> None:
    for item in [path, *(path.rglob("*") if path.is_dir() else ())]:
        if not item.is_symlink():
            item.chmod(item.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def environment_spec(plan: Plan, laid: Laid) -> EnvironmentSpec:
    """The environment of the servers: the deployment's, else the MLflow model's, with the inference server in it.

    Raises EnvironmentBuildError when it cannot be had.
    """
    if plan.environment is not None:
        given = plan.environment
        spec = spec_from_rest(given.name, given.properties, Path(given.context) if given.context else None)
    else:
        assert plan.model is not None
        assert laid.model is not None
        spec = mlflow_models.environment_of(laid.model, f"{plan.model.name}:{plan.model.version}")
    named = {canonicalize_name(Requirement(line).name) for line in _requirements(spec)}
    if named & _BRING_THE_SERVER:
        return spec
    lines = (*spec.pip_requirements, "", SERVER) if spec.pip_requirements else (SERVER,)
    return replace(spec, pip_requirements=lines)


def _requirements(spec: EnvironmentSpec) -> list[str]:
    found = []
    for line in environment_plans.make(spec).packages:
        try:
            Requirement(line)
        except ValueError:  # a path or a URL without a name
            continue
        found.append(line)
    return found


def environment_variables(services: Services, plan: Plan, laid: Laid, built: BuiltEnvironment) -> Mapping[str, str]:
    """What a server finds in its environment; the deployment's own variables win."""
    config = services.settings
    places = Places(laid.app_root, services.paths.root / "home", laid.root / "tmp")
    found = {
        "OMP_NUM_THREADS": str(threads(plan, os.cpu_count() or 1)),
        **job_variables.base(built, places),
        **shell_environment.redirect(services.paths, config),
        "AZURE_CLIENT_ID": config.client_id,
        "AZURE_CLIENT_SECRET": config.client_secret,
        "AZURE_TENANT_ID": config.tenant_id,
        "AML_APP_ROOT": str(laid.app_root),
        "SERVICE_NAME": plan.endpoint,
        "AZUREML_DEPLOYMENT_NAME": plan.deployment,
        "HOSTNAME": plan.deployment,
    }
    if laid.model_root is not None and laid.model is not None:
        found["AZUREML_MODEL_DIR"] = str(laid.model_root)
        if plan.code is None:
            found["MLFLOW_MODEL_FOLDER"] = laid.model.name
    return {**found, **plan.variables}


def threads(plan: Plan, cores: int) -> int:
    """How many threads one worker of the deployment computes with, unless its image or its variables say otherwise.

    On Azure an instance has its machine to itself. Here all share one, the deployment that is being replaced included,
    and threads of OpenMP wait for each other in a busy loop: where they outnumber the cores, a prediction of ten
    milliseconds takes hundreds. MKL, OpenBLAS and PyTorch go by OpenMP's variable, too.
    """
    workers = plan.variables.get("WORKER_COUNT", "")
    share = 2 * plan.instances * (int(workers) if workers.isdigit() and int(workers) else 1)
    return max(1, cores // share)
