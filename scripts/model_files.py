"""What Azure would tell late, or never: do a model's YAML files agree with each other?

Every check reads the files with line numbers and asks no network. The schema of each single file is the SDK's business
(see validate_models.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path

from errors import Problem
from json_schema import Schema
from models import MANIFEST, Model
from yaml_files import load, missing_references
from yaml_scan import Scalar

_BOUND = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w-]+)")
_ASSET = re.compile(r"azureml:([A-Za-z0-9][\w.-]*)(?:@latest|:[\w.-]+)")


@dataclass
class Files:
    """The files of one model below `root` (paths relative to it) and what is wrong with them."""

    root: Path
    model: Model
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, file: str, line: int, message: str) -> None:
        self.problems.append(Problem(f"{file}, line {line}: {message}", file, line))

    def scalars(self, file: str) -> list[Scalar]:
        """The file's scalars; [] where it is missing or no YAML, which others tell."""
        path = self.root / file
        return load(path)[0] if path.is_file() else []

    def check(self) -> list[Problem]:
        """All problems, in the order of the files."""
        model = self.model
        self._named()
        named = {file for _, file in model.named}
        for what, file in (("environment", model.environment_file), ("pipeline", model.pipeline_file)):
            if file not in named and not (self.root / file).is_file():
                self.wrong(MANIFEST.as_posix(), 1, f"{model.name} has no {what}: {file} does not exist.")
        for file in yaml_files(self.root, model):
            self._references(file)
        self._pipeline()
        for kind, endpoint in (("online", model.online), ("batch", model.batch)):
            self._endpoint(kind, endpoint.endpoint_file, endpoint.deployment_file)
        self._request()
        return self.problems

    def _named(self) -> None:
        """What the manifest names is there: a deployment whose request is misspelt would go untested."""
        name = self.model.name
        for key, file in self.model.named:
            if not (self.root / file).exists():
                self._wrong_in_manifest(key, f"{key} of {name} is {file}, which does not exist.")
        for number, pattern in enumerate(self.model.paths):
            if not self._matched(pattern):
                self._wrong_in_manifest(f"paths.{number}", f"paths of {name} have {pattern}, which is no file here.")

    def _wrong_in_manifest(self, key: str, message: str) -> None:
        place = ("models", self.model.name, *key.split("."))
        line = next((each.line for each in self.scalars(MANIFEST.as_posix()) if each.path == place), 1)
        self.wrong(MANIFEST.as_posix(), line, message)

    def _matched(self, pattern: str) -> bool:
        """Whether a file is what `paths` means by this; a `*` goes through folders there."""
        folder = Path(*takewhile(lambda part: not set("*?[") & set(part), Path(pattern).parts))
        if (self.root / folder).is_file():
            return True
        inside = (self.root / folder).rglob("*")
        return any(fnmatchcase(path.relative_to(self.root).as_posix(), pattern) for path in inside)

    def _references(self, file: str) -> None:
        for problem in missing_references(self.root / file):
            inside = Path(problem.file).relative_to(self.root).as_posix()
            if not any(other.file == inside and other.line == problem.line for other in self.problems):
                message = problem.message.replace(str(self.root) + "/", "") if self.root != Path() else problem.message
                self.problems.append(Problem(message, inside, problem.line))

    def _pipeline(self) -> None:
        model, file = self.model, self.model.pipeline_file
        scalars = self.scalars(file)
        registered = _value(self.scalars(model.environment_file), ("name",))
        for step in sorted({each.path[1] for each in scalars if each.path[0] == "jobs" and len(each.path) > 2}):
            inside = [each for each in scalars if each.path[:2] == ("jobs", step)]
            self._command(file, ("jobs", step), inside)
            component = _value(inside, ("jobs", step, "component"))
            target = (self.root / file).parent / (component.value.removeprefix("file:") if component else "")
            if component is not None and target.is_file():
                self._step_of_component(file, step, component, inside, target)
        for inner in [file, *components(self.root, file)]:
            for each in self.scalars(inner):
                self._names(inner, each, registered)

    def _names(self, file: str, each: Scalar, registered: Scalar | None) -> None:
        """Environment and cluster that a pipeline asks for are those that the workflow makes."""
        found = _ASSET.fullmatch(each.value)
        if each.path[-1] == "environment" and found and registered is not None and found[1] != registered.value:
            self.wrong(
                file, each.line,
                f"{'.'.join(each.path)} asks for {found[1]}, but {self.model.environment_file} registers "
                f"{registered.value}.",
            )  # fmt: skip
        compute = each.value.removeprefix("azureml:")
        made = self.model.cluster.name
        if (
            each.path[-1] in ("default_compute", "compute")
            and compute not in (made, "serverless")
            and "${{" not in compute
        ):
            self.wrong(
                file, each.line,
                f"{'.'.join(each.path)} asks for the cluster {compute}, but the workflow makes {made}: "
                f"set models.{self.model.name}.cluster.name in mlops/models.yml.",
            )  # fmt: skip

    def _command(self, file: str, path: tuple[str, ...], inside: Sequence[Scalar]) -> None:
        """Whatever a command uses is declared beside it: offline, the SDK lets that pass."""
        command = _value(inside, (*path, "command"))
        if command is None:
            return
        lines = (self.root / file).read_text(encoding="utf-8").splitlines()
        for kind, name in sorted(set(_BOUND.findall(command.value))):
            depth = len(path) + 1
            declared = {each.path[depth] for each in inside if each.path[:depth] == (*path, kind) and each.path[depth:]}
            declared |= _bare_keys(lines, (*path, kind))
            if name not in declared:
                pattern = re.compile(rf"\$\{{\{{\s*{kind}\.{re.escape(name)}\b")
                line = next(
                    (number for number, text in enumerate(lines, 1) if number >= command.line and pattern.search(text)),
                    command.line,
                )
                there = ", ".join(sorted(declared)) or "none"
                self.wrong(
                    file, line, f"the command uses ${{{{{kind}.{name}}}}}, which is not declared; {kind}: {there}."
                )

    def _step_of_component(
        self, file: str, step: str, component: Scalar, inside: Sequence[Scalar], target: Path
    ) -> None:
        """A step gives a component the inputs it has, and all that it needs."""
        inner = target.resolve().relative_to(self.root.resolve()).as_posix()
        scalars = self.scalars(inner)
        lines = target.read_text(encoding="utf-8").splitlines()
        self._command(inner, (), scalars)
        takes = {each.path[1] for each in scalars if each.path[0] == "inputs" and len(each.path) > 1}
        takes |= _bare_keys(lines, ("inputs",))
        free = {
            each.path[1]
            for each in scalars
            if each.path[0] == "inputs" and each.path[2:] in (("default",), ("optional",)) and each.value != "false"
        }
        given = {each.path[3]: each.line for each in inside if each.path[2:3] == ("inputs",) and len(each.path) > 3}
        for name, line in given.items():
            if name not in takes:
                self.wrong(
                    file, line,
                    f"step {step} gives '{name}', but {inner} takes {', '.join(sorted(takes)) or 'no inputs'}.",
                )  # fmt: skip
        for name in sorted(takes - free - set(given)):
            self.wrong(file, component.line, f"step {step} does not give '{name}', which {inner} requires.")

    def _endpoint(self, kind: str, endpoint: str, deployment: str) -> None:
        there = [(self.root / file).is_file() for file in (endpoint, deployment)]
        if not all(there):
            if any(there):
                present, missing = (endpoint, deployment) if there[0] else (deployment, endpoint)
                if missing in {file for _, file in self.model.named}:
                    return  # told
                self.wrong(present, 1, f"the {kind} endpoint has no {missing} beside it.")
            return
        name = _value(self.scalars(endpoint), ("name",))
        named = _value(self.scalars(deployment), ("endpoint_name",))
        if name is not None and named is not None and name.value != named.value:
            self.wrong(deployment, named.line, f"endpoint_name is {named.value}, but {endpoint} makes {name.value}.")

    def _request(self) -> None:
        """The example request is JSON; the schema of the answer is one that can be checked."""
        for file in (self.model.request_file, self.model.response_schema):
            path = self.root / file
            if not path.is_file():
                continue
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                self.wrong(file, getattr(error, "lineno", 1), f"not JSON: {error}.")
                continue
            if file == self.model.response_schema:
                for text in Schema.read(document).problems:
                    self.wrong(file, 1, f"{text}.")


def yaml_files(root: Path, model: Model) -> Iterator[str]:
    """The YAML files of a model that exist: environment, pipeline, endpoints and deployments."""
    for file in (
        model.environment_file,
        model.pipeline_file,
        model.online.endpoint_file,
        model.online.deployment_file,
        model.batch.endpoint_file,
        model.batch.deployment_file,
    ):
        if (root / file).is_file():
            yield file


def components(root: Path, file: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The component files below `root` that a pipeline or component file names, through all levels."""
    scalars, _ = load(root / file) if (root / file).is_file() else ([], [])
    for each in scalars:
        value = each.value.removeprefix("file:")
        if each.path[-1] not in ("component", "trial", "file") or not value.endswith((".yml", ".yaml")):
            continue
        target = ((root / file).parent / value).resolve()
        if target.is_file() and target.is_relative_to(root.resolve()):
            inner = target.relative_to(root.resolve()).as_posix()
            if inner not in seen:
                yield inner
                yield from components(root, inner, seen | {file, inner})


def _value(scalars: Sequence[Scalar], path: tuple[str, ...]) -> Scalar | None:
    return next((each for each in scalars if each.path == path), None)


def _bare_keys(lines: Sequence[str], path: tuple[str, ...]) -> set[str]:
    """Keys below `path` that stand without a value of their own on their line (`word:`), which have no scalar."""
    stack: list[tuple[int, str]] = []
    found = set()
    for text in lines:
        match = re.match(r"( *)([\w-]+):(\s|$)", text)
        if match is None:
            continue
        indent = len(match[1])
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if tuple(key for _, key in stack) == path:
            found.add(match[2])
        stack.append((indent, match[2]))
    return found
