"""Sweeps, read from sweep jobs and sweep steps."""

from __future__ import annotations

from collections.abc import Mapping

from azureml_local.errors import not_implemented

from .command_reader import CommandReader
from .problems import Problems
from .references import Asset
from .specs import SweepSpec
from .values import InputPort, OutputPort


class SweepReader:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def of_job(
        self,
        given: Mapping[str, object],
        commands: CommandReader,
        inputs: Mapping[str, InputPort],
        outputs: Mapping[str, OutputPort],
    ) -> SweepSpec | None:
        raise not_implemented("sweep jobs")

    def of_node(
        self, node: Mapping[str, object], commands: CommandReader, component: Asset, where: str
    ) -> SweepSpec | None:
        raise not_implemented(f"sweep steps ({where})")
