"""MLflow's server as a child process: started, watched, restarted and called.

MLflow is heavy (2-6 s and 140 MB before it answers), so it starts beside the workspace, not before it: whoever needs it
waits in `wait_ready()`. The listening socket is opened here and handed down, so the port can't be anybody else's.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from azureml_local import tools
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from .child_process import ChildProcess
from .loopback import Answer, call

CHILD = Path(__file__).with_name("child.py")
START_SECONDS = 600.0  # the first start downloads the environment
CALL_SECONDS = 110.0  # MLflow's clients give up after 120 s
RESTART_SECONDS = (0.2, 1.0, 5.0, 15.0)  # pauses before the first, second, … restart in a row


class MlflowUnavailableError(Exception):
    """The server does not run (yet); the message says why and where its log is."""


class Supervisor:
    """Keeps one child running, and knows its secret."""

    def __init__(
        self,
        services: Services,
        *,
        child: Path = CHILD,
        python: Callable[[], Path] | None = None,
        pauses: Sequence[float] = RESTART_SECONDS,
    ) -> None:
        """child: the script to run.  python: finds or builds the interpreter that runs it, and may block."""
        self._services = services
        self._child = child
        self._python = python or self._locked_python
        self._pauses = pauses
        self._secret = secrets.token_urlsafe(32)
        self._socket: socket.socket | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._stopped = threading.Event()
        self._attempt: asyncio.Future[None] | None = None  # this life of the child: done when it answers, or why not

    @property
    def log(self) -> Path:
        """What the child wrote to stdout and stderr."""
        return self._services.paths.log.with_name("mlflow.log")

    async def start(self) -> None:
        """Begin starting; returns at once. `wait_ready()` tells when it answers."""
        if self._supervisor is None:
            self._stopped.clear()
            self._socket = socket.socket()
            self._socket.bind(("127.0.0.1", 0))
            self._socket.listen(128)
            self._attempt = _attempt()
            self._supervisor = self._services.spawn(self._supervise(), "mlflow server")

    async def stop(self) -> None:
        """End the child, or its installation, and wait until it is gone."""
        self._stopped.set()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Until the server answers; MlflowUnavailableError when it cannot, or not in this time."""
        if self._attempt is None:
            raise MlflowUnavailableError("The MLflow server was not started.")
        try:
            await asyncio.wait_for(asyncio.shield(self._attempt), seconds)
        except asyncio.TimeoutError:
            raise MlflowUnavailableError(
                f"The MLflow server is still starting after {seconds:.0f} s: {self.log}"
            ) from None

    async def call(
        self, method: str, target: str, workspace: WorkspaceRef, body: bytes = b"", *, content_type: str | None = None
    ) -> Answer:
        """One request to the server as MLflow's REST API has it. Raises MlflowUnavailableError."""
        await self.wait_ready(CALL_SECONDS)
        headers = [
            ("X-Azureml-Local-Secret", self._secret),
            ("X-Azureml-Local-Workspace", workspace.id),
            ("Content-Type", content_type or "application/json"),
        ]
        try:
            return await asyncio.wait_for(call(self._port, method, target, headers, body), CALL_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            raise MlflowUnavailableError(
                f"The MLflow server broke off ({type(error).__name__}: {error}). Its log: {self.log}"
            ) from error

    @property
    def _port(self) -> int:
        if self._socket is None:
            raise MlflowUnavailableError("The MLflow server was stopped.")
        return int(self._socket.getsockname()[1])

    async def _supervise(self) -> None:
        """Keep one child running, for ever; a child that keeps failing is tried again less and less often."""
        failures = 0
        while True:
            self._attempt = attempt = _attempt()
            try:
                await self._serve(attempt)
                failures = 0  # it had been answering
                self._services.log.warning("the MLflow server ended and is started again; its log: %s", self.log)
            except Exception as error:  # noqa: BLE001 - whatever it is: tell those who wait, and try again
                self._services.log.warning("the MLflow server does not start: %s", error)
                if not attempt.done():
                    attempt.set_exception(MlflowUnavailableError(f"The MLflow server does not start: {error}"))
                failures += 1
            await asyncio.sleep(self._pauses[min(failures, len(self._pauses) - 1)])

    def _locked_python(self) -> Path:
        folder = tools.ensure(self._services.paths, "mlflow", self._services.log.info, self._stopped)
        return folder / "bin" / "python"

    async def _serve(self, attempt: asyncio.Future[None]) -> None:
        """One life of the child: completes the attempt when it answers, returns when it ended after that."""
        assert self._socket is not None
        configuration = {
            "socket": self._socket.fileno(),
            "secret": self._secret,
            "databases": str(self._services.paths.mlflow),
            "host": self._services.settings.api_host,
        }
        python = await asyncio.to_thread(self._python)
        child = await ChildProcess.start(
            python, self._child, configuration, folder=self._services.paths.mlflow, log=self.log
        )
        ended = asyncio.ensure_future(child.ended())
        answering = asyncio.ensure_future(self._until_healthy())
        try:
            await asyncio.wait({ended, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise MlflowUnavailableError(f"it ended with {ended.result()} while starting. {child.last_words()}")
            answering.result()
            attempt.set_result(None)
            await ended
        finally:
            ended.cancel()
            answering.cancel()
            await child.end()

    async def _until_healthy(self) -> None:
        """The socket accepts before the child does, so one call that waits for its answer is enough."""
        answer = await call(self._port, "GET", "/internal/health", [("X-Azureml-Local-Secret", self._secret)])
        if answer.status != 200:
            raise MlflowUnavailableError(f"its health check answered {answer.status}")
        self._services.log.info("MLflow %s answers", json.loads(answer.body)["mlflow"])


def _attempt() -> asyncio.Future[None]:
    attempt: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    attempt.add_done_callback(lambda done: done.cancelled() or done.exception())  # not every failure has a waiter
    return attempt
