"""Sweeps, read from sweep jobs and sweep steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import search_space
from .command_reader import CommandReader
from .early_termination import read_policy
from .problems import Problems
from .references import Asset
from .specs import CommandSpec, SweepSpec, seconds, with_defaults
from .values import InputPort, OutputPort

_MOST_TRIALS = 1000


class SweepReader:
    """Reads sweeps; what is wrong goes to `problems`, and the sweep is then None."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def of_job(
        self,
        given: Mapping[str, Any],
        commands: CommandReader,
        inputs: Mapping[str, InputPort],
        outputs: Mapping[str, OutputPort],
    ) -> SweepSpec | None:
        """A sweep job. Its trial's command names the parameters `${{search_space.NAME}}`."""
        space = {
            str(name): (str(kind).lower(), list(values))
            for name, (kind, values) in (given.get("searchSpace") or {}).items()
        }
        names = {name: InputPort(name, "string") for name in space}
        trial = {**(given.get("trial") or {})}
        trial.setdefault("resources", given.get("resources"))
        spec = commands.of_job(
            trial,
            inputs={**inputs, **names},
            outputs=outputs,
            where="trial",
            extra=frozenset(f"search_space.{name}" for name in space),
        )
        algorithm = given.get("samplingAlgorithm") or {}
        return self._sweep(
            spec,
            space,
            algorithm={**algorithm, "type": algorithm.get("samplingAlgorithmType")},
            objective=given.get("objective") or {},
            limits=given.get("limits") or {},
            early_termination=given.get("earlyTermination"),
            where="",
        )

    def of_node(
        self, node: Mapping[str, Any], commands: CommandReader, component: Asset, where: str
    ) -> SweepSpec | None:
        """A sweep step. The parameters are inputs of its trial, a command component."""
        space: dict[str, tuple[str, list[Any]]] = {}
        for name, declared in (node.get("search_space") or {}).items():
            kind = str((declared or {}).get("type")).lower()
            space[str(name)] = (kind, [declared.get(field) for field in search_space.PARAMETERS.get(kind, ())])
        spec = commands.of_component(component, node, where)
        if spec is not None:
            for name in space:
                if name not in spec.inputs:
                    known = ", ".join(spec.inputs) or "none"
                    self._problems.add(f"{where}.search_space.{name}", f"the trial has no such input; it has: {known}")
            spec = with_defaults(spec, deterministic=False)
        algorithm = node.get("sampling_algorithm") or "random"
        return self._sweep(
            spec,
            space,
            algorithm=algorithm if isinstance(algorithm, Mapping) else {"type": algorithm},
            objective=node.get("objective") or {},
            limits=node.get("limits") or {},
            early_termination=node.get("early_termination"),
            where=where,
        )

    def _sweep(
        self,
        trial: CommandSpec | None,
        space: Mapping[str, tuple[str, list[Any]]],
        *,
        algorithm: Mapping[str, Any],
        objective: Mapping[str, Any],
        limits: Mapping[str, Any],
        early_termination: object,
        where: str,
    ) -> SweepSpec | None:
        before = len(self._problems.found)
        sampling = str(algorithm.get("type") or "random").lower()
        if sampling not in ("random", "grid", "bayesian"):
            self._problems.add(_at(where, "sampling_algorithm"), f"'{sampling}' is not one of random, grid, bayesian")
        if not space:
            self._problems.add(_at(where, "search_space"), "a search space is missing")
        for name, (kind, values) in space.items():
            if (wrong := search_space.problem(kind, values, sampling)) is not None:
                self._problems.add(_at(where, f"search_space.{name}"), wrong)
        goal = str(objective.get("goal") or "").lower()
        metric = str(objective.get("primaryMetric") or objective.get("primary_metric") or "")
        if goal not in ("minimize", "maximize") or not metric:
            self._problems.add(_at(where, "objective"), "needs a goal (minimize or maximize) and a primary_metric")
        policy = None
        if isinstance(early_termination, Mapping):
            policy = read_policy(early_termination, _at(where, "early_termination"), self._problems)
        if str(algorithm.get("rule") or "random").lower() != "random":
            self._problems.warn(f"rule: {algorithm['rule']} is ignored: values are drawn independently of each other")
        log_base = self._log_base(algorithm.get("logbase"), _at(where, "sampling_algorithm.logbase"))
        found = {str(name).replace("_", "").lower(): value for name, value in limits.items()}
        total = int(found.get("maxtotaltrials") or _MOST_TRIALS)
        if sampling != "grid" and not found.get("maxtotaltrials"):
            self._problems.add(
                _at(where, "limits.max_total_trials"), f"is missing: {sampling} sampling never ends by itself"
            )
        if trial is None or len(self._problems.found) > before:
            return None
        return SweepSpec(
            trial=with_defaults(trial, timeout=seconds(found.get("trialtimeout"))),
            space=space,
            sampling=sampling,
            seed=None if algorithm.get("seed") is None else int(algorithm["seed"]),
            goal=goal,
            metric=metric,
            max_trials=total,
            max_concurrent=int(found.get("maxconcurrenttrials") or total),
            timeout=seconds(found.get("timeout")) or None,
            early_termination=policy,
            log_base=log_base,
        )

    def _log_base(self, given: object, where: str) -> float | None:
        if given in (None, "", "e"):
            return None
        try:
            base = float(str(given))
        except ValueError:
            base = 0.0
        if base <= 0:
            self._problems.add(where, f"must be a number above 0 or 'e', but '{given}' was given")
        return base


def _at(where: str, field: str) -> str:
    return f"{where}.{field}" if where else field
