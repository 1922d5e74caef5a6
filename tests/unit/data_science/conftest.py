"""The models' step code under test. Each model has modules of the same names (prep, train …) that import their
siblings, so they are loaded one model at a time."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

MODELS = Path(__file__).resolve().parents[3] / "data-science" / "models"


@pytest.fixture
def load_step() -> Iterator[Callable[[str, str], ModuleType]]:
    """`load_step("taxi", "rows")`: that module of that model, forgotten after the test."""
    before, path = set(sys.modules), list(sys.path)

    def load(model: str, module: str) -> ModuleType:
        code = MODELS / model / "code"
        if str(code) not in sys.path:
            sys.path.insert(0, str(code))
        return importlib.import_module(module)

    yield load
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(MODELS)):
            del sys.modules[name]
