"""The train workflow under real act, on a copy of the repository with a model that trains in seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from azureml_local.workflow_run import facts
from conftest import COMMAND, LocalWorkspace
from support.run_output import job_summary
from support.suite_copy import SuiteCopy, make_copy

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteCopy:
    return make_copy(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="module")
def trained(workspace: LocalWorkspace, suite: SuiteCopy) -> subprocess.CompletedProcess[str]:
    """The environment `tiny-train`, the cluster `tiny-cluster` and one good run, all made by the train workflow."""
    return workspace.local(
        "run", "train", "-C", str(suite.root), "-i", "model=tiny", "-i", "cluster-name=tiny-cluster", check=False
    )


@pytest.fixture
def copy(trained: subprocess.CompletedProcess[str], tmp_path: Path) -> SuiteCopy:
    """A copy to spoil, on a workspace that has what `tiny` needs."""
    assert trained.returncode == 0, trained.stdout
    return make_copy(tmp_path)


def jobs(workspace: LocalWorkspace) -> list[dict[str, Any]]:
    path = f"{workspace.settings.workspace_id}/jobs?api-version=2024-04-01"
    found = facts.call(workspace.paths, workspace.settings, "GET", "management.azure.com", path)
    return list(found["value"])


def processes_of(job: str) -> list[int]:
    """Processes whose environment says that they belong to this job or its steps."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"AZUREML_ROOT_RUN_ID={job}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_training_is_green_and_tells_job_by_job(trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stdout
    for line in ("✓ settings", "✓ register-environment", "✓ create-compute", "✓ run-pipeline"):
        assert line in trained.stdout
    assert "[second] hello" not in trained.stdout  # the step writes it to its output, and the next one prints
    logs = job_summary(trained, "run-pipeline")  # has them also where an earlier run's result was reused
    assert "tiny step hello" in logs
    assert "tiny step again" in logs
    assert "train.yml succeeded" in trained.stdout


def spoil_exit(copy: SuiteCopy) -> None:
    copy.step.write_text("import sys\nsys.exit('the end is near')\n")


def spoil_module(copy: SuiteCopy) -> None:
    copy.step.write_text("import nosuchmodule\n")


def spoil_file(copy: SuiteCopy) -> None:
    copy.replace(copy.pipeline, r"python step\.py \$\{\{inputs\.word\}\}", "python stepp.py ${{inputs.word}}")


def spoil_input(copy: SuiteCopy) -> None:
    copy.replace(copy.pipeline, r"word: \$\{\{parent\.inputs\.word\}\}", "word: ${{parent.inputs.wrod}}")


def spoil_environment(copy: SuiteCopy) -> None:
    copy.replace(copy.pipeline, r"azureml:tiny-train@latest", "azureml:tiny-trian@latest")


def spoil_yaml(copy: SuiteCopy) -> None:
    copy.replace(copy.pipeline, r"experiment_name: tiny", "experiment_name: [tiny")


def spoil_compute(copy: SuiteCopy) -> None:
    copy.replace(copy.pipeline, r"azureml:tiny-cluster", "azureml:tiny-clutser")


def spoil_code(copy: SuiteCopy) -> None:
    copy.replace(copy.pipeline, r"models/tiny/code", "models/tiny/cod")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_exit, ["first", "the end is near"]),
        (spoil_module, ["first", "No module named 'nosuchmodule'"]),
        (spoil_file, ["first", "can't open file", "stepp.py"]),
        (spoil_input, ["wrod"]),
        (spoil_environment, ["tiny-trian"]),
        (spoil_yaml, ["tiny_pipeline.yml"]),
        (spoil_compute, ["tiny-clutser"]),
        (spoil_code, ["models/tiny/cod"]),
    ],
    ids=lambda value: value.__name__.removeprefix("spoil_") if callable(value) else "",
)
def test_what_is_wrong_stands_in_the_error_and_in_the_summary(
    workspace: LocalWorkspace, copy: SuiteCopy, spoil: Any, told: list[str]
) -> None:
    spoil(copy)
    done = workspace.local("run", "pipeline-only", "-C", str(copy.root), check=False)
    assert done.returncode == 1, done.stdout
    errors = "\n".join(line for line in done.stdout.splitlines() if "│ error:" in line)
    summary = done.stdout.partition("summary-run.md")[2]
    for text in told:
        assert text in errors, f"not in an error line: {text}\n{errors}"
        assert text in summary, f"not in the summary: {text}\n{summary}"
    assert not [job for job in jobs(workspace) if job["properties"]["status"] in {"Running", "Queued", "Preparing"}]


def wait_for(what: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        time.sleep(0.1)
    return pytest.fail("waited in vain")


def test_a_cancelled_workflow_leaves_no_job_and_no_process(workspace: LocalWorkspace, copy: SuiteCopy) -> None:
    copy.step.write_text("import time\nprint('sleeping', flush=True)\ntime.sleep(600)\n")
    before = {job["name"] for job in jobs(workspace)}
    process = subprocess.Popen(
        [*COMMAND, "--state", str(workspace.paths.root), "run", "pipeline-only", "-C", str(copy.root)],
        env=workspace.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        new = wait_for(lambda: [job["name"] for job in jobs(workspace) if job["name"] not in before])[0]
        wait_for(lambda: processes_of(new))
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == 130, output
    wait_for(lambda: not processes_of(new))
    status = next(job for job in jobs(workspace) if job["name"] == new)["properties"]["status"]
    assert status == "Canceled", json.dumps(status)
