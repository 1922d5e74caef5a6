"""A new online deployment on its way from nothing to the traffic it is meant to have, and the way back.

Order: mark the endpoint, choose the idle name, create with 0 %, ask it directly, move traffic step by step with live
requests at each, delete what it replaced, unmark. Whatever goes wrong after the mark is undone by `undo`; a signal
by `undo_at_once`, in the seconds that the runner leaves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import traffic
from az_create import Creator
from clock import spoken
from container_log import told_by_azure
from deploy_lock import Lock
from deployment_files import DeploymentFile, EndpointFile, ModelVersion
from endpoints import Endpoint, state_of
from errors import ActionError, ExitCode
from github import Runner
from known_failures import failure
from online_report import Report, Step
from scoring import Client, Limits, smoke, soak
from traffic import Traffic

UNDO = 15 * 60.0  # seconds that restoring traffic and deleting a deployment may take
AT_ONCE = 8.0  # seconds from a signal until the runner kills by force, less a margin
_LOG_LINES = 200


class Rejected(ActionError):  # noqa: N818 - the usual word for a deployment that did not pass
    """The new deployment did not pass its tests."""


@dataclass
class Plan:
    """What is to be done. `name`: of the deployment, "" for the idle one of blue and green; `steps` in percent."""

    endpoint_file: EndpointFile
    deployment_file: DeploymentFile
    name: str
    model: ModelVersion
    steps: list[int]
    soak: float
    limits: Limits
    keep: bool
    timeout: float


@dataclass
class Rollout:
    """One deployment on its way."""

    plan: Plan
    endpoint: Endpoint
    lock: Lock
    report: Report
    creator: Creator
    runner: Runner
    deadline: float
    ours: bool = False  # the deployment was made by this run: it may be deleted
    moving: bool = False  # traffic may differ from what it was

    @property
    def name(self) -> str:
        return self.report.deployment

    # --- forward

    def ensure_endpoint(self) -> dict[str, Any]:
        """The endpoint: made from the file when there is none. Another auth_mode than the file's is told."""
        found = self.endpoint.settled_or_gone(self.deadline)
        if found is None:
            self._create_endpoint()
            found = self.endpoint.settled(self.deadline)
        properties = found.get("properties") or {}
        if state_of(found).lower() == "failed":
            self.runner.warning(f"Endpoint {self.endpoint.name} is in state Failed; going on, it may mend itself.")
        wanted = self.plan.endpoint_file.auth_mode.replace("_", "").lower()
        have = str(properties.get("authMode") or "")
        if wanted and have and wanted != have.lower():
            self.runner.warning(
                f"Endpoint {self.endpoint.name} has auth_mode {have}, {self.plan.endpoint_file.path} says "
                f"{self.plan.endpoint_file.auth_mode}. It is left as it is: clients would lose access."
            )
        self.report.uri, self.report.auth_mode = str(properties.get("scoringUri") or ""), have
        return found

    def _create_endpoint(self) -> None:
        name, file = self.endpoint.name, self.plan.endpoint_file.path
        tags = [f"tags.{key}={value}" for key, value in self.runner.tags().items()]
        arguments = ["online-endpoint", "create", "--file", str(file), "--name", name, "--set", *tags]
        told = self.creator.create(arguments, f"Creating endpoint {name}", self._left())
        found = self.endpoint.find()  # the truth, whatever az printed
        if found is None:
            raise failure(f"Endpoint {name} could not be created from {file}.", told or "az reported success")

    def _left(self) -> float:
        return self.deadline - self.endpoint.clock.monotonic()

    def take(self) -> None:
        """Mark the endpoint, learn what serves now, and choose the deployment's name."""
        self.lock.acquire(self.plan.timeout + UNDO, self.deadline)
        live = self.lock.before
        self.report.before = self.report.after = live
        existing = [str(each["name"]) for each in self.endpoint.deployments()]
        name = self.plan.name or traffic.idle_name(existing, live)
        if not name:
            raise ActionError(
                f"Both blue and green of endpoint {self.endpoint.name} serve traffic: {traffic.told(live)}.",
                "An earlier rollout stopped half-way, or somebody splits the traffic by hand.",
                "Give one of them all the traffic first: `az ml online-endpoint update "
                f'--name {self.endpoint.name} --traffic "blue=100"`, or give deployment-name.',
                exit_code=ExitCode.BAD_INPUT,
            )
        if live.get(name):
            raise ActionError(
                f"Deployment {name} serves {live[name]} % of the traffic now; it cannot be tested before it serves.",
                "deployment-name names the one that is live.",
                "Leave deployment-name empty: then blue and green take turns.",
                exit_code=ExitCode.BAD_INPUT,
            )
        self.report.deployment = name
        if name in existing:
            self._remove_idle(name)

    def _remove_idle(self, name: str) -> None:
        self.runner.say(f"Deployment {name} exists without traffic: it is replaced.")
        self.endpoint.settled_deployment(name, self.deadline)

        def unmirrored(body: dict[str, Any]) -> dict[str, Any] | None:
            self.lock.check(body)
            mirror = body["properties"].get("mirrorTraffic") or {}
            if not mirror.get(name):
                return None
            body["properties"]["mirrorTraffic"] = {key: value for key, value in mirror.items() if key != name}
            return body

        self.endpoint.change(unmirrored, f"Ending the mirroring to {name}", self.deadline)
        self.endpoint.delete_deployment(name, self.deadline)

    def create(self) -> None:
        """Create the deployment; Azure gives a new one no traffic."""
        file, endpoint = self.plan.deployment_file.path, self.endpoint
        what = f"Deployment {self.name} of {self.report.model or file}"
        settings = [f"tags.{key}={value}" for key, value in self.runner.tags().items()]
        if self.plan.model.reference:
            settings.insert(0, f"model={self.plan.model.reference}")
        self.ours = True
        self.runner.say(f"Creating {what[0].lower()}{what[1:]} on {endpoint.name}; on Azure this takes some minutes.")
        began = endpoint.clock.monotonic()

        told = self.creator.create(
            [
                "online-deployment", "create", "--file", str(file), "--name", self.name,
                "--endpoint-name", endpoint.name, "--set", *settings,
            ],
            f"Creating deployment {self.name}",
            self._left(),
            lambda: endpoint.deployment(self.name) is not None,
        )  # fmt: skip
        found = endpoint.settled_deployment(self.name, self.deadline)
        state = state_of(found) if found else "missing"
        if found is None:
            self.ours = False
            raise failure(f"{what} could not be created.", told or "az reported success, but there is no deployment")
        if state != "Succeeded":
            raise self._rejected(f"{what} ended as {state}.", told)
        if not self.plan.model.version:
            model = str((found.get("properties") or {}).get("model") or "")
            self.report.model = self.report.model or model.rpartition("/models/")[2].replace("/versions/", ":")
        self.runner.say(f"{what} is up after {spoken(endpoint.clock.monotonic() - began)}, without traffic.")

    def _rejected(self, what: str, told: str) -> Rejected:
        told = told_by_azure(told)
        known = failure(what, told) if told else ActionError(what)
        return Rejected(what, known.cause, known.fix, known.link, told, ExitCode.REJECTED)

    def test(self, client: Client) -> None:
        """The smoke test: ask the deployment directly, whatever its traffic."""
        self.runner.say(f"Asking {self.name} directly, by the header azureml-model-deployment")
        tally, verdict = smoke(client, self.name, self.plan.limits, self.runner.say)
        self.report.smoke, self.report.smoke_verdict, self.report.sample = tally, verdict, tally.last_good
        self.report.log_tells = tally.unanswered > 0
        if verdict:
            raise Rejected(
                f"Deployment {self.name} did not pass its smoke test: {verdict}", exit_code=ExitCode.REJECTED
            )
        self.runner.say(f"Smoke test passed: p50 {tally.p50_ms:.0f} ms, p95 {tally.p95_ms:.0f} ms")

    def shift(self, client: Client | None) -> None:
        """Move the traffic step by step; with a client each step is judged by live requests."""
        for percent in traffic.steps_from(self.lock.before, self.plan.steps):
            wanted = traffic.shifted(self.lock.before, self.name, percent)
            self.moving = True
            self.lock.set_traffic(wanted, self.deadline, f"Setting the traffic to {traffic.told(wanted)}")
            self.report.after = wanted
            self.runner.say(f"Traffic: {traffic.told(wanted)}")
            self.runner.output("traffic", _json(wanted))
            if client is None:
                continue
            tally, verdict = soak(client, self.name, self.plan.soak, self.plan.limits)
            self.report.steps.append(Step(wanted, tally, verdict))
            self.report.log_tells = tally.unanswered > 0
            if verdict:
                raise Rejected(
                    f"Deployment {self.name} did not pass at {percent} % of the traffic: {verdict}",
                    exit_code=ExitCode.REJECTED,
                )
            speed = f"p50 {tally.p50_ms:.0f} ms, p95 {tally.p95_ms:.0f} ms"
            self.runner.say(f"  {tally.answers} requests, {tally.errors} failed, {speed}")

    def finish(self) -> None:
        """Delete what was replaced, unless it is kept; free the endpoint. A failure here fails nothing any more."""
        self.moving = self.ours = False  # from here there is no way back
        replaced = [name for name in self.lock.before if not self.report.after.get(name)]
        deadline = max(self.deadline, self.endpoint.clock.monotonic() + UNDO)
        try:
            if replaced and not self.plan.keep:
                self.lock.commit(deadline)
                for name in replaced:
                    self.endpoint.delete_deployment(name, deadline)
                    self.report.removed.append(name)
                    self.runner.say(f"Deployment {name} is deleted.")
            self.lock.release(deadline)
        except ActionError as error:
            self.runner.warning(f"The new deployment serves, but cleaning up failed: {error.text()}")

    # --- back

    def undo(self, rollback: bool) -> bool:
        """After a failure: keep the log, restore the traffic, delete the deployment, free the endpoint.

        Returns whether the traffic is as it was before and the deployment gone. Without `rollback` only the log is
        kept and the endpoint freed. Raises ActionError when the traffic could not be restored.
        """
        deadline = self.endpoint.clock.monotonic() + UNDO
        self.keep_log()
        if not self.lock.held:
            return False
        begun = self.moving or self.ours
        if rollback and begun:
            if self.moving:
                self.lock.set_traffic(self.lock.before, deadline, "Restoring the traffic")
                self.runner.say(f"The traffic is restored: {traffic.told(self.lock.before)}.")
            self.report.after = self.lock.before
            self.runner.output("traffic", _json(self.lock.before))
            if self.ours:
                self.endpoint.delete_deployment(self.name, deadline)
                self.report.removed.append(self.name)
                self.runner.say(f"Deployment {self.name} is deleted.")
        self.lock.release(deadline)
        return rollback and begun

    def keep_log(self) -> None:
        """The deployment's log, while it is still there."""
        if not self.ours or self.report.log:
            return
        try:
            self.report.log = self.endpoint.log(self.name, _LOG_LINES).strip()
        except ActionError as error:
            self.runner.say(f"The log of {self.name} cannot be read: {error.detail or error.what}")

    def undo_at_once(self) -> bool:
        """After a signal: traffic first, then the order to delete, then the mark, as far as the seconds reach.

        What stays is told, and mended by the next run: it finds the mark, restores the traffic and replaces the
        idle deployment.
        """
        deadline = self.endpoint.clock.monotonic() + AT_ONCE
        self.endpoint.rest.attempts = 2  # there is no time for patience
        try:
            if self.moving or self.ours:
                self.report.after = self.lock.before
            if self.moving:
                self.lock.set_traffic(self.lock.before, deadline, "Restoring the traffic")
                self.runner.say(f"The traffic is restored: {traffic.told(self.lock.before)}.")
                self.runner.output("traffic", _json(self.lock.before))
            if self.ours:
                self.endpoint.delete_deployment(self.name, deadline, wait=False)
                self.runner.say(f"Deployment {self.name} is being deleted.")
            self.lock.release(deadline)
        except ActionError as error:
            self.runner.error(
                f"Not all of it could be undone in time: {error.detail or error.what}\nThe traffic before was "
                f"{traffic.told(self.lock.before)}. The step 'Undo the deployment', or the next deployment of this "
                "endpoint, restores it.",
                title="deploy-online",
            )
            return False
        return True


def _json(shares: Traffic) -> str:
    return json.dumps(shares, sort_keys=True)


def model_of(file: DeploymentFile, given: str) -> str:
    """The model that is deployed: the input wins over the file; "" where the file describes it inline."""
    return given or (file.model if file.model.startswith("azureml:") else "")
