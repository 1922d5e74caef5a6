"""Parallel runs: an entry script over mini-batches of files."""

from __future__ import annotations

from azureml_local.errors import not_implemented

from .engine import Engine, Work
from .specs import ParallelSpec
from .values import Data


class ParallelRunner:
    def __init__(self, engine: Engine, work: Work, spec: ParallelSpec) -> None:
        self._work = work

    async def __call__(self) -> dict[str, Data]:
        raise not_implemented("parallel steps")
