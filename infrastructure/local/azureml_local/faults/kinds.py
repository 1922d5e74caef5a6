"""The kinds of faults, their options, and the check of what somebody asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """A number or a word that a kind of fault takes. `choices` empty: any number from `low` on."""

    help: str
    default: float | str
    choices: tuple[float | str, ...] = ()
    low: float = 0.0


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `matches`: what --match is searched in; empty for faults that hit everything at once."""

    help: str
    matches: str
    options: Mapping[str, Option] = field(default_factory=dict)


_REQUESTS = "'METHOD host/path?query' of each request"
_WHEN = ("before", "after")
_RUNS = "'job/step' of each run"

KINDS: Mapping[str, Kind] = {
    "throttle": Kind(
        "answer 429 with Retry-After (503 ServerBusy for blobs)",
        _REQUESTS,
        {"retry-after": Option("seconds that Retry-After asks to wait", 1)},
    ),
    "server-error": Kind(
        "answer 5xx",
        _REQUESTS,
        {"status": Option("which one", 503, (500, 502, 503, 504))},
    ),
    "cut": Kind(
        "break the connection without an answer",
        _REQUESTS,
        {"when": Option("before the work is done, or after: then only its answer is lost", "before", _WHEN)},
    ),
    "quota": Kind(
        "refuse cores, as Azure does: a cluster's operation fails, an online deployment and endpoint are answered 400, "
        "a run that is due on nodes fails",
        f"{_REQUESTS} that creates one, or 'PUT host/…/jobs/job/step' of each run",
    ),
    "slow": Kind(
        "make a long-running operation take longer",
        f"{_REQUESTS} that starts one",
        {"seconds": Option("how much longer", 10)},
    ),
    "preempt": Kind("take the node away from a run on low-priority nodes, now or when it runs", _RUNS),
    "kill-deployment": Kind(
        "kill -9 the servers of an online deployment, now or when it serves", "'endpoint/deployment' of each"
    ),
    "expire-tokens": Kind("refuse every access token that clients were given until now", ""),
    "token-lifetime": Kind(
        "give access tokens that end early, until cleared", "", {"seconds": Option("their life", 30, low=1)}
    ),
}


class FaultError(Exception):
    """A fault that cannot be switched on as asked; the message says what is allowed."""


@dataclass
class Fault:
    """One fault that was asked for. It hits `count` times (0: until cleared), after letting `skip` matches pass."""

    number: int
    kind: str
    match: str
    count: int
    skip: int
    options: dict[str, float | str]
    hits: int = 0

    @property
    def live(self) -> bool:
        return self.count == 0 or self.hits < self.count

    def takes(self, subject: str) -> bool:
        """Whether this fault hits the subject; it is counted if so."""
        if not self.live or re.search(self.match, subject, re.IGNORECASE) is None:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True

    def document(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "kind": self.kind,
            "match": self.match,
            "count": self.count,
            "hits": self.hits,
            "live": self.live,
            "options": self.options,
        }


def read(number: int, asked: Mapping[str, Any]) -> Fault:
    """The fault that `{"kind", "match"?, "count"?, "skip"?, "options"?}` asks for, else FaultError."""
    name = str(asked.get("kind", ""))
    kind = KINDS.get(name)
    if kind is None:
        raise FaultError(f"There is no fault '{name}'; there are: {', '.join(KINDS)}.")
    match = str(asked.get("match") or "")
    if match and not kind.matches:
        raise FaultError(f"'{name}' hits everything at once: it takes no --match.")
    try:
        re.compile(match)
    except re.error as error:
        raise FaultError(f"--match '{match}' is not a regular expression: {error}.") from error
    given = dict(asked.get("options") or {})
    unknown = sorted(given.keys() - kind.options.keys())
    if unknown:
        allowed = ", ".join(f"--{option}" for option in kind.options) or "none"
        raise FaultError(f"'{name}' does not take --{unknown[0]}; its options: {allowed}.")
    options = {option: _checked(option, given.get(option, known.default), known)
               for option, known in kind.options.items()}  # fmt: skip
    count, skip = asked.get("count", 1), asked.get("skip", 0)
    for option, value in (("count", count), ("skip", skip)):
        if not isinstance(value, int) or value < 0:
            raise FaultError(f"--{option} must be a whole number from 0 on, not '{value}'.")
    return Fault(number, name, match, count, skip, options)


def _checked(name: str, value: float | str, option: Option) -> float | str:
    if isinstance(option.default, str):
        value = str(value)
    elif not isinstance(value, (int, float)) or value < option.low:
        raise FaultError(f"--{name} must be a number from {option.low:g} on, not '{value}'.")
    if option.choices and value not in option.choices:
        raise FaultError(f"--{name} must be one of {', '.join(str(each) for each in option.choices)}, not '{value}'.")
    return value
