"""Action deploy-online: put a model version behind an online endpoint, safely.

The endpoint is made when there is none. The new deployment gets no traffic at first, is asked directly, then gets the
traffic step by step, each step judged by live requests. Whatever fails: the traffic is restored, the deployment's log
kept in the summary, the deployment deleted, the step failed. At most two `az ml` calls, everything else REST.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from action import Context, run
from az_cli import ML_EXTENSION
from az_create import Creator
from cancellation import Cancelled
from container_log import last_exception
from deploy_lock import Lock, owner_of
from deployment_files import (
    DEPLOYMENT,
    ENDPOINT,
    MODEL,
    DeploymentFile,
    EndpointFile,
    amend,
    endpoint_name,
    read_deployment,
    read_endpoint,
    resolve_model,
)
from endpoints import ONLINE, Endpoint
from errors import ActionError, ExitCode
from inputs import Inputs
from json_schema import Schema
from online_report import Report, render
from rest import Credential
from rollout import Plan, Rejected, Rollout, model_of
from scoring import Client, Limits, credential_of
from session import Session
from traffic import parse_steps, told
from workspace import Workspace

TITLE = "deploy-online"
AZURE_ML = "https://ml.azure.com"


@dataclass(frozen=True)
class Order:
    """The inputs. `timeout` and `soak` in seconds."""

    endpoint_file: EndpointFile
    deployment_file: DeploymentFile
    endpoint_name: str
    deployment_name: str
    model: str
    request_file: Path | None
    request: bytes
    expect: Schema | None
    steps: list[int]
    soak: float
    limits: Limits
    rollback: bool
    keep: bool
    timeout: float
    extension: str


def read_order(inputs: Inputs) -> Order:
    """Reads and checks what to deploy; problems are collected in `inputs`."""
    endpoint_file, deployment_file = read_endpoint(inputs), read_deployment(inputs)
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
    return Order(
        endpoint_file=endpoint_file,
        deployment_file=deployment_file,
        endpoint_name=inputs.text("endpoint-name", pattern=ENDPOINT[0], allowed=ENDPOINT[1]),
        deployment_name=inputs.text("deployment-name", pattern=DEPLOYMENT[0], allowed=DEPLOYMENT[1]),
        model=inputs.text("model", pattern=MODEL[0], allowed=MODEL[1]),
        request_file=request_file,
        request=json.dumps(request).encode() if request_file is not None else b"",
        expect=expect,
        steps=steps,
        soak=float(inputs.integer("soak-seconds", default=30, low=0, high=86_400)),
        limits=Limits(
            inputs.percentage("max-error-rate", default=1.0),
            inputs.integer("max-p95-ms", default=0, low=0, high=180_000),
        ),
        rollback=inputs.boolean("rollback", default=True),
        keep=inputs.boolean("keep-previous", default=False),
        timeout=60.0 * inputs.integer("timeout-minutes", default=60, low=1, high=60 * 24),
        extension=inputs.text("ml-extension-version", default=ML_EXTENSION, pattern=r"\d+\.\d+\.\d+"),
    )


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
    session: Session
    workspace: Workspace
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
            return self.session.for_resource(AZURE_ML)

        credential = credential_of(self.rollout.endpoint, report.auth_mode, azure_ml, self.context.runner)
        return Client(
            report.uri, self.order.request, credential, self.context.transport, self.context.clock, self.order.expect
        )

    def tell(self, headline: str, reason: str = "") -> None:
        """Summary and the outputs that hold at any end."""
        report = self.rollout.report
        report.seconds = self.context.clock.monotonic() - self.began
        self.context.runner.summary(render(report, headline, reason, self.workspace))

    def failed(self, error: ActionError) -> int:
        """Undo, tell, and the exit code."""
        runner, rollout, report = self.context.runner, self.rollout, self.rollout.report
        restored, trouble = False, ""
        try:
            with runner.group("Going back"):
                restored = rollout.undo(self.order.rollback)
        except ActionError as another:
            trouble = (
                f"Going back failed too: {another.text()}\nThe traffic before was {told(rollout.lock.before)}: "
                f"check it with `az ml online-endpoint show --name {report.endpoint} --query traffic`."
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
    session, workspace = context.sign_in(target)
    model = resolve_model(workspace, model_of(order.deployment_file, order.model))
    name = endpoint_name(order.endpoint_name, order.endpoint_file, model.name, workspace.id)
    endpoint = Endpoint(workspace, ONLINE, name, context.clock, runner.say)
    unique = hashlib.sha256(
        json.dumps([runner.env.get("GITHUB_ACTION", ""), name, model.reference, secrets.token_hex(8)]).encode()
    ).hexdigest()[:12]
    lock = Lock(
        endpoint, owner_of(runner.env, unique), runner.run_url, runner.say,
        amend=partial(amend, order.endpoint_file, runner.tags()),
    )  # fmt: skip
    runner.output("endpoint-name", name)
    runner.output("lock", lock.owner)  # now, so that a workflow's `if: cancelled()` step knows it
    runner.output("model-version", model.version)
    shown = f"{model.name}:{model.version}" if model.version else model.reference.removeprefix("azureml:")
    report = Report(name, model=shown, request_file=order.request_file, run_url=runner.run_url)

    creator = Creator(context.az, session, workspace, runner, context.clock, order.extension)
    plan = Plan(
        order.endpoint_file, order.deployment_file, order.deployment_name, model, order.steps, order.soak,
        order.limits, order.keep, order.timeout,
    )  # fmt: skip
    rollout = Rollout(plan, endpoint, lock, report, creator, runner, began + order.timeout)
    deploy = Deploy(context, order, session, workspace, rollout, began)
    try:
        deploy.forward()
    except Cancelled as cancelled:
        return deploy.cancelled(cancelled)
    except ActionError as error:
        return deploy.failed(error)
    runner.output("traffic", json.dumps(report.after, sort_keys=True))
    runner.output("rolled-back", "false")
    deploy.tell(f"✅ {report.model or rollout.name} serves {report.after.get(rollout.name, 0)} % of {name}")
    runner.say(f"{report.model or 'The model'} is deployed as {rollout.name}: {told(report.after)}. {report.uri}")
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, deploy_online))
