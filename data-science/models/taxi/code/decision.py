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

JUDGED_BY = "test_rmse"  # dollars; lower is better
DECISION_FILE = "decision.json"


@dataclass(frozen=True)
class Version:
    """A registered version of the model as the registry describes it; `created` in ms since 1970."""

    name: str
    created: int
    tags: Mapping[str, str] = field(default_factory=dict)
    ready: bool = True
    archived: bool = False

    def recorded(self, metric: str = JUDGED_BY) -> float | None:
        """The metric this version was registered with, if it carries one that is a finite number."""
        try:
            value = float(self.tags[metric])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) else None


def champion_of(versions: Iterable[Version]) -> Version | None:
    """The version to beat: the lowest recorded error; of equals, and where none recorded any, the newest."""
    usable = [version for version in versions if version.ready and not version.archived]

    def rank(version: Version) -> tuple[float, int]:
        recorded = version.recorded()
        return (math.inf if recorded is None else recorded, -version.created)

    return min(usable, key=rank, default=None)


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


def verdict(candidate: float, champion: float | None, *, tolerance: float, limit: float) -> tuple[bool, str]:
    """Whether a model with the error `candidate` may be registered, and why.

    `champion` is the error of the version to beat: None when there is no version, nan when there is one that could not
    be measured. `tolerance` is the share by which the
    candidate may be worse (0.02: two percent), `limit` the error above which nothing is registered, first or not.
    """
    if not math.isfinite(candidate):
        return False, f"{JUDGED_BY} is {candidate}: the model has no measurable error"
    if candidate > limit:
        return False, f"{JUDGED_BY} {candidate:.4f} is above the limit {limit:g}"
    if champion is None:
        return True, f"{JUDGED_BY} {candidate:.4f}; no earlier version to beat"
    if not math.isfinite(champion):
        return False, (
            f"{JUDGED_BY} {candidate:.4f}, but the champion can neither be scored nor has an error on record; "
            "archive or delete that version to go on without it"
        )
    allowed = champion * (1 + tolerance)
    margin = f" with the tolerance of {tolerance:.1%}" if tolerance else ""
    # Sums of floats depend on the order of their terms: the last digits are no difference.
    if candidate <= allowed or math.isclose(candidate, allowed, rel_tol=1e-9):
        return True, f"{JUDGED_BY} {candidate:.4f} is at least as good as the champion's {champion:.4f}{margin}"
    return False, f"{JUDGED_BY} {candidate:.4f} is worse than the champion's {champion:.4f}{margin}"


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
