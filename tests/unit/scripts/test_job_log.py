"""Logs are followed byte by byte, of every step, and trouble with them never stops the wait."""

from __future__ import annotations

import pytest

from github import Runner
from job_log import KEPT, LogFollower
from rest import Rest
from support.fake_azure import API, SUBSCRIPTION, Fault, StaticCredential, World, answer, child, job
from workspace import Workspace


def follower(world: World, name: str = "j1") -> LogFollower:
    world.azure.jobs[name] = job(name)
    rest = Rest(StaticCredential(world.azure), transport=world.azure, clock=world.clock, attempts=1)
    return LogFollower(Workspace(rest, SUBSCRIPTION, "rg-ml", "aml"), name, Runner(world.env, world.out))


def test_new_lines_are_printed_as_they_come(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep", "Running")]
    log = "r1/user_logs/std_log.txt"
    world.azure.logs[log] = "one\ntw"
    follow.look("Running")
    assert world.log == "[prep] Running\n[prep] one\n"
    world.azure.logs[log] = "one\ntwo\nthree ünïcode\nhalf"
    follow.look("Running")
    follow.look("Running")
    assert world.log.endswith("[prep] one\n[prep] two\n[prep] three ünïcode\n")
    world.azure.children["j1"] = [child("r1", "prep", "Completed")]
    follow.look("Completed")
    assert world.log.endswith("[prep] half\n[prep] Completed\n")
    assert [each.headers.get("Range") for each in world.azure.asked("/logs/")] == [
        None,
        "bytes=6-",
        "bytes=28-",
        "bytes=28-",
    ]


def test_a_character_cut_in_two_is_put_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep", "Running")]
    data = "aü\n".encode()
    parts = [data[:2], data]
    monkeypatch.setattr(
        world.azure, "_log", lambda name, request: type("R", (), {"status": 200, "body": parts.pop(0)})()
    )
    world.azure.logs["r1/user_logs/std_log.txt"] = ""
    follow.look("Running")
    follow.look("Running")
    assert world.log.endswith("[prep] aü\n")


def test_parallel_steps_are_told_apart(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [
        child("r1", "a", "Running"),
        child("r2", "b", "Running"),
        child("r3", "c", "NotStarted"),
    ]
    world.azure.logs = {"r1/user_logs/std_log.txt": "x\n", "r2/user_logs/std_log.txt": "y\n"}
    follow.look("Running")
    assert set(world.log.splitlines()) == {"[a] Running", "[b] Running", "[c] NotStarted", "[a] x", "[b] y"}
    assert world.azure.asked("runs/r3/details") == []


def test_nested_pipelines_are_followed(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("p", "inner", "Running", runType="azureml.PipelineRun")]
    world.azure.children["p"] = [child("r1", "prep", "Running")]
    world.azure.logs = {"r1/user_logs/std_log.txt": "x\n"}
    follow.look("Running")
    assert "[prep] x" in world.log
    assert "[inner]" not in world.log


def test_a_single_command_job_is_followed_too(world: World) -> None:
    follow = follower(world)
    world.azure.logs = {"j1/user_logs/std_log.txt": "hello\n"}
    follow.look("Queued")
    assert world.log == ""
    follow.look("Running")
    assert world.log == "[j1] hello\n"


def test_only_what_people_wrote_is_followed(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "a"), child("r2", "b")]
    world.azure.logs = {
        "r1/system_logs/lifecycler.log": "noise\n",
        "r1/user_logs/std_log_process_00.txt": "rank 0\n",
        "r1/user_logs/std_log_process_01.txt": "rank 1\n",
        "r2/azureml-logs/70_driver_log.txt": "old\n",
    }
    follow.look("Completed")
    assert world.log.count("rank 0") == world.log.count("[b] old") == 1
    assert "rank 1" not in world.log
    assert "noise" not in world.log


def test_a_log_that_cannot_be_read_is_told_once_and_caught_up(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep", "Running")]
    world.azure.logs = {"r1/user_logs/std_log.txt": "one\n"}
    world.azure.faults = [Fault("/children", None, times=2), Fault("/logs/", None)]
    for _ in range(4):
        follow.look("Running")
    assert world.log.count("cannot be read now") == 1
    assert world.log.endswith("[prep] one\n")


def test_a_log_in_a_form_nobody_knows_does_not_end_the_wait(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep", "Running")]
    world.azure.logs = {"r1/user_logs/std_log.txt": "one\n"}
    world.azure.faults = [Fault("/details", answer(200, ["a list?"]))]
    follow.look("Running")
    assert "The steps' logs cannot be read now (This was not foreseen: AttributeError" in world.log
    follow.look("Running")
    assert world.log.endswith("[prep] one\n")


def test_only_the_tail_is_kept(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep")]
    world.azure.logs = {"r1/user_logs/std_log.txt": "".join(f"line {n}\n" for n in range(1000))}
    follow.look("Completed")
    tail = follow.steps["r1"].tail
    assert len(tail) == KEPT
    assert tail[-1] == "line 999"


def test_a_finished_step_is_not_asked_again(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep")]
    for _ in range(3):
        follow.look("Running")
    assert len(world.azure.asked(f"{API}.*runs/r1/details")) == 1


def test_the_reason_of_a_failed_step_is_kept(world: World) -> None:
    follow = follower(world)
    error = {"error": {"code": "UserError", "message": "exit code 1"}}
    world.azure.children["j1"] = [child("r1", "prep", "Failed", error=error)]
    follow.look("Failed")
    assert follow.steps["r1"].error == "exit code 1"


def test_the_log_of_a_reused_step_is_kept_and_not_told_again(world: World) -> None:
    follow = follower(world)
    world.azure.children["j1"] = [child("r1", "prep", properties={"azureml.reusedrunid": "r0"})]
    world.azure.logs = {"r1/user_logs/std_log.txt": "old news\n"}
    follow.look("Running")
    assert world.log == "[prep] Completed (reused from run r0)\n"
    assert list(follow.steps["r1"].tail) == ["old news"]
