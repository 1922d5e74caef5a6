"""Schedules: what is kept, what fires when the clock moves, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from azureml_local.schedules import api
from azureml_local.schedules.scheduler import Scheduler
from support.local_jobs import Jobs, make_jobs, pipeline, step

Passing = Callable[[float], None]
NOON = datetime(2026, 1, 1, 12, 0, 30, tzinfo=timezone.utc)
HOURLY = {"triggerType": "Cron", "expression": "0 * * * *", "startTime": "2022-07-10T10:00:00"}


class Clock:
    """What time it is, as the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> Jobs:
    made = make_jobs(tmp_path)
    made.services.clock = clock
    return made


@pytest.fixture(autouse=True)
def scheduler(jobs: Jobs) -> Scheduler:
    """It is not started: tests say when it looks at the clock."""
    made = Scheduler(jobs.services)
    api.install(jobs.services, made)
    return made


def definition(jobs: Jobs, **more: Any) -> dict[str, Any]:
    greet = jobs.command("greet ${{inputs.who}}", inputs={"who": {"type": "string"}})
    inputs = {"who": {"jobInputType": "literal", "value": "you"}}
    return pipeline({"a": step(greet, {"who": "${{parent.inputs.who}}"})}, inputs=inputs, **more)


def put(jobs: Jobs, job: dict[str, Any], name: str = "nightly", **more: Any) -> tuple[int, Any]:
    properties = {"trigger": HOURLY, "action": {"actionType": "CreateJob", "jobDefinition": job}, **more}

    async def both() -> tuple[int, Any]:
        answer: tuple[int, Any] = await jobs.arm("PUT", f"/schedules/{name}", {"properties": properties})
        await settle(jobs)
        return answer

    return asyncio.run(both())


async def settle(jobs: Jobs) -> None:
    for run in jobs.manager.runs.all(jobs.workspace):
        if run.parent is None:
            await jobs.manager.wait(jobs.workspace, run.name)


@pytest.fixture
def pass_time(jobs: Jobs, clock: Clock, scheduler: Scheduler) -> Passing:
    """Let seconds pass, and what is due then run to its end."""

    async def tick(seconds: float) -> None:
        clock.now += timedelta(seconds=seconds)
        scheduler.tick()
        await settle(jobs)

    return lambda seconds: asyncio.run(tick(seconds))


def started(jobs: Jobs) -> list[str]:
    return [run.name for run in jobs.manager.runs.all(jobs.workspace) if run.parent is None]


def ask(jobs: Jobs, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer: tuple[int, Any] = asyncio.run(jobs.arm(method, path, body))
    return answer


def test_a_schedule_starts_its_job_each_time_it_is_due(jobs: Jobs, pass_time: Passing) -> None:
    status, made = put(jobs, definition(jobs, displayName="mine", tags={"a": "b"}))
    assert (status, made["properties"]["isEnabled"], made["properties"]["provisioningState"]) == (
        201,
        True,
        "Succeeded",
    )
    assert started(jobs) == []
    pass_time(3500)
    assert started(jobs) == []
    pass_time(100)
    pass_time(10)
    assert started(jobs) == ["nightly-20260101T130000Z"]
    pass_time(3 * 3600)  # the machine slept: what was missed runs once
    assert started(jobs) == ["nightly-20260101T130000Z", "nightly-20260101T140000Z"]
    run = jobs.manager.get(jobs.workspace, "nightly-20260101T130000Z")
    assert (run.status, run.display_name, run.tags) == ("Completed", "nightly-20260101T130000Z", {"a": "b"})


def test_without_a_start_the_first_job_starts_at_once_and_only_once(jobs: Jobs, pass_time: Passing) -> None:
    trigger = {"triggerType": "Recurrence", "frequency": "Hour", "interval": 2}
    put(jobs, definition(jobs), trigger=trigger)
    assert started(jobs) == ["nightly-20260101T120030Z"]
    pass_time(60)
    put(jobs, definition(jobs), trigger=trigger, tags={"x": "y"})
    assert started(jobs) == ["nightly-20260101T120030Z"]
    pass_time(7200)
    assert started(jobs)[1:] == ["nightly-20260101T140030Z"]


def test_expressions_become_the_jobs_name_and_the_moment(jobs: Jobs, pass_time: Passing) -> None:
    job = definition(jobs)
    job["inputs"] = {"who": {"jobInputType": "uri_folder", "uri": "${{creation_context.trigger_time}}"}}
    put(jobs, job)
    pass_time(3600)
    assert jobs.launcher.commands == ["greet 2026-01-01T13:00:00Z"]
    job["inputs"] = {"who": {"jobInputType": "literal", "value": "I am ${{name}}"}}
    put(jobs, job)
    pass_time(3600)
    assert jobs.launcher.commands[-1] == "greet I am nightly-20260101T140000Z"


def test_a_job_that_exists_is_started_again_with_other_inputs(jobs: Jobs, pass_time: Passing) -> None:
    asyncio.run(jobs.run(definition(jobs, tags={"a": "b"}), "former"))
    other = {"who": {"jobInputType": "literal", "value": "them"}}
    source = {"jobType": "Pipeline", "sourceJobId": f"{jobs.workspace.id}/jobs/former", "experimentName": ""}
    status, made = put(jobs, {**source, "inputs": other})
    assert (status, sorted(made["properties"]["action"]["jobDefinition"]["jobs"])) == (201, ["a"])
    pass_time(3600)
    assert jobs.launcher.commands == ["greet you", "greet them"]
    run = jobs.manager.get(jobs.workspace, "nightly-20260101T130000Z")
    assert (run.experiment, run.tags) == ("exp", {"a": "b"})
    assert put(jobs, {**source, "sourceJobId": "x/jobs/nope"})[1]["error"]["message"] == "The job 'nope' was not found."


def test_a_disabled_schedule_rests_and_can_be_deleted(jobs: Jobs, pass_time: Passing) -> None:
    put(jobs, definition(jobs))
    status, body = ask(jobs, "DELETE", "/schedules/nightly")
    assert (status, body["error"]["message"]) == (
        400, "The schedule 'nightly' is enabled. Disable it before you delete it.",
    )  # fmt: skip
    put(jobs, definition(jobs), isEnabled=False)
    pass_time(7200)
    assert started(jobs) == []
    assert ask(jobs, "GET", "/schedules")[1]["value"] == []
    assert [each["name"] for each in ask(jobs, "GET", "/schedules?listViewType=All")[1]["value"]] == ["nightly"]
    refused = ask(jobs, "POST", "/schedules/nightly/trigger", {})[1]["error"]["message"]
    assert refused == "The schedule 'nightly' is disabled. Enable it before you trigger it."
    put(jobs, definition(jobs))  # what was missed meanwhile stays missed
    pass_time(60)
    assert started(jobs) == []
    put(jobs, definition(jobs), isEnabled=False)
    assert ask(jobs, "DELETE", "/schedules/nightly")[0] == 200
    assert ask(jobs, "GET", "/schedules/nightly")[0] == 404


def test_a_triggered_job_is_found_by_its_schedule(jobs: Jobs) -> None:
    put(jobs, definition(jobs))

    async def trigger() -> Any:
        answer = await jobs.arm("POST", "/schedules/nightly/trigger", {"scheduleTime": "now"})
        await settle(jobs)
        return answer

    asyncio.run(jobs.run(definition(jobs), "by-hand"))
    name = "nightly-20260101T120030Z"
    assert asyncio.run(trigger()) == (200, {"scheduleActionType": "CreateJob", "submissionId": name})
    for query in ("scheduled=true", "scheduleId=nightly"):
        assert [job["name"] for job in ask(jobs, "GET", f"/jobs?{query}")[1]["value"]] == [name]


def test_a_job_that_cannot_start_does_not_end_the_schedule(jobs: Jobs, pass_time: Passing) -> None:
    put(jobs, definition(jobs))
    compute = jobs.services.store.get(f"{jobs.workspace.id}/computes/cpu")
    assert compute is not None
    jobs.services.store.delete(compute["id"])
    pass_time(3600)
    assert started(jobs) == []
    jobs.services.store.put(compute)
    pass_time(3600)
    assert started(jobs) == ["nightly-20260101T140000Z"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"trigger": None}, 400, "trigger: a schedule needs a trigger."),
        ({"action": {"actionType": "CreateMonitor"}}, 501, "schedules of model monitors"),
        ({"action": {"actionType": "ImportData"}}, 501, "schedules of data imports"),
        ({"action": {"actionType": "Dance"}}, 400, "action.actionType: 'Dance' is not one of CreateJob,"),
        (
            {"action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Pipeline"}}},
            400,
            "jobs: a pipeline needs",
        ),
    ],
)
def test_what_is_refused_is_not_kept(jobs: Jobs, change: dict[str, Any], status: int, message: str) -> None:
    answered, body = put(jobs, definition(jobs), **change)
    assert answered == status
    assert message in body["error"]["message"]
    assert ask(jobs, "GET", "/schedules/nightly")[0] == 404
