"""Making environments with uv: one virtual environment per content hash, kept and shared.

<root>/<key>/            the virtual environment, built at its final path (they cannot be moved)
<root>/<key>/.ready      written last: without it the folder is half-built, and is built anew
<root>/.locks/<key>      who builds it; jobs, workspaces and processes on one machine wait for each other
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import failures, interpreters, locks, requirements, uv
from . import plan as plans
from .errors import EnvironmentBuildError
from .interpreters import Interpreter
from .plan import Plan
from .spec import EnvironmentSpec

__all__ = ["BuiltEnvironment", "EnvironmentBuildError", "EnvironmentBuilder"]

READY = ".ready"
LOCKS = ".locks"
# What conda's Python brings along. setuptools 82 dropped pkg_resources, which older Azure and MLflow packages import;
# an environment that asks for another version gets it.
SEEDS = ("pip", "setuptools<82", "wheel")


@dataclass(frozen=True)
class BuiltEnvironment:
    """A Python environment that is ready to run processes."""

    python: Path  # interpreter
    path: Path  # root of the virtual environment
    warnings: tuple[str, ...]  # where it differs from what Azure would have built; shown once to the user
    variables: Mapping[str, str]  # environment variables that the image or the conda file sets


class EnvironmentBuilder:
    """Builds environments below `root`, at most once each.

    `uv` is the uv program (default: the one installed with this package). `env` is laid over the process's
    environment variables: proxies, certificates, index settings for uv.
    """

    def __init__(self, root: Path, *, uv: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._root = root.absolute()
        self._uv = uv
        self._env = {**os.environ, **(env or {})}
        self._probed: dict[Path, Interpreter | None] = {}

    def key(self, spec: EnvironmentSpec) -> str:
        """Content hash of what `ensure` would build. Raises EnvironmentBuildError as `ensure` does for a bad spec."""
        plan = plans.make(spec)
        interpreter, _ = self._interpreter(plan)
        return plan.key(interpreter.minor)

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None]) -> BuiltEnvironment:
        """The environment for a specification, built now if it is not there yet.

        Progress goes to `log`, line by line; warnings are only returned. Cancelling the awaiting task ends uv and
        all it started. Raises EnvironmentBuildError, whose `log` is the tail of uv's output.
        """
        plan = plans.make(spec)
        interpreter, warning = await asyncio.to_thread(self._interpreter, plan)
        key = plan.key(interpreter.minor)
        path = self._root / key
        warnings = (*plan.warnings, *([warning] if warning else []))
        if _use(path):
            return _built(plan, path, warnings)
        try:
            (self._root / LOCKS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentBuildError(f"{plan.where}: cannot write to {self._root}: {error.strerror}.") from None
        waiting = f"{plan.where}: waiting for process {{}}, which is building the same environment"
        async with locks.locked(self._root / LOCKS / key, lambda holder: log(waiting.format(holder))) as lock:
            if not _use(path):
                await self._build(plan, interpreter, path, lock, log)
        return _built(plan, path, warnings)

    def _interpreter(self, plan: Plan) -> tuple[Interpreter, str | None]:
        return interpreters.choose(plan.python, plan.where, list(interpreters.candidates(self._env)), self._probe)

    def _probe(self, path: Path) -> Interpreter | None:
        if path not in self._probed:
            self._probed[path] = interpreters.probe(path)
        return self._probed[path]

    async def _build(
        self, plan: Plan, interpreter: Interpreter, path: Path, lock: int, log: Callable[[str], None]
    ) -> None:
        started = time.monotonic()
        many = len(plan.packages)
        log(f"{plan.where}: building it with Python {interpreter.minor} and {many} requirement{'s' * (many != 1)}")
        program = uv.find(self._uv)
        env = uv.environment(self._root, self._env)
        if path.exists():
            await asyncio.to_thread(shutil.rmtree, path)
        try:
            made = await uv.run(
                [program, "venv", "--python", interpreter.path, "--no-project", "--prompt", "azureml-local", path],
                env=env, on_line=lambda _: None, keep=(lock,),
            )  # fmt: skip
            self._check(made, plan, interpreter)
            install: list[str | Path] = [program, "pip", "install", "--python", path / "bin" / "python"]
            self._check(
                await uv.run([*install, *SEEDS], env=env, on_line=lambda _: None, keep=(lock,)), plan, interpreter
            )
            layered = await self._install(plan, interpreter, path, install, env, lock, log)
            _mark_ready(path, plan, interpreter, layered=layered)
        except EnvironmentBuildError:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            raise
        except OSError as error:
            raise EnvironmentBuildError(f"{plan.where}: cannot build it in {path}: {error}.") from None
        log(f"{plan.where}: ready after {time.monotonic() - started:.1f} s")

    async def _install(
        self,
        plan: Plan,
        interpreter: Interpreter,
        path: Path,
        command: list[str | Path],
        env: Mapping[str, str],
        lock: int,
        log: Callable[[str], None],
    ) -> bool:
        """Install the packages, all at once if they go together, else layer by layer; returns True for the latter.

        Azure makes the layers (conda, its pip section, each pip install of a Dockerfile) one after the other, and a
        later one may replace what an earlier one chose. At once is faster and gives versions that fit each other.
        """
        options = [*command, *_options(plan, path), "--requirements", "-"]
        say = _quietly(log)

        async def install(packages: tuple[str, ...]) -> uv.Outcome:
            text = plan.requirements_text(packages)
            return await uv.run(options, env=env, stdin=text, on_line=say, keep=(lock,))

        if not plan.packages:
            return False
        outcome = await install(plan.packages)
        if outcome.code == 0 or len(plan.layers) < 2 or not failures.is_conflict(outcome.text):
            self._check(outcome, plan, interpreter)
            return False
        log(f"{plan.where}: its parts exclude each other, so they are installed one after the other")
        for layer in plan.layers:
            self._check(await install(layer), plan, interpreter)
        return True

    @staticmethod
    def _check(outcome: uv.Outcome, plan: Plan, interpreter: Interpreter) -> None:
        if outcome.code != 0:
            reason = failures.explain(plan, interpreter, outcome.text)
            raise EnvironmentBuildError(reason, log=outcome.text)


def _built(plan: Plan, path: Path, warnings: tuple[str, ...]) -> BuiltEnvironment:
    if json.loads((path / READY).read_text(encoding="utf-8"))["layered"]:
        told = (
            f"{plan.where}: what its parts (conda, pip section, pip installs) ask for excludes each other. They were "
            "installed one after the other, as Azure ML does, and later ones replaced versions of earlier ones."
        )
        warnings = (*warnings, told)
    return BuiltEnvironment(path / "bin" / "python", path, warnings, plan.variables)


def _options(plan: Plan, path: Path) -> list[str | Path]:
    options: list[str | Path] = []
    if plan.constraints:
        file = path / "constraints.txt"
        file.write_text("\n".join(plan.constraints) + "\n", encoding="utf-8")
        options += ["--constraints", file]
    if plan.prerelease:
        options += ["--prerelease", "allow"]
    for host in plan.insecure_hosts:
        options += ["--allow-insecure-host", host]
    if any(source.startswith("--extra-index-url") for source in plan.sources):
        # pip takes the best version of all indexes; uv would stop at the first that has the package
        options += ["--index-strategy", "unsafe-best-match"]
    return options


def _use(path: Path) -> bool:
    """Whether the environment is ready; if so, its last use is noted."""
    ready = path / READY
    if not (ready.exists() and (path / "bin" / "python").exists()):  # its interpreter may have been uninstalled
        return False
    with contextlib.suppress(OSError):
        os.utime(ready)
    return True


def _mark_ready(path: Path, plan: Plan, interpreter: Interpreter, *, layered: bool) -> None:
    content = {
        "name": plan.where.removeprefix("environment "),
        "python": ".".join(map(str, interpreter.version)),
        "requirements": [requirements.without_secrets(line) for line in plan.packages],
        "layered": layered,
    }
    draft = path / f"{READY}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path / READY)


def _quietly(log: Callable[[str], None]) -> Callable[[str], None]:
    """uv's progress without the list of every single package and the path of the environment."""

    def say(line: str) -> None:
        if not line.startswith((" + ", " - ", " ~ ", "Using Python")):
            log(f"  {line}")

    return say
