"""Sweeps: trials of one command with values drawn from a search space."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from azureml_local.errors import not_implemented

from .engine import Engine, Work
from .specs import SweepSpec
from .values import Data


class SweepRunner:
    def __init__(
        self, engine: Engine, work: Work, spec: SweepSpec, execute: Callable[[Work], Awaitable[dict[str, Data]]]
    ) -> None:
        self._work = work

    async def __call__(self) -> dict[str, Data]:
        raise not_implemented("sweep jobs")
