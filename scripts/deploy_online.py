"""Action deploy-online: put a model version behind an online endpoint, safely.

The endpoint is made when there is none. The new deployment gets no traffic at first, is asked directly, then gets the
traffic step by step, each step judged by live requests. Whatever fails: the traffic is restored, the deployment's log
kept in the summary, the deployment deleted, the step failed. At most two `az ml` calls, everything else REST.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deployment
from action import Context, run
from cancellation import Cancelled
from container_log import last_exception
from deployment import Rejected, Site, carry_out
from endpoints import ONLINE
from errors import ActionError, ExitCode, unforeseen
from inputs import Inputs
from json_schema import Schema
from online_report import Report, render
from rest import Credential
from rollout import Plan, Rollout
from scoring import Client, Limits, credential_of
from traffic import parse_steps, told

TITLE = "deploy-online"
AZURE_ML = "https://ml.azure.com"


@dataclass(frozen=True)
class Order:
    """The inputs."""

    common: deployment.Order
    plan: Plan
    request_file: Path | None
    request: bytes
    expect: Schema | None
    rollback: bool


def read_order(inputs: Inputs) -> Order:
    """Reads and checks what to deploy; problems are collected in `inputs`."""
    common = deployment.read(inputs, minutes=60, most=60 * 24)
    request_file = inputs.file("request-file", what="a request's JSON file") if inputs.raw("request-file") else None
    request = json_file(inputs, "request-file", request_file)
    expect_file = inputs.file("expect", what="a JSON Schema file") if inputs.raw("expect") else None
    expect = None
    if expect_file is not None:
        expect = Schema.read(json_file(inputs, "expect", expect_file))
        for problem in expect.problems:
            inputs.wrong("expect", str(expect_file), problem, file=str(expect_file), line=1)
        if request_file is None and not inputs.raw("request-file"):
            inputs.wrong("expect", str(expect_file), "it needs a request to be answered", "Give request-file too.")
    steps = [100]
    try:
        steps = parse_steps(inputs.raw("traffic") or "10,50,100")
    except ValueError as error:
        inputs.wrong("traffic", inputs.raw("traffic"), str(error))
    plan = Plan(
        steps=steps,
        soak=float(inputs.integer("soak-seconds", default=30, low=0, high=86_400)),
        limits=Limits(
            inputs.percentage("max-error-rate", default=1.0),
            inputs.integer("max-p95-ms", default=0, low=0, high=180_000),
        ),
        keep=inputs.boolean("keep-previous", default=False),
    )
    body = json.dumps(request).encode() if request_file is not None else b""
    return Order(common, plan, request_file, body, expect, inputs.boolean("rollback", default=True))


def json_file(inputs: Inputs, name: str, path: Path | None) -> Any:
    """The content of a JSON file; None where there is none or it is wrong."""
    if path is None:
        return None
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        inputs.wrong(name, str(path), f"it is not JSON: {error}", file=str(path), line=error.lineno)
    except UnicodeDecodeError:
        inputs.wrong(name, str(path), "it is not text in UTF-8")
    return None


@dataclass
class Deploy:
    """The whole action, with what its end needs to know."""

    context: Context
    order: Order
    site: Site
    rollout: Rollout
    began: float

    def forward(self) -> None:
        """Everything until the new deployment serves what it should."""
        rollout, runner = self.rollout, self.context.runner
        with runner.group(f"Endpoint {rollout.endpoint.name}"):
            rollout.ensure_endpoint()
            runner.output("scoring-uri", rollout.report.uri)
            rollout.take()
            runner.output("deployment-name", rollout.name)
            runner.say(f"Traffic now: {told(rollout.lock.before)}. The new deployment is {rollout.name}.")
        with runner.group(f"Deployment {rollout.name}"):
            rollout.create()
        client = self._client()
        if client is None:
            runner.warning("There is no request-file: the traffic moves without a test.", title=TITLE)
        else:
            with runner.group("Smoke test"):
                rollout.test(client)
        with runner.group(f"Traffic to {rollout.name}"):
            rollout.shift(client)
        with runner.group("Cleaning up"):
            rollout.finish()

    def _client(self) -> Client | None:
        if self.order.request_file is None:
            return None
        report = self.rollout.report

        def azure_ml() -> Credential:
            return self.site.session.for_resource(AZURE_ML)

        credential = credential_of(self.rollout.endpoint, report.auth_mode, azure_ml, self.context.runner)
        return Client(
            report.uri, self.order.request, credential, self.context.transport, self.context.clock, self.order.expect
        )

    def tell(self, headline: str, reason: str = "") -> None:
        """Summary and the outputs that hold at any end."""
        report = self.rollout.report
        report.seconds = self.context.clock.monotonic() - self.began
        self.context.runner.summary(render(report, headline, reason, self.site.workspace))

    def done(self) -> int:
        """It serves what it should."""
        runner, rollout, report = self.context.runner, self.rollout, self.rollout.report
        runner.output("traffic", rollout.told(report.after))
        runner.output("rolled-back", "false")
        share = report.after.get(rollout.name, 0)
        self.tell(f"✅ {report.model or rollout.name} serves {share} % of {report.endpoint}")
        runner.say(f"{report.model or 'The model'} is deployed as {rollout.name}: {told(report.after)}. {report.uri}")
        return int(ExitCode.OK)

    def failed(self, error: ActionError) -> int:
        """Undo, tell, and the exit code."""
        runner, rollout, report = self.context.runner, self.rollout, self.rollout.report
        restored, trouble = False, ""
        try:
            with runner.group("Going back"):
                restored = rollout.undo(self.order.rollback)
        except Exception as another:  # noqa: BLE001 - a traffic that is not restored is told, whatever the reason
            trouble = (
                f"Going back failed too: {unforeseen(another).text()}\n"
                f"The traffic before was {told(rollout.lock.before)}: check it with "
                f"`az ml online-endpoint show --name {report.endpoint} --query traffic`."
            )
        runner.output("rolled-back", str(restored).lower())
        raised = last_exception(report.log) if report.log_tells else None
        in_log = f"Its log says: {raised}" if raised else ""
        text = "\n".join(part for part in (error.text(), in_log, self._state(restored), trouble) if part)
        if report.log and report.log_tells:
            shown = raised.traceback if raised else report.log.splitlines()[-15:]
            runner.error("\n".join([text, f"From the log of {rollout.name}:", *shown]), title=TITLE)
        else:
            runner.error(text, title=TITLE)
        rejected = isinstance(error, Rejected)
        self.tell(f"❌ {report.deployment or report.endpoint} {'did not pass' if rejected else 'failed'}", text)
        return int(error.exit_code)

    def _state(self, restored: bool) -> str:
        rollout, report = self.rollout, self.rollout.report
        if restored:
            gone = f"; {rollout.name} is deleted" if rollout.ours else ""
            return f"Rolled back: the traffic is what it was before, {told(rollout.lock.before)}{gone}."
        if rollout.ours and not self.order.rollback:
            return f"rollback is 'false': {rollout.name} is left as it is, and so is the traffic, {told(report.after)}."
        return ""

    def cancelled(self, cancelled: Cancelled) -> int:
        """Undo what the seconds allow, tell, and the exit code."""
        runner, rollout = self.context.runner, self.rollout
        begun = rollout.moving or rollout.ours
        undone = rollout.undo_at_once() if rollout.lock.held else True
        runner.output("rolled-back", str(undone and begun).lower())
        self.tell("🚫 Cancelled", "" if undone else "Not all of it could be undone in time.")
        runner.say(f"{TITLE}: cancelled.")
        return cancelled.exit_code


def deploy_online(context: Context) -> int:
    """Reads the inputs, deploys, sets the outputs."""
    inputs, runner = context.inputs, context.runner
    began = context.clock.monotonic()
    target = context.target()
    order = read_order(inputs)
    inputs.check()
    site = Site.open(context, target, order.common, ONLINE, began)
    runner.output("model-version", site.model.version)
    report = Report(
        site.endpoint.name,
        model=site.model.shown,
        run_url=runner.run_url,
        request_file=order.request_file,
        request=order.request.decode(),
    )
    rollout = Rollout(site=site, plan=order.plan, endpoint=site.endpoint, lock=site.lock, report=report, runner=runner)
    return carry_out(Deploy(context, order, site, rollout, began), runner.traceback)


if __name__ == "__main__":
    sys.exit(run(TITLE, deploy_online))
