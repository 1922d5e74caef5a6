"""One instance of a deployment: a running inference server, started, probed, restarted when it dies, ended.

The workspace opens the listening socket and keeps it for as long as the instance lives. So nobody else can answer in
the server's place, and what was asked just before the server died is answered by its successor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from azureml_local import log_files
from azureml_local.jobs import processes

from .backend import Target
from .deployment_rules import Probe
from .upstream import ask

log = logging.getLogger("azureml_local.online")

BACKLOG = 2048
LONGEST_PAUSE = 60.0
_LAUNCHER = Path(__file__).parent / "launcher.py"


class InstanceError(Exception):
    """An instance did not become ready; the message says why."""


@dataclass(frozen=True)
class Serving:
    """How to start a server: its Python, its script, its environment variables, its log, its probes."""

    python: Path
    script: Path
    cwd: Path
    environment: Mapping[str, str]
    log: Path
    liveness: Probe
    readiness: Probe


class Ledger(Protocol):
    """Remembers processes, so that a workspace that was killed finds them at its next start."""

    def remember(self, token: str, pids: list[tuple[int, str]]) -> None: ...

    def forget(self, token: str) -> None: ...


class Instance:
    """`start`, then it looks after itself until `stop`. `changed` is called when its readiness changes."""

    def __init__(self, serving: Serving, number: int, ledger: Ledger, changed: Callable[[], None]) -> None:
        self._serving = serving
        self._number = number
        self._ledger = ledger
        self._changed = changed
        self._token = secrets.token_hex(16)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(BACKLOG)
        self.target = Target(int(self._socket.getsockname()[1]))
        self._process: asyncio.subprocess.Process | None = None
        self._started = ""
        self._keeper: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it is not running."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Returns when the server answers. Raises InstanceError when it ends first, or answers too late."""
        try:
            await self._launch()
            await self._until_ready(min(self._serving.liveness.patience, self._serving.readiness.patience))
        except BaseException:
            await self.stop()
            raise
        self._set_ready(True)
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name=f"instance {self._number}")

    async def stop(self) -> None:
        """End the server and all it started; nothing more is answered here. Returns when it is gone, whoever asked."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        self._set_ready(False)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        await self._end()
        self.target.pool.close()
        self._socket.close()

    # -- the process ---------------------------------------------------------------------------------------------

    async def _launch(self) -> None:
        serving = self._serving
        self._ledger.remember(self._token, [])  # before it runs: a kill -9 in between must leave a trace
        arguments: list[str | Path] = [
            serving.python, _LAUNCHER, str(os.getpid()), str(self._socket.fileno()),
            "--entry_script", serving.script, "--port", str(self.target.port),
        ]  # fmt: skip
        with serving.log.open("ab") as output:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *arguments,
                    env={**serving.environment, processes.TOKEN: self._token},
                    cwd=serving.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(self._socket.fileno(),),
                )
            except OSError as error:
                self._ledger.forget(self._token)
                raise InstanceError(f"The server cannot be started: {error}.") from error
        self._started = processes.start_time(self._process.pid) or ""
        self._ledger.remember(self._token, [(self._process.pid, self._started)])

    async def _end(self) -> None:
        if self._process is not None:
            pids = [(self._process.pid, self._started)]
            await asyncio.to_thread(processes.end_processes, pids, self._token)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._process.wait(), 5)
            self._process = None
        self._ledger.forget(self._token)

    async def _until_ready(self, patience: float) -> None:
        process = self._process
        assert process is not None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        ended = loop.create_task(process.wait())
        answered = 0
        try:
            while answered < self._serving.readiness.success_threshold:
                left = deadline - loop.time()
                if left <= 0:
                    raise InstanceError(
                        f"The server did not answer within {patience:g} s, the time that its probes allow "
                        "(initial_delay + period x failure_threshold)."
                    )
                probe = loop.create_task(self._probe(left))
                await asyncio.wait({ended, probe}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    probe.cancel()
                    raise InstanceError(_how_it_ended(ended.result()))
                if probe.result():
                    answered += 1
                else:
                    await asyncio.sleep(0.1)
        finally:
            ended.cancel()

    async def _probe(self, seconds: float) -> bool:
        """Whether the server answers `GET /` with 200 in time: it does once init() has ended."""
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            return await ask(self.target.pool, b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", deadline) == 200
        except (OSError, asyncio.TimeoutError):
            return False

    # -- looking after it ----------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Restart the server whenever it ends or its liveness fails, after a pause that doubles."""
        failures = 0
        while True:
            since = time.monotonic()
            reason = await self._watched()
            self._set_ready(False)
            failures = 1 if time.monotonic() - since > LONGEST_PAUSE else failures + 1
            pause = 0.0 if failures == 1 else min(2.0 ** (failures - 2), LONGEST_PAUSE)
            self._say(f"{reason} It is started again" + (f" in {pause:g} s." if pause else "."))
            await self._end()
            await asyncio.sleep(pause)
            try:
                await self._launch()
                await self._until_ready(min(self._serving.liveness.patience, self._serving.readiness.patience))
            except InstanceError as error:
                self._say(str(error))
                continue
            self._set_ready(True)

    async def _watched(self) -> str:
        """Returns, with the reason, when the server ended or has to be ended."""
        process = self._process
        if process is None:
            return "The server is not running."
        loop = asyncio.get_running_loop()
        ended = loop.create_task(process.wait())
        alive = loop.create_task(self._watch_liveness())
        ready = loop.create_task(self._watch_readiness())
        try:
            await asyncio.wait({ended, alive}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return _how_it_ended(ended.result())
            return "The liveness probe failed too often."
        finally:
            for task in (ended, alive, ready):
                task.cancel()
            await asyncio.gather(ended, alive, ready, return_exceptions=True)

    async def _watch_liveness(self) -> None:
        probe = self._serving.liveness
        failed = 0
        while failed < probe.failure_threshold:
            await asyncio.sleep(probe.period)
            log_files.trim(self._serving.log)
            failed = 0 if await self._probe(probe.timeout) else failed + 1

    async def _watch_readiness(self) -> None:
        probe = self._serving.readiness
        failed = answered = 0
        while True:
            await asyncio.sleep(probe.period)
            if await self._probe(probe.timeout):
                failed, answered = 0, answered + 1
            else:
                failed, answered = failed + 1, 0
            if failed >= probe.failure_threshold:
                self._set_ready(False)
            elif answered >= probe.success_threshold:
                self._set_ready(True)

    def _set_ready(self, ready: bool) -> None:
        if self.target.ready != ready:
            self.target.ready = ready
            self._changed()

    def _say(self, line: str) -> None:
        log.warning("instance %d on port %d: %s", self._number, self.target.port, line)
        with suppress(OSError), self._serving.log.open("a", encoding="utf-8") as file:
            file.write(f"azureml-local: instance {self._number}: {line}\n")


def _how_it_ended(code: int) -> str:
    return f"The server was ended by signal {-code}." if code < 0 else f"The server exited with code {code}."


async def start_all(instances: list[Instance]) -> None:
    """Start them side by side. When one fails, the others are stopped, and its error is raised."""
    starting: list[Awaitable[None]] = [asyncio.ensure_future(instance.start()) for instance in instances]
    try:
        await asyncio.gather(*starting)
    except BaseException:
        for task in starting:
            assert isinstance(task, asyncio.Future)
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        await asyncio.gather(*(instance.stop() for instance in instances), return_exceptions=True)
        raise
