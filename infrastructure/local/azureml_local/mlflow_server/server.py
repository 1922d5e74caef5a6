"""The MLflow server as the workspace sees it: a child process that is started, watched, restarted and asked.

MLflow is heavy (2-6 s and 140 MB before it answers), so it starts beside the workspace, not before it: whoever needs it
waits in `wait_ready()`. The listening socket is opened here and handed down, so the port can't be anybody else's.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

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


class RunNotFoundError(Exception):
    """No MLflow run has this id."""


@dataclass(frozen=True)
class ClientRun:
    """A run that a client made or changed itself, outside a job: `mlflow.start_run()` on a laptop, or nested in a step.

    status: MLflow's word (RUNNING, FINISHED, FAILED, KILLED, SCHEDULED). Times are milliseconds since the epoch.
    """

    workspace: WorkspaceRef
    run_id: str
    experiment_id: str
    experiment_name: str
    name: str
    status: str
    start_time: int
    end_time: int | None
    tags: Mapping[str, str]


RunHook = Callable[[ClientRun], Awaitable[None]]


class MlflowServer:
    """Tracking: one server, one database file a workspace. Jobs become runs through `ensure_run` and `end_run`."""

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
        self.on_run_created: list[RunHook] = []
        self.on_run_updated: list[RunHook] = []

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

    async def ensure_run(
        self,
        run_id: str,
        experiment_name: str,
        *,
        workspace: WorkspaceRef | None = None,
        parent_run_id: str | None = None,
        root_run_id: str | None = None,
        display_name: str | None = None,
        start_time: float | None = None,
        user: str = "local",
        status: str = "RUNNING",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make the MLflow run of a job, `run_id` being the job's name; nothing happens when it is there.

        start_time: seconds since the epoch, now by default. workspace: the seeded one by default.
        Returns the experiment's id, for `job_environment`. Raises MlflowUnavailableError.
        """
        own_tags = {
            "mlflow.rootRunId": root_run_id or run_id,
            "mlflow.runName": display_name or run_id,
            "mlflow.user": user,
            **({"mlflow.parentRunId": parent_run_id} if parent_run_id else {}),
            **(tags or {}),
        }
        began = self._services.clock().timestamp() if start_time is None else start_time
        job = {
            "experiment": experiment_name,
            "name": display_name or run_id,
            "start_time": int(began * 1000),
            "user": user,
            "status": status,
            "tags": own_tags,
        }
        answer = await self._internal("PUT", f"/internal/runs/{quote(run_id, safe='')}", job, workspace)
        return str(answer["experiment_id"])

    async def set_status(
        self,
        run_id: str,
        status: str,
        *,
        end_time: float | None = None,
        workspace: WorkspaceRef | None = None,
    ) -> None:
        """The job's state, in MLflow's words (SCHEDULED, RUNNING, FINISHED, FAILED, KILLED). `end_time`: seconds."""
        body = {"status": status, "end_time": None if end_time is None else int(end_time * 1000)}
        await self._internal("POST", f"/internal/runs/{quote(run_id, safe='')}/status", body, workspace)

    async def end_run(
        self, run_id: str, status: str, end_time: float | None = None, *, workspace: WorkspaceRef | None = None
    ) -> None:
        """The job ended: FINISHED, FAILED or KILLED. `end_time`: seconds since the epoch, now by default."""
        moment = self._services.clock().timestamp() if end_time is None else end_time
        await self.set_status(run_id, status, end_time=moment, workspace=workspace)

    async def run(self, run_id: str, *, workspace: WorkspaceRef | None = None) -> dict[str, Any]:
        """The run as MLflow tells it: `{"info", "data": {"metrics", "params", "tags"}, "inputs"}`. RunNotFoundError."""
        target = "/api/2.0/mlflow/runs/get?run_id=" + quote(run_id, safe="")
        run: dict[str, Any] = (await self._internal("GET", target, None, workspace))["run"]
        return run

    async def metric_history(self, run_id: str, key: str, *, workspace: WorkspaceRef | None = None) -> list[float]:
        """All values of a run's metric in the order they were logged. RunNotFoundError."""
        query = f"run_id={quote(run_id, safe='')}&metric_key={quote(key, safe='')}"
        told = await self._internal("GET", f"/api/2.0/mlflow/metrics/get-history?{query}", None, workspace)
        entries = sorted(told.get("metrics") or [], key=lambda entry: (int(entry["timestamp"]), int(entry["step"])))
        return [float(entry["value"]) for entry in entries]

    async def forget(self, workspace: WorkspaceRef) -> None:
        """Delete the experiments and runs of a workspace, for good."""
        await self._internal("DELETE", "/internal/workspace", None, workspace)

    async def experiment_name(self, experiment_id: str, workspace: WorkspaceRef) -> str:
        target = "/api/2.0/mlflow/experiments/get?experiment_id=" + quote(experiment_id, safe="")
        return str((await self._internal("GET", target, None, workspace))["experiment"]["name"])

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

    async def _internal(
        self, method: str, target: str, body: Mapping[str, Any] | None, workspace: WorkspaceRef | None
    ) -> dict[str, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        answer = await self.call(method, target, workspace or self._seeded(), data)
        if answer.status == 404:
            raise RunNotFoundError(answer.body.decode(errors="replace"))
        if answer.status >= 400:
            raise MlflowUnavailableError(
                f"MLflow answered {answer.status} to {method} {target}: {answer.body[:500].decode(errors='replace')}"
            )
        content: dict[str, Any] = json.loads(answer.body)
        return content

    def _seeded(self) -> WorkspaceRef:
        settings = self._services.settings
        return WorkspaceRef(
            settings.subscription_id, settings.resource_group, settings.workspace, settings.workspace_id
        )

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
