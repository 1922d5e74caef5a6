"""The workflow deploy-online under real act: a registered model serves; the next one fails and the first serves on."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from azureml_local.paths import REPOSITORY
from conftest import LocalWorkspace
from support.rest import Rest
from support.suite_copy import SuiteCopy, make_copy

pytestmark = pytest.mark.workflow


def deploy(workspace: LocalWorkspace, suite: SuiteCopy, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["-i", "model=tiny", "-i", "soak-seconds=1", "-i", "traffic=50,100", *more]
    return workspace.local("run", "deploy-online", "-C", str(suite.root), *options, check=False)


@pytest.fixture(scope="module")
def rest(workspace: LocalWorkspace) -> Rest:
    """A workspace that has tiny:1 registered."""
    found = Rest(workspace.paths, workspace.settings)
    found.put_model("tiny", "1", {"factor.txt": "2"})
    return found


@pytest.fixture(scope="module")
def deployed(
    workspace: LocalWorkspace, rest: Rest, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    return deploy(workspace, make_copy(tmp_path_factory.mktemp("suite")))


def endpoint_name(rest: Rest) -> str:
    names = [each["name"] for each in rest.call("GET", "/onlineEndpoints").json()["value"]]
    return str(next(name for name in names if re.fullmatch(r"tiny-online-[0-9a-f]{6}", name)))


def test_a_registered_model_serves(deployed: subprocess.CompletedProcess[str], rest: Rest) -> None:
    assert deployed.returncode == 0, deployed.stdout
    name = endpoint_name(rest)
    assert f"✅ tiny:1 serves 100 % of {name} after " in deployed.stdout
    assert "[2.0, 4.0]" in deployed.stdout
    assert rest.call("GET", f"/onlineEndpoints/{name}").json()["properties"]["traffic"] == {"blue": 100}


def test_the_requests_for_a_rest_client_work(deployed: subprocess.CompletedProcess[str], rest: Rest) -> None:
    """tests/online.rest, with .env filled in as its example says."""
    assert deployed.returncode == 0
    name = endpoint_name(rest)
    uri = rest.call("GET", f"/onlineEndpoints/{name}").json()["properties"]["scoringUri"]
    key = rest.call("POST", f"/onlineEndpoints/{name}/listKeys").json()["primaryKey"]
    text = (REPOSITORY / "tests" / "online.rest").read_text()
    text = text.replace("{{base_url}}", uri.removesuffix("/score")).replace("{{api_key}}", key)
    statuses = []
    with rest.client() as client:
        for request in re.split(r"^###.*\n", text, flags=re.M)[1:]:
            head, _, body = request.strip().partition("\n\n")
            method, url = head.splitlines()[0].split(" ", 1) if head else ("", "")
            if not url.endswith(("/score", "/swagger.json")):
                continue
            headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
            file = re.match(r"< (\S+)", body)
            content = (REPOSITORY / "tests" / file[1]).read_text() if file else ""
            answer = client.request(method, url, headers=headers, content=content)
            statuses.append(answer.status_code)
            if answer.status_code == 200 and url.endswith("/score"):
                assert len(answer.json()) == 3
    assert statuses == [200, 200, 200, 401]


def test_a_model_that_crashes_is_red_and_the_old_one_serves_on(
    deployed: subprocess.CompletedProcess[str], workspace: LocalWorkspace, rest: Rest, tmp_path: Path
) -> None:
    assert deployed.returncode == 0
    suite = make_copy(tmp_path)
    suite.replace(suite.score, r"    global factor", "    import no_such_module")
    done = deploy(workspace, suite)
    assert done.returncode != 0
    assert "❌ green did not pass after " in done.stdout
    assert "Rolled back: the traffic is what it was before, blue 100 %; green is deleted." in done.stdout
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stdout
    name = endpoint_name(rest)
    found = rest.call("GET", f"/onlineEndpoints/{name}").json()
    assert found["properties"]["traffic"] == {"blue": 100}
    assert "deploy-lock" not in json.dumps(found["tags"])
    listed = rest.call("GET", f"/onlineEndpoints/{name}/deployments").json()["value"]
    assert [each["name"] for each in listed] == ["blue"]
