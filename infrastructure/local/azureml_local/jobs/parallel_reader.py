"""Parallel steps, read from their components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azureml_local.errors import not_implemented

from .command_reader import CommandReader
from .problems import Problems
from .specs import ParallelSpec


class ParallelReader:
    def __init__(self, problems: Problems, commands: CommandReader) -> None:
        self._problems = problems
        self._commands = commands

    def read(self, spec: Mapping[str, Any], node: Mapping[str, Any], where: str) -> ParallelSpec | None:
        raise not_implemented(f"parallel steps ({where})")
