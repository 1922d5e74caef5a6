"""One command: its environment is built, it waits for nodes, its processes run, its outputs are collected."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from azureml_local import compute as computes
from azureml_local import uris
from azureml_local.environments.build import BuiltEnvironment
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.environments.spec import EnvironmentSpec, spec_from_rest
from azureml_local.errors import AzureError
from azureml_local.mlflow_server import job_environment
from azureml_local.settings import free_port

from . import artifacts, bindings, data, states, variables
from .data import Output
from .engine import Engine, Work
from .errors import JobFailedError, PreemptedError
from .layout import Places, lay_out
from .nodes import NotEnoughNodesError
from .processes import Handle, Launch
from .runs import Run
from .specs import CommandSpec
from .values import Data, Literal
from .waiting import ending, until_done

_TOKEN_SECONDS = 14 * 24 * 3600.0
_ML_AUDIENCE = "https://ml.azure.com"


class CommandRunner:
    """Runs one command once (again, when its node is taken away)."""

    def __init__(self, engine: Engine, work: Work, spec: CommandSpec) -> None:
        self._engine = engine
        self._services = engine.services
        self._work = work
        self._run = work.run
        self._spec = spec
        self._workspace = engine.workspace_of(work.run)
        self._artifacts = engine.artifacts_of(work.run)
        self._folder = engine.services.paths.jobs / work.run.name

    async def __call__(self) -> dict[str, Data]:
        """Returns the outputs. Raises JobFailedError, TimedOutError or CancelledError; nothing is left running."""
        engine, run = self._engine, self._run
        engine.enter(run, states.STARTING)
        try:
            engine.enter(run, states.PREPARING)
            self._run, built = await self._prepare()
            while True:
                engine.enter(run, states.QUEUED)
                try:
                    self._check_quota()
                    async with engine.pools.of(self._workspace, self._work.compute).hold(self._spec.instances):
                        outputs = await self._on_nodes(built)
                    break
                except PreemptedError:
                    engine.diary(run).write("the node was preempted; back to the queue")
                except NotEnoughNodesError as error:
                    raise JobFailedError("NotEnoughNodes", f"Compute '{self._work.compute}': {error}") from error
                except AzureError as error:
                    raise JobFailedError("UserError", error.message) from error
            return data.as_data(outputs)
        finally:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def _check_quota(self) -> None:
        """Raises AzureError when a fault refuses the nodes."""
        if self._services.faults is not None:
            size = computes.nodes(self._services, self._workspace, self._work.compute).size
            self._services.faults.check_run(self._run, size, self._spec.instances)

    # -- before it has nodes -------------------------------------------------------------------------------------

    async def _prepare(self) -> tuple[Run, BuiltEnvironment]:
        """The run in MLflow and the environment, side by side: the first of either can take a while."""
        tracking = asyncio.ensure_future(self._engine.track(self._run))
        building = asyncio.ensure_future(self._build())
        try:
            return await tracking, await building
        finally:
            for task in (tracking, building):
                task.cancel()
            await asyncio.gather(tracking, building, return_exceptions=True)

    async def _build(self) -> BuiltEnvironment:
        log = self._artifacts / artifacts.BUILD_LOG

        def say(line: str) -> None:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

        try:
            specification = await asyncio.to_thread(self._environment_asked)
            built = await self._services.environments.ensure(specification, say)
        except AzureError as error:
            name = self._spec.environment.name
            raise JobFailedError("EnvironmentBuildFailed", f"Environment {name}: {error.message}") from error
        except EnvironmentBuildError as error:
            raise JobFailedError("EnvironmentBuildFailed", str(error), tail=error.log) from error
        for warning in built.warnings:
            self._engine.warn(self._run, warning)
        return built

    def _environment_asked(self) -> EnvironmentSpec:
        environment = self._spec.environment
        build = environment.properties.get("build") or {}
        context = None
        if build.get("contextUri"):
            context = uris.resolve(self._services, self._workspace, str(build["contextUri"]))
        inline = environment.name.lower() == "cliv2anonymousenvironment"
        name = "defined inline" if inline else f"{environment.name}:{environment.version}"
        return spec_from_rest(name, environment.properties, context)

    # -- on nodes ------------------------------------------------------------------------------------------------

    async def _on_nodes(self, built: BuiltEnvironment) -> dict[str, Output]:
        preempted = asyncio.Event()
        key = (self._run.workspace, self._run.name)
        self._engine.preemptions[key] = preempted
        try:
            places = await asyncio.to_thread(lay_out, self._services, self._workspace, self._folder, self._spec.code)
            inputs = await asyncio.to_thread(self._inputs)
            outputs = {
                name: data.prepare_output(
                    self._services,
                    self._workspace,
                    self._run.name,
                    port,
                    self._work.outputs[name],
                    self._work.datastore,
                )
                for name, port in self._spec.outputs.items()
                if name in self._work.outputs
            }
            self._note(outputs)
            await self._execute(built, places, inputs, outputs, preempted)
            self._register(outputs)
            return outputs
        finally:
            self._engine.preemptions.pop(key, None)

    def _inputs(self) -> dict[str, str]:
        """What the command gets for each input that has a value."""
        found: dict[str, str] = {}
        for name, port in self._spec.inputs.items():
            value = self._work.inputs.get(name)
            if value is None and port.default is not None:
                value = Literal(port.default)
            if value is not None:
                found[name] = data.delivered(self._services, self._workspace, port, value, f"input '{name}'")
            elif not port.optional:
                raise JobFailedError("UserError", f"The required input '{name}' has no value.")
        return found

    def _note(self, outputs: Mapping[str, Output]) -> None:
        noted = {name: {"type": output.type, "uri": output.uri} for name, output in outputs.items()}
        self._run = self._engine.runs.change(self._run, lambda current: replace(current, outputs=noted))

    async def _execute(
        self,
        built: BuiltEnvironment,
        places: Places,
        inputs: Mapping[str, str],
        outputs: Mapping[str, Output],
        preempted: asyncio.Event,
    ) -> None:
        token = secrets.token_hex(16)
        launches = self._launches(built, places, inputs, outputs, token)
        handles: list[Handle] = []
        self._remember(handles, token)  # before anything runs: a kill -9 in between must leave a trace
        try:
            for launch in launches:
                handles.append(await self._engine.launcher.start(launch))
                self._remember(handles, token)
            self._engine.enter(self._run, states.RUNNING)
            failed = await until_done(handles, preempted, self._spec.timeout)
            if failed is not None:
                number, code = failed
                raise self._failed(code, launches[number].log)
            self._engine.enter(self._run, states.FINALIZING)
        finally:
            await self._engine.launcher.end([(handle.pid, handle.started) for handle in handles], token)
            for handle in handles:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(handle.wait(), 1.0)
            self._engine.runs.change(self._run, lambda current: replace(current, processes=None))
            with suppress(FileNotFoundError):
                await asyncio.to_thread(artifacts.collect, places.working_directory, self._artifacts)

    def _launches(
        self,
        built: BuiltEnvironment,
        places: Places,
        inputs: Mapping[str, str],
        outputs: Mapping[str, Output],
        token: str,
    ) -> list[Launch]:
        targets = {
            name: output.uri if output.mode == "direct" else str(output.path) for name, output in outputs.items()
        }
        command = self._command(inputs, targets)
        environment = self._variables(built, places, inputs, targets)
        places_of = variables.of_processes(self._spec, free_port())
        logs = [artifacts.USER_LOG]
        if len(places_of) > 1:
            logs = [f"user_logs/std_log_process_{number}.txt" for number in range(len(places_of))]
        (self._artifacts / "user_logs").mkdir(parents=True, exist_ok=True)
        return [
            Launch(
                arguments=["bash", "-c", command],
                environment=variables.with_token({**environment, **own}, token),
                cwd=places.working_directory,
                log=self._artifacts / log,
            )
            for own, log in zip(places_of, logs, strict=True)
        ]

    def _variables(
        self,
        built: BuiltEnvironment,
        places: Places,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
    ) -> dict[str, str]:
        """The environment variables of all its processes."""
        return {
            **variables.base(built, places),
            **variables.of_azure_ml(self._services, self._workspace, self._run, self._work.compute),
            **job_environment(
                self._workspace,
                self._run.name,
                self._run.experiment_id or "0",
                self._run.experiment,
                self._services.tokens.issue(_ML_AUDIENCE, lifetime=_TOKEN_SECONDS),
                host=self._services.settings.api_host,
                root_run_id=self._run.root,
                parent_run_id=self._run.parent,
            ),
            **variables.of_ports(inputs, outputs),
            **self._spec.variables,
        }

    def _command(self, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values |= {f"outputs.{name}": value for name, value in outputs.items()}
        values |= {f"search_space.{name}": value for name, value in inputs.items()}
        paths = {f"inputs.{name}" for name, port in self._spec.inputs.items() if port.is_data}
        paths |= {f"outputs.{name}" for name in outputs}
        command = bindings.render(self._spec.command, values.get, paths=frozenset(paths))
        distribution = self._spec.distribution
        if distribution is not None and distribution.kind == "mpi":
            count = self._spec.instances * distribution.processes_per_instance
            return f"mpirun --allow-run-as-root --oversubscribe -n {count} bash -c {shlex.quote(command)}"
        return command

    def _remember(self, handles: list[Handle], token: str) -> None:
        record = {"token": token, "pids": [[handle.pid, handle.started] for handle in handles]}
        self._engine.runs.change(self._run, lambda current: replace(current, processes=record))

    def _failed(self, code: int, log: Path) -> JobFailedError:
        """The failure that an exit code other than 0 is. log: of the process that had it."""
        end = artifacts.tail(log)
        if "No space left on device" in end or "Disk quota exceeded" in end:
            return JobFailedError("DiskFull", f"{ending(code)} The disk is full.", tail=end)
        return JobFailedError("UserError", f"{ending(code)} Its log is user_logs/{log.name}.", tail=end)

    def _register(self, outputs: Mapping[str, Output]) -> None:
        """Create the assets that outputs are to be registered as."""
        made = {name: data.register(self._services, self._workspace, self._run.name, output)
                for name, output in outputs.items()}  # fmt: skip
        noted = {
            name: {**noted, **({"asset": made[name]} if made[name] else {})}
            for name, noted in self._run.outputs.items()
        }
        self._run = self._engine.runs.change(self._run, lambda current: replace(current, outputs=noted))
