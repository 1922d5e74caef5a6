"""What setup_github.py sets up in Azure: a deployment of main.bicep for each environment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from az_cli import json_of
from errors import ActionError
from infrastructure_stack import VARIABLES, Stack, committed_settings, outputs_of, parameters_of
from setup_changes import Changes
from setup_errors import refused


def signed_in(changes: Changes, stack: Stack) -> dict[str, Any]:
    """The subscription that az is signed in to, or the one that was asked for."""
    done = changes.start(["az", "account", "show", *stack.in_subscription(), "--output", "json"])
    if done.code:
        raise refused("az", "Reading the Azure subscription", done)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@dataclass
class AzureSide:
    """Deploys what is missing. `account`: az's subscription; `groups`: there before, or with their undo already."""

    changes: Changes
    stack: Stack
    account: Mapping[str, Any]
    groups: set[str] = field(default_factory=set)

    def deployment(self, name: str, *, with_infrastructure: bool) -> dict[str, str]:
        """Outputs of the environment's deployment: the one that is there, or a new one."""
        wanted: dict[str, Any] = {**committed_settings(name), **self.stack.parameters(name)}
        extra = {"infrastructureIdentities": "true"} if with_infrastructure else {}
        deployment = self.stack.deployment_name(name)
        show = ["az", "deployment", "sub", "show", "--name", deployment, *self.stack.in_subscription()]
        done = self.changes.start([*show, "--output", "json"])
        found: dict[str, Any] = json.loads(done.stdout) if done.code == 0 else {}
        if done.code and "DeploymentNotFound" not in done.stderr:
            raise refused("az", f"Reading the deployment {deployment}", done)
        before = parameters_of(found)
        same = all(before.get(key) == value for key, value in wanted.items())
        state = (found.get("properties") or {}).get("provisioningState", "")
        if same and state == "Succeeded" and (not with_infrastructure or outputs_of(found).get("planClientId")):
            self.changes.say(f"  = deployment {deployment} is there with these parameters")
            return outputs_of(found)
        command = self.stack.command("create", name, extra)
        what = f"deploy main.bicep as {deployment} (takes about 5 minutes)"
        self.changes.announce(what, command)
        if not self.changes.apply:
            names = (*VARIABLES, "planClientId", "deployClientId")
            known = {"AZURE_TENANT_ID": self.account["tenantId"], "AZURE_SUBSCRIPTION_ID": self.account["id"]}
            return {output: f"<{output} of {deployment}>" for output in names} | known
        before_us = self.changes.start(["az", "group", "list", *self.stack.in_subscription(), "--output", "json"])
        if before_us.code:
            raise refused("az", "Reading the resource groups", before_us)
        self.groups |= {group["name"] for group in json.loads(before_us.stdout)}
        done = self.changes.start(command)
        if done.code:
            raise refused("az", f"Deploying {deployment}", done)
        outputs = outputs_of(json_of(done.stdout))
        absent = [output for output in VARIABLES if not outputs.get(output)]
        if absent:
            raise ActionError(
                f"The deployment {deployment} has no output {', '.join(absent)}.",
                fix="Use the main.bicep of this repository.",
            )
        self.undo_deployment(name, outputs)
        return outputs

    def undo_deployment(self, name: str, outputs: Mapping[str, str]) -> None:
        """How to take a deployment back. What holds data is printed as a comment: nobody deletes it by pasting."""
        group, subscription = outputs["RESOURCE_GROUP"], self.stack.in_subscription()
        if group in self.groups:
            listing = [
                "az",
                "resource",
                "list",
                "--resource-group",
                group,
                "--tag",
                f"environment={name}",
                *subscription,
            ]
            self.changes.undo.append(f"# {group} was there before; what {name} has in it: {shlex.join(listing)}")
        else:
            delete = ["az", "group", "delete", "--name", group, *subscription]
            self.changes.undo.append(f"# removes the workspace and ALL that is in the group: {shlex.join(delete)}")
        self.groups.add(group)
        if outputs.get("planRoleName"):
            self.changes.undo.append(
                shlex.join(["az", "role", "definition", "delete", "--name", outputs["planRoleName"]])
            )
            for output in ("planClientId", "deployClientId"):
                scope = f"/subscriptions/{self.stack.subscription}"
                delete = ["az", "role", "assignment", "delete", "--assignee", outputs[output], "--scope", scope]
                self.changes.undo.append(shlex.join(delete))
