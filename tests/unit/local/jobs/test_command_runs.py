"""One command: what its processes get, and every way it can end."""

from __future__ import annotations

import asyncio
import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.errors import AzureError
from azureml_local.jobs import client_runs, data
from azureml_local.jobs.processes import TOKEN, Launch
from azureml_local.jobs.runs import Run
from azureml_local.mlflow_server import ClientRun
from support.local_jobs import Jobs, make_jobs


def command(text: str = "run it", **more: Any) -> dict[str, Any]:
    return {
        "jobType": "Command",
        "command": text,
        "environmentId": "azureml:plain:1",
        "computeId": "cpu",
        "experimentName": "exp",
        **more,
    }


def finished(jobs: Jobs, properties: dict[str, Any]) -> Run:
    return asyncio.run(jobs.run(properties))


def test_a_step_gets_its_own_variables_and_none_of_the_servers(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/the/servers")
    monkeypatch.setenv("AZUREML_LOCAL_NONCE", "n")
    jobs.file("rows/a.csv")
    uri = "azureml://datastores/workspaceblobstore/paths/rows/"
    run = finished(
        jobs,
        command(
            "x ${{inputs.rows}} ${{inputs.lr}} ${{outputs.o}}",
            inputs={
                "rows": {"jobInputType": "uri_folder", "uri": uri},
                "lr": {"jobInputType": "literal", "value": "0.5"},
            },
            outputs={"o": {"jobOutputType": "uri_file"}},
            environmentVariables={"MINE": "1", "LANG": "de_DE.UTF-8"},
        ),
    )
    assert run.status == "Completed", run.error
    (launch,) = jobs.launcher.launches
    got = launch.environment
    assert not {"PYTHONPATH", "AZUREML_LOCAL_NONCE"} & got.keys()
    assert (got["AZUREML_RUN_ID"], got["AZUREML_ROOT_RUN_ID"], got["MLFLOW_RUN_ID"]) == ("job", "job", "job")
    assert (got["MLFLOW_EXPERIMENT_ID"], got["AZUREML_EXPERIMENT_NAME"]) == ("7", "exp")
    assert got["AZUREML_ARM_WORKSPACE_NAME"] == "aml-local"
    assert got["AZUREML_WORKSPACE_ID"] == jobs.services.settings.workspace_guid
    assert (got["MINE"], got["LANG"]) == ("1", "de_DE.UTF-8")
    assert got["PATH"].startswith(f"{jobs.environments.root}/bin:")
    assert got["VIRTUAL_ENV"] == str(jobs.environments.root)
    assert got["AZURE_CLIENT_SECRET"] == jobs.services.settings.client_secret
    assert got["HTTPS_PROXY"].startswith("http://127.0.0.1:")
    assert got["AZURE_ML_INPUT_lr"] == "0.5"
    assert got["AZURE_ML_INPUT_rows"].endswith("/rows")
    assert got["AZURE_ML_OUTPUT_o"].endswith("/azureml/job/o")
    assert Path(got["AZURE_ML_OUTPUT_o"]).parent.is_dir()
    assert list(launch.arguments) == [
        "bash", "-c", f"x {got['AZURE_ML_INPUT_rows']} 0.5 {got['AZURE_ML_OUTPUT_o']}",
    ]  # fmt: skip
    assert str(jobs.services.paths.root) in got["HOME"]


def test_the_working_directory_is_a_private_copy_of_the_code(jobs: Jobs) -> None:
    jobs.file("code/train.py", "print(1)")
    code = {"properties": {"codeUri": jobs.services.blobs.url(_container(jobs), "code"), "properties": {}}}
    asyncio.run(jobs.arm("PUT", "/codes/c1/versions/1", code))
    seen: dict[str, str] = {}

    async def look(launch: Launch) -> int:
        seen["code"] = (launch.cwd / "train.py").read_text()
        (launch.cwd / "train.py").write_text("changed")
        (launch.cwd / "outputs" / "plot.png").write_text("plot")  # Azure ML has made both folders
        (launch.cwd / "logs" / "deep").mkdir()
        (launch.cwd / "logs" / "deep" / "x.log").write_text("log")
        return 0

    jobs.launcher.programs["run it"] = look
    assert finished(jobs, command(codeId="azureml:c1:1")).status == "Completed"
    assert seen["code"] == "print(1)"
    assert (jobs.services.blobs.path(_container(jobs), "code") / "train.py").read_text() == "print(1)"
    assert jobs.log("job", "outputs/plot.png") == "plot"
    assert jobs.log("job", "logs/deep/x.log") == "log"
    assert list(jobs.services.paths.jobs.iterdir()) == []


def _container(jobs: Jobs) -> str:
    document = jobs.services.store.get(f"{jobs.workspace.id}/datastores/workspaceblobstore")
    assert document is not None
    return str(document["properties"]["containerName"])


def exits(code: int, text: str = "") -> Any:
    async def program(launch: Launch) -> int:
        with launch.log.open("a") as log:
            log.write(text)
        return code

    return program


@pytest.mark.parametrize(
    ("code", "text", "expected", "message"),
    [
        (1, "boom", "UserError", "Execution failed: the command exited with code 1. Its log is user_logs/std_log.txt."),
        (
            -9,
            "",
            "UserError",
            (
                "Execution failed: the command was ended by signal SIGKILL. The machine may have run out of memory. "
                "Its log is user_logs/std_log.txt."
            ),
        ),
        (
            1,
            "OSError: [Errno 28] No space left on device",
            "DiskFull",
            "Execution failed: the command exited with code 1. The disk is full.",
        ),
    ],
)
def test_a_command_that_fails_says_how(jobs: Jobs, code: int, text: str, expected: str, message: str) -> None:
    jobs.launcher.programs["run it"] = exits(code, text)
    run = finished(jobs, command())
    assert run.status == "Failed"
    assert run.error == {"code": expected, "message": message, "tail": text}
    assert jobs.mlflow.ends["job"] == "FAILED"


def test_what_it_left_in_outputs_is_kept_when_it_fails(jobs: Jobs) -> None:
    async def program(launch: Launch) -> int:
        (launch.cwd / "outputs" / "core.txt").write_text("why")
        return 1

    jobs.launcher.programs["run it"] = program
    assert finished(jobs, command()).status == "Failed"
    assert jobs.log("job", "outputs/core.txt") == "why"


def test_a_time_limit_cancels(jobs: Jobs) -> None:
    async def for_ever(_: Launch) -> int:
        await asyncio.sleep(3600)
        return 0

    jobs.launcher.programs["run it"] = for_ever
    run = finished(jobs, command(limits={"jobLimitsType": "Command", "timeout": "PT0.01S"}))
    assert run.status == "Canceled"
    assert run.error is not None
    assert run.error["message"] == "It was ended because it ran longer than its time limit of 0.01 s."
    assert jobs.launcher.alive == {}


def test_an_environment_that_cannot_be_built_is_told_with_the_end_of_its_log(jobs: Jobs) -> None:
    jobs.environments.failure = EnvironmentBuildError("environment plain:1: no such package 'nope'.", log="No solution")
    run = finished(jobs, command())
    assert run.status == "Failed"
    assert run.error == {
        "code": "EnvironmentBuildFailed",
        "message": "environment plain:1: no such package 'nope'.",
        "tail": "No solution",
    }
    assert jobs.launcher.launches == []


def test_warnings_of_the_environment_are_told_once(jobs: Jobs) -> None:
    jobs.environments.warnings = ("Python 3.9 is asked for, 3.11 is used",)
    assert finished(jobs, command()).warnings == ["Python 3.9 is asked for, 3.11 is used"]


def test_data_that_is_not_there_fails_before_anything_runs(jobs: Jobs) -> None:
    given = {"d": {"jobInputType": "uri_file", "uri": "azureml://datastores/workspaceblobstore/paths/no.csv"}}
    run = finished(jobs, command("x ${{inputs.d}}", inputs=given))
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["code"] == "DataNotFound"
    assert run.error["message"].startswith(
        "input 'd': there is nothing at 'azureml://datastores/workspaceblobstore/paths/no.csv'."
    )
    assert jobs.launcher.launches == []


def test_direct_mode_hands_on_the_uri_of_the_data(jobs: Jobs) -> None:
    uri = jobs.file("rows/a.csv")
    body = {"properties": {"dataType": "uri_file", "dataUri": uri}}
    asyncio.run(jobs.arm("PUT", "/data/rows/versions/1", body))
    given = {"d": {"jobInputType": "uri_file", "uri": "azureml:rows:1", "mode": "Direct"}}
    assert finished(jobs, command("x ${{inputs.d}}", inputs=given)).status == "Completed"
    assert jobs.launcher.commands[0].startswith("x azureml://subscriptions/")
    assert jobs.launcher.commands[0].endswith("/datastores/workspaceblobstore/paths/rows/a.csv")


def test_a_full_disk_is_told_as_such(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(data, "prepare_output", full)
    run = finished(jobs, command(outputs={"o": {"jobOutputType": "uri_folder"}}))
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["code"] == "DiskFull"
    assert run.error["message"].startswith(f"No space left on the disk of {jobs.services.paths.root}")


def test_a_preempted_command_is_queued_again_and_completes(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, low_priority=True)
    tries = 0

    async def program(_: Launch) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            await asyncio.sleep(3600)
        return 0

    async def scenario() -> Run:
        jobs.launcher.programs["run it"] = program
        jobs.manager.submit(jobs.workspace, "job", command())
        while jobs.manager.get(jobs.workspace, "job").status != "Running":
            await asyncio.sleep(0)
        jobs.manager.preempt(jobs.workspace, "job")
        return await jobs.manager.wait(jobs.workspace, "job")

    run = asyncio.run(scenario())
    assert [status for status, _ in run.history][-6:] == [
        "Queued", "Running", "Queued", "Running", "Finalizing", "Completed",
    ]  # fmt: skip
    assert tries == 2


def test_dedicated_nodes_are_never_taken_away(jobs: Jobs) -> None:
    async def scenario() -> None:
        jobs.manager.submit(jobs.workspace, "job", command())
        with pytest.raises(AzureError, match="Run 'job' is not on low-priority nodes"):
            jobs.manager.preempt(jobs.workspace, "job")
        await jobs.manager.wait(jobs.workspace, "job")

    asyncio.run(scenario())


def test_pytorch_processes_know_their_places(jobs: Jobs) -> None:
    run = finished(
        jobs,
        command(
            distribution={"distributionType": "PyTorch", "processCountPerInstance": 2}, resources={"instanceCount": 2}
        ),
    )
    assert run.status == "Completed"
    places = [
        [launch.environment[name] for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE")]
        for launch in jobs.launcher.launches
    ]
    assert places == [["0", "0", "0", "4"], ["1", "1", "0", "4"], ["2", "0", "1", "4"], ["3", "1", "1", "4"]]
    assert [launch.log.name for launch in jobs.launcher.launches] == [
        f"std_log_process_{number}.txt" for number in range(4)
    ]


def test_tensorflow_processes_know_their_cluster(jobs: Jobs) -> None:
    finished(
        jobs,
        command(
            distribution={"distributionType": "TensorFlow", "workerCount": 2, "parameterServerCount": 1},
            resources={"instanceCount": 2},
        ),
    )
    tasks = [json.loads(launch.environment["TF_CONFIG"]) for launch in jobs.launcher.launches]
    assert [task["task"] for task in tasks] == [
        {"type": "worker", "index": 0}, {"type": "worker", "index": 1}, {"type": "ps", "index": 0},
    ]  # fmt: skip
    assert len(set(tasks[0]["cluster"]["worker"] + tasks[0]["cluster"]["ps"])) == 3


def test_one_process_that_fails_ends_the_others(jobs: Jobs) -> None:
    async def program(launch: Launch) -> int:
        if launch.environment["RANK"] == "1":
            return 2
        await asyncio.sleep(3600)
        return 0

    jobs.launcher.programs["run it"] = program
    run = finished(jobs, command(distribution={"distributionType": "PyTorch", "processCountPerInstance": 3}))
    assert run.status == "Failed"
    assert jobs.launcher.alive == {}


def test_what_runs_is_on_record_while_it_runs(jobs: Jobs) -> None:
    seen: list[Any] = []

    async def program(launch: Launch) -> int:
        await asyncio.sleep(0)
        record = jobs.manager.get(jobs.workspace, "job").processes
        seen.append((record, launch.environment[TOKEN]))
        return 0

    jobs.launcher.programs["run it"] = program
    run = finished(jobs, command())
    ((record, token),) = seen
    assert record == {"token": token, "pids": [[1001, "start-1001"]]}
    assert run.processes is None


def test_outputs_are_registered_under_their_name(jobs: Jobs) -> None:
    async def program(launch: Launch) -> int:
        Path(launch.environment["AZURE_ML_OUTPUT_m"], "model.pkl").write_text("x")
        return 0

    jobs.launcher.programs["run it"] = program
    outputs = {"m": {"jobOutputType": "custom_model", "assetName": "best"}}
    run = finished(jobs, command(outputs=outputs))
    document = jobs.services.store.get(f"{jobs.workspace.id}/models/best/versions/1")
    assert document is not None
    assert document["properties"]["jobName"] == "job"
    assert run.outputs["m"]["asset"] == document["id"]


def test_an_output_that_cannot_be_registered_fails_the_job(jobs: Jobs) -> None:
    outputs = {"m": {"jobOutputType": "uri_folder", "assetName": "bad name", "assetVersion": "1"}}
    run = finished(jobs, command(outputs=outputs))
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["message"].startswith("output 'm' could not be registered as 'bad name': ")


def test_an_output_path_may_be_a_template(jobs: Jobs) -> None:
    uri = "azureml://datastores/${{default_datastore}}/paths/kept/${{name}}/${{output_name}}"
    run = finished(jobs, command(outputs={"o": {"jobOutputType": "uri_folder", "uri": uri}}))
    assert run.outputs["o"]["uri"] == "azureml://datastores/workspaceblobstore/paths/kept/job/o/"


def test_cancel_while_the_environment_is_built(jobs: Jobs) -> None:
    async def scenario() -> Run:
        jobs.environments.gate = asyncio.Event()
        jobs.manager.submit(jobs.workspace, "job", command())
        while not jobs.environments.built:
            await asyncio.sleep(0)
        return await jobs.manager.cancel(jobs.workspace, "job")

    run = asyncio.run(scenario())
    assert [status for status, _ in run.history][-3:] == ["Preparing", "CancelRequested", "Canceled"]
    assert jobs.launcher.launches == []


def test_cancel_while_it_waits_for_nodes(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, nodes=1)

    async def for_ever(_: Launch) -> int:
        await asyncio.sleep(3600)
        return 0

    async def scenario() -> None:
        jobs.launcher.programs["first"] = for_ever
        jobs.manager.submit(jobs.workspace, "one", command("first"))
        while jobs.manager.get(jobs.workspace, "one").status != "Running":
            await asyncio.sleep(0)
        jobs.manager.submit(jobs.workspace, "two", command("second"))
        while jobs.manager.get(jobs.workspace, "two").status != "Queued":
            await asyncio.sleep(0)
        assert (await jobs.manager.cancel(jobs.workspace, "two")).status == "Canceled"
        assert jobs.manager.get(jobs.workspace, "one").status == "Running"
        await jobs.manager.cancel(jobs.workspace, "one")

    asyncio.run(scenario())
    assert jobs.launcher.commands == ["first"]


def test_the_log_of_the_process_that_failed_is_quoted(jobs: Jobs) -> None:
    async def program(launch: Launch) -> int:
        launch.log.write_text(f"rank {launch.environment['RANK']}")
        return int(launch.environment["RANK"])

    jobs.launcher.programs["run it"] = program
    run = finished(jobs, command(distribution={"distributionType": "PyTorch", "processCountPerInstance": 2}))
    assert run.error is not None
    assert run.error["tail"] == "rank 1"
    assert run.error["message"].endswith("Its log is user_logs/std_log_process_1.txt.")


def test_several_nodes_without_a_distribution_run_the_command_once(jobs: Jobs) -> None:
    run = finished(jobs, command(resources={"instanceCount": 2}))
    assert run.warnings == [
        "resources.instance_count is 2, but without 'distribution' the command runs once, on one node"
    ]
    assert len(jobs.launcher.launches) == 1


def test_runs_that_a_program_began_end_with_it_when_it_crashes(jobs: Jobs) -> None:
    client_runs.install(jobs.services, jobs.manager.runs)

    async def program(launch: Launch) -> int:
        for name, parent in (("nested", "job"), ("deeper", "nested"), ("done", "job")):
            told = ClientRun(jobs.workspace, name, "7", "exp", name, "RUNNING", 0, None, {"mlflow.parentRunId": parent})
            for hook in jobs.mlflow.on_run_created:
                await hook(told)
        for hook in jobs.mlflow.on_run_updated:
            await hook(replace(told, status="FINISHED", end_time=1))
        return 1

    jobs.launcher.programs["run it"] = program
    run = finished(jobs, command())
    assert run.status == "Failed"
    states = {name: jobs.manager.get(jobs.workspace, name).status for name in ("nested", "deeper", "done")}
    assert states == {"nested": "Failed", "deeper": "Failed", "done": "Completed"}
    assert jobs.mlflow.ends == {"job": "FAILED", "nested": "FAILED", "deeper": "FAILED"}
