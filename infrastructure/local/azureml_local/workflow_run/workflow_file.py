"""Reading workflow files: inputs, runners, and every action they use, followed through local composites.

act ignores `required` and `options` of inputs and silently skips a job whose runner it doesn't know; GitHub does not,
so these are checked here before act starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_TRUE_KEY = True  # YAML 1.1 reads the key `on` as a boolean
# What a reusable workflow says to check out the repository it comes from, beside the caller's.
_OWN_REPOSITORY = re.compile(r"\$\{\{\s*job\.workflow_repository\s*\}\}")
_REMOTE = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?P<path>/[^@\s]+)?@(?P<ref>\S+)")


class WorkflowError(Exception):
    """The workflow cannot be run as asked; the message says what, where and what is allowed."""


@dataclass(frozen=True)
class RemoteUse:
    """A `uses: owner/repo[/path]@ref`, and the file that has it."""

    repository: str
    path: str
    ref: str
    file: Path

    @property
    def key(self) -> str:
        """`owner/repo@ref`, what a folder is mapped by."""
        return f"{self.repository}@{self.ref}"


def load(file: Path) -> dict[Any, Any]:
    """The YAML of a workflow or an action. Raises WorkflowError with the line of a mistake."""
    try:
        document = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise WorkflowError(f"{where}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(document, dict):
        raise WorkflowError(f"{file}: expected a mapping at the top")
    return document


def find(repository: Path, name: str) -> Path:
    """The workflow file called `train`, `train.yml` or by its path."""
    folder = repository / ".github" / "workflows"
    for candidate in (folder / f"{name}.yml", folder / f"{name}.yaml", folder / name, repository / name, Path(name)):
        if candidate.is_file():
            return candidate.resolve()
    known = ", ".join(sorted(path.stem for path in folder.glob("*.y*ml"))) or "none"
    raise WorkflowError(f"no workflow '{name}' in {folder}; there are: {known}")


def events(document: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
    """The events of `on:`, each with its own settings."""
    on = document.get("on", document.get(_TRUE_KEY))
    if isinstance(on, str):
        return {on: {}}
    if isinstance(on, list):
        return {str(event): {} for event in on}
    return {str(event): settings or {} for event, settings in (on or {}).items()}


def check_inputs(file: Path, declared: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """What GitHub checks of a manual run's inputs and act does not. Raises WorkflowError naming every bad one."""
    problems = []
    for name, value in given.items():
        if name not in declared:
            problems.append(f"unknown input '{name}'; it takes: {', '.join(declared) or 'no inputs'}")
            continue
        settings = declared[name] or {}
        options = [str(option) for option in settings.get("options") or []]
        if settings.get("type") == "choice" and value not in options:
            problems.append(f"input '{name}' is '{value}'; allowed: {', '.join(options)}")
        if settings.get("type") == "boolean" and value not in {"true", "false"}:
            problems.append(f"input '{name}' is '{value}'; allowed: true, false")
        if settings.get("type") == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            problems.append(f"input '{name}' is '{value}'; a number is expected")
    for name, settings in declared.items():
        required = (settings or {}).get("required") and (settings or {}).get("default") is None
        if required and not given.get(name):
            problems.append(f"input '{name}' is required: --input {name}=…")
    if problems:
        raise WorkflowError(f"{file.name}: " + "; ".join(problems))


def runners(document: Mapping[Any, Any]) -> set[str]:
    """The literal `runs-on` labels of all jobs."""
    labels = set()
    for job in (document.get("jobs") or {}).values():
        value = job.get("runs-on")
        for label in value if isinstance(value, list) else [value]:
            if isinstance(label, str) and "${{" not in label:
                labels.add(label)
    return labels


def steps(document: Mapping[Any, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything that may have `uses`: the jobs of a workflow and their steps, the steps of a composite."""
    for job in (document.get("jobs") or {}).values():
        yield job
        yield from job.get("steps") or []
    yield from (document.get("runs") or {}).get("steps") or []


def local_target(repository: Path, uses: str) -> Path | None:
    """The file behind a `uses: ./…`, or None when it is not there."""
    target = repository / uses
    if target.is_file():
        return target
    for name in ("action.yml", "action.yaml"):
        if (target / name).is_file():
            return target / name
    return None


def own_checkouts(document: Mapping[Any, Any]) -> set[str]:
    """The folders into which jobs check out the repository that the workflow file itself comes from."""
    found = set()
    for step in steps(document):
        given = step.get("with") or {}
        repository = str(given.get("repository", ""))
        if str(step.get("uses", "")).startswith("actions/checkout@") and _OWN_REPOSITORY.fullmatch(repository):
            found.add(str(given.get("path", ".")).strip("/"))
    return found


def local_use(repository: Path, document: Mapping[Any, Any], uses: str) -> Path | None:
    """The file behind a `uses: ./…` of this document, or None when it is not there.

    A path below a checkout of the workflow's own repository is looked up in that repository.
    """
    path = uses.removeprefix("./")
    prefix = next((f"{folder}/" for folder in own_checkouts(document) if path.startswith(f"{folder}/")), "")
    return local_target(repository, path.removeprefix(prefix))


def walk(repository: Path, file: Path) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """This file and every local action and workflow that a run of it can reach, each with its YAML."""
    seen: set[Path] = set()
    queue = [file]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        document = load(current)
        yield current, document
        for step in steps(document):
            uses = step.get("uses")
            if isinstance(uses, str) and uses.startswith("./"):
                target = local_use(repository, document, uses)
                if target is None:
                    raise WorkflowError(f"{current}: uses '{uses}', but there is no such action or workflow")
                queue.append(target)


def remote_use(file: Path, uses: str) -> RemoteUse | None:
    """What a `uses: owner/repo…@ref` names; None for a local path or an image. Raises WorkflowError for neither."""
    if uses.startswith(("./", "docker://")):
        return None
    match = _REMOTE.fullmatch(uses)
    if match is None:
        raise WorkflowError(f"{file}: cannot read 'uses: {uses}'; expected owner/repository@ref")
    return RemoteUse(match["repository"], (match["path"] or "").strip("/"), match["ref"], file)


def remote_uses(repository: Path, file: Path) -> list[RemoteUse]:
    """Every remote action and reusable workflow that a run of this file can reach, through local ones too."""
    found: dict[tuple[str, str, str], RemoteUse] = {}
    for current, document in walk(repository, file):
        for step in steps(document):
            if isinstance(step.get("uses"), str) and (use := remote_use(current, step["uses"])):
                found.setdefault((use.repository, use.path, use.ref), use)
    return list(found.values())
