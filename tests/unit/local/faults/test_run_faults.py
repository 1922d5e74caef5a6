"""Faults of runs: nodes that are taken away or never come, with pretended processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from azureml_local import faults
from azureml_local.faults.watching import Watcher
from azureml_local.jobs.processes import Launch
from azureml_local.jobs.runs import Run
from support.local_jobs import Jobs, make_jobs, pipeline, step


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
