"""`from azureml_user.parallel_run import EntryScript`: the module that Azure ML puts beside the user's entry script.

Of what it has there the documentation names the logger; it writes to the process's file below `logs/user`. Source:
learn.microsoft.com/azure/machine-learning/how-to-debug-parallel-run-step ("How do I log from my user script").
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType


class EntryScript:
    """The entry script, as it sees itself: one instance in a process."""

    _only: EntryScript | None = None
    logger: logging.Logger

    def __new__(cls) -> EntryScript:
        if cls._only is None:
            cls._only = super().__new__(cls)
            cls._only.logger = logging.getLogger("azureml_user.parallel_run")
        return cls._only

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"The local workspace's EntryScript has a logger and nothing else; not '{name}'.")


def provide() -> None:
    """Make the module importable in this process."""
    package, module = ModuleType("azureml_user"), ModuleType("azureml_user.parallel_run")
    package.__path__ = []
    module.EntryScript = EntryScript  # type: ignore[attr-defined]
    package.parallel_run = module  # type: ignore[attr-defined]
    sys.modules.setdefault("azureml_user", package)
    sys.modules.setdefault("azureml_user.parallel_run", module)
