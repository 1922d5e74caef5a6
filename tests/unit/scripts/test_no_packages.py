"""What runs on a runner's own Python imports the standard library and its siblings only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SCRIPTS = {path.stem: path for path in (Path(__file__).parents[3] / "scripts").glob("*.py")}
#: It has a virtual environment of its own: the SDK's lock file.
WITH_PACKAGES = {"validate_models"}


def imported(module: str) -> set[str]:
    """First parts of the names that a script imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(SCRIPTS[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - {"__future__"}


@pytest.mark.parametrize("module", sorted(SCRIPTS.keys() - WITH_PACKAGES))
def test_a_script_needs_no_packages(module: str) -> None:
    strangers = {name for name in imported(module) if name not in SCRIPTS and name not in sys.stdlib_module_names}
    assert not strangers
    assert not imported(module) & WITH_PACKAGES


def test_the_exception_is_one() -> None:
    assert {"yaml", "jsonschema", "azure"} <= imported("validate_models")
