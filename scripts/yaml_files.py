"""Cheap checks of an AML YAML before anything is created: do the files it points at exist?

The schema itself is checked by `az ml`. What `az` would tell after five seconds and an upload, as an error about
some hash, is told here at once with file and line.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from errors import Problem
from yaml_scan import Scalar, YamlSyntaxError, scan

_REFERENCES = {"code", "component", "file", "path", "conda_file", "trial", "environment", "scoring_script"}
_NOT_LOCAL = ("azureml:", "azureml://", "registry:", "git+", "runs:", "./${", "${{")
_ABOUT = {"$schema", "name", "version", "description", "tags"}
_IGNORED = {"__pycache__", ".git", ".ipynb_checkpoints"}


def load(path: Path) -> tuple[list[Scalar], list[Problem]]:
    """The file's scalars, and why it cannot be read if so."""
    try:
        return scan(path.read_text(encoding="utf-8")), []
    except YamlSyntaxError as error:
        return [], [Problem(f"{path} is not valid YAML, line {error.line}: {error}.", str(path), error.line)]
    except UnicodeDecodeError:
        return [], [Problem(f"{path} is not text in UTF-8.", str(path))]


def _reference(scalar: Scalar, folder: Path) -> Path | None:
    """The local file or folder that a scalar points at, None when it points at nothing local."""
    key, value = scalar.path[-1], scalar.value
    if key not in _REFERENCES or "outputs" in scalar.path or not value:
        return None
    explicit = value.startswith("file:")
    value = value.removeprefix("file:")
    if "://" in value or "${{" in value or value.startswith(_NOT_LOCAL):
        return None
    if key in ("component", "trial", "environment", "file") and not explicit and not value.endswith((".yml", ".yaml")):
        return None
    if key == "path" and "inputs" not in scalar.path and "build" not in scalar.path:
        return None
    return folder / value


def places(path: Path, told: str) -> list[Problem]:
    """Where in the YAML at `path` the fields stand that an error of az names, like jobs.prep.inputs.x."""
    scalars, _ = load(path)
    found: dict[int, Problem] = {}
    for dotted in re.findall(r'(?:"path": "|\(x\) |^\s*- )([\w-]+(?:\.[\w-]+)+)', told, re.MULTILINE):
        wanted = tuple(dotted.split("."))
        for length in range(len(wanted), 0, -1):
            line = next((each.line for each in scalars if each.path[:length] == wanted[:length]), 0)
            if line:
                found.setdefault(
                    line, Problem(f"{path}, line {line}: Azure does not accept {dotted}.", str(path), line)
                )
                break
    for line in re.findall(rf'in "[^"]*{re.escape(path.name)}", line (\d+)', told):
        message = f"{path}, line {line}: not valid YAML."
        found.setdefault(int(line), Problem(message, str(path), int(line)))
    return list(found.values())


def _included(scalar: Scalar, target: Path) -> bool:
    """Whether the file that `scalar` names is a component, whose own references matter too."""
    return scalar.path[-1] in ("component", "trial", "file") and target.is_file() and target.suffix in (".yml", ".yaml")


def missing_references(path: Path, seen: frozenset[Path] = frozenset()) -> list[Problem]:
    """Every local file that the YAML at `path`, or a component it includes, names and that does not exist."""
    scalars, problems = load(path)
    beside = {scalar.path: scalar.value for scalar in scalars if scalar.path[-1] == "code"}
    for scalar in scalars:
        folder = path.parent
        if scalar.path[-1] == "scoring_script":  # inside the code folder
            folder /= beside.get((*scalar.path[:-1], "code"), "")
        target = _reference(scalar, folder)
        if target is None:
            continue
        if not target.exists():
            key = ".".join(scalar.path)
            message = f"{path}, line {scalar.line}: {key} names {scalar.value}, which does not exist ({target})."
            problems.append(Problem(message, str(path), scalar.line))
        elif _included(scalar, target) and target.resolve() not in seen:
            problems += missing_references(target, seen | {path.resolve(), target.resolve()})
    return problems


@dataclass(frozen=True)
class EnvironmentFile:
    """An AML environment YAML. `fingerprint` changes with what the environment is, not with comments or names."""

    name: str
    version: str
    kind: str  # "image", "conda" or "docker"
    fingerprint: str


def read_environment(path: Path) -> tuple[EnvironmentFile, list[Problem]]:
    """Reads the file and what it points at (https://learn.microsoft.com/azure/machine-learning/reference-yaml-environment)."""
    scalars, problems = load(path)
    top = {scalar.path[0]: scalar for scalar in scalars if len(scalar.path) == 1}
    keys = {scalar.path[0] for scalar in scalars}
    problems += missing_references(path) if scalars else []

    def wrong(message: str, line: int = 1) -> None:
        problems.append(Problem(f"{path}: {message}", str(path), line))

    if scalars and "name" not in top:
        wrong("`name:` is missing; it must name the environment, as in `name: taxi-train-env`.")
    if scalars and not keys & {"image", "build"}:
        wrong("neither `image:` nor `build:` is given; one of them must say what the environment starts from.")
    if "build" in keys and keys & {"image", "conda_file"}:
        wrong("`build:` excludes `image:` and `conda_file:`; use one or the other.")

    # Paths count by what they lead to, so that a moved folder is the same environment.
    leading = {("conda_file",), ("build", "path")}
    kept = [each for each in scalars if each.path[0] not in _ABOUT and each.path not in leading]
    parts: list[object] = [[list(each.path), each.value] for each in kept]
    conda = top.get("conda_file")
    if conda is not None and (path.parent / conda.value).is_file():
        inner, found = load(path.parent / conda.value)
        problems += found
        parts.append([[list(each.path), each.value] for each in inner])
    context = next((each for each in scalars if each.path == ("build", "path")), None)
    if context is not None and (path.parent / context.value).is_dir():
        folder = path.parent / context.value
        dockerfile = next((each.value for each in scalars if each.path == ("build", "dockerfile_path")), "Dockerfile")
        if not (folder / dockerfile.lstrip("/")).is_file():
            wrong(f"the build context {folder} has no {dockerfile}.", context.line)
        parts.append(_tree(folder, skip=path))
    kind = "docker" if "build" in keys else "conda" if "conda_file" in keys else "image"
    fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    name = top["name"].value if "name" in top else ""
    version = top["version"].value if "version" in top else ""
    return EnvironmentFile(name, version, kind, fingerprint), problems


def _tree(folder: Path, skip: Path) -> list[list[str]]:
    """Path and SHA-256 of every file below `folder`, in order. The environment file itself counts by its fields."""
    found = []
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if file.is_file() and not _IGNORED & set(inside.parts) and file.resolve() != skip.resolve():
            found.append([inside.as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()])
    return found
