"""MLflow models without code: which environment they ask for.

Source: mlflow.org/docs/2.16.2/models.html, "Storage format" (MLmodel, conda.yaml, python_env.yaml, requirements.txt).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .errors import EnvironmentBuildError
from .spec import EnvironmentSpec

_PLAIN_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"


def environment_of(model: Path, name: str) -> EnvironmentSpec:
    """What the model in this folder was logged with. name: of the model, for messages.

    Raises EnvironmentBuildError when the folder has no MLflow model or the model names no packages.
    """
    where = f"model {name}"
    described = _yaml(model / "MLmodel", where)
    flavor = (described.get("flavors") or {}).get("python_function")
    if flavor is None:
        raise EnvironmentBuildError(
            f"{where}: it has no python_function flavor, so its deployment needs a scoring script and an environment."
        )
    conda, virtualenv = _files(flavor.get("env"))
    if (model / conda).is_file():
        return EnvironmentSpec(name=where, conda=_yaml(model / conda, where))
    requirements = model / "requirements.txt"
    if requirements.is_file():
        python = None
        if (model / virtualenv).is_file():
            python = _python(_yaml(model / virtualenv, where).get("python"))
        lines = tuple(requirements.read_text(encoding="utf-8").splitlines())
        return EnvironmentSpec(
            name=where, image=_PLAIN_IMAGE, pip_requirements=tuple(filter(None, lines)), python=python
        )
    raise EnvironmentBuildError(
        f"{where}: it has neither {conda} nor requirements.txt, so its packages are not known. Log it with MLflow, or "
        "deploy it with an environment and a scoring script."
    )


def _files(env: Any) -> tuple[str, str]:
    """The names of the conda and the virtualenv file in the flavor's `env`, a name or `{conda, virtualenv}`."""
    if isinstance(env, str):
        return env, "python_env.yaml"
    given = env if isinstance(env, dict) else {}
    return str(given.get("conda") or "conda.yaml"), str(given.get("virtualenv") or "python_env.yaml")


def _python(version: object) -> str | None:
    """`3.11.7` as `3.11`: the patch level that was used for training is seldom on this machine, and does not matter."""
    match = re.match(r"(\d+\.\d+)", str(version or ""))
    return match[1] if match else None


def _yaml(file: Path, where: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EnvironmentBuildError(f"{where}: it is registered as an MLflow model but has no {file.name}.") from None
    except yaml.YAMLError as error:
        raise EnvironmentBuildError(f"{where}: its {file.name} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise EnvironmentBuildError(f"{where}: its {file.name} has to be a mapping.")
    return content
