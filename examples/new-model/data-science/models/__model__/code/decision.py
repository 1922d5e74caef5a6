"""Is the new model good enough to be registered? The rule, and the file that carries the answer.

Standard library only and free of I/O but that file: the rule can be read and tested on its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DECISION_FILE = "decision.json"


@dataclass(frozen=True)
class Version:
    """A registered version of the model as the registry describes it; `created` in ms since 1970."""

    name: str
    created: int
    tags: Mapping[str, str] = field(default_factory=dict)
    ready: bool = True
    archived: bool = False

    def recorded(self, metric: str) -> float:
        """The metric this version was registered with; nan when it carries none that is a finite number."""
        try:
            value = float(self.tags[metric])
        except (KeyError, ValueError):
            return math.nan
        return value if math.isfinite(value) else math.nan


@dataclass(frozen=True)
class Gate:
    """What a model is judged by. `limit`: the worst value that may be registered, first version or not; `tolerance`:
    the share by which a candidate may be worse than the champion (0.02: two percent of the champion's value)."""

    metric: str
    higher_is_better: bool
    limit: float
    tolerance: float = 0.0

    def champion_of(self, versions: Iterable[Version]) -> Version | None:
        """The version to beat: the best on record; of equals, and where none recorded anything, the newest."""
        usable = [version for version in versions if version.ready and not version.archived]

        def rank(version: Version) -> tuple[float, int]:
            value = version.recorded(self.metric)
            worst_first = -math.inf if math.isnan(value) else value if self.higher_is_better else -value
            return (worst_first, version.created)

        return max(usable, key=rank, default=None)

    def verdict(self, candidate: float, champion: float | None) -> tuple[bool, str]:
        """Whether a model with this value may be registered, and why. `champion` is the value of the version to beat:
        None when there is no version, nan when there is one that could not be measured."""
        shown = f"{self.metric} {candidate:.4f}"
        if not math.isfinite(candidate):
            return False, f"{self.metric} is {candidate}: the model cannot be measured"
        if not self._reaches(candidate, self.limit):
            return False, f"{shown} is {'below' if self.higher_is_better else 'above'} the limit {self.limit:g}"
        if champion is None:
            return True, f"{shown}; no earlier version to beat"
        if not math.isfinite(champion):
            return False, (
                f"{shown}, but the champion can neither be scored nor has a value on record; "
                "archive or delete that version to go on without it"
            )
        margin = abs(champion) * self.tolerance
        allowed = champion - margin if self.higher_is_better else champion + margin
        told = f" with the tolerance of {self.tolerance:.1%}" if self.tolerance else ""
        if self._reaches(candidate, allowed):
            return True, f"{shown} is at least as good as the champion's {champion:.4f}{told}"
        return False, f"{shown} is worse than the champion's {champion:.4f}{told}"

    def _reaches(self, value: float, bound: float) -> bool:
        # Sums of floats depend on the order of their terms: the last digits are no difference.
        if math.isclose(value, bound, rel_tol=1e-9):
            return True
        return value > bound if self.higher_is_better else value < bound


@dataclass(frozen=True)
class Decision:
    """What evaluate.py found and register.py obeys.

    `metrics` are the candidate's; `champion_metrics` the champion's on the same rows where `champion_measured`,
    else those recorded when it was registered.
    """

    deploy_flag: bool
    reason: str
    model_name: str
    metrics: dict[str, float]
    champion_version: str | None = None
    champion_metrics: dict[str, float] = field(default_factory=dict)
    champion_measured: bool = False

    def write(self, folder: Path) -> Path:
        """Write `decision.json` into `folder`; numbers that are not finite become null."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / DECISION_FILE
        document = asdict(self)
        for group in ("metrics", "champion_metrics"):
            document[group] = {name: value if math.isfinite(value) else None for name, value in document[group].items()}
        path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> Decision:
        """Raises ValueError, naming the file, unless it is one that `write` wrote."""
        path = folder / DECISION_FILE
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            for group in ("metrics", "champion_metrics"):
                document[group] = {k: math.nan if v is None else float(v) for k, v in document[group].items()}
            decision = cls(**document)
        except FileNotFoundError:
            raise ValueError(f"{path}: not there; the evaluate step writes it") from None
        except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not a decision of the evaluate step: {error}") from None
        # Only a real boolean opens the gate: "false", 1 or a missing value must not.
        if type(decision.deploy_flag) is not bool:
            raise ValueError(f"{path}: deploy_flag is {decision.deploy_flag!r}, it must be true or false")
        return decision


def registration_tags(decision: Decision, *, job: str, commit: str) -> dict[str, str]:
    """The tags of the new version: its metrics, where it comes from, whom it beat. Empty values are left out."""
    # All digits: where this version cannot be loaded one day, the tag is what a candidate is compared with.
    tags = {name: repr(value) for name, value in decision.metrics.items() if math.isfinite(value)}
    tags["job"] = job
    tags["commit"] = commit
    tags["decision"] = decision.reason
    if decision.champion_version is not None:
        tags["champion_version"] = decision.champion_version
    return {name: value for name, value in tags.items() if value}
