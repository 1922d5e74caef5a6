"""An action's inputs, read from `INPUT_…` variables and checked all together before anything else happens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from errors import Problem, bad_input

_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def variable(name: str) -> str:
    """Environment variable that carries the input `name`: `node-sku` travels as INPUT_NODE_SKU."""
    return "INPUT_" + name.upper().replace("-", "_")


class Inputs:
    """Reads inputs, collects what is wrong with them, and raises it at once in `check()`.

    A getter never raises: it notes the problem and answers a harmless value, so that one run tells all of them.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[Problem] = []

    def raw(self, name: str) -> str:
        return self._env.get(variable(name), "").strip()

    def wrong(self, name: str, value: str, allowed: str, mend: str = "", *, file: str = "", line: int = 0) -> None:
        """Note one bad input: its name, its value, what is allowed, how to mend it."""
        shown = f"'{value}'" if value else "empty"
        self.problems.append(Problem(f"{name} is {shown}: {allowed}.{' ' + mend if mend else ''}", file, line))

    def text(
        self,
        name: str,
        *,
        required: bool = False,
        default: str = "",
        pattern: str = "",
        allowed: str = "",
        mend: str = "",
    ) -> str:
        """A text that matches `pattern` as a whole; `allowed` says the pattern in words."""
        value = self.raw(name) or default
        if not value:
            if required:
                self.wrong(name, "", allowed or "it is required", mend or f"Give `{name}:` under `with:`.")
        elif pattern and re.fullmatch(pattern, value) is None:
            self.wrong(name, value, allowed or f"it must match {pattern}", mend)
        return value

    def guid(self, name: str, *, required: bool = False, mend: str = "") -> str:
        allowed = "it must be an id like 00000000-0000-0000-0000-000000000000"
        return self.text(name, required=required, pattern=_GUID, allowed=allowed, mend=mend)

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self.raw(name) or str(default)
        if re.fullmatch(r"\d{1,9}", value) is None or not low <= int(value) <= high:
            self.wrong(name, value, f"it must be a whole number from {low} to {high}")
            return default
        return int(value)

    def percentage(self, name: str, *, default: float) -> float:
        """0 to 100, with or without `%`."""
        value = self.raw(name) or f"{default:g}"
        found = value.removesuffix("%").strip()
        if re.fullmatch(r"\d{1,3}(\.\d+)?", found) is None or float(found) > 100:
            self.wrong(name, value, "it must be a percentage from 0 to 100, as in 0.5")
            return default
        return float(found)

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.raw(name).lower() or str(default).lower()
        if value not in ("true", "false"):
            self.wrong(name, value, "it must be 'true' or 'false'")
            return default
        return value == "true"

    def choice(self, name: str, allowed: Iterable[str], *, default: str) -> str:
        options = list(allowed)
        value = self.raw(name) or default
        if value not in options:
            self.wrong(name, value, f"it must be one of {', '.join(options)}")
            return default
        return value

    def lines(self, name: str) -> list[str]:
        """Non-empty lines that are no comments (`#`)."""
        found = (line.strip() for line in self.raw(name).splitlines())
        return [line for line in found if line and not line.startswith("#")]

    def file(self, name: str, *, what: str) -> Path | None:
        """An existing file, relative to the working folder; None when it is wrong."""
        value = self.text(name, required=True, allowed=f"it must name {what}")
        if not value:
            return None
        path = Path(value)
        if path.is_file():
            return path
        kind = "it is a folder, not a file" if path.is_dir() else f"there is no such file in {Path.cwd()}"
        hint = "Run actions/checkout first." if not any(Path().glob("*")) else _similar(path)
        self.wrong(name, value, f"{kind}; it must name {what}", hint)
        return None

    def check(self) -> None:
        """Raise one error for all problems, or return."""
        if self.problems:
            raise bad_input(self.problems)


def _similar(path: Path) -> str:
    """Names of YAML files beside the one that was meant."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    names = sorted(str(found) for found in folder.glob("*.y*ml"))[:5]
    return f"There is: {', '.join(names)}." if names else ""


#: What Azure allows in names: the pattern, and the pattern in words.
RESOURCE_GROUP = (r"[\w().-]{0,89}[\w()-]", "it may have up to 90 letters, digits and - _ ( ) ., not ending in '.'")
WORKSPACE = (
    r"[a-zA-Z0-9][a-zA-Z0-9_-]{1,32}",
    "it must have 2 to 33 letters, digits, - or _, starting with a letter or digit",
)
COMPUTE = (
    r"[a-zA-Z][a-zA-Z0-9-]{0,22}[a-zA-Z0-9]",
    "it must have 2 to 24 letters, digits or -, starting with a letter and not ending with -",
)
ASSET = (
    r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}",
    "it must have up to 255 letters, digits, - _ or ., starting with a letter or digit",
)
