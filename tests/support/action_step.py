"""A step of a workflow job: one of scripts/ as its composite action runs it, against a real local workspace."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from azureml_local.paths import REPOSITORY
from azureml_local.workflow_run.id_tokens import request_token
from conftest import LocalWorkspace

ENVIRONMENT = """\
name: scripts-env
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04
conda_file: conda.yml
"""
PIPELINE = """\
type: pipeline
display_name: {name}
settings: {{default_compute: azureml:scripts-cluster}}
jobs:
  say:
    type: command
    code: ./code
    environment: azureml:scripts-env@latest
    command: python say.py {argument}
"""


class Step:
    """One step of a workflow job: its folder, its inputs, and what it left."""

    def __init__(self, workspace: LocalWorkspace, folder: Path) -> None:
        self.folder = folder
        config = workspace.settings
        credentials = {
            "clientId": config.client_id,
            "clientSecret": config.client_secret,
            "tenantId": config.tenant_id,
            "subscriptionId": config.subscription_id,
        }
        (folder / "temp").mkdir()
        self.env = {
            **workspace.environment,
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_REPOSITORY": "octo/models",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": str(time.time_ns()),
            "RUNNER_TEMP": str(folder / "temp"),
            "INPUT_RESOURCE_GROUP": config.resource_group,
            "INPUT_WORKSPACE_NAME": config.workspace,
            "INPUT_CREDENTIALS": json.dumps(credentials),
        }
        self.secret = config.client_secret
        self.log = ""

    def use_oidc(self, workspace: LocalWorkspace) -> None:
        """Sign in by GitHub's ID tokens from now on, as a job with `id-token: write` does."""
        config = workspace.settings
        claims = {"repository": "octo/models", "ref": "refs/heads/main", "event_name": "push"}
        del self.env["INPUT_CREDENTIALS"]
        self.env |= {
            "INPUT_CLIENT_ID": config.client_id,
            "INPUT_TENANT_ID": config.tenant_id,
            "INPUT_SUBSCRIPTION_ID": config.subscription_id,
            "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.actions.githubusercontent.com/id-token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": request_token(workspace.paths, config, claims),
        }

    def start(self, script: str, **inputs: str) -> subprocess.Popen[str]:
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        given = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        command = [sys.executable, str(REPOSITORY / "scripts" / f"{script}.py")]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.env, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str, **inputs: str) -> int:
        """The exit code; afterwards `log`, `outputs` and `summary` tell the rest, none of them a secret."""
        process = self.start(script, **inputs)
        self.log = process.communicate(timeout=300)[0]
        self.check_secrets()
        return process.returncode

    def check_secrets(self) -> None:
        told = [line for line in self.log.splitlines() if not line.startswith("::add-mask::")]
        assert self.secret not in "\n".join(told) + self.summary + str(self.outputs)
        assert list((self.folder / "temp").iterdir()) == []

    @property
    def summary(self) -> str:
        path = self.folder / "summary"
        return path.read_text() if path.exists() else ""

    @property
    def outputs(self) -> dict[str, str]:
        path = self.folder / "output"
        text = path.read_text() if path.exists() else ""
        return {name: value for name, _, value in re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n\2$", text, re.M | re.S)}


def until(what: str, condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen")
