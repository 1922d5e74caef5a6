"""Action deploy-batch: put a model version behind a batch endpoint, and score with it before it is the default.

The endpoint is made when there is none. The deployment goes to the one of blue and green that is not the default,
scores the input, its predictions are brought here and counted; only then it becomes the default. At most two `az ml`
calls, everything else REST.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import deployment
import traffic
from action import Context, run
from batch_report import Report, render
from batch_scoring import Scoring, Source, new_job_name, read_source
from cancellation import Cancelled, cancel_job
from deployment import AT_ONCE, UNDO, Rejected, Site, carry_out
from endpoints import BATCH, state_of
from errors import ActionError, ExitCode
from inputs import COMPUTE, Inputs
from job_report import failed_step, failure_text
from known_failures import failure
from predictions import count_rows, first_rows, input_rows

TITLE = "deploy-batch"


@dataclass(frozen=True)
class Order:
    """The inputs. `rows` is -1 where they are not checked."""

    common: deployment.Order
    cluster: str
    source: Source | None
    rows: int
    folder: Path
    make_default: bool


def read_order(inputs: Inputs) -> Order:
    """Reads and checks what to deploy; problems are collected in `inputs`."""
    common = deployment.read(inputs, minutes=120, most=60 * 24 * 30)
    source = None
    if inputs.raw("input"):
        try:
            source = read_source(inputs.raw("input"))
        except ValueError as error:
            inputs.wrong("input", inputs.raw("input"), str(error))
    rows = inputs.integer("expect-rows", default=0, low=0, high=999_999_999) if inputs.raw("expect-rows") else -1
    if rows >= 0 and not inputs.raw("input"):
        inputs.wrong("expect-rows", str(rows), "it needs an input to be scored", "Give input too.")
    folder = Path(inputs.text("output-folder", default="predictions"))
    if folder.exists() and not folder.is_dir():
        inputs.wrong("output-folder", str(folder), "it is a file, not a folder")
    elif source is not None and folder.is_dir() and any(folder.iterdir()):
        inputs.wrong("output-folder", str(folder), "it is not empty; predictions must not mix with other files")
    return Order(
        common=common,
        cluster=inputs.text("cluster-name", pattern=COMPUTE[0], allowed=COMPUTE[1]),
        source=source,
        rows=rows,
        folder=folder,
        make_default=inputs.boolean("set-default", default=True),
    )


@dataclass
class Deploy:
    """The whole action, with what its end needs to know."""

    context: Context
    order: Order
    site: Site
    scoring: Scoring
    report: Report
    began: float

    def forward(self) -> None:
        """Everything until the new deployment is the default."""
        runner = self.context.runner
        with runner.group(f"Endpoint {self.site.endpoint.name}"):
            properties = self.site.ensure_endpoint().get("properties") or {}
            self.report.uri = str(properties.get("scoringUri") or "")
            self._take()
        with runner.group(f"Deployment {self.report.deployment}"):
            self._create()
        if self.order.source is not None:
            with runner.group(f"Scoring {self.order.source.shown}"):
                self._score(self.order.source)
        if self.order.make_default:
            wanted = {self.report.deployment: 100}
            self.site.lock.set_traffic(wanted, self.site.deadline, "Setting the default deployment")
            self.report.after = self.report.deployment
            runner.say(f"The default of {self.site.endpoint.name} is {self.report.deployment}.")
        try:
            self.site.lock.release(max(self.site.deadline, self.context.clock.monotonic() + UNDO))
        except ActionError as error:  # everything that was asked for is done
            runner.warning(f"The endpoint's mark could not be removed: {error.reason}", title=TITLE)

    def _take(self) -> None:
        self.site.lock.acquire(self.order.common.timeout + UNDO, self.site.deadline)
        live = self.site.lock.before
        self.report.before = self.report.after = next(iter(live), "")
        existing = [str(each["name"]) for each in self.site.endpoint.deployments()]
        self.report.deployment = self.order.common.name or traffic.idle_name(existing, live)
        self.context.runner.output("deployment-name", self.report.deployment)
        if live.get(self.report.deployment):
            self.context.runner.warning(
                f"Deployment {self.report.deployment} is the default: its jobs use the new model before it has scored "
                "anything. Leave deployment-name empty, and blue and green take turns.",
                title=TITLE,
            )

    def _create(self) -> None:
        name, file, order = self.report.deployment, self.order.common.deployment_file, self.order
        if order.cluster and self.site.workspace.compute(order.cluster) is None:
            raise ActionError(
                f"There is no cluster {order.cluster} in workspace {self.site.workspace.name}.",
                fix="Make it with the action create-compute, or correct cluster-name.",
                exit_code=ExitCode.BAD_INPUT,
            )
        settings = [f"model={self.site.model.reference}"] if self.site.model.reference else []
        if order.cluster:
            key = "settings.default_compute" if file.kind == "pipeline" else "compute"
            settings.append(f"{key}=azureml:{order.cluster}")
        what = f"Deployment {name} of {self.report.model or file.path}"
        told = self.site.creator.create(
            [
                "batch-deployment", "create", "--file", str(file.path), "--name", name,
                "--endpoint-name", self.site.endpoint.name, "--set", *settings, *self.site.tags(),
            ],
            f"Creating deployment {name}",
            self.site.left(),
        )  # fmt: skip
        found = self.site.endpoint.settled_deployment(name, self.site.deadline)
        if found is None or told:
            raise failure(f"{what} could not be created.", told or "az reported success, but there is no deployment")
        if state_of(found) != "Succeeded":
            raise ActionError(f"{what} ended as {state_of(found)}.")
        self.context.runner.say(f"{what} is there.")

    def _score(self, source: Source) -> None:
        runner, scoring, report = self.context.runner, self.scoring, self.report
        report.source = source.shown
        report.rows_in = input_rows(source.path) if source.path is not None else None
        kind, uri = scoring.prepare(source)
        runner.output("job-name", scoring.name)
        scoring.invoke(report.deployment, kind, uri)
        runner.output("job-name", scoring.name)
        self._note_job()
        status = scoring.follow(self.site.left(), lambda text: runner.warning(text, title=TITLE))
        self._note_job()
        if status != "Completed":
            raise ActionError(f"Job {scoring.name} ended as {status}.", exit_code=ExitCode.JOB_FAILED)
        files = scoring.download(self.order.folder)
        report.folder = str(self.order.folder)
        report.rows, report.first = count_rows(files), first_rows(files)
        runner.output("predictions-path", report.folder)
        runner.output("rows", str(report.rows))
        runner.say(f"{report.rows} rows in {len(files)} file{'s' if len(files) != 1 else ''} in {report.folder}")
        if self.order.rows >= 0 and report.rows != self.order.rows:
            raise Rejected(f"The predictions have {report.rows} rows, {self.order.rows} were expected (expect-rows).")
        if report.rows_in is not None and report.rows != report.rows_in:
            runner.warning(f"{report.rows_in} rows went in, {report.rows} came out.", title=TITLE)

    def _note_job(self) -> None:
        scoring, report = self.scoring, self.report
        report.job, report.status, report.studio_url = scoring.name, scoring.status, scoring.studio_url
        report.steps = scoring.steps()
        report.failed = failed_step(report.steps)
        self.context.runner.output("status", scoring.status)

    def tell(self, headline: str, reason: str = "") -> None:
        """The summary, at any end."""
        self.report.seconds = self.context.clock.monotonic() - self.began
        self.context.runner.summary(render(self.report, headline, reason, self.site.workspace))

    def done(self) -> int:
        """It is there, has scored what it should, and is the default where it should be."""
        report = self.report
        done = f"{report.rows} rows scored with" if report.rows is not None else "Deployed"
        self.tell(f"✅ {done} {report.model or report.deployment}")
        default = f"the default is {report.after}" if report.after else "there is no default"
        self.context.runner.say(f"{done} {report.model or report.deployment}; {default}.")
        return int(ExitCode.OK)

    def failed(self, error: ActionError) -> int:
        """Stop what runs, free the endpoint, tell, and the exit code."""
        runner, report = self.context.runner, self.report
        text = error.text()
        if self.scoring.invoked:
            if error.exit_code == ExitCode.TIMEOUT:
                cancel_job(self.site.workspace, self.scoring.name, runner, self.context.clock)
            self._note_job()
        try:
            self.site.lock.release(self.context.clock.monotonic() + UNDO)
        except ActionError as another:
            text += f"\nThe endpoint's mark could not be removed: {another.reason}"
        if report.deployment and report.deployment != report.before:
            text += f"\nThe default of {report.endpoint} is still {report.before or 'none'}."
        told = text + (f"\n{failure_text(report.failed)}" if report.failed else "")
        runner.error(told, title=TITLE)
        self.tell(f"❌ {report.deployment or report.endpoint} failed", text)
        return int(error.exit_code)

    def cancelled(self, cancelled: Cancelled) -> int:
        """Cancel the job at once, free the endpoint, tell, and the exit code."""
        runner, clock = self.context.runner, self.context.clock
        if self.scoring.invoked:
            self.site.workspace.rest.attempts = 2  # there is no time for patience
            cancel_job(self.site.workspace, self.scoring.name, runner, clock, may_appear=not self.scoring.job)
        try:
            self.site.lock.release(clock.monotonic() + AT_ONCE)
        except ActionError as error:
            runner.say(f"The endpoint's mark stays until it ends by itself: {error.reason}")
        self.tell("🚫 Cancelled")
        runner.say(f"{TITLE}: cancelled.")
        return cancelled.exit_code


def deploy_batch(context: Context) -> int:
    """Reads the inputs, deploys, scores, sets the outputs."""
    inputs, runner = context.inputs, context.runner
    began = context.clock.monotonic()
    target = context.target()
    order = read_order(inputs)
    inputs.check()
    site = Site.open(context, target, order.common, BATCH, began)
    report = Report(site.endpoint.name, model=site.model.shown, run_url=runner.run_url)
    scoring = Scoring(site.endpoint, site.session, context.transport, runner, new_job_name(runner.env))
    return carry_out(Deploy(context, order, site, scoring, report, began), runner.traceback)


if __name__ == "__main__":
    sys.exit(run(TITLE, deploy_batch))
