"""Action run-pipeline: submit a pipeline, follow it to its end, hand on what it made.

The job's name is known before it exists (run id, attempt and inputs), so a repeated or re-run submission attaches to
the job that is there, and a cancel finds it whenever it comes. One `az ml job create`, everything else REST.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from action import Context, run
from az_cli import ML_EXTENSION, essence, without_noise
from cancellation import Cancelled, Outcome, cancel_job
from errors import ActionError, ExitCode
from inputs import ASSET, Inputs
from job_log import LogFollower
from job_report import Report, edges_of, failed_step, failure_text, render, steps_of
from job_result import Result, gather
from job_status import Wait
from known_failures import failure
from rest import Rest, UnreachableError
from session import Session
from workspace import Workspace
from yaml_files import missing_references, places

TITLE = "run-pipeline"
_NAME = (
    r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}",
    "it must have up to 255 letters, digits, - or _, starting with a letter or digit",
)
_SET = re.compile(r"[\w$][\w$.\[\]-]*=.*", re.DOTALL)


@dataclass(frozen=True)
class Order:
    """The inputs. `timeout` in seconds, 0 for none."""

    file: Path
    settings: list[str]
    name: str
    wait: bool
    timeout: float
    model_name: str
    summary: str
    extension: str


def read_order(inputs: Inputs, env: Mapping[str, str]) -> Order:
    """Reads and checks what to run; problems are collected in `inputs`."""
    path = inputs.file("pipeline-file", what="a pipeline's YAML file")
    if path is not None:
        inputs.problems += missing_references(path)
    settings = inputs.lines("set")
    for line in settings:
        if _SET.fullmatch(line) is None:
            inputs.wrong("set", line, "each line must be key=value, as in inputs.rounds=10")
    experiment = inputs.text("experiment-name", pattern=ASSET[0], allowed=ASSET[1])
    if experiment:
        settings = [*settings, f"experiment_name={experiment}"]
    order = Order(
        file=path or Path("pipeline.yml"),
        settings=settings,
        name=inputs.text("job-name", pattern=_NAME[0], allowed=_NAME[1]),
        wait=inputs.boolean("wait", default=True),
        timeout=60.0 * inputs.integer("timeout-minutes", default=0, low=0, high=60 * 24 * 30),
        model_name=inputs.text("model-name", pattern=ASSET[0], allowed=ASSET[1]),
        summary=inputs.choice("job-summary", ("always", "on-failure", "never"), default="always"),
        extension=inputs.text("ml-extension-version", default=ML_EXTENSION, pattern=r"\d+\.\d+\.\d+"),
    )
    if not order.wait and order.timeout:
        inputs.wrong("timeout-minutes", inputs.raw("timeout-minutes"), "it has no meaning when wait is 'false'")
    return order if order.name else Order(**{**order.__dict__, "name": derived_name(order, env)})


def derived_name(order: Order, env: Mapping[str, str]) -> str:
    """A job name that is the same for the same step of the same attempt of a run, and of no other.

    Legs of a matrix share job and action names, so the inputs count too. Run id 1 is what act says when it was given
    none: such a name would be met again in the next run, so it is made unique, as outside GitHub.
    """
    stem = re.sub(r"[^a-zA-Z0-9]+", "-", order.file.stem).strip("-")[:40] or "job"
    run_id, attempt = env.get("GITHUB_RUN_ID", ""), env.get("GITHUB_RUN_ATTEMPT", "1")
    if not run_id.isdigit() or len(run_id) == 1:
        return f"{stem}-{secrets.token_hex(6)}"
    parts = [env.get(name, "") for name in ("GITHUB_REPOSITORY", "GITHUB_JOB", "GITHUB_ACTION")]
    scope = [env.get(f"INPUT_{name}", "").lower() for name in ("SUBSCRIPTION_ID", "RESOURCE_GROUP", "WORKSPACE_NAME")]
    text = json.dumps([*parts, *scope, order.file.as_posix(), order.settings])
    return f"{stem}-{run_id}-{attempt}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass
class Pipeline:
    """One job on its way through the action."""

    context: Context
    order: Order
    session: Session
    workspace: Workspace
    began: float
    creating: bool = False
    submitted: bool = False
    attached: bool = False
    status: str = ""
    job: dict[str, Any] = field(default_factory=dict)
    follower: LogFollower | None = None
    result: Result = field(default_factory=Result)

    @property
    def seconds(self) -> float:
        return self.context.clock.monotonic() - self.began

    @property
    def studio_url(self) -> str:
        services = (self.job.get("properties") or {}).get("services") or {}
        endpoint = str((services.get("Studio") or {}).get("endpoint") or "")
        return endpoint or self.workspace.studio_url(f"runs/{self.order.name}")

    def submit(self) -> None:
        """Create the job, or attach to the one of this name."""
        runner, order = self.context.runner, self.order
        found = self.workspace.job(order.name)
        self.attached = found is not None
        if found is None:
            self.session.sign_in_az(self.context.az)
            self.context.az.ensure_ml(order.extension)
            found = self._create()
        self.job, self.submitted, self.creating = found, True, False
        self.status = str((found.get("properties") or {}).get("status") or "")
        runner.output("studio-url", self.studio_url)
        runner.output("status", self.status)
        runner.say(f"{'Attached to' if self.attached else 'Submitted'} job {order.name}: {self.studio_url}")

    def _create(self) -> dict[str, Any]:
        runner, order = self.context.runner, self.order
        settings = [*order.settings, *(f"tags.{name}={value}" for name, value in runner.tags().items())]
        arguments = [
            "job", "create", "--file", str(order.file), "--name", order.name, *self.workspace.scope_arguments(),
            *(["--set", *settings] if settings else []),
        ]  # fmt: skip
        self.creating = True
        with runner.group(f"az ml job create --file {order.file} --name {order.name}"):
            done = self.context.az.ml_patiently(
                arguments, self.context.clock, lambda: self.workspace.job(order.name) is not None
            )
            runner.foreign("az:", without_noise(done.stderr))
        found = self.workspace.job(order.name)  # the truth, whatever az printed or how its connection ended
        if found is None:
            told = essence(done.stderr) if done.code else "az reported success, but there is no such job"
            refused = failure(f"The pipeline {order.file} could not be submitted.", told)
            refused.problems = places(order.file, done.stderr)
            raise refused
        if done.code:
            runner.warning(f"az failed, but the job was submitted: {essence(done.stderr, 3)}", title=TITLE)
        return found

    def follow(self) -> None:
        """Wait for the end, printing the steps' logs; then gather metrics and models."""
        runner, order = self.context.runner, self.order
        once = Rest(self.session.credential, transport=self.context.transport, clock=self.context.clock, attempts=1)
        following = Workspace(once, self.workspace.subscription, self.workspace.resource_group, self.workspace.name)
        self.follower = LogFollower(following, order.name, runner)
        wait = Wait(
            status=self._look,
            clock=self.context.clock,
            say=lambda text: runner.say(f"[job] {text}"),
            warn=lambda text: runner.warning(text, title=TITLE),
            each_look=self.follower.look,
            timeout=order.timeout,
        )
        self.status = wait.until_ended()

    def _look(self) -> str:
        document = self.workspace.job(self.order.name)
        if document is None:
            raise ActionError(
                f"Job {self.order.name} does not exist any more.", "Somebody deleted it while it was waited for."
            )
        self.job = document
        self.status = str((document.get("properties") or {}).get("status") or "")
        return self.status

    def gather(self) -> None:
        """Metrics and models; what cannot be read is told and does not fail a job that succeeded."""
        runs = [log.run for log in self.follower.steps.values()] if self.follower else []
        try:
            self.result = gather(self.workspace, self.order.name, runs, self.order.model_name)
        except UnreachableError as error:
            self.context.runner.warning(f"Metrics and models could not be read: {error.detail}", title=TITLE)

    def tell(self) -> None:
        """Outputs and summary, at any point of the way."""
        runner, order = self.context.runner, self.order
        newest = self.result.models[0] if self.result.models else None
        runner.output("status", self.status)
        runner.output("duration-seconds", f"{self.seconds:.0f}")
        runner.output("model-name", newest.name if newest else "")
        runner.output("model-version", newest.version if newest else "")
        runner.output("metrics", json.dumps(self.result.metrics, sort_keys=True))
        good = self.status == "Completed"
        if order.summary == "never" or (order.summary == "on-failure" and good):
            return
        logs = self.follower.steps.values() if self.follower else ()
        title = str((self.job.get("properties") or {}).get("displayName") or order.file)
        runner.summary(
            render(
                Report(
                    title,
                    order.name,
                    self.status or "not submitted",
                    self.seconds,
                    self.studio_url,
                    steps_of(self.job, logs),
                    edges_of(self.job),
                    self.result,
                    self.attached,
                    runner.run_url,
                )
            )
        )

    def cancel(self) -> None:
        """Cancel at once, wherever the way was broken off."""
        if self.creating or self.submitted:
            clock, name = self.context.clock, self.order.name
            outcome = cancel_job(self.workspace, name, self.context.runner, clock, may_appear=self.creating)
            if outcome is Outcome.REQUESTED:
                self.status = "CancelRequested"


def run_pipeline(context: Context) -> int:
    """The whole action."""
    inputs, runner = context.inputs, context.runner
    began = context.clock.monotonic()
    target = context.target()
    order = read_order(inputs, runner.env)
    inputs.check()
    runner.output("job-name", order.name)  # now, so that a workflow's `if: cancelled()` step knows it
    session, workspace = context.sign_in(target)
    pipeline = Pipeline(context, order, session, workspace, began)
    try:
        pipeline.submit()
        if not order.wait:
            pipeline.tell()
            return int(ExitCode.OK)
        pipeline.follow()
    except Cancelled as cancelled:
        pipeline.cancel()
        pipeline.tell()
        runner.say(f"{TITLE}: cancelled.")
        return cancelled.exit_code
    except ActionError as error:
        if error.exit_code == ExitCode.TIMEOUT:
            pipeline.cancel()
        if pipeline.submitted:
            pipeline.tell()
        raise
    pipeline.gather()
    pipeline.tell()
    return outcome(pipeline)


def outcome(pipeline: Pipeline) -> int:
    """The last words, and the exit code."""
    runner, order = pipeline.context.runner, pipeline.order
    newest = pipeline.result.models[0] if pipeline.result.models else None
    if pipeline.status == "Completed":
        made = f"; registered {newest.name}:{newest.version}" if newest else "; no model was registered"
        why = f": {pipeline.result.decision}" if pipeline.result.decision else ""
        runner.say(f"Job {order.name} Completed after {pipeline.seconds:.0f} s{made}{why}.")
        return int(ExitCode.OK)
    steps = steps_of(pipeline.job, pipeline.follower.steps.values() if pipeline.follower else ())
    bad = failed_step(steps)
    text = f"Job {order.name} ended as {pipeline.status}."
    if bad is not None:
        text += "\n" + failure_text(bad)
    elif pipeline.follower is not None:
        told = [log.error for log in pipeline.follower.steps.values() if log.error]
        text += "".join(f"\nAzure said: {each}" for each in told)
    runner.error(f"{text}\nStudio: {pipeline.studio_url}", title=TITLE)
    return int(ExitCode.JOB_FAILED)


if __name__ == "__main__":
    sys.exit(run(TITLE, run_pipeline))
