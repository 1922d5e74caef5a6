"""A new online deployment on its way from nothing to the traffic it is meant to have.

Order: mark the endpoint, choose the idle name, create with 0 %, ask it directly, move traffic step by step with live
requests at each, delete what it replaced, unmark. The way back is rollback.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import traffic
from clock import spoken
from container_log import told_by_azure
from deployment import UNDO, Order, Rejected, Site
from endpoints import state_of
from errors import ActionError, ExitCode
from known_failures import failure
from online_report import Step
from rollback import Rollback
from scoring import Client, Limits, smoke, soak


@dataclass(frozen=True)
class Plan:
    """How the traffic is moved: `steps` in percent, `soak` in seconds for each; `keep` what is replaced."""

    steps: list[int]
    soak: float
    limits: Limits
    keep: bool


@dataclass(kw_only=True)
class Rollout(Rollback):
    """One deployment on its way."""

    site: Site
    plan: Plan

    @property
    def order(self) -> Order:
        return self.site.order

    @property
    def deadline(self) -> float:
        return self.site.deadline

    def ensure_endpoint(self) -> None:
        """Made from the file when there is none. Another auth_mode than the file's is told."""
        found = self.site.ensure_endpoint()
        properties = found.get("properties") or {}
        if state_of(found).lower() == "failed":
            self.runner.warning(f"Endpoint {self.endpoint.name} is in state Failed; going on, it may mend itself.")
        wanted = self.order.endpoint_file.auth_mode.replace("_", "").lower()
        have = str(properties.get("authMode") or "")
        if wanted and have and wanted != have.lower():
            self.runner.warning(
                f"Endpoint {self.endpoint.name} has auth_mode {have}, {self.order.endpoint_file.path} says "
                f"{self.order.endpoint_file.auth_mode}. It is left as it is: clients would lose access."
            )
        self.report.uri, self.report.auth_mode = str(properties.get("scoringUri") or ""), have

    def take(self) -> None:
        """Mark the endpoint, learn what serves now, and choose the deployment's name."""
        self.lock.acquire(self.order.timeout + UNDO, self.deadline)
        live = self.lock.before
        self.report.before = self.report.after = live
        existing = [str(each["name"]) for each in self.endpoint.deployments()]
        name = self.order.name or traffic.idle_name(existing, live)
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
        file, endpoint = self.order.deployment_file.path, self.endpoint
        what = f"Deployment {self.name} of {self.report.model or file}"
        settings = self.site.tags()
        if self.site.model.reference:
            settings = [f"model={self.site.model.reference}", *settings]
        self.ours = True
        self.runner.say(f"Creating {what[0].lower()}{what[1:]} on {endpoint.name}; on Azure this takes some minutes.")
        began = endpoint.clock.monotonic()

        told = self.site.creator.create(
            [
                "online-deployment", "create", "--file", str(file), "--name", self.name,
                "--endpoint-name", endpoint.name, "--set", *settings,
            ],
            f"Creating deployment {self.name}",
            self.site.left(),
            lambda: endpoint.deployment(self.name) is not None,
        )  # fmt: skip
        found = endpoint.settled_deployment(self.name, self.deadline)
        state = state_of(found) if found else "missing"
        if found is None:
            self.ours = False
            raise failure(f"{what} could not be created.", told or "az reported success, but there is no deployment")
        if state != "Succeeded":
            raise self._rejected(f"{what} ended as {state}.", told)
        if not self.site.model.version:
            model = str((found.get("properties") or {}).get("model") or "")
            self.report.model = self.report.model or model.rpartition("/models/")[2].replace("/versions/", ":")
        self.runner.say(f"{what} is up after {spoken(endpoint.clock.monotonic() - began)}, without traffic.")

    def _rejected(self, what: str, told: str) -> Rejected:
        told = told_by_azure(told)
        known = failure(what, told) if told else ActionError(what)
        return Rejected(what, cause=known.cause, fix=known.fix, link=known.link, detail=told)

    def test(self, client: Client) -> None:
        """The smoke test: ask the deployment directly, whatever its traffic."""
        self.runner.say(f"Asking {self.name} directly, by the header azureml-model-deployment")
        tally, verdict = smoke(client, self.name, self.plan.limits, self.runner.say)
        self.report.smoke, self.report.smoke_verdict, self.report.sample = tally, verdict, tally.last_good
        self.report.log_tells = tally.unanswered > 0
        if verdict:
            raise Rejected(f"Deployment {self.name} did not pass its smoke test: {verdict}")
        self.runner.say(f"Smoke test passed: p50 {tally.p50_ms:.0f} ms, p95 {tally.p95_ms:.0f} ms")

    def shift(self, client: Client | None) -> None:
        """Move the traffic step by step; with a client each step is judged by live requests."""
        for percent in traffic.steps_from(self.lock.before, self.plan.steps):
            wanted = traffic.shifted(self.lock.before, self.name, percent)
            self.moving = True
            self.lock.set_traffic(wanted, self.deadline, f"Setting the traffic to {traffic.told(wanted)}")
            self.report.after = wanted
            self.runner.say(f"Traffic: {traffic.told(wanted)}")
            self.runner.output("traffic", self.told(wanted))
            if client is None:
                continue
            tally, verdict = soak(client, self.name, self.plan.soak, self.plan.limits)
            self.report.steps.append(Step(wanted, tally, verdict))
            self.report.log_tells = tally.unanswered > 0
            if verdict:
                raise Rejected(f"Deployment {self.name} did not pass at {percent} % of the traffic: {verdict}")
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
