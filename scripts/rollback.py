"""The way back of an online deployment: what was done so far, and how it is undone.

Whatever goes wrong after the endpoint was marked is undone by `undo`; a signal by `undo_at_once`, in the seconds that
the runner leaves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import traffic
from deploy_lock import Lock
from deployment import AT_ONCE, UNDO
from endpoints import Endpoint
from errors import ActionError, unforeseen
from github import Runner
from online_report import Report
from traffic import Traffic

_LOG_LINES = 200


@dataclass(kw_only=True)
class Rollback:
    """What has to be known to undo a deployment at any moment."""

    endpoint: Endpoint
    lock: Lock
    report: Report
    runner: Runner
    ours: bool = False  # the deployment was made by this run: it may be deleted
    moving: bool = False  # traffic may differ from what it was

    @property
    def name(self) -> str:
        """The new deployment's."""
        return self.report.deployment

    @staticmethod
    def told(shares: Traffic) -> str:
        """The traffic as the output `traffic` has it."""
        return json.dumps(shares, sort_keys=True)

    def undo(self, rollback: bool) -> bool:
        """After a failure: restore the traffic, keep the log, delete the deployment, free the endpoint.

        Returns whether the traffic is as it was before and the deployment gone. Without `rollback` only the log is
        kept and the endpoint freed. Raises ActionError when the traffic could not be restored.
        """
        deadline = self.endpoint.clock.monotonic() + UNDO
        undone = rollback and self.lock.held and (self.moving or self.ours)
        try:
            if undone and self.moving:  # first of all: until then clients meet the bad one
                self.lock.set_traffic(self.lock.before, deadline, "Restoring the traffic")
                self.runner.say(f"The traffic is restored: {traffic.told(self.lock.before)}.")
        finally:
            self.keep_log()
        if undone:
            self.report.after = self.lock.before
            self.runner.output("traffic", self.told(self.lock.before))
            if self.ours:
                self.endpoint.delete_deployment(self.name, deadline)
                self.report.removed.append(self.name)
                self.runner.say(f"Deployment {self.name} is deleted.")
        self.lock.release(deadline)
        return undone

    def keep_log(self) -> None:
        """The deployment's log, while it is still there."""
        if not self.ours or self.report.log:
            return
        try:
            self.report.log = self.endpoint.log(self.name, _LOG_LINES).strip()
        except Exception as error:  # noqa: BLE001 - whatever the log is like, the traffic is restored
            self.runner.say(f"The log of {self.name} cannot be read: {unforeseen(error).reason}")

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
                self.runner.output("traffic", self.told(self.lock.before))
            if self.ours:
                self.endpoint.delete_deployment(self.name, deadline, wait=False)
                self.runner.say(f"Deployment {self.name} is being deleted.")
            self.lock.release(deadline)
        except ActionError as error:
            self.runner.error(
                f"Not all of it could be undone in time: {error.reason}\nThe traffic before was "
                f"{traffic.told(self.lock.before)}. The step 'Undo the deployment', or the next deployment of this "
                "endpoint, restores it.",
                title="deploy-online",
            )
            return False
        return True
