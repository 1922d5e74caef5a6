"""Lines of a pip requirements list: what is a package, what is an option, what cannot be had here.

The forms are those of pip's "Requirements File Format" page. Nothing is loosened: a line is handed to the
installer as it stands, or refused by name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement

from .errors import EnvironmentBuildError

# pip option -> its long name. These say where packages come from; the installer knows them by the long name.
SOURCE_OPTIONS = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--pypi-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
}
# Options that change how pip prints or caches, not what gets installed.
SILENT_FLAGS = {
    "--no-cache-dir", "--no-cache", "-q", "-qq", "--quiet", "-v", "-vv", "--verbose", "--user", "-U", "--upgrade",
    "--prefer-binary", "--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--isolated",
    "--ignore-installed", "-I", "--force-reinstall", "--no-color", "--no-compile", "--break-system-packages",
    "--no-warn-conflicts", "--system", "-y", "--compile", "--require-virtualenv", "--no-python-version-warning",
    "--no-progress", "--no-clean",
}  # fmt: skip
SILENT_OPTIONS = {
    "--timeout", "--default-timeout", "--retries", "--progress-bar", "--root-user-action", "--cache-dir", "--log",
    "--use-feature", "--use-deprecated", "--upgrade-strategy", "--exists-action", "--proxy", "--cert", "--src",
    "--python", "-p",
}  # fmt: skip

_LOCAL = re.compile(r"^(\.{1,2}([/\\]|$|\[)|[/~]|file:)|\.(whl|tar\.gz|zip)(\[[^\]]*\])?$", re.IGNORECASE)
_URL = re.compile(r"^(git|hg|svn|bzr)\+|^https?://|^[A-Za-z0-9._-]+(\[[^\]]*\])?\s*@\s*\S", re.IGNORECASE)
_SECRET = re.compile(r"(://)[^/@\s]+@")


@dataclass
class Requirements:
    """What a list of lines asks for, in the order it was written."""

    packages: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)  # "--extra-index-url https://…", one a line
    prerelease: bool = False
    insecure_hosts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def extend(self, other: Requirements) -> None:
        """Append another list's lines."""
        self.packages += other.packages
        self.constraints += other.constraints
        self.sources += other.sources
        self.prerelease |= other.prerelease
        self.insecure_hosts += other.insecure_hosts
        self.warnings += other.warnings


def without_secrets(text: str) -> str:
    """The text with user names and passwords taken out of its URLs."""
    return _SECRET.sub(r"\1***@", text)


def logical_lines(text: str) -> list[str]:
    """Lines of a requirements file: comments and blank lines dropped, `\\` continuations joined."""
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def parse(
    lines: Iterable[str], where: str, read_file: Callable[[str, str], Requirements] | None = None
) -> Requirements:
    """Sort requirement lines into packages, sources and the rest.

    `where` names their origin in messages. `read_file(option, path)` reads a file that `-r` or `-c` names;
    without it such a line is refused, because the file did not travel with the environment.
    Raises EnvironmentBuildError for a line that cannot be honoured.
    """
    result = Requirements()
    for raw in lines:
        for line in logical_lines(raw):
            _parse_line(line, where, read_file, result)
    return result


def _parse_line(
    line: str, where: str, read_file: Callable[[str, str], Requirements] | None, result: Requirements
) -> None:
    if not line.startswith("-"):
        result.packages.append(checked(line, where))
        return
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise EnvironmentBuildError(f"{where}: the line '{without_secrets(line)}' is malformed: {error}.") from None
    parse_arguments(words, where, read_file, result)


def parse_arguments(
    words: list[str], where: str, read_file: Callable[[str, str], Requirements] | None, result: Requirements
) -> None:
    """Sort the arguments of one `pip install` (or of one option line) into `result`."""
    position = 0

    def value(option: str) -> str:
        nonlocal position
        position += 1
        if position >= len(words):
            raise EnvironmentBuildError(f"{where}: the option {option} has no value.")
        return words[position]

    while position < len(words):
        word = words[position]
        option, equals, attached = word.partition("=") if word.startswith("--") else (word, "", "")
        if not word.startswith("--") and re.match(r"^-[rcfie][^-]", word):
            option, equals, attached = word[:2], "=", word[2:].lstrip("=")

        if not word.startswith("-"):
            result.packages.append(checked(word, where))
        elif option in SOURCE_OPTIONS:
            result.sources.append(f"{SOURCE_OPTIONS[option]} {attached if equals else value(option)}")
        elif option == "--no-index":
            result.sources.append("--no-index")
        elif option in {"-r", "--requirement", "-c", "--constraint"}:
            path = attached if equals else value(option)
            if read_file is None:
                raise EnvironmentBuildError(
                    f"{where}: the line '{word if equals else f'{option} {path}'}' names the file '{path}', which is "
                    "not part of the environment (Azure ML receives the conda file alone). Write the packages of "
                    f"'{path}' into the list itself, or use a docker build context that contains the file."
                )
            result.extend(read_file("-c" if option in {"-c", "--constraint"} else "-r", path))
        elif option in {"-e", "--editable"}:
            target = attached if equals else value(option)
            result.packages.append(checked(_editable(target, where, result), where))
        elif option == "--pre":
            result.prerelease = True
        elif option == "--trusted-host":
            result.insecure_hosts.append(attached if equals else value(option))
        elif option == "--hash":
            raise EnvironmentBuildError(f"{where}: {option} stands on a line without a package.")
        elif option in SILENT_FLAGS:
            pass
        elif option in SILENT_OPTIONS:
            if not equals:
                value(option)
        elif option in {"--no-deps", "--no-build-isolation", "--require-hashes"}:
            result.warnings.append(f"{where}: the option {option} is not honoured here.")
        else:
            raise EnvironmentBuildError(
                f"{where}: the pip option '{without_secrets(word)}' is not supported by the local workspace. "
                "Remove it, or use one of: -r, -c, -i/--index-url, --extra-index-url, -f/--find-links, --pre, "
                "--trusted-host, --no-binary, --only-binary."
            )
        position += 1


def _editable(target: str, where: str, result: Requirements) -> str:
    if not re.match(r"^(git|hg|svn|bzr)\+", target):
        raise EnvironmentBuildError(
            f"{where}: '-e {target}' is a folder on somebody's machine, which does not travel with the environment. "
            "Put the code into the step's `code:` folder, or install it from an index or from git+https://…"
        )
    result.warnings.append(f"{where}: '-e {without_secrets(target)}' is installed as an ordinary package.")
    return target


def checked(line: str, where: str) -> str:
    """The requirement as written, if it is one that can be installed here; else EnvironmentBuildError."""
    shown = without_secrets(line)
    if _URL.search(line):
        return line
    if _LOCAL.search(line.split(" ", maxsplit=1)[0]):
        raise EnvironmentBuildError(
            f"{where}: '{shown}' is a local path, which does not travel with the environment. "
            "Install the package from an index or from git+https://…, or put its code into the step's `code:` folder."
        )
    plain = re.split(r"\s+--(?:hash|config-settings|global-option|install-option)\b", line)[0].strip()
    try:
        Requirement(plain)
    except InvalidRequirement:
        single = re.match(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*=\s*([^=\s][^\s=]*)$", plain)
        hint = (
            f" pip wants two equals signs: '{single[1]}=={single[2]}'."
            if single
            else " Write it as pip does, for example 'pandas==2.2.2' or 'pandas>=2,<3'."
        )
        raise EnvironmentBuildError(f"{where}: '{shown}' is not a pip requirement.{hint}") from None
    return line
