"""The stand-in for azure/login: what it signs in, what it warns of, what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from azureml_local.workflow_run.repositories import STAND_INS

CREDS = {"clientId": "c", "clientSecret": "hidden", "tenantId": "t", "subscriptionId": "s"}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file where an `az` that does nothing notes its arguments."""
    noted = tmp_path / "calls"
    program = tmp_path / "bin" / "az"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {noted}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return noted


def login(**inputs: str) -> subprocess.CompletedProcess[str]:
    given = dict.fromkeys(("CLIENT_ID", "TENANT_ID", "SUBSCRIPTION_ID", "CREDS", "AUDIENCE"), "")
    given |= {"AUTH_TYPE": "SERVICE_PRINCIPAL", "POWERSHELL": "false", **inputs}
    script = STAND_INS / "azure" / "login" / "login.py"
    return subprocess.run(
        [sys.executable, script], env={**os.environ, **given}, capture_output=True, text=True, check=False
    )


def test_a_powershell_session_is_a_warning_and_the_cli_is_signed_in(calls: Path) -> None:
    done = login(CREDS=json.dumps(CREDS), POWERSHELL="true")
    assert done.returncode == 0
    assert "::warning::enable-AzPSSession: the Azure CLI is signed in here, Azure PowerShell is not." in done.stdout
    signed_in, subscription = calls.read_text().splitlines()
    assert signed_in.startswith("login --service-principal --username c --tenant t --password @")
    assert "hidden" not in signed_in
    assert subscription == "account set --subscription s --output none"


def test_managed_identities_are_refused(calls: Path) -> None:
    done = login(AUTH_TYPE="IDENTITY")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "::error::This stand-in for azure/login signs in service principals only, not managed identities."
    )
    assert not calls.exists()
