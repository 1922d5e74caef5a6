"""The pages of jobs and endpoints: what they say, what they never say, and that nothing in them can be made to run."""

from __future__ import annotations

import asyncio
import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from azureml_local import studio
from azureml_local.jobs import artifacts
from azureml_local.jobs.runs import Run
from azureml_local.store import Document
from support.local_jobs import Jobs, make_jobs, pipeline, step

URL = "https://ml.azure.com"
NASTY = "<script>alert('x')</script>"


class Logs:
    def show(self, _: str, __: int) -> str:
        return f"serving {NASTY}"


class Runtime:
    logs = Logs()


class Online:
    """The deployments of an endpoint, whose servers are pretended."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def deployments(self, endpoint: str) -> list[Document]:
        return self._jobs.services.store.list(f"{endpoint}/deployments")

    def runtime(self, _: str) -> Runtime:
        return Runtime()


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    made = make_jobs(tmp_path)
    made.services.online = Online(made)  # type: ignore[assignment]
    studio.install(made.services)
    return made


def get(jobs: Jobs, path: str, **options: Any) -> httpx.Response:
    return asyncio.run(jobs.server.call("GET", URL + path, **options))


def command(jobs: Jobs, text: str, **more: Any) -> dict[str, Any]:
    environment = f"{jobs.workspace.id}/environments/plain/versions/1"
    return {"jobType": "Command", "command": text, "environmentId": environment, "computeId": "cpu", **more}


def test_a_pipelines_page_shows_its_tree_and_leads_to_its_steps(jobs: Jobs) -> None:
    folder = {"type": "uri_folder"}
    train = jobs.command("bad ${{inputs.data}}", inputs={"data": folder})
    steps = {
        "prep": step(jobs.command("prep ${{outputs.clean}}", outputs={"clean": folder})),
        "train": step(train, {"data": "${{parent.jobs.prep.outputs.clean}}"}),
    }

    async def fails(_: object) -> int:
        return 3

    jobs.launcher.programs["bad"] = fails
    run = asyncio.run(jobs.run(pipeline(steps, displayName=NASTY)))
    page = get(jobs, f"/runs/{run.name}?wsid={jobs.workspace.id}&tid=x")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = page.text
    assert NASTY not in text
    assert html.escape(NASTY) in text
    assert '<span class="Failed">Failed</span>' in text
    assert '<span class="Completed">Completed</span>' in text
    assert 'http-equiv="refresh"' not in text
    children = jobs.manager.runs.children(jobs.workspace, run.name)
    assert {child.step for child in children} == {"prep", "train"}
    for child in children:
        assert f"/runs/{child.name}?wsid={jobs.workspace.id}" in text
        assert get(jobs, f"/runs/{child.name}").status_code == 200


def test_a_jobs_page_shows_what_went_in_and_out_and_the_end_of_its_logs(jobs: Jobs) -> None:
    given = {
        "rate": {"jobInputType": "literal", "value": "0.1"},
        "web": {"jobInputType": "uri_file", "uri": "https://example.org/data.csv?sig=SECRET"},
    }
    properties = command(jobs, "echo", environmentVariables={"PASSWORD": "HIDDEN"})
    run = asyncio.run(jobs.run({**properties, "tags": {"team": NASTY}}))
    jobs.manager.runs.change(run, lambda current: _with_inputs(current, given))
    log = artifacts.folder(jobs.services, jobs.workspace, run.name) / artifacts.USER_LOG
    log.write_text("".join(f"line {number}\n" for number in range(1000)) + NASTY)
    text = get(jobs, f"/runs/{run.name}").text
    assert "<code>0.1</code>" in text
    assert "https://example.org/data.csv" in text
    assert "SECRET" not in text
    assert "HIDDEN" not in text
    assert NASTY not in text
    assert "line 999" in text
    assert "line 500" not in text


def _with_inputs(run: Run, given: dict[str, Any]) -> Run:
    inputs = {name: {"type": port["jobInputType"], **{k: v for k, v in port.items() if k != "jobInputType"}}
              for name, port in given.items()}  # fmt: skip
    return replace(run, inputs=inputs)


def test_a_running_jobs_page_asks_to_be_loaded_again(jobs: Jobs) -> None:
    async def check() -> None:
        async def long(_: object) -> int:
            await asyncio.sleep(600)
            return 0

        jobs.launcher.programs["long"] = long
        run, _ = jobs.manager.submit(jobs.workspace, "slow", command(jobs, "long"))
        while not jobs.launcher.alive:
            await asyncio.sleep(0.001)
        page = await jobs.server.call("GET", f"{URL}/runs/slow")
        assert '<meta http-equiv="refresh" content="5">' in page.text
        await jobs.manager.cancel(jobs.workspace, run.name)

    asyncio.run(check())


def test_an_endpoints_page_shows_traffic_and_deployments_and_no_key(jobs: Jobs) -> None:
    store, endpoint = jobs.services.store, f"{jobs.workspace.id}/onlineEndpoints/taxi"
    properties = {
        "provisioningState": "Succeeded", "authMode": "Key", "scoringUri": "https://taxi.x/score", "description": NASTY,
        "traffic": {"blue": 90}, "mirrorTraffic": {"green": 10},
    }  # fmt: skip
    store.put({"id": endpoint, "name": "taxi", "tags": {}, "properties": properties})
    store.put({"id": f"internal:/online-keys{endpoint}", "primaryKey": "KEY"})
    for name in ("blue", "green"):
        model = f"{jobs.workspace.id}/models/fares/versions/3"
        given = {"provisioningState": "Succeeded", "model": model}
        store.put({"id": f"{endpoint}/deployments/{name}", "name": name, "sku": {"capacity": 2}, "properties": given})
    text = get(jobs, f"/endpoints/realtime/taxi/detail?wsid={jobs.workspace.id}").text
    for shown in ("90 %", "10 %", "fares:3", "https://taxi.x/score", html.escape(f"serving {NASTY}")):
        assert shown in text
    assert NASTY not in text
    assert "KEY" not in text
    missing = get(jobs, "/endpoints/realtime/nothing/detail")
    assert (missing.status_code, missing.json()["error"]["message"]) == (
        404,
        "The online endpoint 'nothing' was not found.",
    )


def test_the_workspaces_page_lists_jobs_and_endpoints(jobs: Jobs) -> None:
    assert "Nothing has been made here yet." in get(jobs, "/").text
    run = asyncio.run(jobs.run(command(jobs, "echo")))
    text = get(jobs, "/").text
    assert f"/runs/{run.name}?wsid=" in text
    other = get(jobs, "/?wsid=/subscriptions/s/resourceGroups/g/providers/p/workspaces/other")
    assert (other.status_code, other.json()["error"]["code"]) == (404, "ResourceNotFound")
    assert get(jobs, "/?wsid=nonsense").status_code == 404


def test_strangers_see_nothing(jobs: Jobs) -> None:
    assert get(jobs, "/", token="").status_code == 401
    assert get(jobs, "/api/anything").status_code == 501
