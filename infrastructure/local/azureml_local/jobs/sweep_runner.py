"""Sweeps: trials of one command with values drawn from a search space; the best one's outputs are the sweep's.

The best trial is the completed one whose run has the lowest (or highest) value of the primary metric in MLflow.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from azureml_local import uris
from azureml_local.mlflow_server import MlflowUnavailableError, RunNotFoundError

from . import artifacts, data, states
from .early_termination import Judge
from .engine import Engine, Work
from .errors import JobFailedError, TimedOutError
from .pipeline_runner import noted
from .runs import Run
from .samplers import sampler_of
from .specs import OutputSetting, SweepSpec
from .values import Data, Literal, Value, as_text

BEST = "best_child_run_id"  # clients download a sweep's outputs from this run
WATCH_SECONDS = 1.0  # between two looks at the metrics of running trials
Execute = Callable[[Work], Awaitable[dict[str, Data]]]


class SweepRunner:
    """Runs the trials of one sweep. `execute` runs one trial's work to its end."""

    def __init__(self, engine: Engine, work: Work, spec: SweepSpec, execute: Execute) -> None:
        self._engine = engine
        self._work = work
        self._spec = spec
        self._execute = execute
        self._log = artifacts.LifecycleLog(engine.artifacts_of(work.run) / artifacts.SWEEP_LOG, engine.services.clock)
        self._done: list[tuple[float, Run, dict[str, Data]]] = []
        self._failures: dict[int, tuple[str, str]] = {}
        self._running: dict[int, Run] = {}
        self._logged: dict[int, list[float]] = {}  # the metric's values by trial
        self._stopped: dict[int, str] = {}

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
        sampler = await sampler_of(spec, self._engine.services.paths, self._log.write)
        numbers = itertools.count()

        async def one_after_the_other() -> None:
            while (point := await sampler.next()) is not None:
                await sampler.tell(point, await self._trial(next(numbers), point))

        places = min(spec.max_concurrent, spec.max_trials)
        tasks = [asyncio.create_task(one_after_the_other()) for _ in range(places)]
        watch = asyncio.create_task(self._watch())
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, watch):
                task.cancel()
            *_, watched = await asyncio.gather(*tasks, watch, return_exceptions=True)
            if isinstance(watched, Exception):  # the trials ran all the same, to their own ends
                self._engine.services.log.error("sweep %s: early termination", self._work.run.name, exc_info=watched)
            await sampler.close()

    # -- early termination ---------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Stop trials that the policy gives up, as long as there are any."""
        if self._spec.early_termination is None:
            return
        judge = Judge(self._spec.early_termination, minimize=self._spec.goal == "minimize")
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for number, run in list(self._running.items()):
                with suppress(MlflowUnavailableError, RunNotFoundError):  # not there yet, or not now: next time
                    self._logged[number] = await self._history(run)
            for number, reason in judge.to_stop(self._logged, list(self._running)).items():
                self._stop(number, reason)

    def _stop(self, number: int, reason: str) -> None:
        run = self._running[number]
        task = self._engine.tasks.get((run.workspace, run.name))
        if task is None or number in self._stopped:
            return
        self._stopped[number] = reason
        self._log.write(f"trial {run.name} is stopped early: {reason}")
        self._engine.enter(run, states.CANCEL_REQUESTED)
        task.cancel()

    # -- one trial -----------------------------------------------------------------------------------------------

    async def _trial(self, number: int, point: Mapping[str, Any]) -> float | None:
        """Run one trial to its end. Returns the best value of its metric, None when it failed or logged none."""
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
        self._note_point(run, point)
        self._log.write(f"trial {run.name} begins: {json.dumps(dict(point))}")
        self._running[number] = run
        try:
            made = await self._execute(replace(work, run=run, spec=spec.trial, inputs=inputs, outputs=outputs))
            logged = self._logged[number] = await self._metric(run)
        except JobFailedError as failure:
            if number in self._stopped:
                return self._best(self._logged[number])
            self._failures[number] = (run.name, failure.message + (f"\n{failure.tail}" if failure.tail else ""))
            self._log.write(f"trial {run.name} failed: {failure.message}")
            return None
        finally:
            del self._running[number]
        if not logged:
            self._failures[number] = (run.name, f"It did not log the metric '{spec.metric}'.")
            self._log.write(f"trial {run.name} did not log {spec.metric}")
            return None
        value = self._best(logged)
        self._done.append((value, run, made))
        self._log.write(f"trial {run.name}: {spec.metric} = {value}")
        return value

    def _note_point(self, run: Run, point: Mapping[str, Any]) -> None:
        """The sweep itself is tagged with what each trial tries."""
        tag = {run.name: json.dumps(dict(point))}
        self._engine.runs.change(self._work.run, lambda current: replace(current, tags={**current.tags, **tag}))

    async def _metric(self, run: Run) -> list[float]:
        try:
            return await self._history(run)
        except (MlflowUnavailableError, RunNotFoundError) as error:
            raise JobFailedError("TrackingUnavailable", f"Its metrics could not be read: {error}") from error

    async def _history(self, run: Run) -> list[float]:
        workspace = self._engine.workspace_of(run)
        return await self._engine.services.mlflow.metric_history(run.name, self._spec.metric, workspace=workspace)

    def _best(self, values: list[float]) -> float:
        return min(values) if self._spec.goal == "minimize" else max(values)

    # -- the end -------------------------------------------------------------------------------------------------

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
        properties = {BEST: best.name, "score": str(value), "best_metric_status": "Succeeded"}
        self._engine.runs.change(
            self._work.run,
            lambda current: replace(current, outputs=record, properties={**current.properties, **properties}),
        )
        self._log.write(f"best trial {best.name}: {self._spec.metric} = {value}")
        return outputs

    def _as_output(self, name: str, made: Data) -> data.Output:
        services, run = self._engine.services, self._work.run
        path = uris.resolve(services, self._engine.workspace_of(run), made.uri)
        return data.Output(name, made.type, made.uri, path, None, self._work.outputs[name])

    def _failure(self) -> JobFailedError:
        if not self._failures:
            return JobFailedError("UserError", f"All {len(self._stopped)} trials were stopped early.")
        name, reason = self._failures[min(self._failures)]
        return JobFailedError(
            "UserError", f"None of the {len(self._failures)} trials completed with a value. {name}: {reason}"
        )
