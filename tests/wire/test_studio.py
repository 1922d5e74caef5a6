"""A job's Studio link, followed with a token through the proxy, and in a browser by `azureml-local open`."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from conftest import COMMAND, LocalWorkspace
from support.rest import Rest

pytestmark = pytest.mark.wire


def test_a_jobs_studio_link_leads_to_its_page(workspace: LocalWorkspace) -> None:
    rest = Rest(workspace.paths, workspace.settings)
    environment = "/environments/plain/versions/1"
    rest.call("PUT", environment, {"properties": {"image": "python:3.11-slim"}})
    job = {
        "jobType": "Command",
        "command": "echo hello from the job",
        "environmentId": workspace.settings.workspace_id + environment,
    }
    made = rest.call("PUT", "/jobs/on-a-page", {"properties": job}).json()
    link = made["properties"]["services"]["Studio"]["endpoint"]
    with rest.client() as client:
        page = client.get(link + "&tid=x", headers={"Authorization": f"Bearer {rest.token()}"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<title>on-a-page</title>" in page.text
        assert client.get(link).status_code == 401

    command = [*COMMAND, "--state", str(workspace.paths.root), "open", link, "--no-browser"]
    viewer = subprocess.Popen(command, env=workspace.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert viewer.stdout is not None
        address = viewer.stdout.readline().strip()
        with httpx.Client(follow_redirects=True, trust_env=False) as browser:
            assert "<title>on-a-page</title>" in browser.get(address).text
            assert "on-a-page" in browser.get(address.partition("/runs/")[0] + "/").text
        assert httpx.get(address.partition("?")[0], trust_env=False).status_code == 403
    finally:
        viewer.terminate()
        viewer.wait()
    missing = workspace.local("open", "no-such-page", "--no-browser", check=False)
    assert (missing.returncode, missing.stderr) == (1, "azureml-local: there is no page of 'no-such-page'\n")
