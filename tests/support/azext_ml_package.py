"""Makes the az extension's modules that need no az importable: the package, less its az entry point."""

from __future__ import annotations

import sys
import types

from azureml_local.paths import REPOSITORY

if "azext_ml" not in sys.modules:
    package = types.ModuleType("azext_ml")
    package.__path__ = [str(REPOSITORY / "infrastructure" / "local" / "az_ml" / "azext_ml")]
    sys.modules["azext_ml"] = package
