"""Sweeps: trials of one command with values drawn from a search space; the best one's outputs are the sweep's.

The best trial is the one whose run has the lowest (or highest) last value of the primary metric in MLflow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from azureml_local import uris
from azureml_local.mlflow_server import MlflowUnavailableError, RunNotFoundError

from . import data, search_space, states
from .engine import Engine, Work
from .errors import JobFailedError, TimedOutError
from .pipeline_runner import noted
from .runs import Run
from .specs import OutputSetting, SweepSpec
from .values import Data, Literal, Value, as_text

BEST = "best_child_run_id"  # clients download a sweep's outputs from this run
Execute = Callable[[Work], Awaitable[dict[str, Data]]]


class SweepRunner:
    """Runs the trials of one sweep. `execute` runs one trial's work to its end."""

    def __init__(self, engine: Engine, work: Work, spec: SweepSpec, execute: Execute) -> None:
        self._engine = engine
        self._work = work
        self._spec = spec
        self._execute = execute
        self._diary = engine.diary(work.run)
        self._done: list[tuple[float, Run, dict[str, Data]]] = []
        self._failures: dict[int, tuple[str, str]] = {}

    async def __call__(self) -> dict[str, Data]:
        """Returns the best trial's outputs. Raises JobFailedError when no trial completed with the metric."""
        self._engine.enter(self._work.run, states.PREPARING)
        self._work = replace(self._work, run=await self._engine.track(self._work.run))
        self._engine.enter(self._work.run, states.RUNNING)
        try:
            await asyncio.wait_for(self._run_trials(), self._spec.timeout)
        except asyncio.TimeoutError:
            late = f"The sweep reached its time limit of {self._spec.timeout:g} s."
            if not self._done:
                raise TimedOutError(late) from None
            self._engine.warn(self._work.run, f"{late} The trials that had not ended were canceled.")
        self._engine.enter(self._work.run, states.FINALIZING)
        if not self._done:
            raise self._failure()
        return self._finish()

    async def _run_trials(self) -> None:
        spec = self._spec
        points = search_space.points(spec.space, spec.sampling, spec.seed, spec.max_trials)
        places = asyncio.Semaphore(spec.max_concurrent)

        async def one(number: int, point: Mapping[str, Any]) -> None:
            async with places:
                await self._trial(number, point)

        tasks = [asyncio.create_task(one(number, point)) for number, point in enumerate(points)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _trial(self, number: int, point: Mapping[str, Any]) -> None:
        work, spec = self._work, self._spec
        inputs: dict[str, Value] = {**work.inputs, **{name: Literal(as_text(value)) for name, value in point.items()}}
        run = self._engine.runs.add(
            Run(
                workspace=work.run.workspace,
                name=f"{work.run.name}_{number}",
                kind=spec.trial.kind,
                display_name=f"{work.run.display_name}_{number}",
                experiment=work.run.experiment,
                number=self._engine.runs.next_number(work.run.workspace),
                root=work.run.root,
                parent=work.run.name,
                step=str(number),
                compute=work.compute,
                created_by=work.run.created_by,
                tags={"hyperparameters": json.dumps(dict(point))},
                inputs={name: noted(value) for name, value in inputs.items()},
            )
        )
        # What is to be registered is the best trial's output, not every trial's.
        outputs = {name: OutputSetting(type=setting.type, mode=setting.mode) for name, setting in work.outputs.items()}
        try:
            made = await self._execute(replace(work, run=run, spec=spec.trial, inputs=inputs, outputs=outputs))
            value = await self._metric(run)
        except JobFailedError as failure:
            self._failures[number] = (run.name, failure.message + (f"\n{failure.tail}" if failure.tail else ""))
            self._diary.write(f"trial {run.name} failed: {failure.message}")
            return
        if value is None:
            self._failures[number] = (run.name, f"It did not log the metric '{spec.metric}'.")
            self._diary.write(f"trial {run.name} did not log {spec.metric}")
            return
        self._done.append((value, run, made))
        self._diary.write(f"trial {run.name} {json.dumps(dict(point))}: {spec.metric} = {value}")

    async def _metric(self, run: Run) -> float | None:
        try:
            told = await self._engine.services.mlflow.run(run.name, workspace=self._engine.workspace_of(run))
        except (MlflowUnavailableError, RunNotFoundError) as error:
            raise JobFailedError("TrackingUnavailable", f"Its metrics could not be read: {error}") from error
        logged = {entry["key"]: float(entry["value"]) for entry in told["data"].get("metrics") or []}
        return logged.get(self._spec.metric)

    def _finish(self) -> dict[str, Data]:
        sign = -1 if self._spec.goal == "maximize" else 1
        value, best, outputs = min(self._done, key=lambda entry: sign * entry[0])
        record: dict[str, dict[str, str]] = {}
        for name, made in outputs.items():
            record[name] = {"type": made.type, "uri": made.uri}
            asset = data.register(
                self._engine.services, self._engine.workspace_of(best), best.name, self._as_output(name, made)
            )
            if asset is not None:
                record[name]["asset"] = asset
        properties = {BEST: best.name, "score": str(value), "runTemplate": "HyperDrive"}
        self._engine.runs.change(
            self._work.run,
            lambda current: replace(current, outputs=record, properties={**current.properties, **properties}),
        )
        self._diary.write(f"best trial {best.name}: {self._spec.metric} = {value}")
        return outputs

    def _as_output(self, name: str, made: Data) -> data.Output:
        services, run = self._engine.services, self._work.run
        path = uris.resolve(services, self._engine.workspace_of(run), made.uri)
        return data.Output(name, made.type, made.uri, path, None, self._work.outputs[name])

    def _failure(self) -> JobFailedError:
        name, reason = self._failures[min(self._failures)]
        return JobFailedError(
            "UserError", f"None of the {len(self._failures)} trials completed with a value. {name}: {reason}"
        )
