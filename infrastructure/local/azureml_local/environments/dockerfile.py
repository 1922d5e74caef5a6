"""A docker build context, read for the Python environment that it makes.

There is no Docker here, so the Dockerfile is read, not run: the base image, pip and conda installs, ENV and ARG.
Instructions that cannot be honoured are told in one warning; a context that installs nothing recognisable on an
image nobody knows is refused. Grammar: docs.docker.com, "Dockerfile reference".
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from . import conda as conda_files
from . import images, requirements
from .build_context import ContextFiles, Copy
from .dockerfile_syntax import CONDA_TOOLS, commands, instructions
from .errors import EnvironmentBuildError
from .requirements import Requirements

# Commands of a RUN line that leave no trace in the Python environment.
HARMLESS = {
    "rm", "mkdir", "echo", "export", "cd", "set", "chmod", "chown", "true", ":", "touch", "which", "ls", "pwd",
    "source", ".", "ln", "useradd", "groupadd", "adduser", "addgroup", "usermod", "hash", "cat", "env", "printf",
    "find",
    "sync", "ldconfig", "test", "[", "exit", "fi", "if", "then", "else", "conda-init",
}  # fmt: skip
# Variables that describe the container's own file system or user; a process on this machine must keep its own.
CONTAINER_VARIABLES = {
    "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "HOME", "USER", "SHELL", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV",
    "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_DIR", "AZUREML_CONDA_ENVIRONMENT_PATH", "TMPDIR", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE", "DEBIAN_FRONTEND",
}  # fmt: skip
_CONDA_HARMLESS = {"clean", "init", "activate", "config", "info", "list", "update"}
_PIP_HARMLESS = {"cache", "config", "list", "freeze", "check", "--version", "uninstall", "debug"}
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::(?P<operator>[-+])(?P<other>[^}]*))?\}|(?P<plain>\w+))")


@dataclass
class BuildContext:
    """What a Dockerfile would make, as far as Python is concerned."""

    image: str | None = None
    python: str | None = None
    conda: Mapping[str, object] | None = None
    pip_lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Stage:
    image: str
    found: Requirements = field(default_factory=Requirements)
    condas: list[Mapping[str, object]] = field(default_factory=list)
    conda_specs: list[str] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    left_out: list[str] = field(default_factory=list)


def read(context: Path, dockerfile: str, where: str) -> BuildContext:
    """Read `dockerfile` (a path inside `context`). `where` names it in messages. Raises EnvironmentBuildError."""
    files = ContextFiles(context, where)
    text = files.dockerfile(dockerfile).read_text(encoding="utf-8", errors="replace")
    stage = _Reader(files, where).run(text)
    conda = _merged(stage, where)
    lines = [*stage.found.sources, *stage.found.packages]
    if stage.found.prerelease:
        lines.append("--pre")
    lines += [f"--trusted-host {host}" for host in stage.found.insecure_hosts]
    facts = images.known(stage.image)
    if not lines and conda is None and facts is None:
        raise EnvironmentBuildError(
            f"{where}: no Python dependencies were recognised, and what the base image '{stage.image}' contains cannot "
            "be known without Docker. Install the dependencies from a file in the context "
            "(`RUN pip install -r requirements.txt`, or `RUN conda env update -f conda.yml`), or register the "
            "environment from `image:` and `conda_file:`." + _left_out_hint(stage)
        )
    warnings = list(stage.found.warnings)
    if facts is None:
        warnings.append(
            f"{where}: what the base image '{stage.image}' already contains is not known here; only what the "
            "Dockerfile itself installs is in the environment."
        )
    if stage.left_out:
        warnings.append(f"{where}: instructions that need Docker are left out: {'; '.join(stage.left_out)}.")
    return BuildContext(
        image=stage.image,
        python=facts.python if facts else None,
        conda=conda,
        pip_lines=lines,
        constraints=stage.found.constraints,
        variables={name: value for name, value in stage.variables.items() if name not in CONTAINER_VARIABLES},
        warnings=warnings,
    )


class _Reader:
    """Walks the instructions of one Dockerfile and keeps what each stage would contain."""

    def __init__(self, files: ContextFiles, where: str) -> None:
        self._files = files
        self._where = where
        self._arguments: dict[str, str] = {}  # ARGs before the first FROM
        self._stages: dict[str, _Stage] = {}
        self._stage: _Stage | None = None

    def run(self, text: str) -> _Stage:
        for keyword, rest in instructions(text):
            if keyword == "FROM":
                self._from(rest)
            elif keyword == "ARG":
                self._arg(rest)
            elif self._stage is None:
                continue
            elif keyword == "ENV":
                self._env(self._stage, rest)
            elif keyword == "WORKDIR":
                self._stage.workdir = posixpath.join(self._stage.workdir, self._expand(rest))
            elif keyword in {"COPY", "ADD"}:
                self._copy(self._stage, rest)
            elif keyword == "RUN":
                for words in commands(rest):
                    self._command(self._stage, words)
        if self._stage is None:
            raise EnvironmentBuildError(f"{self._where}: there is no FROM instruction in it.")
        return self._stage

    def _expand(self, text: str) -> str:
        known = self._arguments if self._stage is None else {**self._stage.arguments, **self._stage.variables}

        def value(match: re.Match[str]) -> str:
            found = known.get(match["braced"] or match["plain"])
            if match["operator"] == "+":
                return match["other"] if found else ""
            return found or (match["other"] or "")

        return _VARIABLE.sub(value, text)

    def _from(self, rest: str) -> None:
        self._stage = None  # only ARGs before the first FROM are known in this instruction
        words = [word for word in self._expand(rest).split() if not word.startswith("--")]
        if not words:
            raise EnvironmentBuildError(f"{self._where}: a FROM instruction names no image.")
        base = self._stages.get(words[0].lower())
        self._stage = _Stage(image=words[0])
        if base is not None:  # FROM an earlier stage: all of it is there
            self._stage = _Stage(
                base.image, base.found, base.condas, base.conda_specs, base.copies, dict(base.variables),
                dict(base.arguments), base.workdir, base.left_out,
            )  # fmt: skip
        if len(words) >= 3 and words[1].lower() == "as":
            self._stages[words[2].lower()] = self._stage

    def _arg(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        value = self._expand(default.strip().strip("'\""))
        if self._stage is None:
            self._arguments[name.strip()] = value
        else:
            self._stage.arguments[name.strip()] = value or self._arguments.get(name.strip(), "")

    def _env(self, stage: _Stage, rest: str) -> None:
        if not re.match(r"^\w+=", rest):  # the old form: ENV NAME the whole rest
            name, _, value = rest.partition(" ")
            stage.variables[name] = self._expand(value.strip())
            return
        try:
            words = shlex.split(rest)
        except ValueError:
            words = rest.split()
        pairs = [word.partition("=") for word in words if "=" in word]
        for name, _, value in pairs:
            stage.variables[name] = self._expand(value)

    def _copy(self, stage: _Stage, rest: str) -> None:
        if "--from=" in rest or "<<" in rest:
            return
        rest = re.sub(r"^(--\S+\s+)+", "", rest)
        try:
            words = json.loads(rest) if rest.startswith("[") else shlex.split(self._expand(rest))
        except ValueError:
            return
        if len(words) >= 2:
            target = posixpath.join(stage.workdir, str(words[-1]))
            stage.copies.append(Copy(tuple(str(word) for word in words[:-1]), target))

    def _command(self, stage: _Stage, words: list[str]) -> None:
        words = [self._expand(word) for word in words]
        tool, rest = words[0], words[1:]
        if tool == "pip" and rest[:1] == ["install"]:
            if stage.found.packages:
                stage.found.packages.append("")  # an install of its own, after the ones before it
            requirements.parse_arguments(
                rest[1:], self._where, lambda option, path: self._requirements(stage, option, path), stage.found
            )
        elif tool in CONDA_TOOLS:
            self._conda(stage, tool, rest, words)
        elif tool in HARMLESS or (tool == "pip" and rest[:1] and rest[0] in _PIP_HARMLESS):
            pass
        else:
            shown = requirements.without_secrets(" ".join(words))
            stage.left_out.append(shown if len(shown) <= 80 else f"{shown[:77]}...")

    def _conda(self, stage: _Stage, tool: str, rest: list[str], words: list[str]) -> None:
        verbs = [word for word in rest if not word.startswith("-")]
        files = [rest[i + 1] for i, word in enumerate(rest[:-1]) if word in {"-f", "--file"}]
        files += [word.partition("=")[2] for word in rest if word.startswith("--file=")]
        if files and (verbs[:1] == ["env"] or tool == "micromamba" or verbs[:1] == ["install"]):
            for name in files:
                stage.condas.append(self._conda_file(stage, name))
        elif verbs[:1] in (["install"], ["create"]):
            stage.conda_specs += _conda_packages(rest[rest.index(verbs[0]) + 1 :])
        elif not verbs or verbs[0] in _CONDA_HARMLESS or verbs[0] == "env":
            pass
        else:
            stage.left_out.append(" ".join(words)[:80])

    def _conda_file(self, stage: _Stage, name: str) -> Mapping[str, object]:
        path = self._files.find(name, stage.workdir, stage.copies)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise EnvironmentBuildError(f"{self._where}: '{name}' is not YAML: {error}") from None
        if not isinstance(content, Mapping):
            raise EnvironmentBuildError(f"{self._where}: '{name}' is not a conda file with 'dependencies'.")
        return content

    def _requirements(self, stage: _Stage, option: str, name: str, *, inside: Path | None = None) -> Requirements:
        """A requirements or constraints file of the context; files that it includes are found beside it."""
        if inside is None:
            path = self._files.find(name, stage.workdir, stage.copies)
        else:
            path = self._files.beside(inside, name)
        found = requirements.parse(
            [path.read_text(encoding="utf-8-sig")],
            f"{self._where}, {path.name}",
            lambda inner, other: self._requirements(stage, inner, other, inside=path),
        )
        if option == "-c":
            found = Requirements(constraints=[*found.packages, *found.constraints])
        return found


def _conda_packages(words: list[str]) -> list[str]:
    found: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in {"-n", "--name", "-p", "--prefix", "-c", "--channel"}:
            skip = True
        elif not word.startswith("-"):
            found.append(word)
    return found


def _merged(stage: _Stage, where: str) -> Mapping[str, object] | None:
    """The conda files and `conda install` lines of a stage as one conda file."""
    if not stage.condas and not stage.conda_specs:
        return None
    dependencies: list[object] = []
    variables: dict[str, object] = {}
    for content in stage.condas:
        listed = content.get("dependencies") or []
        if not isinstance(listed, list):
            raise EnvironmentBuildError(f"{where}: 'dependencies' of its conda file has to be a list.")
        dependencies += listed
        extra = content.get("variables")
        if isinstance(extra, Mapping):
            variables.update(extra)
    for spec in stage.conda_specs:
        conda_files.match_spec(spec, where)  # refuses what is no package, naming the Dockerfile
    return {"dependencies": [*dependencies, *stage.conda_specs], "variables": variables}


def _left_out_hint(stage: _Stage) -> str:
    return f" Not understood: {'; '.join(stage.left_out)}." if stage.left_out else ""
