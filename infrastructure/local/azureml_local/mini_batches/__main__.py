"""`python mini_batches CONFIG.json` is the driver; the driver starts `python mini_batches CONFIG.json worker …` itself.

The package is loaded under a name of its own and the folder taken off `sys.path`, so that nothing here can stand in
for a module of the user's.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = "azureml_mini_batches"


def load(module: str) -> object:
    """A module of this package."""
    if PACKAGE not in sys.modules:
        folder = Path(__file__).resolve().parent
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{module}")


if __name__ == "__main__":
    sys.path.pop(0)
    program = load("worker" if sys.argv[2:3] == ["worker"] else "driver")
    sys.exit(program.main(sys.argv[1:]))  # type: ignore[attr-defined]
