"""Invoking a model deployment: the job that comes of it, with real processes in a pretended environment."""

from __future__ import annotations

from typing import Any

from azureml_local.jobs.runs import Run

from .conftest import Batch, together


def child_of(batch: Batch, run: Run) -> Run:
    (child,) = batch.jobs.children(run.name).values()
    return child


def test_a_folder_is_scored_and_the_rows_lie_where_azure_puts_them(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        run = await batch.score(batch.files("in", "1", "2", "3"))
        child = child_of(batch, run)
        assert (run.status, child.status, child.step) == ("Completed", "Completed", "batchscoring")
        assert child.outputs["score"]["uri"].endswith(
            f"/datastores/workspaceblobstore/paths/azureml/{child.name}/score/"
        )
        rows = batch.text(child.outputs["score"]["uri"] + "predictions.csv")
        assert rows == "W a.txt 1\nW b.txt 2\nW c.txt 3\n"
        assert run.outputs == child.outputs
        assert "3 files in 3 mini-batches" in batch.jobs.log(child.name)
        assert (run.experiment, run.compute) == ("letters", "cpu")

    together(work)


def test_the_answer_and_the_lists_show_the_job(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        uri = batch.files("in", "1")
        status, made = await batch.invoke(uri, name="mine", tags={"a": "b"})
        assert (status, made["name"]) == (201, "mine")
        assert made["id"] == f"{batch.jobs.workspace.id}/batchEndpoints/letters/jobs/mine"
        assert made["properties"]["inputData"] == {"letters": {"jobInputType": "UriFolder", "uri": uri}}
        assert set(made["properties"]["interactionEndpoints"]) == {"Studio", "Tracking"}
        await batch.jobs.manager.wait(batch.jobs.workspace, "mine")
        shown = batch.ok(await batch.call("GET", "/jobs/mine"))
        assert shown["properties"]["status"] == "Completed"
        assert shown["properties"]["tags"]["a"] == "b"
        assert shown["properties"]["outputData"]["score"]["jobOutputType"] == "UriFolder"
        base = "/mferp/managementfrontendWS/batchEndpoints/letters"
        for path in ("/jobs", "/deployments/blue/jobs"):
            listed = batch.ok(await batch.jobs.api("GET", base + path))
            assert [job["name"] for job in listed["value"]] == ["mine"]
        assert batch.refused(await batch.jobs.api("GET", base + "/deployments/none/jobs"))[0] == 404
        assert batch.refused(await batch.call("GET", "/jobs/other"))[0] == 404
        job = batch.ok(await batch.jobs.arm("GET", "/jobs/mine"))["properties"]
        assert (job["jobType"], job["jobs"], job["tags"]["azureml.batchrun"]) == ("Pipeline", {}, "true")

    together(work)


def test_one_corrupt_file_fails_the_job_with_the_scripts_traceback(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready(errorThreshold=0)
        uri = batch.files("in", "1", "x", "3")
        run = await batch.score(uri)
        assert run.status == "Failed"
        assert run.error is not None
        assert run.error["message"].startswith(
            "Step 'batchscoring' failed. 1 file of 3 failed, and error_threshold is 0."
        )
        assert "b.txt: ValueError: invalid literal for int()" in run.error["message"]
        assert run.error["tail"].splitlines()[-1].startswith("ValueError: invalid literal")
        score = child_of(batch, run).outputs["score"]["uri"]
        assert [path.name for path in folder(batch, score).iterdir()] == [], "a failed job leaves no rows"

    together(work)


def test_an_invocation_may_override_the_threshold(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready(errorThreshold=0)
        uri = batch.files("in", "1", "x", "3")
        run = await batch.score(uri, errorThreshold=1)
        child = child_of(batch, run)
        assert run.status == "Completed"
        assert batch.text(child.outputs["score"]["uri"] + "predictions.csv") == "W a.txt 1\nW c.txt 3\n"
        assert [warning for warning in run.warnings if "not scored: b.txt: ValueError" in warning]

    together(work)


def test_the_header_picks_a_deployment_and_without_default_it_must(batch: Batch) -> None:
    async def work() -> None:
        uri = batch.files("in", "1")
        batch.ok(await batch.endpoint())
        batch.ok(await batch.deployment("green", outputFileName="green.csv"))
        status, message = batch.refused(await batch.invoke(uri))
        assert status == 404
        assert message == (
            "The endpoint 'letters' has no default deployment, and the request names none in the header "
            "azureml-model-deployment. Its deployments: green."
        )
        header = {"azureml-model-deployment": "none"}
        assert batch.refused(await batch.invoke(uri, headers=header)) == (
            404,
            "Batch deployment 'none' not found in endpoint 'letters'.",
        )
        made = batch.ok(await batch.invoke(uri, headers={"azureml-model-deployment": "green"}))
        run = await batch.jobs.manager.wait(batch.jobs.workspace, made["name"])
        assert batch.text(child_of(batch, run).outputs["score"]["uri"] + "green.csv") == "W a.txt 1\n"

    together(work)


def test_outputs_go_where_the_request_says_and_are_never_overwritten(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        uri = batch.files("in", "1")
        to = "azureml://datastores/workspaceblobstore/paths/mine"
        await batch.score(uri, outputData={"score": {"jobOutputType": "UriFile", "uri": f"{to}/x.csv"}})
        assert batch.text(f"{to}/x.csv") == "W a.txt 1\n"
        folder_output = {"score": {"jobOutputType": "UriFolder", "uri": to}}
        await batch.score(uri, outputData=folder_output, outputFileName="y.csv")
        assert batch.text(f"{to}/y.csv") == "W a.txt 1\n"
        run = await batch.score(uri, outputData=folder_output, outputFileName="y.csv")
        assert run.error is not None
        assert "The output file 'y.csv' exists already." in run.error["message"]

    together(work)


def test_refusals_start_nothing(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        uri = batch.files("in", "1")
        cases: list[tuple[dict[str, Any], int, str]] = [
            ({"inputData": {}}, 400, "A model deployment scores exactly one input, a folder or a file. Given: none."),
            (
                {"inputData": {"a": {"jobInputType": "Literal", "value": "1"}}},
                400,
                "inputData.a: a model deployment takes",
            ),
            (
                {"inputData": {"a": {"jobInputType": "MLTable", "uri": uri}}},
                501,
                "The local workspace does not implement",
            ),
            ({"inputData": {"a": {"jobInputType": "UriFolder", "uri": "azureml:none:1"}}}, 404, "Could not find"),
            (
                {"inputData": {"a": {"jobInputType": "UriFolder", "uri": uri + "nothing"}}},
                400,
                f"inputData.a: there is nothing at '{uri}nothing'.",
            ),
            ({"inputData": {"a": {"jobInputType": "UriFile", "uri": uri}}}, 400, "inputData.a:"),
            ({"miniBatchSize": 0}, 400, "miniBatchSize must not be less than 1"),
            ({"compute": {"instanceCount": 9}}, 400, "9 instances are asked for, but compute 'cpu' has at most 4."),
            (
                {"outputData": {"a": {"jobOutputType": "UriFile", "uri": "/tmp/x"}}},
                400,
                "outputData.a: '/tmp/x' is not",
            ),
            ({"outputData": {"a": {}, "b": {}}}, 400, "A model deployment has one output, not a, b."),
        ]
        for properties, status, message in cases:
            said = batch.refused(await batch.invoke(uri, **properties))
            assert said[0] == status, said
            assert said[1].startswith(message), said
        assert batch.jobs.manager.runs.all(batch.jobs.workspace) == []
        batch.ok(await batch.invoke(uri, name="once"))
        assert batch.refused(await batch.invoke(uri, name="once"))[0] == 409
        await batch.jobs.manager.wait(batch.jobs.workspace, "once")

    together(work)


def test_a_request_sent_again_starts_no_second_job(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        uri = batch.files("in", "1")
        header = {"repeatability_request-id": "abc"}
        names = {batch.ok(await batch.invoke(uri, headers=header))["name"] for _ in range(2)}
        assert len(names) == 1
        assert batch.ok(await batch.invoke(uri, headers={"repeatability_request-id": "d"}))["name"] not in names

    together(work)


def test_a_canceled_job_leaves_no_processes(batch: Batch) -> None:
    async def work() -> None:
        batch.write_code(
            score="""
                import os, time
                def init(): pass
                def run(mini_batch):
                    open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "pid"), "w").write(str(os.getpid()))
                    time.sleep(600)
            """
        )
        await batch.ready(retrySettings={"maxRetries": 0, "timeout": "PT600S"})
        name = batch.ok(await batch.invoke(batch.files("in", "1")))["name"]
        child = await running_child(batch, name)
        pid = batch.jobs.services.paths.jobs / child / "staging" / "pid"
        await until(lambda: pid.exists() and pid.read_text() != "")
        worker = int(pid.read_text())
        run = await batch.jobs.manager.cancel(batch.jobs.workspace, name)
        assert run.status == "Canceled"
        await until(lambda: gone(worker))

    together(work)


def folder(batch: Batch, uri: str) -> Any:
    from azureml_local import uris

    return uris.resolve(batch.jobs.services, batch.jobs.workspace, uri)


async def running_child(batch: Batch, name: str) -> str:
    await until(lambda: bool(batch.jobs.children(name)))
    return next(iter(batch.jobs.children(name).values())).name


async def until(true: Any, seconds: float = 20.0) -> None:
    import asyncio

    for _ in range(int(seconds / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def gone(pid: int) -> bool:
    from pathlib import Path

    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
