"""What a conda file asks for, said in pip's terms.

Follows conda's package match specification (docs.conda.io, "Package match specifications") and its
environment file (`dependencies`, the nested `pip:` list, `variables`). Versions are carried over as they are:
`=1.3` is fuzzy in conda and becomes `==1.3.*`, `==1.3` stays exact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from . import requirements
from .conda_names import pypi_name
from .errors import EnvironmentBuildError
from .requirements import Requirements

_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BRACKET = re.compile(r"\[(?P<body>[^\]]*)\]\s*$")
_RELATION = re.compile(r"^(===|==|>=|<=|!=|~=|>|<|=)?\s*(.*)$")


@dataclass(frozen=True)
class CondaRequest:
    """A conda file in pip's terms. `python` is a PEP 440 specifier (""= any version), None when not asked."""

    requirements: Requirements  # what conda itself would install
    pip: Requirements  # the pip section, which conda hands to pip afterwards
    python: str | None
    variables: Mapping[str, str]


def read(conda: Mapping[str, object], where: str) -> CondaRequest:
    """Translate a parsed conda file. `where` names it in messages. Raises EnvironmentBuildError."""
    listed = conda.get("dependencies") or []
    if not isinstance(listed, list):
        raise EnvironmentBuildError(f"{where}: 'dependencies' has to be a list, not {type(listed).__name__}.")
    found, pip = Requirements(), Requirements()
    python: str | None = None
    dropped: list[str] = []
    for item in listed:
        if isinstance(item, Mapping):
            pip.extend(_pip_section(item, where))
        elif isinstance(item, str):
            name, version = match_spec(item, where)
            if name == "python":
                python = version
                continue
            mapped = pypi_name(name)
            if mapped is None:
                dropped.append(item.strip())
            else:
                found.packages.append(f"{mapped}{version}")
        else:
            raise EnvironmentBuildError(
                f"{where}: the dependency {item!r} is neither a package ('numpy=1.26') nor a 'pip:' list."
            )
    if dropped:
        found.warnings.append(
            f"{where}: system packages are left out, the local workspace installs Python packages only: "
            f"{', '.join(dropped)}."
        )
    return CondaRequest(found, pip, python, _variables(conda, where))


def match_spec(spec: str, where: str) -> tuple[str, str]:
    """('scikit-learn', '==1.3.*') from 'conda-forge::scikit-learn=1.3'. The version is a PEP 440 specifier or ''."""
    text = re.sub(r"\s+#.*$", "", spec).strip()
    bracket = _BRACKET.search(text)
    version_key = ""
    if bracket:
        keys = dict(re.findall(r"(\w+)\s*=\s*['\"]?([^'\",]+(?:,[^'\",=]+)*)['\"]?", bracket["body"]))
        version_key = keys.get("version", "")
        text = text[: bracket.start()].strip()
    text = text.rpartition("::")[2].strip()  # the channel: PyPI is the one channel here
    matched = _NAME.match(text)
    if not matched:
        raise EnvironmentBuildError(f"{where}: '{spec}' is not a conda package. Write 'name' or 'name=version'.")
    name, rest = matched[0].lower(), text[matched.end() :].strip()
    if version_key:
        return name, _pep440(version_key, spec, where, exact_build=False)
    if not rest or rest == "*":
        return name, ""
    if rest[0] in "=<>!~":
        # name=1.2=build: one '=' before the version and another after it. The build string says which compiled
        # variant; wheels have none, so only the version counts - exactly, as conda reads it.
        built = re.match(r"^={1,2}([^=<>!~,|\s]+)=([^=\s]+)$", rest)
        if built:
            return name, _pep440(built[1], spec, where, exact_build=True)
        return name, _pep440(rest, spec, where, exact_build=False)
    words = rest.split()  # 'numpy 1.21 py39_0', 'numpy 1.21.*', 'numpy >=1.2'
    return name, _pep440(words[0] if len(words) == 2 else rest, spec, where, exact_build=True)


def _pep440(version: str, spec: str, where: str, *, exact_build: bool) -> str:
    if version.strip() in {"", "*", "=*", "==*"}:
        return ""
    if "|" in version:
        raise EnvironmentBuildError(
            f"{where}: '{spec}' offers alternatives with '|', which pip has no form for. Choose one version or a range."
        )
    clauses = []
    for part in version.split(","):
        matched = _RELATION.match(part.strip())
        relation, number = (matched[1] or "", matched[2].strip()) if matched else ("", part)
        fuzzy = number.endswith("*")
        number = number.rstrip("*").rstrip(".")
        if not number:
            continue
        if relation in {"", "=", "=="}:
            # A pre- or post-release has no "any below it" form in PEP 440, so it is taken exactly.
            prefix = fuzzy or (relation == "=" or (relation == "" and not exact_build))
            clauses.append(f"=={number}.*" if prefix and re.fullmatch(r"[0-9.!]+", number) else f"=={number}")
        elif relation == "!=" and fuzzy:
            clauses.append(f"!={number}.*")
        else:
            clauses.append(f"{relation}{number}")
    text = ",".join(clauses)
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise EnvironmentBuildError(
            f"{where}: the version in '{spec}' cannot be said in pip's terms. "
            "Write it as 'name=1.2', 'name==1.2.3' or 'name>=1.2,<2'."
        ) from None
    return text


def _pip_section(item: Mapping[object, object], where: str) -> Requirements:
    unknown = [str(key) for key in item if key != "pip"]
    if unknown:
        raise EnvironmentBuildError(
            f"{where}: the dependency section '{unknown[0]}:' is unknown; conda has only 'pip:'. "
            f"To ask for a version write '{unknown[0]}=1.2' without a colon."
        )
    lines = item.get("pip") or []
    if isinstance(lines, str):
        lines = [lines]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise EnvironmentBuildError(f"{where}: 'pip:' has to be a list of pip requirements.")
    return requirements.parse(lines, f"{where}, pip section")


def _variables(conda: Mapping[str, object], where: str) -> dict[str, str]:
    variables = conda.get("variables") or {}
    if not isinstance(variables, Mapping):
        raise EnvironmentBuildError(f"{where}: 'variables' has to be a mapping of names to values.")
    return {str(name): str(value) for name, value in variables.items()}
