"""Traffic of an online endpoint: percent per deployment, and the way from one split to the next. Pure functions.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

Traffic = dict[str, int]
_BAR = 20  # characters that stand for 100 percent


def parse_steps(text: str) -> list[int]:
    """`10,50,100` as percents; ValueError says what is wrong. They must rise: each is a bolder step than the last."""
    parts = [part.strip().removesuffix("%").strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,3}", part) for part in parts):
        raise ValueError("it must be percents separated by commas, as in 10,50,100")
    steps = [int(part) for part in parts]
    if any(step > 100 for step in steps):
        raise ValueError("no step may exceed 100")
    if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
        raise ValueError("each step must be larger than the one before")
    return steps


def of(document: Mapping[str, object] | None) -> Traffic:
    """The traffic map of Azure's document without deployments at 0."""
    return {str(name): int(str(percent)) for name, percent in (document or {}).items() if int(str(percent))}


def steps_from(before: Traffic, steps: Sequence[int]) -> list[int]:
    """The steps that can be gone: Azure wants the sum to be 0 or 100, so a first deployment gets all or nothing."""
    if sum(before.values()):
        return [step for step in steps if step]
    return [100] if any(steps) else []


def shifted(before: Traffic, deployment: str, percent: int) -> Traffic:
    """`percent` for `deployment`, the rest shared as it was shared before; whole percents that sum to 100.

    The largest remainders get the percents that rounding leaves over, so that 50/50 at 10 % becomes 45/45/10.
    """
    others = {name: share for name, share in before.items() if name != deployment and share}
    total = sum(others.values())
    rest = 100 - percent
    if not total:
        return {deployment: percent} if percent else {}
    exact = {name: rest * share / total for name, share in others.items()}
    split = {name: int(value) for name, value in exact.items()}
    left = rest - sum(split.values())
    for name in sorted(exact, key=lambda each: (split[each] - exact[each], each))[:left]:
        split[name] += 1
    return {name: share for name, share in {**split, deployment: percent}.items() if share}


def idle_name(existing: Sequence[str], live: Traffic, names: Sequence[str] = ("blue", "green")) -> str:
    """The one of blue and green that gets no traffic: the one that does not exist yet, else the first; "" for none."""
    idle = [name for name in names if not live.get(name)]
    return next((name for name in idle if name not in existing), idle[0] if idle else "")


def told(traffic: Traffic) -> str:
    """`blue 90 %, green 10 %`; `no traffic` when there is none."""
    return ", ".join(f"{name} {share} %" for name, share in sorted(traffic.items()) if share) or "no traffic"


def bar(percent: int) -> str:
    """A percentage as a bar of twenty characters."""
    full = round(percent * _BAR / 100)
    if percent and not full:
        full = 1
    return "█" * full + "░" * (_BAR - full)
