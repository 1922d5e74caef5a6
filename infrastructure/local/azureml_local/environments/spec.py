"""What an environment version asks for, read from its REST form (EnvironmentVersions_Get)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from . import curated, dockerfile
from .errors import EnvironmentBuildError


@dataclass(frozen=True)
class EnvironmentSpec:
    """What an environment version asks for."""

    name: str  # for messages: "taxi-train:3"
    image: str | None = None  # base docker image
    conda: Mapping[str, object] | None = None  # parsed conda file
    pip_requirements: tuple[str, ...] = ()  # pip lines of a Dockerfile, options included; "" starts its next install
    python: str | None = None  # asked Python version, "3.10"
    variables: Mapping[str, str] = field(default_factory=dict)  # environment variables that the image would set
    constraints: tuple[str, ...] = ()  # lines of pip's `-c` files
    warnings: tuple[str, ...] = ()  # what reading the definition already found that cannot be had here


def spec_from_rest(name: str, properties: Mapping[str, object], build_context: Path | None) -> EnvironmentSpec:
    """The specification in the `properties` of a REST EnvironmentVersion.

    Read are `image`, `condaFile` (YAML or JSON text) and `build` {contextUri, dockerfilePath}; `build_context`
    is the folder that contextUri stands for. Raises EnvironmentBuildError when the definition is unusable.
    """
    build = properties.get("build")
    if isinstance(build, Mapping) and build:
        if build_context is None or not build_context.is_dir():
            raise EnvironmentBuildError(
                f"environment {name}: its docker build context ({build.get('contextUri')}) is not in the workspace "
                "any more. Register the environment again."
            )
        path = str(build.get("dockerfilePath") or "Dockerfile")
        found = dockerfile.read(build_context, path, f"environment {name}, {path}")
        return EnvironmentSpec(
            name=name,
            image=found.image,
            conda=found.conda,
            pip_requirements=tuple(found.pip_lines),
            python=found.python,
            variables=found.variables,
            constraints=tuple(found.constraints),
            warnings=tuple(found.warnings),
        )
    image = properties.get("image")
    return EnvironmentSpec(
        name=name,
        image=str(image) if image else None,
        conda=_conda(name, properties.get("condaFile")),
    )


def spec_from_reference(reference: str) -> EnvironmentSpec | None:
    """The specification of one of Microsoft's curated environments, None for a reference to anything else.

    References are `azureml://registries/azureml/environments/NAME/labels/latest` (or `/versions/N`),
    `azureml:AzureML-NAME@latest`, or the ARM id of an environment whose name starts with `AzureML-`. One without a
    package list is refused when it is built, by name.
    """
    image = curated.image_of(reference)
    return EnvironmentSpec(name=curated.bare_name(reference), image=image) if image else None


def _conda(name: str, conda_file: object) -> Mapping[str, object] | None:
    if conda_file is None or conda_file == "":
        return None
    if isinstance(conda_file, str):
        try:
            conda_file = yaml.safe_load(conda_file)
        except yaml.YAMLError as error:
            raise EnvironmentBuildError(f"environment {name}: its conda file is not YAML: {error}") from None
    if not isinstance(conda_file, Mapping):
        raise EnvironmentBuildError(
            f"environment {name}: its conda file has to be a mapping with 'dependencies', "
            f"not {type(conda_file).__name__}."
        )
    return conda_file
