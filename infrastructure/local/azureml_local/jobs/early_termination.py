"""Early termination of a sweep's trials: which of them are to be stopped, judged by the metrics logged so far.

An interval is one report of the primary metric, so a trial that logged it n times is at interval n. A policy applies to
a trial at every multiple of `evaluation_interval` from `delay_evaluation` on.

Source: learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters, "Early termination".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from .problems import Problems

_KINDS = {"bandit": "bandit", "medianstopping": "median_stopping", "truncationselection": "truncation_selection"}


@dataclass(frozen=True)
class Policy:
    """kind: bandit, median_stopping or truncation_selection.

    slack_factor, slack_amount: how much worse than the best a bandit may be, as a ratio or absolutely; one is 0.
    percentage: of the trials, that truncation selection stops.  exclude_finished: it does not compare with ended ones.
    """

    kind: str
    interval: int = 1
    delay: int = 0
    slack_factor: float = 0.0
    slack_amount: float = 0.0
    percentage: int = 0
    exclude_finished: bool = False


def read_policy(given: Mapping[str, Any], where: str, problems: Problems) -> Policy | None:
    """The policy as REST (`policyType`, `slackFactor`) or components (`type`, `slack_factor`) write it."""
    said = {str(name).replace("_", "").lower(): value for name, value in given.items()}
    written = str(said.get("policytype") or said.get("type") or "")
    kind = _KINDS.get(written.replace("_", "").lower())
    if kind is None:
        problems.add(where, f"'{written}' is not one of {', '.join(_KINDS.values())}")
        return None
    policy = Policy(
        kind=kind,
        interval=int(said.get("evaluationinterval") or 1),
        delay=int(said.get("delayevaluation") or 0),
        slack_factor=float(said.get("slackfactor") or 0),
        slack_amount=float(said.get("slackamount") or 0),
        percentage=int(said.get("truncationpercentage") or 0),
        exclude_finished=bool(said.get("excludefinishedjobs")),
    )
    wrong = _problem(policy)
    if wrong is not None:
        problems.add(where, wrong)
    return policy


def _problem(policy: Policy) -> str | None:
    if policy.interval < 1 or policy.delay < 0:
        return "evaluation_interval must be 1 or more and delay_evaluation 0 or more"
    if policy.kind == "bandit" and (policy.slack_factor > 0) == (policy.slack_amount > 0):
        return "bandit needs either a slack_factor or a slack_amount, more than 0"
    if policy.kind == "truncation_selection" and not 1 <= policy.percentage <= 99:
        return f"truncation_percentage must be from 1 to 99, but {policy.percentage} was given"
    return None


@dataclass
class Judge:
    """Applies a policy again and again to what the trials have logged.

    minimize: lower is better.  _selected: which trials truncation selection has looked at, at which interval: that
    policy takes a share of the trials, so it must not take it twice.
    """

    policy: Policy
    minimize: bool
    _selected: set[tuple[int, int]] = field(default_factory=set)

    def to_stop(self, logged: Mapping[int, Sequence[float]], running: Sequence[int]) -> dict[int, str]:
        """The running trials to stop now, each with the reason.

        logged: the metric's values by trial, oldest first, of those that ended too.
        """
        found: dict[int, str] = {}
        for trial in running:
            interval = self._interval(len(logged.get(trial, ())))
            if interval is not None and (reason := self._reason(trial, interval, logged, running)) is not None:
                found[trial] = reason
        return found

    def _interval(self, reports: int) -> int | None:
        """The last interval at which a trial with so many reports is judged."""
        last = reports - reports % self.policy.interval
        return last if last >= max(self.policy.delay, 1) else None

    def _reason(
        self, trial: int, interval: int, logged: Mapping[int, Sequence[float]], running: Sequence[int]
    ) -> str | None:
        own = logged[trial][:interval]
        if self.policy.kind == "truncation_selection":
            return self._truncated(trial, interval, logged, running)
        if self.policy.kind == "median_stopping":
            middle = median(fmean(values[:interval]) for values in logged.values() if values)
            if self._worse(self._best(own), middle):
                return f"its best value {self._best(own):g} is worse than the median of all averages, {middle:g}"
            return None
        best = self._best([self._best(values[:interval]) for values in logged.values() if len(values) >= interval])
        limit = self._slack(best)
        if self._worse(self._best(own), limit):
            return f"its best value {self._best(own):g} is worse than {limit:g}, which the best trial's {best:g} allows"
        return None

    def _truncated(
        self, trial: int, interval: int, logged: Mapping[int, Sequence[float]], running: Sequence[int]
    ) -> str | None:
        if (trial, interval) in self._selected:
            return None
        self._selected.add((trial, interval))
        compared = {
            other: values[interval - 1]
            for other, values in logged.items()
            if len(values) >= interval and not (self.policy.exclude_finished and other not in running)
        }
        worst_first = sorted(compared, key=lambda other: compared[other], reverse=self.minimize)
        if trial in worst_first[: len(worst_first) * self.policy.percentage // 100]:
            return f"its value {compared[trial]:g} is among the worst {self.policy.percentage} % of {len(compared)}"
        return None

    def _slack(self, best: float) -> float:
        """The worst value that a bandit accepts beside this best one."""
        if self.policy.slack_amount:
            distance = self.policy.slack_amount
        elif self.minimize:
            distance = abs(best) * self.policy.slack_factor
        else:
            distance = abs(best) * self.policy.slack_factor / (1 + self.policy.slack_factor)
        return best + distance if self.minimize else best - distance

    def _best(self, values: Sequence[float]) -> float:
        return min(values) if self.minimize else max(values)

    def _worse(self, value: float, other: float) -> bool:
        return value > other if self.minimize else value < other
