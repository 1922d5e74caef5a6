"""The user's entry script: found, imported, and its `init()` and `run()` called.

Source: learn.microsoft.com/azure/machine-learning/how-to-batch-scoring-script.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from . import entry_script
from .config import Config
from .tables import read_rows


class ScriptError(Exception):
    """The entry script is not one; the message says why."""


class MiniBatchContext:
    """What `run(mini_batch, mini_batch_context)` is told besides the mini-batch.

    partition_key_value: the values of the partition keys by name, None without any.
    """

    def __init__(self, minibatch_index: int, partition_key_value: dict[str, Any] | None) -> None:
        self.minibatch_index = minibatch_index
        self.partition_key_value = partition_key_value


class Script:
    """Calls into the entry script. Its folder is first in `sys.path`, its arguments are in `sys.argv`."""

    def __init__(self, config: Config) -> None:
        self._path = config.script
        self._name = Path(config.script).name
        self._arguments = config.arguments
        self._module: ModuleType | None = None
        self._wants_context = False

    def init(self) -> None:
        """Import the script and call `init()`."""
        if not Path(self._path).is_file():
            raise ScriptError(f"There is no entry script '{self._name}' in the code folder.")
        sys.argv = [self._path, *self._arguments]
        sys.path.insert(0, str(Path(self._path).parent))
        entry_script.provide()
        name = Path(self._name).stem
        spec = importlib.util.spec_from_file_location(name, self._path)
        if spec is None or spec.loader is None:
            raise ScriptError(f"The entry script '{self._name}' is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        for needed in ("init", "run"):
            if not callable(getattr(module, needed, None)):
                raise ScriptError(
                    f"The entry script '{self._name}' has no function {needed}(). It needs init() and run(mini_batch)."
                )
        self._module = module
        self._wants_context = len(inspect.signature(module.run).parameters) > 1
        module.init()

    def run(self, task: dict[str, Any]) -> Any:
        """What `run()` returns for these files, or the rows of a table."""
        assert self._module is not None
        mini_batch = read_rows(task["files"][0]) if task["table"] else list(task["files"])
        if self._wants_context:
            return self._module.run(mini_batch, MiniBatchContext(task["number"], task["key"]))
        return self._module.run(mini_batch)

    def shutdown(self) -> None:
        """Call `shutdown()`, if the script has one."""
        if self._module is not None and callable(getattr(self._module, "shutdown", None)):
            self._module.shutdown()
