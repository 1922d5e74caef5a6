"""The bayesian sampler's process: answers one JSON line on stdout for each one on stdin.

    {"space": {"lr": ["uniform", [0.1, 1]]}, "goal": "minimize", "seed": null}     first; -> {}
    {"ask": true}                       -> {"number": 0, "point": {"lr": 0.3}}
    {"tell": 0, "value": 0.25}          -> {}      value null: the trial failed

This file imports optuna and nothing of azureml_local: it runs with infrastructure/locks/optuna.txt.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import optuna  # type: ignore[import-not-found,unused-ignore]
from optuna.distributions import (  # type: ignore[import-not-found,unused-ignore]
    CategoricalDistribution,
    FloatDistribution,
)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    configuration = json.loads(sys.stdin.readline())
    space = configuration["space"]
    study = optuna.create_study(
        direction=configuration["goal"],
        # constant_liar: trials under way count as bad ones, so that those that run side by side differ.
        sampler=optuna.samplers.TPESampler(seed=configuration["seed"], constant_liar=True),
    )
    distributions = {name: _distribution(kind, given) for name, (kind, given) in space.items()}
    trials: dict[int, Any] = {}
    _answer({})
    for line in sys.stdin:
        question = json.loads(line)
        if "tell" in question:
            value = question["value"]
            state = optuna.trial.TrialState.FAIL if value is None else None
            study.tell(trials.pop(question["tell"]), value, state=state)
            _answer({})
        else:
            trial = study.ask(distributions)
            trials[trial.number] = trial
            point = {name: _value(space[name][0], space[name][1], found) for name, found in trial.params.items()}
            _answer({"number": trial.number, "point": point})


def _distribution(kind: str, given: list[Any]) -> Any:
    """A choice is sampled by its index: its values may be lists."""
    if kind == "choice":
        return CategoricalDistribution(range(len(given[0])))
    return FloatDistribution(float(given[0]), float(given[1]))


def _value(kind: str, given: list[Any], found: Any) -> Any:
    if kind == "choice":
        return given[0][found]
    if kind == "quniform":
        step = float(given[2])
        value = round(found / step) * step
        return int(value) if step.is_integer() else value
    return found


def _answer(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
