"""The REST face of jobs: what ARM and run history answer."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from azureml_local.jobs import api, recovery
from azureml_local.jobs.processes import Launch
from azureml_local.jobs.runs import Run
from support.local_jobs import Jobs, pipeline, step

FOLDER = {"type": "uri_folder"}


def command(text: str = "run it", **more: Any) -> dict[str, Any]:
    base = {"jobType": "Command", "command": text, "environmentId": "azureml:plain:1", "computeId": "cpu"}
    return {**base, **more}


def put(jobs: Jobs, properties: dict[str, Any], name: str = "job") -> tuple[int, Any]:
    async def both() -> tuple[int, Any]:
        answer = await jobs.arm("PUT", f"/jobs/{name}", {"properties": properties})
        if answer[0] == 201:
            await jobs.manager.wait(jobs.workspace, name)
        return answer[0], answer[1]

    return asyncio.run(both())


def get(jobs: Jobs, path: str) -> Any:
    status, body = asyncio.run(jobs.arm("GET", path))
    assert status == 200, body
    return body


def test_a_new_job_is_not_started_and_has_its_services(jobs: Jobs) -> None:
    status, body = put(jobs, command(tags={"a": "b"}, properties={"mlflow.source.git.commit": "abc"}))
    assert (status, body["properties"]["status"]) == (201, "NotStarted")
    workspace = jobs.workspace.id
    assert body["properties"]["services"]["Studio"]["endpoint"] == f"https://ml.azure.com/runs/job?wsid={workspace}"
    assert body["properties"]["services"]["Tracking"]["endpoint"].startswith("azureml://westeurope.api.azureml.ms/")
    shown = get(jobs, "/jobs/job")
    assert shown["properties"]["status"] == "Completed"
    assert shown["properties"]["tags"] == {"a": "b"}
    assert shown["properties"]["properties"]["mlflow.source.git.commit"] == "abc"
    assert shown["properties"]["experimentName"] == "Default"
    assert jobs.mlflow.runs["job"]["tags"] == {"a": "b", "mlflow.source.git.commit": "abc"}


def test_an_unknown_job_is_404(jobs: Jobs) -> None:
    status, body = asyncio.run(jobs.arm("GET", "/jobs/nope"))
    assert (status, body["error"]["message"]) == (404, "The job 'nope' was not found.")


@pytest.mark.parametrize("name", ["-x", "a b", "x" * 256])
def test_a_bad_name_is_refused(jobs: Jobs, name: str) -> None:
    status, body = put(jobs, command(), name)
    assert status == 400
    assert body["error"]["message"].startswith(f"The job name '{name}' is not valid.")


def test_the_same_put_again_attaches_to_the_job(jobs: Jobs) -> None:
    put(jobs, command())
    status, _ = put(jobs, command())
    assert (status, len(jobs.launcher.launches)) == (200, 1)


def test_a_put_of_other_content_is_refused_as_azure_does(jobs: Jobs) -> None:
    put(jobs, command(inputs={"x": {"jobInputType": "literal", "value": "1"}}))
    status, body = put(
        jobs, command("something else", inputs={"x": {"jobInputType": "literal", "value": "2"}}, tags={"new": "tag"})
    )
    assert status == 400
    assert body["error"]["message"] == (
        "A job with this name already exists. If you are trying to create a new job, use a different name. If you "
        "are trying to update an existing job, the existing job's Command, Inputs cannot be changed. Only description, "
        "tags, displayName, properties, and isArchived can be updated."
    )
    assert get(jobs, "/jobs/job")["properties"]["tags"] == {}


def test_what_a_client_read_it_may_send_back_with_other_tags_and_archived(jobs: Jobs) -> None:
    put(jobs, command(outputs={"o": {"jobOutputType": "uri_folder"}}))
    body = get(jobs, "/jobs/job")
    body["properties"].update(tags={"new": "tag"}, isArchived=True, description="told")
    status, changed = put(jobs, body["properties"])
    assert status == 200, changed
    assert changed["properties"]["tags"] == {"new": "tag"}
    assert (changed["properties"]["isArchived"], changed["properties"]["description"]) == (True, "told")
    assert get(jobs, "/jobs")["value"] == []
    assert [job["name"] for job in get(jobs, "/jobs?listViewType=ArchivedOnly")["value"]] == ["job"]


def test_patch_changes_tags_alone(jobs: Jobs) -> None:
    put(jobs, command(description="first"))
    _, body = asyncio.run(jobs.arm("PATCH", "/jobs/job", {"properties": {"tags": {"x": "1"}}}))
    assert (body["properties"]["tags"], body["properties"]["description"]) == ({"x": "1"}, "first")


def test_lists_are_newest_first_filtered_and_paged(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        put(jobs, command(tags={"even": str(number % 2 == 0).lower()}), f"job{number}")
    put(jobs, pipeline({"s": step(jobs.command("x"))}), "pipe")
    names = [job["name"] for job in get(jobs, "/jobs")["value"]]
    assert names == ["pipe", "job2", "job1", "job0"]  # steps are not listed
    assert [job["name"] for job in get(jobs, "/jobs?tag=even=true")["value"]] == ["job2", "job0"]
    assert [job["name"] for job in get(jobs, "/jobs?jobType=Pipeline")["value"]] == ["pipe"]
    monkeypatch.setattr(api, "PAGE", 3)
    first = get(jobs, "/jobs")
    assert len(first["value"]) == 3
    following = first["nextLink"].partition(jobs.workspace.id)[2]
    assert [job["name"] for job in get(jobs, following)["value"]] == ["job0"]


def test_cancel_of_an_ended_job_is_200_and_of_an_unknown_one_404(jobs: Jobs) -> None:
    put(jobs, command())
    assert asyncio.run(jobs.arm("POST", "/jobs/job/cancel"))[0] == 200
    assert asyncio.run(jobs.arm("POST", "/jobs/nope/cancel"))[0] == 404


async def _for_ever(_: Launch) -> int:
    await asyncio.sleep(3600)
    return 0


def test_cancel_is_an_operation_to_follow(jobs: Jobs) -> None:
    jobs.launcher.programs["run it"] = _for_ever

    async def scenario() -> None:
        await jobs.arm("PUT", "/jobs/job", {"properties": command()})
        while jobs.manager.get(jobs.workspace, "job").status != "Running":
            await asyncio.sleep(0)
        assert (await jobs.arm("DELETE", "/jobs/job"))[0] == 409
        assert (await jobs.arm("POST", "/jobs/job/cancel"))[0] == 202
        run = await jobs.manager.wait(jobs.workspace, "job")
        assert run.status == "Canceled"
        assert (await jobs.arm("DELETE", "/jobs/job"))[0] == 200
        assert (await jobs.arm("GET", "/jobs/job"))[0] == 404

    asyncio.run(scenario())


def test_one_step_can_be_canceled_by_itself(jobs: Jobs) -> None:
    jobs.launcher.programs["slow"] = _for_ever

    async def scenario() -> Run:
        nodes = {"slow": step(jobs.command("slow")), "fast": step(jobs.command("fast"))}
        jobs.manager.submit(jobs.workspace, "job", pipeline(nodes, settings={"continue_on_step_failure": True}))
        while not any(run.status == "Running" for run in jobs.children().values() if run.step == "slow"):
            await asyncio.sleep(0)
        await jobs.manager.cancel(jobs.workspace, jobs.children()["slow"].name)
        return await jobs.manager.wait(jobs.workspace, "job")

    run = asyncio.run(scenario())
    assert {name: child.status for name, child in jobs.children().items()} == {"slow": "Canceled", "fast": "Completed"}
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["message"] == "Step 'slow' failed. It was canceled."


# -- run history ---------------------------------------------------------------------------------------------------


def history(jobs: Jobs, path: str, body: Any = None, method: str = "") -> Any:
    status, answer = asyncio.run(jobs.api(method or ("GET" if body is None else "POST"), path, body))
    assert status == 200, answer
    return answer


def ran(jobs: Jobs) -> None:
    async def write(launch: Launch) -> int:
        launch.log.write_text("hello\n")
        return 0

    jobs.launcher.programs["train"] = write
    train = jobs.command("train ${{outputs.model}}", outputs={"model": {"type": "mlflow_model"}})
    bound = {"model": {"value": "${{parent.outputs.model}}", "type": "literal"}}
    job = pipeline(
        {"train": step(train, outputs=bound)},
        outputs={"model": {"jobOutputType": "mlflow_model"}},
        inputs={"lr": {"jobInputType": "literal", "value": "0.5"}},
    )
    asyncio.run(jobs.run(job))


def test_a_step_is_known_to_run_history_alone(jobs: Jobs) -> None:
    ran(jobs)
    (child,) = history(jobs, "/history/v1.0WS/runs/job/children")["value"]
    assert (child["displayName"], child["status"], child["parentRunId"]) == ("train", "Completed", "job")
    assert get(jobs, f"/jobs/{child['runId']}")["properties"] is None


def test_details_name_the_logs_with_a_url_that_opens_them(jobs: Jobs) -> None:
    ran(jobs)
    name = jobs.children()["train"].name
    details = history(jobs, f"/history/v1.0WS/runs/{name}/details")
    assert set(details["logFiles"]) == {"user_logs/std_log.txt", "system_logs/lifecycle.log"}
    url = details["logFiles"]["user_logs/std_log.txt"]
    answer = asyncio.run(jobs.server.call("GET", url, token=""))
    assert (answer.status_code, answer.text) == (200, "hello\n")
    assert set(history(jobs, "/history/v1.0WS/experiments/exp/runs/job/details")["logFiles"]) == {
        "logs/azureml/executionlogs.txt",
        "system_logs/lifecycle.log",
    }


def test_outputs_are_found_by_the_data_planes(jobs: Jobs) -> None:
    ran(jobs)
    metadata = history(jobs, "/history/v1.0WS/rundata", {"runId": "job"})["runMetadata"]
    assert metadata["parameters"] == {"lr": "0.5"}
    output = metadata["outputs"]["model"]
    assert output["type"] == "MLFlowModel"
    found = history(jobs, "/modelregistry/v1.0WS/models/batchGetResolvedUris", {"values": [output["assetId"]]})
    name = jobs.children()["train"].name
    assert found["values"][output["assetId"]]["path"].endswith(
        f"/datastores/workspaceblobstore/paths/azureml/{name}/model/"
    )


def test_an_error_holds_the_end_of_the_log(jobs: Jobs) -> None:
    async def fail(launch: Launch) -> int:
        launch.log.write_text("Traceback\nKeyError: 'x'\n")
        return 1

    jobs.launcher.programs["run it"] = fail
    put(jobs, command())
    error = history(jobs, "/history/v1.0WS/runs/job")["error"]["error"]
    assert error["code"] == "UserError"
    assert error["message"] == (
        "Execution failed: the command exited with code 1. Its log is user_logs/std_log.txt.\nTraceback\nKeyError: 'x'"
    )


def test_runs_are_found_by_a_filter(jobs: Jobs) -> None:
    ran(jobs)
    put(jobs, command(tags={"team": "a"}), "other")
    query = "/history/v1.0WS/runs:query"
    found = history(jobs, query, {"filter": "RootRunId eq 'job' and RunId ne 'job'"})["value"]
    assert [run["displayName"] for run in found] == ["train"]
    assert [run["runId"] for run in history(jobs, query, {"filter": "tags/team eq 'a'"})["value"]] == ["other"]
    status, body = asyncio.run(jobs.api("POST", query, {"filter": "x gt 3"}))
    assert (status, body["error"]["message"]) == (
        400,
        "The filter 'x gt 3' is not supported; use NAME eq 'VALUE' and NAME ne 'VALUE'.",
    )


def test_tags_of_a_run_can_be_added_and_removed(jobs: Jobs) -> None:
    put(jobs, command(tags={"a": "1"}))
    tags = "/history/v1.0WS/runs/job/tags"
    assert history(jobs, tags, {"values": {"b": "2"}}, "PATCH")["tags"] == {"a": "1", "b": "2"}
    assert history(jobs, tags, ["a"], "DELETE")["tags"] == {"b": "2"}


def test_a_reused_step_shows_the_logs_of_the_run_it_reuses(jobs: Jobs) -> None:
    async def write(launch: Launch) -> int:
        launch.log.write_text("once\n")
        return 0

    jobs.launcher.programs["once"] = write
    nodes = {"s": step(jobs.command("once", is_deterministic=True))}

    async def twice() -> None:
        await jobs.run(pipeline(nodes))
        await jobs.run(pipeline(nodes), "again")

    asyncio.run(twice())
    details = history(jobs, f"/history/v1.0WS/runs/{jobs.children('again')['s'].name}/details")
    assert details["properties"]["azureml.isreused"] == "true"
    assert jobs.children()["s"].name in details["logFiles"]["user_logs/std_log.txt"]


# -- stop and restart ------------------------------------------------------------------------------------------------


def test_a_restart_ends_what_was_left_and_says_why(jobs: Jobs) -> None:
    jobs.launcher.programs["slow"] = _for_ever

    async def killed() -> None:
        jobs.manager.submit(jobs.workspace, "job", pipeline({"slow": step(jobs.command("slow"))}))
        while not any(run.status == "Running" for run in jobs.children().values()):
            await asyncio.sleep(0)
        record = jobs.children()["slow"].processes
        before = len(jobs.launcher.ended)
        # What a new process does on the old one's records.
        await recovery.recover(jobs.manager.engine)
        assert record is not None
        assert (([(1001, "start-1001")], record["token"])) in jobs.launcher.ended[before:]
        await jobs.services.stop_tasks()

    asyncio.run(killed())
    for run in (jobs.manager.get(jobs.workspace, "job"), jobs.children()["slow"]):
        assert run.status == "Failed"
        assert run.error is not None
        assert run.error["message"] == recovery.REASON


def test_a_stop_ends_all_jobs_and_says_why(jobs: Jobs) -> None:
    jobs.launcher.programs["slow"] = _for_ever

    async def scenario() -> None:
        jobs.manager.submit(jobs.workspace, "job", pipeline({"slow": step(jobs.command("slow"))}))
        while not any(run.status == "Running" for run in jobs.children().values()):
            await asyncio.sleep(0)
        await jobs.manager.stop()

    asyncio.run(scenario())
    run = jobs.manager.get(jobs.workspace, "job")
    assert (run.status, jobs.children()["slow"].status) == ("Failed", "Failed")
    assert run.error is not None
    assert run.error["code"] == "WorkspaceStopped"
    assert jobs.launcher.alive == {}


def test_a_run_that_ended_before_it_was_streamed_ends_once_more(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients print logs only while a run is under way: without this, `az ml job stream` of a short job prints none."""
    asyncio.run(jobs.run(command("echo")))
    told = [history(jobs, "/history/v1.0WS/runs/job/details") for _ in range(3)]
    assert [details["status"] for details in told] == ["Finalizing", "Completed", "Completed"]
    assert "system_logs/lifecycle.log" in told[1]["logFiles"]
    assert jobs.manager.get(jobs.workspace, "job").status == "Completed"
    later = datetime.now(timezone.utc) + timedelta(minutes=2)
    asyncio.run(jobs.run(command("echo"), "older"))
    monkeypatch.setattr(jobs.services, "clock", lambda: later)
    assert history(jobs, "/history/v1.0WS/runs/older/details")["status"] == "Completed"
