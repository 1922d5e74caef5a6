"""The workflow's own cancel step."""

from __future__ import annotations

from cancel import TITLE, cancel
from support.fake_azure import Fault, World, job, refusal


def test_the_named_job_is_cancelled(world: World) -> None:
    world.azure.jobs["j"] = job("j")
    world.give(job_name="j")
    assert world.run(TITLE, cancel) == 0
    assert world.azure.cancelled == ["j"]
    assert "Cancel of job j requested." in world.log
    assert world.az.calls == []


def test_without_a_name_there_is_nothing_to_do(world: World) -> None:
    assert world.run(TITLE, cancel) == 0
    assert "No job had been submitted: nothing to cancel." in world.log
    assert world.azure.requests == []


def test_a_job_that_never_was_is_no_failure(world: World) -> None:
    world.give(job_name="j")
    assert world.run(TITLE, cancel) == 0
    assert "Job j was not created: nothing to cancel." in world.log
    assert "::error" not in world.log


def test_a_job_that_has_ended_is_no_failure(world: World) -> None:
    world.azure.jobs["j"] = job("j", "Completed")
    world.azure.faults = [Fault("cancel", refusal(400, "UserError", "Run j is already completed"))]
    world.give(job_name="j")
    assert world.run(TITLE, cancel) == 0
    assert "Job j was not cancelled: 400 UserError: Run j is already completed" in world.log


def test_a_job_that_cannot_be_cancelled_fails_the_step(world: World) -> None:
    world.azure.jobs["j"] = job("j")
    world.azure.faults = [Fault("cancel", refusal(403, "AuthorizationFailed", "no"), times=99)]
    world.give(job_name="j")
    assert world.run(TITLE, cancel) == 4
    assert (
        "::error title=cancel::Job j could not be cancelled and may still run: 403 AuthorizationFailed: no" in world.log
    )
