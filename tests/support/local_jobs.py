"""A workspace in memory that runs jobs with pretended processes, environments and MLflow, for unit tests.

Only these three are pretended. What a job's commands do is told by `processes`: each is found by a word in its command.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from azureml_local import (
    arm,
    assets,
    blob_api,
    blobs,
    compute,
    datastores,
    jobs,
    operations,
    run_history,
)
from azureml_local.environments.build import BuiltEnvironment
from azureml_local.environments.spec import EnvironmentSpec
from azureml_local.jobs.manager import JobManager
from azureml_local.jobs.processes import Handle, Launch
from azureml_local.jobs.runs import Run
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from support.local_server import ARM, Server, make_server

API = "https://westeurope.api.azureml.ms"
Program = Callable[[Launch], Awaitable[int]]


class FakeProcess:
    """Runs a program of the test as a task; ended by SIGTERM's exit code."""

    def __init__(self, pid: int, program: Coroutine[Any, Any, int]) -> None:
        self.pid = pid
        self.started = f"start-{pid}"
        self.task = asyncio.ensure_future(program)

    async def wait(self) -> int:
        await asyncio.wait({self.task})
        return -15 if self.task.cancelled() else self.task.result()


@dataclass
class FakeLauncher:
    """Starts programs by a word in the command; one that nobody knows exits 0 at once."""

    programs: dict[str, Program] = field(default_factory=dict)
    launches: list[Launch] = field(default_factory=list)
    ended: list[tuple[list[tuple[int, str]], str]] = field(default_factory=list)
    alive: dict[int, FakeProcess] = field(default_factory=dict)

    @property
    def commands(self) -> list[str]:
        return [launch.arguments[2] for launch in self.launches]

    async def start(self, launch: Launch) -> Handle:
        self.launches.append(launch)
        command = launch.arguments[2]
        program = next((found for word, found in self.programs.items() if word in command), None)

        async def run() -> int:
            return 0 if program is None else await program(launch)

        process = FakeProcess(1000 + len(self.launches), run())
        self.alive[process.pid] = process
        return process

    async def end(self, pids: Iterable[tuple[int, str]], token: str) -> None:
        listed = list(pids)
        self.ended.append((listed, token))
        for pid, _ in listed:
            process = self.alive.pop(pid, None)
            if process is not None:
                process.task.cancel()
                await asyncio.gather(process.task, return_exceptions=True)


@dataclass
class FakeEnvironments:
    """Every environment is there at once, unless the test says why it is not."""

    root: Path
    built: list[str] = field(default_factory=list)
    failure: Exception | None = None
    warnings: tuple[str, ...] = ()
    gate: asyncio.Event | None = None  # building takes until it is set

    async def ensure(self, spec: EnvironmentSpec, log: Callable[[str], None]) -> BuiltEnvironment:
        self.built.append(spec.name)
        if self.failure is not None:
            raise self.failure
        if self.gate is not None:
            await self.gate.wait()
        return BuiltEnvironment(self.root / "bin" / "python", self.root, self.warnings, {})


@dataclass
class FakeMlflow:
    """Notes the runs that are made and how they end."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    histories: dict[str, list[float]] = field(
        default_factory=dict
    )  # of the one metric of a run that has several values
    on_run_created: list[Any] = field(default_factory=list)
    on_run_updated: list[Any] = field(default_factory=list)

    async def ensure_run(self, run_id: str, experiment_name: str, **more: Any) -> str:
        self.runs[run_id] = {"experiment": experiment_name, **more}
        return "7"

    async def end_run(self, run_id: str, status: str, **_: Any) -> None:
        self.ends[run_id] = status

    async def call(self, method: str, target: str, workspace: WorkspaceRef, body: bytes = b"") -> None:
        """log-batch, the one call that jobs make themselves."""
        assert (method, target) == ("POST", "/api/2.0/mlflow/runs/log-batch")
        sent = json.loads(body)
        self.metrics[sent["run_id"]] = {entry["key"]: entry["value"] for entry in sent["metrics"]}

    async def metric_history(self, run_id: str, key: str, **_: Any) -> list[float]:
        if run_id in self.histories:
            return list(self.histories[run_id])
        return [value for name, value in self.metrics.get(run_id, {}).items() if name == key]

    async def run(self, run_id: str, **_: Any) -> dict[str, Any]:
        metrics = [{"key": name, "value": value, "step": 0} for name, value in self.metrics.get(run_id, {}).items()]
        return {"info": {"run_id": run_id}, "data": {"metrics": metrics, "params": [], "tags": []}}


@dataclass
class Jobs:
    """The workspace, and what tests do with it. Coroutines are to be run in one `asyncio.run`."""

    server: Server
    launcher: FakeLauncher
    environments: FakeEnvironments
    mlflow: FakeMlflow

    @property
    def services(self) -> Services:
        return self.server.services

    @property
    def manager(self) -> JobManager:
        return self.services.jobs

    @property
    def workspace(self) -> WorkspaceRef:
        return self.services.workspaces()[0]

    async def arm(self, method: str, path: str, body: Any = None) -> Any:
        """A request below the workspace; (status, JSON)."""
        options = {} if body is None else {"json": body}
        answer = await self.server.call(method, ARM + self.workspace.id + path, **options)
        return answer.status_code, answer.json() if answer.content else None

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        """A request to run history and its like: `/history/v1.0` + WS + path; (status, JSON)."""
        service, _, rest = path.partition("WS")
        options = {} if body is None else {"json": body}
        answer = await self.server.call(method, API + service + self.workspace.id + rest, **options)
        return answer.status_code, answer.json() if answer.content else None

    async def run(self, properties: dict[str, Any], name: str = "job") -> Run:
        """Submit a job and wait for its end."""
        self.manager.submit(self.workspace, name, properties)
        return await self.manager.wait(self.workspace, name)

    def children(self, name: str = "job") -> dict[str, Run]:
        """The steps of a job by name."""
        found = self.manager.runs.children(self.workspace, name)
        return {str(run.step): run for run in found}

    def log(self, name: str, path: str = "user_logs/std_log.txt") -> str:
        folder = datastores.path_of(
            self.services, self.workspace, datastores.ARTIFACT_STORE, f"ExperimentRun/dcid.{name}"
        )
        return (folder / path).read_text()

    def file(self, path: str, text: str = "x") -> str:
        """Put a file into the workspace's blob store; its URI."""
        target = datastores.path_of(self.services, self.workspace, datastores.BLOB_STORE, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return f"azureml://datastores/workspaceblobstore/paths/{path}"

    def component(self, name: str, spec: dict[str, Any]) -> str:
        """Register a component; its id."""
        document = {
            "id": f"{self.workspace.id}/components/{name}/versions/1",
            "name": "1",
            "type": "Microsoft.MachineLearningServices/workspaces/components/versions",
            "properties": {"componentSpec": spec},
        }
        return str(self.services.store.put(document)["id"])

    def command(
        self,
        command: str,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Register a command component under a name made from its content; its id."""
        spec = {
            "type": "command",
            "command": command,
            "environment": f"azureml:{self.workspace.id}/environments/plain/versions/1",
            "inputs": inputs or {},
            "outputs": outputs or {},
            "is_deterministic": False,
            **more,
        }
        return self.component(f"c{abs(hash(repr(spec)))}", spec)


def step(component: str, inputs: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A pipeline's node; inputs are literals or `${{…}}`."""
    bound = {name: {"job_input_type": "literal", "value": value} for name, value in (inputs or {}).items()}
    return {"type": "command", "componentId": component, "inputs": bound, **more}


def pipeline(jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A pipeline job's properties, on the cluster `cpu`."""
    settings = {"default_compute": "cpu", **more.pop("settings", {})}
    return {"jobType": "Pipeline", "experimentName": "exp", "jobs": jobs, "settings": settings, **more}


def make_jobs(folder: Path, *, nodes: int = 4, low_priority: bool = False) -> Jobs:
    """A workspace with the environment `plain:1` and the cluster `cpu`."""
    launcher, mlflow = FakeLauncher(), FakeMlflow()
    environments = FakeEnvironments(folder / "environment")
    server = make_server(folder, operations, arm, blobs, blob_api, datastores, assets, compute)
    services = server.services
    services.mlflow = cast("Any", mlflow)
    services.environments = cast("Any", environments)
    jobs.install(services, launcher=launcher)
    run_history.install(services)
    made = Jobs(server, launcher, environments, mlflow)
    cluster = {
        "properties": {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "Standard_DS3_v2",
                "vmPriority": "LowPriority" if low_priority else "Dedicated",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": nodes},
            },
        }
    }

    async def prepare() -> None:
        await made.arm("PUT", "/computes/cpu", cluster)
        await asyncio.gather(*services._tasks)
        status, body = await made.arm(
            "PUT", "/environments/plain/versions/1", {"properties": {"image": "python:3.11-slim"}}
        )
        assert status == 201, body

    asyncio.run(prepare())
    return made
