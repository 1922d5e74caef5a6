"""The extension's modules that need no az, importable without it: the package, less its az entry point."""

from __future__ import annotations

import sys
import types
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[4] / "infrastructure" / "local" / "az_ml" / "azext_ml"

if "azext_ml" not in sys.modules:
    package = types.ModuleType("azext_ml")
    package.__path__ = [str(PACKAGE)]
    sys.modules["azext_ml"] = package
