"""What GitHub checks of a call before anything runs and act does not: names, required ones, permissions.

act calls a reusable workflow with whatever it is given: an input that does not exist is dropped, a required one that is
missing is empty, a permission that the caller never had is granted. On GitHub each of these ends the run at its start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .repositories import STAND_INS, reach, target_of
from .workflow_file import WorkflowError, events, load

LEVELS = {"none": 0, "read": 1, "write": 2}
Document = Mapping[Any, Any]


def check(repository: Path, file: Path, folders: Mapping[str, Path]) -> list[str]:
    """Check every call that a run of this workflow can make. Raises WorkflowError naming all that GitHub would refuse.

    Returns warnings: inputs given to actions that have no such input, which GitHub warns of and drops; and results that
    act cannot hand on.
    """
    problems: list[str] = []
    warnings: list[str] = []
    for root, current, document in reach(repository, file, folders):
        for name, job in (document.get("jobs") or {}).items():
            where = f"{current.name}, job {name}"
            if isinstance(job.get("uses"), str):
                target = target_of(root, current, document, job["uses"], folders)
                if target:
                    called = load(target[1])
                    problems += [f"{where}: {text}" for text in _call(document, job, called)]
                    if _needed(document, name) and _ends_in_a_call(called):
                        warnings.append(f"{where}: {_EARLY.format(job=name)}")
            for step in job.get("steps") or []:
                warnings += [f"{where}: {text}" for text in _step(root, current, document, step, folders)]
    if problems:
        raise WorkflowError("; ".join(problems))
    return warnings


_EARLY = (
    "act takes the called workflow for ended before those that it calls in turn: jobs that need {job} may start "
    "early or not at all, without its outputs. GitHub waits."
)


def _needs(job: Mapping[str, Any]) -> list[str]:
    value = job.get("needs") or []
    return [value] if isinstance(value, str) else list(value)


def _needed(document: Document, name: str) -> bool:
    return any(name in _needs(job) for job in document["jobs"].values())


def _ends_in_a_call(document: Document) -> bool:
    """Whether some job that calls a workflow is not followed by a job with steps, directly or in the end."""
    jobs: Mapping[str, Mapping[str, Any]] = document.get("jobs") or {}

    def followed(name: str) -> bool:
        after = [each for each, job in jobs.items() if name in _needs(job)]
        return any("steps" in jobs[each] or followed(each) for each in after)

    return any("uses" in job and not followed(name) for name, job in jobs.items())


def _call(caller: Document, job: Mapping[str, Any], called: Document) -> Iterator[str]:
    uses = job["uses"]
    if "workflow_call" not in events(called):
        yield f"{uses} cannot be called: it does not run on workflow_call"
        return
    declared = events(called)["workflow_call"]
    for kind, one in (("with", "input"), ("secrets", "secret")):
        given = job.get(kind) or {}
        if given == "inherit":
            continue
        known = declared.get("inputs" if kind == "with" else "secrets") or {}
        for name in given:
            if name not in known:
                yield f"{uses} has no {one} '{name}'; it has: {', '.join(known) or 'none'}"
        for name, settings in known.items():
            if (settings or {}).get("required") and name not in given:
                yield f"{uses} needs the {one} '{name}'"
    yield from _permissions(caller, job, called)


def _levels(permissions: object) -> dict[str, int] | None:
    """Scope -> level; None where nobody said and the repository's settings decide."""
    if isinstance(permissions, dict):
        return {str(scope): LEVELS[str(level)] for scope, level in permissions.items()}
    if isinstance(permissions, str):  # read-all, write-all: for scopes that are not named
        return {"*": LEVELS[permissions.removesuffix("-all")]}
    return None


def _permissions(caller: Document, job: Mapping[str, Any], called: Document) -> Iterator[str]:
    allowed = _levels(job.get("permissions", caller.get("permissions")))
    if allowed is None:
        return
    names = {level: name for name, level in LEVELS.items()}
    for name, inner in (called.get("jobs") or {}).items():
        for scope, level in (_levels(inner.get("permissions", called.get("permissions"))) or {}).items():
            granted = allowed.get(scope, allowed.get("*", 0))
            if level > granted:
                yield (
                    f"{job['uses']}: its job {name} asks for `{scope}: {names[level]}`, "
                    f"the calling job grants `{scope}: {names[granted]}`"
                )


def _step(
    root: Path, file: Path, document: Document, step: Mapping[str, Any], folders: Mapping[str, Path]
) -> Iterator[str]:
    uses = step.get("uses")
    target = target_of(root, file, document, uses, folders) if isinstance(uses, str) else None
    if target is None or STAND_INS in target[1].parents:  # a stand-in does not have every input of the real one
        return
    known = load(target[1]).get("inputs") or {}
    for name in step.get("with") or {}:
        if name not in known:
            yield f"{uses} has no input '{name}'; it has: {', '.join(known) or 'none'}"
