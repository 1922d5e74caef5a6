"""A pipeline: each step starts when the steps it reads from have completed; independent ones run side by side."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from . import artifacts, reuse, states
from .bindings import ParentInput, StepOutput
from .engine import Engine, Work
from .errors import JobFailedError
from .runs import Run
from .specs import OutputSetting, PipelineSpec, Step
from .values import Data, Literal, Value

Execute = Callable[[Work], Awaitable[dict[str, Data]]]


class PipelineRunner:
    """Runs the steps of one pipeline. `execute` runs one step's work to its end."""

    def __init__(self, engine: Engine, work: Work, spec: PipelineSpec, execute: Execute) -> None:
        self._engine = engine
        self._work = work
        self._spec = spec
        self._execute = execute
        self._log = artifacts.LifecycleLog(
            engine.artifacts_of(work.run) / artifacts.PIPELINE_LOG, engine.services.clock
        )
        self._outputs: dict[str, dict[str, Data]] = {}
        self._failed: dict[str, JobFailedError] = {}

    async def __call__(self) -> dict[str, Data]:
        """Returns the pipeline's outputs. Raises JobFailedError that names the failed steps."""
        self._engine.enter(self._work.run, states.PREPARING)
        self._work = replace(self._work, run=await self._engine.track(self._work.run))
        self._engine.enter(self._work.run, states.RUNNING)
        await self._run_steps()
        self._engine.enter(self._work.run, states.FINALIZING)
        outputs = self._collect()
        record = {name: {"type": value.type, "uri": value.uri} for name, value in outputs.items()}
        self._engine.runs.change(self._work.run, lambda current: replace(current, outputs=record))
        if self._failed:
            raise self._failure()
        return outputs

    async def _run_steps(self) -> None:
        waiting = dict(self._spec.steps)
        running: dict[asyncio.Task[dict[str, Data]], str] = {}
        try:
            while waiting or running:
                for name in self._ready(waiting):
                    step = waiting.pop(name)
                    running[asyncio.create_task(self._step(step))] = name
                if not running:
                    return  # what still waits needs a step that failed
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._ended(running.pop(task), task)
                if self._failed and not self._work.continue_on_failure:
                    return
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _ready(self, waiting: Mapping[str, Step]) -> list[str]:
        return [name for name, step in waiting.items() if step.needs <= self._outputs.keys()]

    def _ended(self, name: str, task: asyncio.Task[dict[str, Data]]) -> None:
        if (error := task.exception()) is not None:
            if not isinstance(error, JobFailedError):
                raise error
            self._failed[name] = error
            self._log.write(f"step {name} failed: {error.message}")
        else:
            self._outputs[name] = task.result()
            self._log.write(f"step {name} completed")

    async def _step(self, step: Step) -> dict[str, Data]:
        outputs = {
            name: setting.under(self._work.outputs.get(setting.parent, OutputSetting(parent=setting.parent)))
            if setting.parent
            else setting
            for name, setting in step.outputs.items()
        }
        inputs = self._inputs(step)
        run = self._child(step, inputs)
        work = Work(
            run=run,
            spec=step.spec,
            inputs=inputs,
            outputs=outputs,
            compute=step.compute,
            datastore=self._work.datastore,
            continue_on_failure=self._work.continue_on_failure,
            force_rerun=self._work.force_rerun,
        )
        key = reuse.key_of(work)
        former = reuse.find(self._engine, work, key) if key else None
        if former is not None:
            return await self._reuse(step, run, *former)
        self._log.write(f"step {step.name} submitted as run {run.name}")
        result = await self._execute(work)
        if key:
            reuse.remember(self._engine.services, run, key)
        return result

    def _inputs(self, step: Step) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, binding in step.inputs.items():
            source = binding.source
            value: Value | None
            if isinstance(source, ParentInput):
                value = self._work.inputs.get(source.name)
                port = self._spec.inputs.get(source.name)
                if value is None and port is not None and port.default is not None:
                    value = Literal(port.default)
            elif isinstance(source, StepOutput):
                value = self._outputs[source.step][source.name]
            else:
                value = source
            if isinstance(value, Data) and binding.mode:
                value = replace(value, mode=binding.mode)
            if value is not None:
                found[name] = value
        return found

    def _child(self, step: Step, inputs: Mapping[str, Value]) -> Run:
        parent = self._work.run
        return self._engine.runs.add(
            Run(
                workspace=parent.workspace,
                name=str(uuid.uuid4()),
                kind=step.spec.kind,
                display_name=step.display_name or step.name,
                experiment=parent.experiment,
                number=self._engine.runs.next_number(parent.workspace),
                root=parent.root,
                parent=parent.name,
                step=step.name,
                compute=step.compute,
                created_by=parent.created_by,
                properties={
                    "azureml.runsource": "azureml.StepRun",
                    "azureml.pipelinerunid": parent.name,
                    "azureml.rootpipelinerunid": parent.root,
                    "azureml.nodename": step.name,
                    "azureml.moduleName": self._module(step),
                    **({"azureml.moduleid": component} if (component := _component(step)) else {}),
                },
                inputs={name: noted(value) for name, value in inputs.items()},
            )
        )

    def _module(self, step: Step) -> str:
        """The component's name, as its YAML says it; the step's own where it has none."""
        document = self._engine.services.store.get(_component(step) or "") or {"properties": {}}
        name = (document["properties"].get("componentSpec") or {}).get("name")
        return str(name) if name and name != "azureml_anonymous" else step.name

    async def _reuse(self, step: Step, run: Run, former: Run, outputs: dict[str, Data]) -> dict[str, Data]:
        """The step is done already: its run completes at once, pointing to the run whose outputs it has."""
        self._log.write(f"step {step.name} reuses the outputs of run {former.name}")

        async def work() -> dict[str, Data]:
            tracked = await self._engine.track(run)
            properties = {
                **tracked.properties,
                reuse.REUSED: "true",
                reuse.REUSED_RUN: former.name,
                reuse.REUSED_PIPELINE: former.root,
            }
            self._engine.runs.change(
                run, lambda current: replace(current, properties=properties, outputs=former.outputs)
            )
            await self._engine.copy_tracking(former, run)
            return outputs

        return await self._engine.live(run, work)

    def _collect(self) -> dict[str, Data]:
        found: dict[str, Data] = {}
        for name in self._spec.outputs:
            source = self._spec.source_of(name)
            if source is not None and source[0] in self._outputs:
                found[name] = self._outputs[source[0]][source[1]]
        return found

    def _failure(self) -> JobFailedError:
        names = list(self._failed)
        first = self._failed[names[0]]
        message = f"Step '{names[0]}' failed. {first.message}"
        if len(names) > 1:
            message += f" Steps that failed too: {', '.join(names[1:])}."
        return JobFailedError(first.code, message, tail=first.tail)


def _component(step: Step) -> str | None:
    return getattr(step.spec, "component", None)


def noted(value: Value) -> dict[str, str | None]:
    """An input as its run's record has it."""
    if isinstance(value, Data):
        return {"type": value.type, "uri": value.uri, "mode": value.mode}
    return {"type": "literal", "value": value.value}
