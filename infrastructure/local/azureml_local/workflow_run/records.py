"""What act says of a run, line by line: its `--json` records turned into jobs, steps, outputs and summaries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .environment_step import MARK
from .job_environments import STEP_ID

SUCCESS = "success"
# act says this in the name of a job that only calls a workflow, and nothing more: its jobs are the called ones.
_FETCHING = "LocalRepositoryCache"


@dataclass
class StepRecord:
    """A step of a job. `seconds` is None while it runs; `result` is act's word: success, failure, skipped."""

    name: str
    started: float
    seconds: float | None = None
    result: str = ""


@dataclass
class JobRecord:
    """A job as act ran it. `name` is act's path: `workflow/job`; `calling job/workflow/job` in a called workflow.

    environment: the GitHub environment it is in, "" for none; review: what its reviewers said; held_back: they did not
    approve, so none of its steps ran.
    """

    name: str
    job_id: str
    started: float
    seconds: float = 0.0
    result: str = ""
    steps: list[StepRecord] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    errors: list[str] = field(default_factory=list)
    environment: str = ""
    review: str = ""
    held_back: bool = False

    @property
    def label(self) -> str:
        """Its id, with the calling job before it when it belongs to a called workflow: two calls have the same ids."""
        return "/".join([*(part.strip() for part in self.name.split("/")[:-2]), self.job_id])


@dataclass
class RunRecord:
    """Everything a run said. `problems` are act's own errors, outside any job."""

    jobs: dict[str, JobRecord] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """True only if some job ran, every job that ran succeeded, and act itself complained of nothing."""
        results = [job.result for job in self.jobs.values()]
        return bool(results) and all(result == SUCCESS for result in results) and not self.problems

    @property
    def held_back(self) -> list[JobRecord]:
        """The jobs that were not approved; [] where a job failed for another reason."""
        failed = [job for job in self.jobs.values() if job.result != SUCCESS]
        return failed if all(job.held_back for job in failed) and not self.problems else []

    def outputs(self) -> dict[str, str]:
        """Step outputs of all jobs; a later job's wins."""
        merged: dict[str, str] = {}
        for job in self.jobs.values():
            merged.update(job.outputs)
        return merged


@dataclass(frozen=True)
class Event:
    """Something to show: kind is job-start, job-end, step-start, step-end, line, group, warning, error or notice.

    Or to answer: `environment` is a job that waits before its first step; `text` is what environment_step.py asks.
    """

    kind: str
    job: JobRecord | None
    text: str = ""
    step: StepRecord | None = None


class Reader:
    """Feeds on act's lines; tells a listener what happened. `clock` is seconds, monotonic."""

    def __init__(self, listener: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self.record = RunRecord()
        self._summarised: dict[str, list[tuple[str, ...]]] = {}
        self._tell = listener
        self._clock = clock

    def feed(self, line: str) -> None:
        """One line of `act --json`; lines that are not JSON are act's own errors."""
        line = line.strip()
        if not line:
            return
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"level": "error", "msg": line}
        if not isinstance(entry, dict):
            return
        if "job" not in entry:
            self._outside(entry)
            return
        self._inside(entry)

    def _outside(self, entry: dict[str, Any]) -> None:
        message = str(entry.get("msg", ""))
        if entry.get("level") in {"error", "fatal"} and not message.startswith("Error: Job '"):
            self.record.problems.append(message)
            self._tell(Event("error", None, message))

    def _inside(self, entry: dict[str, Any]) -> None:
        name = str(entry["job"])
        job = self.record.jobs.get(name)
        message = str(entry.get("msg", ""))
        if "Skipping unsupported platform" in message:
            label = message.partition("--")[2].strip(" .'")
            problem = f"{name}: no runner here for `runs-on: {label or message}`; it would be skipped in silence"
            self.record.problems.append(problem)
            self._tell(Event("error", None, problem))
            return
        if job is None:
            if message.startswith(_FETCHING):
                return
            job = self.record.jobs[name] = JobRecord(name, str(entry.get("jobID", name)), self._clock())
            self._tell(Event("job-start", job))
        if "jobResult" in entry:
            # Calls of one workflow in two models' deliveries have jobs of the same name: no success hides a failure.
            result = str(entry["jobResult"])
            job.result = result if job.result in ("", SUCCESS) else job.result
            job.seconds = self._clock() - job.started
            self._tell(Event("job-end", job))
            return
        command = entry.get("command")
        if command == "summary":
            self._summary(job, entry)
        elif command == "set-output":
            job.outputs[str(entry.get("name"))] = str(entry.get("arg", ""))
        elif command in {"warning", "error", "notice"}:
            text = str(entry.get("arg", ""))
            if command == "error":
                job.errors.append(text)
            self._tell(Event(str(command), job, text))
        elif command == "group":
            self._tell(Event("group", job, str(entry.get("arg", ""))))
        elif command is not None:
            return
        elif entry.get("raw_output") and entry.get("stepID") == [STEP_ID] and message.startswith(MARK):
            self._tell(Event("environment", job, message.removeprefix(MARK)))
        elif entry.get("raw_output"):
            self._tell(Event("line", job, message.rstrip("\n")))
        else:
            self._step(entry, job, message)

    def _summary(self, job: JobRecord, entry: dict[str, Any]) -> None:
        """Keep a step's summary. act tells a composite's twice: for its inner step and again for the composite."""
        path = tuple(str(part) for part in entry.get("stepID") or [])
        known = self._summarised.setdefault(job.name, [])
        if not any(len(other) > len(path) and other[: len(path)] == path for other in known):
            job.summary += str(entry.get("content", ""))
        known.append(path)

    def _step(self, entry: dict[str, Any], job: JobRecord, message: str) -> None:
        path = entry.get("stepID") or []
        if entry.get("stage") != "Main" or len(path) != 1 or path == [STEP_ID]:
            return  # set-up, clean-up, the inner steps of composites, and what stands for GitHub's environments
        name = str(entry.get("step", ""))
        if "stepResult" in entry:
            for step in reversed(job.steps):
                if step.name == name and step.seconds is None:
                    step.result, step.seconds = str(entry["stepResult"]), self._clock() - step.started
                    self._tell(Event("step-end", job, step=step))
                    return
        elif "Run Main" in message:
            step = StepRecord(name, self._clock())
            job.steps.append(step)
            self._tell(Event("step-start", job, step=step))
        elif entry.get("level") == "error":
            job.errors.append(message)
            self._tell(Event("error", job, message))


def keep_jobs(record: RunRecord, folder: Path) -> None:
    """`jobs.json` in the run's folder: each job with its result, seconds, GitHub environment and review."""
    rows = [
        {
            "job": job.label,
            "result": job.result,
            "seconds": round(job.seconds, 1),
            "environment": job.environment,
            "review": job.review,
        }
        for job in record.jobs.values()
    ]
    (folder / "jobs.json").write_text(json.dumps(rows, indent=1) + "\n")
