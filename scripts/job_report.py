"""The job summary of run-pipeline: the result first, then steps, metrics, model, and the logs folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clock import spoken
from failures_in_logs import IN_LOGS
from job_log import StepLog
from job_result import Result, compare
from known_failures import Known, explain
from markdown_text import cell, code, fenced, table

_MARKS = {"Completed": "✅", "Failed": "❌", "Canceled": "🚫", "NotResponding": "❌", "Paused": "⏸️", "Running": "⏳"}
_CLASSES = {"Completed": "ok", "Failed": "bad", "NotResponding": "bad", "Canceled": "off"}
_LOG_BYTES = 700_000  # all folded logs together, well below the 1 MiB of a summary
_BINDING = re.compile(r"\$\{\{\s*parent\.jobs\.([\w-]+)\.")


@dataclass(frozen=True)
class Step:
    """A row of the step table. `seconds` is None before the step has started."""

    name: str
    status: str
    seconds: float | None
    error: str = ""
    tail: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """All that the summary says. `edges` are pairs of step names."""

    title: str
    job: str
    status: str
    seconds: float
    studio_url: str
    steps: list[Step]
    edges: list[tuple[str, str]]
    result: Result = field(default_factory=Result)
    attached: bool = False
    run_url: str = ""


def number(value: float | str) -> str:
    """A metric for people: integers whole, others with five significant digits."""
    if isinstance(value, str):
        return cell(value)
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e12 else f"{value:.5g}"


def seconds_between(start: str, end: str) -> float | None:
    """Seconds between two ISO 8601 times, None unless both are there."""
    try:
        began, ended = (datetime.fromisoformat(_six_digits(each.replace("Z", "+00:00"))) for each in (start, end))
        return max(0.0, (ended - began).total_seconds())
    except (ValueError, TypeError):  # empty, or one with a time zone and one without
        return None


def _six_digits(text: str) -> str:
    """Azure writes seven decimals, Python 3.10 reads three or six."""
    return re.sub(r"\.(\d+)", lambda found: "." + (found[1] + "000000")[:6], text)


def steps_of(job: dict[str, Any], logs: Iterable[StepLog]) -> list[Step]:
    """Steps that ran, in order, then those of the pipeline's definition that never started."""
    found = [
        Step(
            log.run.name,
            log.run.status + (" (reused)" if log.run.reused else ""),
            seconds_between(log.run.started, log.run.ended),
            log.error,
            tuple(log.tail),
        )
        for log in sorted(logs, key=lambda each: each.run.started or each.run.created or "9")
    ]
    names = {step.name for step in found}
    defined = ((job.get("properties") or {}).get("jobs") or {}).keys()
    return found + [Step(str(name), "not started", None) for name in defined if name not in names]


def edges_of(job: dict[str, Any]) -> list[tuple[str, str]]:
    """Which step feeds which, from the bindings in the pipeline's definition."""
    edges = set()
    for name, node in ((job.get("properties") or {}).get("jobs") or {}).items():
        for value in (node.get("inputs") or {}).values():
            text = str(value.get("uri") or value.get("value") or "") if isinstance(value, dict) else str(value)
            edges |= {(source, str(name)) for source in _BINDING.findall(text)}
    return sorted(edges)


def mermaid(steps: Sequence[Step], edges: Sequence[tuple[str, str]]) -> str:
    """The pipeline as a graph; GitHub renders it."""
    ids = {step.name: f"s{index}" for index, step in enumerate(steps)}
    lines = ["flowchart LR"]
    for step in steps:
        label = re.sub(r'["\[\]{}<>`#;]', " ", step.name)
        kind = _CLASSES.get(step.status.partition(" ")[0], "")
        lines.append(f'  {ids[step.name]}["{label}"]' + (f":::{kind}" if kind else ""))
    lines += [f"  {ids[source]} --> {ids[sink]}" for source, sink in edges if source in ids and sink in ids]
    lines += [
        "  classDef ok fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
        "  classDef bad fill:#ffebe9,stroke:#cf222e,color:#1f2328",
        "  classDef off fill:#eaeef2,stroke:#6e7781,color:#1f2328",
    ]
    return fenced("\n".join(lines), "mermaid")


def failed_step(steps: Sequence[Step]) -> Step | None:
    """The step to look at first: one that failed, else one that stopped responding."""
    return next((step for state in ("Failed", "NotResponding") for step in steps if step.status == state), None)


def known_cause(step: Step) -> Known | None:
    """What the end of a failed step's log, or else its error, tells."""
    return (
        explain("\n".join(step.tail[-60:]), IN_LOGS)
        or explain(step.error, IN_LOGS)
        or (explain(step.error) if step.error else None)
    )


def failure_text(step: Step) -> str:
    """Which step, why, what to do: for the annotation in the log."""
    parts = [f"Step {step.name} {step.status}."]
    known = known_cause(step)
    if known is not None:
        parts += [f"Cause: {known.cause}", f"Fix: {known.fix}", f"More: {known.link}"]
    if step.error:
        parts.append(f"Azure said: {step.error.splitlines()[0] if step.tail else step.error}")
    parts += ["End of its log:", *step.tail[-15:]] if step.tail else []
    return "\n".join(parts)


def render(report: Report) -> str:
    """The whole summary as Markdown."""
    mark = _MARKS.get(report.status, "⏳")
    links = [f"job `{report.job}`"]
    if report.studio_url:
        links.append(f"[studio]({report.studio_url})")
    if report.run_url:
        links.append(f"[run]({report.run_url})")
    parts = [
        f"### {mark} {cell(report.title)}: {report.status} after {spoken(report.seconds)}\n",
        " · ".join(links) + "\n",
    ]
    if report.attached:
        parts.append("This job had been submitted before by the same run; it was not started a second time.\n")
    bad = failed_step(report.steps)
    if bad is not None:
        parts.append(_failure(bad))
    parts.append(_models(report))
    parts.append("#### Steps\n\n" + _step_table(report.steps))
    if report.edges:
        parts.append(mermaid(report.steps, report.edges))
    if report.result.metrics:
        parts.append(_metrics(report.result))
    parts.append(_logs(report.steps))
    return "\n".join(part for part in parts if part)


def _failure(step: Step) -> str:
    known = known_cause(step)
    lines = [f"**Step `{step.name}` {step.status}.**"]
    if known is not None:
        lines += [f"**Cause:** {cell(known.cause)}", f"**Fix:** {known.fix} [More]({known.link})"]
    elif step.error:
        lines.append(cell(step.error[:2000]))
    text = "\n\n".join(lines) + "\n"
    return text + ("\n" + fenced("\n".join(step.tail[-30:])) if step.tail else "")


def _models(report: Report) -> str:
    models, champion, why = report.result.models, report.result.champion_version, cell(report.result.decision)
    if models:
        rows = [
            [f"`{model.name}`", f"**{cell(model.version)}**", f"`azureml:{model.name}:{model.version}`"]
            for model in models
        ]
        text = "#### Model\n\n" + table(["Model", "Version", "To deploy it"], rows)
        earlier = [model for model in models if model.job in report.result.reused]
        text += f"\nWhy: {why}.\n" if why else ""
        return text + ("\nRegistered earlier, by the run whose result was reused.\n" if earlier else "")
    if report.status != "Completed":
        return ""
    stays = f"; the champion stays version {cell(champion)}" if champion else ""
    return f"No model was registered by this job{stays}.{f' Why: {why}.' if why else ''}\n"


def _step_table(steps: Sequence[Step]) -> str:
    rows = [
        [cell(step.name), f"{_MARKS.get(step.status.partition(' ')[0], '▫️')} {step.status or 'unknown'}",
         spoken(step.seconds) if step.seconds is not None else "-"]
        for step in steps
    ]  # fmt: skip
    return table(["Step", "State", "Duration"], rows)


def _metrics(result: Result) -> str:
    rows = compare(result.metrics)
    if not any(row.champion is not None for row in rows):
        return "#### Metrics\n\n" + table(["Metric", "Value"], [[code(row.name), number(row.value)] for row in rows])
    champion = "Champion" + (f" (version {cell(result.champion_version)})" if result.champion_version else "")
    shown = [
        [
            code(row.name),
            number(row.value),
            number(row.champion) if row.champion is not None else "-",
            f"{row.delta:+.5g}" if row.delta is not None else "-",
        ]
        for row in rows
    ]
    return "#### Metrics\n\n" + table(["Metric", "Value", champion, "Δ"], shown)


def _logs(steps: Sequence[Step]) -> str:
    told = [step for step in steps if step.tail]
    if not told:
        return ""
    share = _LOG_BYTES // len(told)
    parts = []
    for step in told:
        data = "\n".join(step.tail).encode()[-share:].decode(errors="ignore")
        parts.append(f"<details><summary>Log of {cell(step.name)} (its end)</summary>\n\n{fenced(data)}\n</details>\n")
    return "\n".join(parts)
