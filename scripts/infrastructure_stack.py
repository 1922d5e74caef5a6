"""The deployments of infrastructure/main.bicep: one per environment, always asked for in the same words.

Setting up, deploying, what-if and drift build their `az deployment sub` command here, so that they mean one template,
one name and one set of parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs import Inputs

FOLDER = Path(__file__).resolve().parent.parent / "infrastructure"

#: Outputs of main.bicep that become variables of the GitHub environment.
VARIABLES = (
    "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID",
    "RESOURCE_GROUP", "WORKSPACE_NAME", "CLUSTER_IDENTITY",
)  # fmt: skip

#: What main.bicep lets through: the pattern, and the pattern in words.
NAME_PART = (r"[a-zA-Z0-9]{1,10}", "it must have 1 to 10 letters and digits")
ENVIRONMENT = (r"[a-z0-9]{1,7}", "it must have 1 to 7 lower-case letters and digits")
LOCATION = (r"[a-z0-9]{2,40}", "it must be an Azure region's short name, such as westeurope")
SUBSCRIPTION = (r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "it must be a subscription's id")


@dataclass(frozen=True)
class Stack:
    """What all environments of one repository have in common. `subject_prefix`: one, or two with a space between."""

    prefix: str
    postfix: str
    location: str
    subscription: str = ""
    subject_prefix: str = ""

    def deployment_name(self, environment: str) -> str:
        return f"azureml-{self.prefix}-{self.postfix}-{environment}"

    def parameters(self, environment: str) -> dict[str, str]:
        given = {"prefix": self.prefix, "postfix": self.postfix, "env": environment}
        if self.subject_prefix:
            given["githubSubjectPrefix"] = self.subject_prefix
        return given

    def command(self, verb: str, environment: str, extra: Mapping[str, str] | None = None) -> list[str]:
        """`az deployment sub VERB`. Committed settings (environments/ENV.json) come first, so that these win."""
        settings = FOLDER / "environments" / f"{environment}.json"
        given = {**self.parameters(environment), **(extra or {})}
        return [
            "az", "deployment", "sub", verb,
            "--name", self.deployment_name(environment),
            "--location", self.location,
            "--template-file", str(FOLDER / "main.bicep"),
            *(["--parameters", f"@{settings}"] if settings.is_file() else []),
            "--parameters", *(f"{name}={value}" for name, value in given.items()),
            *self.in_subscription(),
            "--output", "json",
        ]  # fmt: skip

    def in_subscription(self) -> list[str]:
        return ["--subscription", self.subscription] if self.subscription else []


def read_stack(inputs: Inputs) -> Stack:
    """INPUT_PREFIX, _POSTFIX, _LOCATION and _SUBJECT_PREFIX; wrong ones are collected in `inputs`."""
    mend = "scripts/setup_github.py --infrastructure sets the repository's variables."
    prefix, postfix = (
        inputs.text(name, required=True, pattern=NAME_PART[0], allowed=NAME_PART[1], mend=mend)
        for name in ("prefix", "postfix")
    )
    location = inputs.text("location", required=True, pattern=LOCATION[0], allowed=LOCATION[1], mend=mend)
    subject = inputs.text(
        "subject-prefix",
        pattern=r"repo:[^\s:]+( repo:[^\s:]+)*",
        allowed="it must look like repo:OWNER@ID/REPO@ID, several with a space between",
    )
    return Stack(prefix, postfix, location, subject_prefix=subject)


def outputs_of(deployment: Mapping[str, Any]) -> dict[str, str]:
    """Outputs of a deployment document, by name, as text."""
    outputs = (deployment.get("properties") or {}).get("outputs") or {}
    return {name: str(entry.get("value", "")) for name, entry in outputs.items()}


def parameters_of(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that a deployment was made with, by name."""
    parameters = (deployment.get("properties") or {}).get("parameters") or {}
    return {name: entry.get("value") for name, entry in parameters.items() if isinstance(entry, dict)}


def committed_settings(environment: str) -> dict[str, Any]:
    """Settings of environments/ENV.json, by name; none when there is no such file."""
    path = FOLDER / "environments" / f"{environment}.json"
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return {name: entry.get("value") for name, entry in document.get("parameters", {}).items()}
