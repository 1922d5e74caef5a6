"""Search spaces: which values a sweep tries.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep, "Parameter expressions".
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

# What each distribution is given, in the order in which REST lists it.
PARAMETERS = {
    "choice": ("values",),
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "loguniform": ("min_value", "max_value"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "lognormal": ("mu", "sigma"),
    "qlognormal": ("mu", "sigma", "q"),
}

BAYESIAN = ("choice", "uniform", "quniform")

Space = Mapping[str, tuple[str, list[Any]]]


def sample(space: Space, generator: random.Random, log_base: float = math.e) -> dict[str, Any]:
    """One point, drawn at random."""
    return {name: _draw(kind, given, generator, log_base) for name, (kind, given) in space.items()}


def _draw(kind: str, given: list[Any], generator: random.Random, log_base: float) -> Any:
    if kind == "choice":
        return generator.choice(given[0])
    if kind == "randint":
        return generator.randrange(int(given[0]))
    first, second = float(given[0]), float(given[1])
    value = generator.gauss(first, second) if kind.endswith("normal") else generator.uniform(first, second)
    if "log" in kind:
        value = log_base**value
    if kind.startswith("q"):
        step = float(given[2])
        value = round(value / step) * step
        return int(value) if step.is_integer() else value
    return value


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Every combination of the choices."""
    names = list(space)
    for values in itertools.product(*(space[name][1][0] for name in names)):
        yield dict(zip(names, values, strict=True))


def points(
    space: Space, sampling: str, seed: int | None, count: int, log_base: float | None = None
) -> list[dict[str, Any]]:
    """The points that a sweep tries, `count` at most. Random ones are the same for the same seed."""
    if sampling == "grid":
        return list(itertools.islice(grid(space), count))
    generator = random.Random(seed)  # noqa: S311 - not a secret
    return [sample(space, generator, log_base or math.e) for _ in range(count)]


def problem(kind: str, given: list[Any], sampling: str) -> str | None:
    """What is wrong with one parameter's distribution."""
    if kind not in PARAMETERS:
        return f"the distribution '{kind}' is not one of {', '.join(PARAMETERS)}"
    if any(value is None for value in given) or len(given) < len(PARAMETERS[kind]):
        return f"{kind} needs {', '.join(PARAMETERS[kind])}"
    if kind == "choice" and not (isinstance(given[0], list) and given[0]):
        return "choice needs at least one value"
    if kind == "randint" and int(given[0]) < 1:
        return "upper must be 1 or more"
    if kind in ("uniform", "quniform", "loguniform", "qloguniform") and float(given[0]) > float(given[1]):
        return "min_value is greater than max_value"
    if sampling == "grid" and kind != "choice":
        return f"grid sampling needs choices, but this is {kind}"
    if sampling == "bayesian" and kind not in BAYESIAN:
        return f"bayesian sampling supports {', '.join(BAYESIAN)}, but this is {kind}"
    return None
