"""What a sweep tries next: points known beforehand (grid, random), or points chosen from how the earlier ones did."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from azureml_local import tools
from azureml_local.paths import StatePaths

from . import search_space
from .errors import JobFailedError
from .specs import SweepSpec

TOOL = "optuna"  # its lock file is infrastructure/locks/optuna.txt
CHILD = Path(__file__).with_name("bayesian_child.py")


class Sampler(Protocol):
    """Gives points and is told how they did."""

    async def next(self) -> Mapping[str, Any] | None:
        """The next point; None when there is nothing left to try."""
        ...

    async def tell(self, point: Mapping[str, Any], value: float | None) -> None:
        """The metric of a point's trial; None when it has none."""
        ...

    async def close(self) -> None: ...


class ListSampler:
    """Points of a list."""

    def __init__(self, points: Iterable[Mapping[str, Any]]) -> None:
        self._points = iter(points)

    async def next(self) -> Mapping[str, Any] | None:
        return next(self._points, None)

    async def tell(self, point: Mapping[str, Any], value: float | None) -> None:
        """What became of a point changes nothing."""

    async def close(self) -> None:
        """Nothing is open."""


class BayesianSampler:
    """Optuna's tree-structured Parzen estimator, in a process and an environment of its own.

    Azure does not say how its own sampler works, so the points differ; what both promise is the same: choices that
    follow the values seen so far, also while other trials are under way.
    """

    def __init__(self, process: asyncio.subprocess.Process, count: int) -> None:
        self._process = process
        self._left = count
        self._lock = asyncio.Lock()
        self._numbers: dict[int, int] = {}  # id of the point handed out -> optuna's number of its trial

    @classmethod
    async def start(cls, python: Path, spec: SweepSpec) -> BayesianSampler:
        """Start the process. python: of an environment with optuna."""
        process = await asyncio.create_subprocess_exec(
            str(python),
            "-Iu",
            str(CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        sampler = cls(process, spec.max_trials)
        await sampler._ask({"space": spec.space, "goal": spec.goal, "seed": spec.seed})
        return sampler

    async def next(self) -> Mapping[str, Any] | None:
        if self._left <= 0:
            return None
        self._left -= 1
        answer = await self._ask({"ask": True})
        point: dict[str, Any] = answer["point"]
        self._numbers[id(point)] = answer["number"]
        return point

    async def tell(self, point: Mapping[str, Any], value: float | None) -> None:
        await self._ask({"tell": self._numbers.pop(id(point)), "value": value})

    async def close(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.communicate()

    async def _ask(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._lock:
            with suppress(ConnectionError):  # it died: there will be no answer
                self._process.stdin.write(json.dumps(question).encode() + b"\n")
                await self._process.stdin.drain()
            line = await self._process.stdout.readline()
        if not line:
            _, said = await self._process.communicate()
            raise JobFailedError("SamplerFailed", "The bayesian sampler ended.", tail=said.decode(errors="replace"))
        return json.loads(line)


async def sampler_of(spec: SweepSpec, paths: StatePaths, say: Callable[[str], None]) -> Sampler:
    """The sampler of a sweep. say: is told of an installation. Raises JobFailedError when its tool cannot be had."""
    if spec.sampling != "bayesian":
        return ListSampler(search_space.points(spec.space, spec.sampling, spec.seed, spec.max_trials, spec.log_base))
    try:
        folder = await asyncio.to_thread(tools.ensure, paths, TOOL, say)
    except tools.ToolError as error:
        raise JobFailedError("SamplerUnavailable", str(error)) from error
    return await BayesianSampler.start(folder / "bin" / "python", spec)
