"""What a finished job left behind: its metrics, and the model version that it, and nobody else, registered."""

from __future__ import annotations

from dataclasses import dataclass, field

from workspace import Model, Run, Workspace

#: Convention for the model that was best before: metrics `champion_<name>` beside `<name>`, and its version as a
#: parameter or tag, all logged by whichever step compares.
CHAMPION = "champion_"
CHAMPION_VERSION = "champion_version"
#: Parameter or tag: in one sentence, why the model was registered, or why not.
DECISION = "decision"

#: ISO 8601 to the second: the services disagree on fractions and on how they write UTC.
_SECONDS = len("2026-01-01T00:00:00")


@dataclass(frozen=True)
class Result:
    """`metrics` are merged: the job's own win, then those of the step that started last.

    `reused` are the earlier runs whose results Azure took over; a model may have been registered by one of these.
    """

    metrics: dict[str, float | str] = field(default_factory=dict)
    models: list[Model] = field(default_factory=list)
    champion_version: str = ""
    reused: frozenset[str] = frozenset()
    decision: str = ""


@dataclass(frozen=True)
class Comparison:
    """One metric beside the champion's; `delta` is None where one of the two is no number."""

    name: str
    value: float | str
    champion: float | str | None
    delta: float | None


def merged_metrics(workspace: Workspace, job: str, runs: list[Run]) -> dict[str, float | str]:
    """Metrics of the steps in the order they started, then of the job itself; later ones win."""
    metrics: dict[str, float | str] = {}
    for run in sorted(runs, key=lambda each: each.started or each.created):
        if run.id != job:
            metrics.update(workspace.metrics(run.origin))
    metrics.update(workspace.metrics(job))
    return metrics


def made_by(model: Model, runs: set[str]) -> bool:
    """Whether one of the runs registered this version: AML notes it as the version's job, older clients in its path."""
    if model.job:
        return model.job in runs
    return any(f"/{run}/" in model.uri or f".{run}/" in model.uri for run in runs)


def registered_models(workspace: Workspace, job: str, runs: list[Run], name: str = "") -> list[Model]:
    """The versions that the job registered, newest first; of all models, or of `name`.

    A version made from a reused run's model names that earlier run as its job. It is this job's own if it was made
    since the job began; an older one counts only where every step was reused, so that nothing could be registered anew.
    """
    own = {job, *(each.id for each in runs)}
    reused = {each.origin for each in runs if each.reused}
    began = min((each.created for each in runs), default="")[:_SECONDS]
    all_reused = bool(runs) and all(each.reused for each in runs if each.id != job)
    found = []
    for each in [name] if name else workspace.model_names():
        for model in workspace.model_versions(each):
            new = model.created[:_SECONDS] >= began
            if made_by(model, own) or (made_by(model, reused) and (new or all_reused)):
                found.append(model)
    return sorted(found, key=lambda model: model.created, reverse=True)


def gather(workspace: Workspace, job: str, runs: list[Run], model_name: str) -> Result:
    """Everything that the outputs and the summary tell of a job."""
    noted: dict[str, str] = {}
    for run in [job, *(each.origin for each in runs)]:
        if CHAMPION_VERSION not in noted:
            noted = {**workspace.parameters_and_tags(run), **noted}
    reused = frozenset(each.origin for each in runs if each.reused)
    models = registered_models(workspace, job, runs, model_name)
    champion = noted.get(CHAMPION_VERSION, "none")
    return Result(
        metrics=merged_metrics(workspace, job, runs),
        models=models,
        champion_version="" if champion == "none" else champion,
        reused=reused,
        decision=noted.get(DECISION, ""),
    )


def compare(metrics: dict[str, float | str]) -> list[Comparison]:
    """Each metric with the champion's of the same name, if there is one; the compared ones first, each part by name."""
    rows = []
    for name in sorted(metrics):
        if name.startswith(CHAMPION):
            continue
        value, champion = metrics[name], metrics.get(CHAMPION + name)
        both = isinstance(value, float) and isinstance(champion, float)
        rows.append(Comparison(name, value, champion, value - champion if both else None))  # type: ignore[operator]
    return sorted(rows, key=lambda row: row.champion is None)
