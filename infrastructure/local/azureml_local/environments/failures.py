"""Why an installation failed, in one readable sentence, read off what uv says."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from .interpreters import Interpreter, install_hint
from .plan import Plan

_MISSING_VERSION = re.compile(r"there (?:is|are) no versions? of\s+([^\s,]+)")
_MISSING_PACKAGE = re.compile(r"([A-Za-z0-9][\w.-]*) was not found in the (?:package registry|provided package)")
_NO_WHEEL = re.compile(
    r"([A-Za-z0-9][\w.-]*(?:==[^\s,]+)?) (?:has no wheels|has no usable wheels|has no source distribution)"
)
_FAILED_BUILD = re.compile(r"Failed to (?:build|download and build|resolve dependencies for)[^`]*`([^`]+)`")
_WRONG_PYTHON = re.compile(r"Python version \(([\d.]+)\) does not satisfy\s+Python([<>=!~][^\s,]*(?:,[<>=!~][^\s,]*)*)")


def is_conflict(output: str) -> bool:
    """Whether everything asked for exists, and only not together."""
    text = re.sub(r"\s+", " ", output)
    known = (_MISSING_VERSION, _MISSING_PACKAGE, _WRONG_PYTHON)
    return "No solution found" in text and not any(pattern.search(text) for pattern in known)


def explain(plan: Plan, interpreter: Interpreter, output: str) -> str:
    """One sentence: what could not be installed, where it is asked for, and how to mend it."""
    text = re.sub(r"\s+", " ", output)
    if "No space left on device" in text:
        return f"{plan.where}: the disk that holds the environments is full. Free some space, then run the job again."
    if re.search(r"invalid peer certificate|UnknownIssuer|self.signed certificate|CertificateUnknown", text):
        return (
            f"{plan.where}: the package index's certificate is not trusted here. Set SSL_CERT_FILE to a bundle "
            "that holds your company's CA, then start the local workspace again."
        )
    if re.search(r"dns error|tcp connect error|Connection refused|error sending request|operation timed out|"
                 r"Network is unreachable|Could not connect|tunnel|client error \(Connect\)", text):  # fmt: skip
        url = re.search(r"https?://[^\s`'\")]+", text)
        return (
            f"{plan.where}: the package index{f' ({url[0]})' if url else ''} could not be reached. Check the "
            "network and the proxy (HTTPS_PROXY), or name your mirror in UV_DEFAULT_INDEX or PIP_INDEX_URL."
        )
    if re.search(r"[Gg]it executable not found|Git operation failed", text):
        return (
            f"{plan.where}: a package from git+https:// could not be fetched. Check that git is installed and that the "
            "repository and its revision exist and can be read without a password."
        )
    missing = _MISSING_PACKAGE.search(text)
    if missing:
        hint = (
            " The conda file asks for it; its name on PyPI may differ: put it under 'pip:' with that name."
            if canonicalize_name(missing[1]) in plan.from_conda
            else " Check the spelling, or add the index that has it with '--extra-index-url'."
        )
        return f"{plan.where}: the package {missing[1]} was not found on the package index.{hint}"
    wrong = _WRONG_PYTHON.search(text)
    wheel = _NO_WHEEL.search(text) or _FAILED_BUILD.search(text)
    if wrong or wheel:
        package = wheel[1].replace("@", "==") if wheel else _first_package(plan, text)
        why = f"it needs Python {wrong[2]}" if wrong else "there is no ready-made wheel, and building it failed"
        return (
            f"{plan.where}: {package} cannot be installed for Python {interpreter.minor}: {why}."
            f" {_python_advice(plan, interpreter)}"
        )
    version = _MISSING_VERSION.search(text)
    if version:
        return (
            f"{plan.where}: the package {version[1]} was not found: the package index has no such version "
            f"for Python {interpreter.minor}. Ask for one that exists. {_if_substituted(plan, interpreter)}"
        ).rstrip()
    if "unsatisfiable" in text or "No solution found" in text:
        return f"{plan.where}: the versions asked for exclude each other; see the end of the log below for which."
    return f"{plan.where}: the installation failed; see the end of the log below."


def _python_advice(plan: Plan, interpreter: Interpreter) -> str:
    wanted = _wanted(plan)
    if wanted and wanted != interpreter.minor:
        return (
            f"The environment asks for Python {wanted}, which is not on this machine: install it{install_hint(wanted)} "
            "and run the job again, or ask for newer versions."
        )
    return (
        f"Ask for a version that supports Python {interpreter.minor}, or for another Python "
        "in the conda file ('python=3.x')."
    )


def _if_substituted(plan: Plan, interpreter: Interpreter) -> str:
    wanted = _wanted(plan)
    if wanted and wanted != interpreter.minor:
        return f"The environment asks for Python {wanted}; installing that interpreter may help{install_hint(wanted)}."
    return ""


def _wanted(plan: Plan) -> str | None:
    matched = re.search(r"(3\.\d+)", plan.python or "")
    return matched[1] if matched else None


def _first_package(plan: Plan, text: str) -> str:
    named = [package for package in plan.packages if package.split(";")[0].strip() in text]
    return named[0] if named else "a package"
