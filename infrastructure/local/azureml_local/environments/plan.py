"""What a specification means on this machine: one Python, one list of requirements, and what differs from Azure."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import conda as conda_files
from . import curated, images, requirements
from .errors import EnvironmentBuildError
from .requirements import Requirements
from .spec import EnvironmentSpec

# Raised when the way environments are made changes, so that those made before are not taken for the new ones.
RECIPE = 1


@dataclass(frozen=True)
class Plan:
    """What is going to be installed. `python` is a PEP 440 specifier, None when the specification asks for none."""

    where: str  # "environment taxi-train:3", for messages
    python: str | None
    layers: tuple[tuple[str, ...], ...]  # packages, in the installs that Azure would make one after the other
    constraints: tuple[str, ...]
    sources: tuple[str, ...]
    prerelease: bool
    insecure_hosts: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    from_conda: frozenset[str] = frozenset()  # PyPI names that came from the conda section
    warnings: tuple[str, ...] = ()

    def key(self, minor: str) -> str:
        """Content hash of the plan for a Python minor version. Credentials in URLs don't count: tokens rotate."""
        content = {
            "recipe": RECIPE,
            "platform": [sys.platform, platform.machine()],
            "python": minor,
            "layers": [sorted(map(requirements.without_secrets, layer)) for layer in self.layers],
            "constraints": sorted(map(requirements.without_secrets, self.constraints)),
            "sources": [requirements.without_secrets(source) for source in self.sources],
            "prerelease": self.prerelease,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages of all layers, each once."""
        return tuple(dict.fromkeys(package for layer in self.layers for package in layer))

    def requirements_text(self, packages: tuple[str, ...]) -> str:
        """A requirements list for the installer. May carry credentials: never write it to a file or a log."""
        return "\n".join([*self.sources, *packages]) + "\n"


def make(spec: EnvironmentSpec) -> Plan:
    """Decide what a specification means. Raises EnvironmentBuildError when it means nothing that can be had."""
    where = f"environment {spec.name}"
    warnings = list(spec.warnings)
    found = Requirements()
    layers: list[tuple[str, ...]] = []
    python: str | None = None
    variables: dict[str, str] = dict(spec.variables)
    from_conda: frozenset[str] = frozenset()

    facts = images.known(spec.image)
    if spec.conda is not None:
        # conda makes an environment of its own beside whatever the image contains
        conda = conda_files.read(spec.conda, f"{where}, conda file")
        from_conda = frozenset(canonicalize_name(Requirement(line).name) for line in conda.requirements.packages)
        for part in (conda.requirements, conda.pip):
            layers.append(tuple(part.packages))
            found.extend(part)
        python = conda.python
        variables = {**conda.variables, **variables}
    elif facts is not None:
        layers.append(facts.packages)
        python = f"=={facts.python}.*" if facts.python else None
        if facts.packages:
            warnings.append(
                f"{where}: its image '{spec.image}' cannot be used without Docker; the main packages that are "
                "documented for it are installed from PyPI instead: an approximation, versions may differ."
            )
        elif not spec.pip_requirements:
            warnings.append(
                f"{where}: its image '{spec.image}' is taken as a Python without packages. "
                "Add a conda file to install what the code imports."
            )
    elif not spec.pip_requirements:
        raise EnvironmentBuildError(_unknown(spec, where))

    for lines in _installs(spec.pip_requirements):
        part = requirements.parse(lines, where)
        layers.append(tuple(part.packages))
        found.extend(part)
    if spec.python and python is None:  # what the image brings, unless conda makes an environment with its own
        python = conda_files.match_spec(f"python={spec.python}", where)[1]
    return Plan(
        where=where,
        python=python,
        layers=tuple(layer for layer in layers if layer),
        constraints=(*spec.constraints, *found.constraints),
        sources=tuple(dict.fromkeys(found.sources)),
        prerelease=found.prerelease,
        insecure_hosts=tuple(dict.fromkeys(found.insecure_hosts)),
        variables=variables,
        from_conda=from_conda,
        warnings=tuple(dict.fromkeys([*warnings, *found.warnings])),
    )


def _installs(lines: tuple[str, ...]) -> list[list[str]]:
    """The lines of each `pip install`; an empty line stands between them."""
    installs: list[list[str]] = [[]]
    for line in lines:
        if line:
            installs[-1].append(line)
        else:
            installs.append([])
    return installs


def _unknown(spec: EnvironmentSpec, where: str) -> str:
    if spec.image and spec.image.lower().startswith("mcr.microsoft.com/azureml/"):
        return (
            f"{where}: '{spec.image.removeprefix('mcr.microsoft.com/azureml/')}' is a curated environment or image of "
            f"Azure ML that the local workspace has no package list for. It knows: {curated.KNOWN}. "
            "Use one of these, or an environment with `image:` and `conda_file:`."
        )
    if spec.image:
        return (
            f"{where}: what its image '{spec.image}' contains cannot be known without Docker, and it has no conda "
            "file. Add `conda_file:` with the packages that the code imports, or use a docker build context whose "
            "Dockerfile installs them (`RUN pip install -r requirements.txt`)."
        )
    return f"{where}: it has neither an image nor a conda file nor a docker build context; there is nothing to build."
