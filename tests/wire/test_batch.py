"""Batch endpoints through the real SDK: files are scored by real worker processes in a real environment."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azureml_local import tools

if TYPE_CHECKING:
    from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

SCRIPT = """
    import os, signal, time

    def init():
        global weight
        with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "letters", "weights.txt")) as file:
            weight = int(file.read())
        print(os.environ["GREETING"])

    def run(mini_batch):
        rows = []
        for path in mini_batch:
            name = os.path.basename(path)
            mark = os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], name)
            if name == os.environ.get("KILL_ON") and not os.path.exists(mark):
                open(mark, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            if name == os.environ.get("HANG_ON") and not os.path.exists(mark):
                open(mark, "w").close()
                time.sleep(600)
            with open(path) as file:
                lines = file.read().split()
            try:
                rows += [f"{name} {int(line) * weight}" for line in lines]
            except ValueError as error:
                raise ValueError(f"{name} has a line that is no number: {error}") from error
            if os.environ.get("WRITE_FILES"):
                open(mark, "w").write("scored")
        return rows
"""


@pytest.fixture(scope="module")
def found(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the scenario found, in one SDK process for all tests."""
    folder = tmp_path_factory.mktemp("batch")
    for name, count in (("input", 99), ("few", 6)):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / f"f{number:03d}.txt").write_text(f"{number}\n{number + 1000}\n")
    (folder / "input" / "broken.txt").write_text("12\nnot a number\n")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(textwrap.dedent(SCRIPT))
    workspace.sign_in()
    config = workspace.settings
    python = tools.ensure(workspace.paths, "sdk", print) / "bin" / "python"
    scenario = Path(__file__).with_name("batch_scenario.py")
    done = workspace.run(
        str(python), str(scenario), str(folder), config.subscription_id, config.resource_group, config.workspace,
        check=False, AZUREML_RUN_POLLING_INTERVAL_MIN="1", AZUREML_RUN_POLLING_INTERVAL_MAX="1",
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    content: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return content


def rows(job: dict[str, Any], file: str = "predictions.csv") -> list[str]:
    text: str = job["files"][file]
    return text.splitlines()


def test_endpoint_and_deployments_show_what_was_asked_for(found: dict[str, Any]) -> None:
    assert found["endpoint"]["scoring_uri"] == "https://letters-batch.westeurope.inference.ml.azure.com/jobs"
    assert found["endpoint"]["auth_mode"] == "aad_token"
    assert found["deployment"] == {
        "provisioning_state": "Succeeded", "mini_batch_size": 1, "retries": 0, "timeout": 30,
        "output_file_name": "predictions.csv", "output_action": "append_row", "default": "tolerant",
        "listed": ["files", "fragile", "strict", "tolerant"],
    }  # fmt: skip


def test_a_job_has_the_shape_of_azures(found: dict[str, Any]) -> None:
    job = found["jobs"]["tolerant"]
    assert found["invoked"]["name"].startswith("batchjob-")
    assert found["invoked"]["id"].endswith(f"/batchEndpoints/letters-batch/jobs/{job['name']}")
    assert job["children"] == ["batchscoring"]
    assert job["tags"]["azureml.batchrun"] == "true"
    assert job["tags"]["azureml.deploymentname"] == "tolerant"
    assert job["experiment"] == "letters-batch"
    assert found["jobs"]["strict"]["experiment"] == "strictly"


def test_all_rows_of_all_files_but_the_corrupt_one(found: dict[str, Any]) -> None:
    job = found["jobs"]["tolerant"]
    expected = [f"f{n:03d}.txt {value * 7}" for n in range(99) for value in (n, n + 1000)]
    assert job["status"] == "Completed"
    assert rows(job) == expected
    log = job["logs"]["user_logs/std_log.txt"]
    assert "100 files in 100 mini-batches of up to 1, 4 workers" in log
    assert "Files:        100, 1 failed" in log
    assert "Failed:       broken.txt: ValueError: broken.txt has a line that is no number" in log
    assert "not scored: broken.txt: ValueError" in job["stream"], "the warning of the job names the file"
    printed = {text for name, text in job["logs"].items() if name.startswith("logs/user/stdout/node0/process00")}
    assert printed - {""} == {"hello\n"}, "of every worker that was up before the others were through with the files"


def test_a_job_that_tolerates_no_failure_fails_and_names_the_file(found: dict[str, Any]) -> None:
    job = found["jobs"]["strict"]
    assert job["status"] == "Failed"
    assert "10 files of 100 failed, and error_threshold is 0. broken.txt: ValueError" in job["error"]
    assert "Traceback" in job["logs"]["logs/user/error/failed_mini_batches.txt"]


def test_a_killed_and_a_hung_worker_are_replaced(found: dict[str, Any]) -> None:
    job = found["jobs"]["fragile"]
    assert job["status"] == "Completed"
    assert rows(job) == [f"f{n:03d}.txt {value * 7}" for n in range(6) for value in (n, n + 1000)]
    log = job["logs"]["user_logs/std_log.txt"]
    assert "mini-batch 1 failed (try 1 of 3), trying it again: the worker process was ended by SIGKILL" in log
    assert "mini-batch 2 failed (try 1 of 3), trying it again: run() took longer than the time limit of 2 s" in log


def test_summary_only_leaves_the_files_that_the_script_wrote(found: dict[str, Any]) -> None:
    job = found["jobs"]["files"]
    assert (job["status"], job["name"]) == ("Completed", "letters-of-one-file")
    assert job["files"] == {"f007.txt": "scored"}


def test_output_path_and_settings_can_be_overridden(found: dict[str, Any]) -> None:
    job = found["jobs"]["named"]
    assert len(rows(job, "all.csv")) == 12
    assert "6 files in 2 mini-batches of up to 4" in job["logs"]["user_logs/std_log.txt"]


def test_jobs_are_listed_by_endpoint_and_deployment(found: dict[str, Any]) -> None:
    names = {name for name, _ in found["listed"]}
    assert names == {job["name"] for job in found["jobs"].values()}
    assert dict(found["listed"])[found["jobs"]["strict"]["name"]] == "Failed"
    assert found["listed_of_files"] == ["letters-of-one-file"]


def test_refusals_say_what_is_wrong(found: dict[str, Any]) -> None:
    refused = found["refused"]
    assert refused["unknown deployment"] == "Deployment name missing not found for this endpoint"
    assert "A model deployment scores exactly one input, a folder or a file. Given: a, b." in refused["two inputs"]
    assert "A job with the name 'letters-of-one-file' already exists." in refused["name taken"]
    assert "3 instances are asked for, but compute 'batch-cluster' has at most 2." in refused["too many nodes"]
    assert "The deployment 'tolerant' is the default of endpoint 'letters-batch'." in refused["default deleted"]
    assert "letters-batch" not in found["left"]  # others may have endpoints in this workspace
