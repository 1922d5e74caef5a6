"""One model trained twice, from the base branch and from a change: is it still good enough?

Pure: what was measured goes in, a verdict and Markdown come out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from clock import spoken
from job_report import number
from job_result import CHAMPION
from markdown_text import cell, code, table
from models import Gate


@dataclass(frozen=True)
class Training:
    """One run of a model's pipeline. `status` is AML's, or "not submitted"; `version` "" where nothing was registered;
    `reason` says what went wrong before or instead of training."""

    status: str
    metrics: dict[str, float | str] = field(default_factory=dict)
    job: str = ""
    version: str = ""
    seconds: float = 0.0
    reason: str = ""

    @property
    def completed(self) -> bool:
        return self.status == "Completed"

    def value(self, metric: str) -> float | None:
        """A metric that is a finite number, else None."""
        found = self.metrics.get(metric)
        usable = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
        return float(found) if usable and found is not None else None


@dataclass(frozen=True)
class Comparison:
    """The change's model beside the base branch's (None where the base has no such model or no base is known)."""

    model: str
    head: Training
    base: Training | None
    gate: Gate | None
    graph: str = ""
    plots: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON; `of` reads it again."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Comparison:
        base, gate = document.get("base"), document.get("gate")
        return cls(
            model=str(document["model"]),
            head=Training(**document["head"]),
            base=Training(**base) if base else None,
            gate=Gate(**gate) if gate else None,
            graph=str(document.get("graph", "")),
            plots=tuple(document.get("plots", ())),
        )

    def verdict(self) -> tuple[bool, str]:
        """Whether the change may be merged as far as this model goes, and why."""
        if not self.head.completed:
            return False, f"the training ended as {self.head.status}" + (
                f": {self.head.reason}" if self.head.reason else ""
            )
        gate = self.gate
        if gate is None:
            return True, "no gate in mlops/models.yml; the metrics are for you to judge"
        value = self.head.value(gate.metric)
        if value is None:
            there = ", ".join(sorted(self.head.metrics)) or "none"
            return False, f"the pipeline logged no number {gate.metric}, which the gate looks at; it logged {there}"
        shown = f"{gate.metric} {number(value)}"
        if gate.limit is not None and not _reaches(gate, value, gate.limit):
            return False, f"{shown} is {'below' if gate.goal == 'maximize' else 'above'} the limit {gate.limit:g}"
        before = self.base.value(gate.metric) if self.base and self.base.completed else None
        if before is None:
            return True, f"{shown}; nothing to compare with: {self.without_base()}"
        margin = abs(before) * gate.tolerance
        allowed = before - margin if gate.goal == "maximize" else before + margin
        told = f" with the tolerance of {gate.tolerance:.1%}" if gate.tolerance else ""
        if _reaches(gate, value, allowed):
            return True, f"{shown} is as good as the base branch's {number(before)}{told}"
        return False, f"{shown} is worse than the base branch's {number(before)}{told}"

    def without_base(self) -> str:
        """Why there is no value of the base branch."""
        if self.base is None:
            return "the base branch has no such model"
        if not self.base.completed:
            return f"the base branch's training ended as {self.base.status}"
        return f"the base branch's pipeline logs no {self.gate.metric if self.gate else 'such metric'}"

    def metrics_table(self) -> str:
        """Every metric with the base branch's and the champion's, and the differences; the gate's metric first."""
        head, judged = self.head.metrics, self.gate.metric if self.gate else ""
        names = sorted(
            (name for name in head if not name.startswith(CHAMPION)), key=lambda name: (name != judged, name)
        )
        rows = []
        for name in names:
            value, champion = self.head.value(name), self.head.value(CHAMPION + name)
            before = self.base.value(name) if self.base else None
            rows.append(
                [
                    f"**{code(name)}**" if name == judged else code(name),
                    number(head[name]),
                    number(before) if before is not None else "-",
                    self._delta(name, value, before),
                    number(champion) if champion is not None else "-",
                    self._delta(name, value, champion),
                ]
            )
        return table(["Metric", "This change", "Base", "Δ", "Champion", "Δ"], rows)

    def _delta(self, name: str, value: float | None, other: float | None) -> str:
        if value is None or other is None:
            return "-"
        delta = value - other
        if math.isclose(value, other, rel_tol=1e-9):
            return "0"
        mark = ""
        if self.gate is not None and name == self.gate.metric:
            mark = " 🟢" if self.gate.better(delta) else " 🔴"
        return f"{delta:+.4g}{mark}"

    def beside(self, champion: Mapping[str, Any]) -> str:
        """A line about the best version on Azure: {workspace, version, value} of the gate's metric; "" without one."""
        value = self.head.value(self.gate.metric) if self.gate else None
        if self.gate is None or value is None or not isinstance(champion.get("value"), int | float):
            return ""
        theirs = float(champion["value"])
        return (
            f"On Azure, in {code(str(champion.get('workspace')))}, the best is version "
            f"{cell(str(champion.get('version')))}: {code(self.gate.metric)} {number(theirs)} on the data of its own "
            f"training, Δ {self._delta(self.gate.metric, value, theirs)}. "
            "The pipeline there compares on the same data.\n"
        )

    def section(self, plots_url: str = "", champion: Mapping[str, Any] | None = None) -> str:
        """The model's part of the comment and of the summary. `champion`: the best version on Azure."""
        good, reason = self.verdict()
        parts = [
            f"### {'✅' if good else '❌'} {cell(self.model)}\n",
            f"**Gate {'passed' if good else 'not passed'}:** {cell(reason)}.\n",
        ]
        if self.head.completed:
            own = (
                f"the pipeline registered version {cell(self.head.version)}"
                if self.head.version
                else "the pipeline's own gate registered nothing: the champion stays"
            )
            parts.append(f"Trained in {spoken(self.head.seconds)} on a local workspace; there {own}.\n")
        if self.head.metrics:
            parts.append(self.metrics_table())
            if any(name.startswith(CHAMPION) for name in self.head.metrics):
                parts.append(
                    "Champion: the version that the base branch registered there, measured on this test data.\n"
                )
        if champion and self.head.completed:
            parts.append(self.beside(champion))
        if self.graph:
            parts.append(f"<details><summary>Pipeline</summary>\n\n{self.graph}\n</details>\n")
        if self.plots:
            names = ", ".join(code(name) for name in self.plots)
            parts.append(f"Plots: {names} in [this artifact]({plots_url}).\n" if plots_url else f"Plots: {names}.\n")
        return "\n".join(parts)


def _reaches(gate: Gate, value: float, bound: float) -> bool:
    # The last digits of a sum of floats depend on the order of its terms: they are no difference.
    if math.isclose(value, bound, rel_tol=1e-9):
        return True
    return value > bound if gate.goal == "maximize" else value < bound
