"""Faults of runs and deployments: nodes that are taken away or never come, with pretended processes; killed servers."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from azureml_local import arm, faults, operations
from azureml_local.faults.watching import Watcher
from azureml_local.jobs.processes import Launch
from azureml_local.jobs.runs import Run
from support.local_jobs import Jobs, make_jobs, pipeline, step
from support.local_server import make_server


def with_faults(folder: Path, monkeypatch: pytest.MonkeyPatch, *, low_priority: bool) -> Jobs:
    jobs = make_jobs(folder, low_priority=low_priority)
    faults.install(jobs.services)
    monkeypatch.setattr("azureml_local.faults.watching.LOOK_SECONDS", 0)
    return jobs


async def switch_on(jobs: Jobs, **asked: Any) -> None:
    assert jobs.services.faults is not None
    jobs.services.faults.add(asked)
    Watcher(jobs.services, jobs.services.faults).wake()


def two_steps(jobs: Jobs) -> dict[str, Any]:
    return pipeline({"first": step(jobs.command("first")), "second": step(jobs.command("second"))})


def patient(starts: list[str]) -> Any:
    """A program that hangs when it runs first, and exits 0 when it runs again."""

    async def program(launch: Launch) -> int:
        command = launch.arguments[2]
        starts.append(command)
        if starts.count(command) == 1:
            await asyncio.sleep(3600)
        return 0

    return program


def test_a_low_priority_node_is_taken_away_and_the_step_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = with_faults(tmp_path, monkeypatch, low_priority=True)
    starts: list[str] = []
    jobs.launcher.programs["second"] = patient(starts)

    async def story() -> Run:
        await switch_on(jobs, kind="preempt", match="job/second$")
        return await jobs.run(two_steps(jobs))

    run = asyncio.run(story())
    assert run.status == "Completed"
    assert starts == ["second", "second"]
    states = {name: [status for status, _ in child.history] for name, child in jobs.children().items()}
    assert states["second"][-6:] == ["Queued", "Running", "Queued", "Running", "Finalizing", "Completed"]
    assert states["first"].count("Queued") == 1


def test_dedicated_nodes_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = with_faults(tmp_path, monkeypatch, low_priority=False)

    async def story() -> Run:
        await switch_on(jobs, kind="preempt", count=0)
        run = await jobs.run(two_steps(jobs))
        assert jobs.services.faults is not None
        jobs.services.faults.clear()
        return run

    assert asyncio.run(story()).status == "Completed"
    assert len(jobs.launcher.launches) == 2


def test_a_run_whose_nodes_exceed_the_quota_fails_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = with_faults(tmp_path, monkeypatch, low_priority=False)

    async def story() -> Run:
        await switch_on(jobs, kind="quota", match="/jobs/job/second")
        return await jobs.run(two_steps(jobs))

    assert asyncio.run(story()).status == "Failed"
    error = jobs.children()["second"].error
    assert error is not None
    assert "JobNodeCountExceedsCoreQuota" in error["message"]
    assert "DSv2 family vCPU quota of 0" in error["message"]
    assert "second" not in jobs.launcher.commands


def test_the_servers_of_a_deployment_are_killed_once_each(tmp_path: Path) -> None:
    server = make_server(tmp_path, operations, faults, arm)
    services = server.services
    workspace = services.workspaces()[0]
    endpoint = services.store.put({"id": f"{workspace.id}/onlineEndpoints/taxi", "name": "taxi"})
    deployments = [{"id": f"{endpoint['id']}/deployments/{name}", "name": name} for name in ("blue", "green")]
    servers = {
        deployment["id"]: subprocess.Popen(["sleep", "600"], start_new_session=True) for deployment in deployments
    }
    services.online = cast(
        "Any",
        SimpleNamespace(
            deployments=lambda _: deployments,
            runtime=lambda deployment: SimpleNamespace(pids=[servers[deployment].pid]),
        ),
    )
    assert services.faults is not None
    watcher = Watcher(services, services.faults)
    watcher.look_once()
    services.faults.add({"kind": "kill-deployment", "match": "^taxi/green$", "count": 2})
    for _ in range(3):
        watcher.look_once()
    blue, green = servers.values()
    assert green.wait(10) == -signal.SIGKILL
    assert blue.poll() is None
    assert [fault.hits for fault in services.faults.all()] == [1]  # the second waits for the server's return
    blue.kill()
    blue.wait()
