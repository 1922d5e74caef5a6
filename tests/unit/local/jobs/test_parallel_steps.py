"""Parallel steps: how they are read, and that they run."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from azureml_local.errors import AzureError
from azureml_local.jobs.planning import plan_of
from azureml_local.jobs.processes import SystemLauncher
from azureml_local.jobs.specs import ParallelSpec, PipelineSpec
from support.local_jobs import Jobs, make_jobs, pipeline

SCRIPT = """
import os, sys
def init(): pass
def run(files): return [f"{sys.argv[1:]} {os.path.basename(f)} {open(f).read()}" for f in files]
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return make_jobs(tmp_path)


def component(jobs: Jobs, **more: Any) -> str:
    task = {
        "type": "run_function",
        "entry_script": "score.py",
        "environment": f"azureml:{jobs.workspace.id}/environments/plain/versions/1",
        "append_row_to": "${{outputs.rows}}",
        **more.pop("task", {}),
    }
    spec = {
        "type": "parallel",
        "task": task,
        "inputs": {"data": {"type": "uri_folder"}, "rate": {"type": "number", "default": "0.5"}},
        "outputs": {"rows": {"type": "uri_file"}},
        "input_data": "${{inputs.data}}",
        **more,
    }
    return jobs.component("parallel", spec)


def node(jobs: Jobs, identifier: str, **more: Any) -> dict[str, Any]:
    uri = jobs.file("data/a.txt", "1").rpartition("/")[0]
    inputs = {"data": {"job_input_type": "uri_folder", "uri": uri}}
    return {"type": "parallel", "componentId": identifier, "inputs": inputs, **more}


def read(jobs: Jobs, given: dict[str, Any]) -> ParallelSpec:
    spec = plan_of(jobs.services, jobs.workspace, pipeline({"count": given})).spec
    assert isinstance(spec, PipelineSpec)
    step = spec.steps["count"].spec
    assert isinstance(step, ParallelSpec)
    return step


def test_a_component_with_the_settings_of_its_step_over_it(jobs: Jobs) -> None:
    arguments = "--rate ${{ inputs.rate }} --allowed_failed_percent 10 --append_row_dataframe_header True"
    identifier = component(
        jobs, mini_batch_size=5, retry_settings={"max_retries": 4, "timeout": 7}, task={"program_arguments": arguments}
    )
    found = read(
        jobs,
        node(
            jobs, identifier, mini_batch_size="9", max_concurrency_per_instance=3, mini_batch_error_threshold=2,
            logging_level="DEBUG", resources={"instance_count": 2}, retry_settings={"timeout": 11},
        ),
    )  # fmt: skip
    assert (found.mini_batch_size, found.concurrency, found.command.instances) == (9, 3, 2)
    assert (found.retries, found.timeout, found.logging_level) == (4, 11.0, "DEBUG")
    assert (found.error_threshold, found.mini_batch_error_threshold, found.failed_percent) == (-1, 2, 10)
    assert (found.arguments, found.header) == ("--rate ${{inputs.rate}}", True)
    assert (found.input_name, found.append_row_to, found.entry_script) == ("data", "rows", "score.py")


def test_azures_defaults(jobs: Jobs) -> None:
    found = read(jobs, node(jobs, component(jobs)))
    assert (found.mini_batch_size, found.retries, found.timeout, found.error_threshold) == (1, 2, 60.0, -1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_data": "${{inputs.rate}}"}, "jobs.count.input_data: '${{inputs.rate}}' is not a data input"),
        ({"input_data": None}, "jobs.count.input_data: must be one of the step's inputs, such as ${{inputs.data}}"),
        ({"task": {"entry_script": ""}}, "jobs.count.task.entry_script: an entry script is missing"),
        (
            {"task": {"append_row_to": "${{outputs.x}}"}},
            "jobs.count.task.append_row_to: '${{outputs.x}}' is not an output",
        ),
        (
            {"task": {"program_arguments": "--a ${{inputs.x}}"}},
            "jobs.count.task.program_arguments: '${{inputs.x}}' is not",
        ),
        ({"task": {"program_arguments": "--error_threshold x"}}, "jobs.count.task.program_arguments: cannot be read: "),
        ({"mini_batch_size": "10kb"}, "jobs.count.mini_batch_size: must be a whole number, but '10kb' was given"),
        ({"logging_level": "LOUD"}, "jobs.count.logging_level: 'LOUD' is not one of DEBUG, INFO"),
        ({"resources": {"instance_count": 9}}, "jobs.count.compute: 9 instances are asked for"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(jobs: Jobs, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(AzureError) as error:
        read(jobs, node(jobs, component(jobs, **settings)))
    assert error.value.status == 400
    assert error.value.message.startswith(message)


def test_partition_keys_need_a_table(jobs: Jobs) -> None:
    with pytest.raises(AzureError, match="partition_keys over data that is not an mltable") as error:
        read(jobs, node(jobs, component(jobs, partition_keys=["day"])))
    assert error.value.status == 501


@pytest.mark.parametrize("keys", [["day", "shop"], '["day", "shop"]'])
def test_a_table_is_dealt_out_by_bytes_or_by_keys(jobs: Jobs, keys: object) -> None:
    table = {"inputs": {"data": {"type": "mltable"}}}
    spec = read(jobs, node(jobs, component(jobs, **table)))
    assert (spec.mini_batch_size, spec.partition_keys) == (1 << 20, ())
    spec = read(jobs, node(jobs, component(jobs, **table, mini_batch_size=10240, partition_keys=keys)))
    assert (spec.mini_batch_size, spec.partition_keys) == (10240, ("day", "shop"))


def test_a_table_that_cannot_be_read_fails_the_step_and_says_why(jobs: Jobs) -> None:
    uri = jobs.file("table/MLTable", "paths:\n  - file: ./a.csv\n").rpartition("/")[0]
    given = node(jobs, component(jobs, inputs={"data": {"type": "mltable"}}))
    given["inputs"] = {"data": {"job_input_type": "mltable", "uri": uri, "mode": "Direct"}}
    run = asyncio.run(jobs.run(pipeline({"count": given})))
    assert run.error is not None
    assert run.error["message"] == ("Step 'count' failed. The table of input 'data': there is no file './a.csv'.")


def test_a_step_runs_over_files_in_subfolders_too(jobs: Jobs, tmp_path: Path) -> None:
    jobs.manager.engine.launcher = SystemLauncher()
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    (tmp_path / "environment" / "bin" / "python").symlink_to(sys.executable)
    jobs.file("code/score.py", SCRIPT)
    jobs.file("data/below/b c.txt", "2")
    place = jobs.services.blobs.url(f"azureml-blobstore-{jobs.services.settings.workspace_guid}", "code")

    async def work() -> None:
        code = await jobs.arm("PUT", "/codes/c/versions/1", {"properties": {"codeUri": place}})
        task = {
            "code": f"azureml:{code[1]['id']}",
            "program_arguments": "--from ${{inputs.data}} --rate ${{inputs.rate}}",
        }
        identifier = component(jobs, task=task)
        given = {**node(jobs, identifier), "outputs": {"rows": {"value": "${{parent.outputs.all}}"}}}
        run = await jobs.run(pipeline({"count": given}, outputs={"all": {"jobOutputType": "uri_file"}}))
        assert run.status == "Completed", run.error
        from azureml_local import uris

        text = uris.resolve(jobs.services, jobs.workspace, run.outputs["all"]["uri"]).read_text()
        folder = json.dumps(str(uris.resolve(jobs.services, jobs.workspace, f"{jobs.file('data/a.txt', '1')[:-6]}")))
        arguments = f"['--from', {folder.replace(chr(34), chr(39))}, '--rate', '0.5']"
        assert text.splitlines() == [f"{arguments} a.txt 1", f"{arguments} b c.txt 2"]

    asyncio.run(work())
