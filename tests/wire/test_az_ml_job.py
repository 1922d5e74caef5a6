"""`az ml job`: create, show, list, stream, download, cancel, validate, update - of real jobs, and their refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.az_batch import az_batch

pytestmark = pytest.mark.wire

ENVIRONMENT = """
name: az-ml-job-environment
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
conda_file: {name: e, channels: [conda-forge], dependencies: [python=3.10]}
"""
HELLO = """
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
command: >-
  python -c "import pathlib, sys, time; print('hello', sys.argv[1]);
  pathlib.Path(sys.argv[2], 'said.txt').write_text(sys.argv[1]); time.sleep(2)" ${{inputs.word}} ${{outputs.said}}
environment: azureml:az-ml-job-environment@latest
compute: azureml:az-ml-job-cluster
experiment_name: az-ml-job
inputs: {word: world}
outputs: {said: {type: uri_folder}}
"""
PIPELINE = """
type: pipeline
experiment_name: az-ml-job
settings: {default_compute: azureml:az-ml-job-cluster}
jobs:
  one:
    type: command
    command: python -c "import sys, time; print('one'); time.sleep(60)"
    environment: azureml:az-ml-job-environment@latest
    outputs: {made: {type: uri_folder}}
  two:
    type: command
    command: ls ${{inputs.made}}
    environment: azureml:az-ml-job-environment@latest
    inputs: {made: "${{parent.jobs.one.outputs.made}}"}
"""
SETTING = (
    "ml environment create --file environment.yml",
    "ml compute create --name az-ml-job-cluster --type amlcompute --size Standard_DS3_v2",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environment.yml").write_text(ENVIRONMENT)
    (tmp_path / "hello.yml").write_text(HELLO)
    (tmp_path / "typo.yml").write_text(HELLO.replace("command: >-", "comand: >-"))
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    (tmp_path / "fails.yml").write_text(HELLO.replace("time.sleep(2)", "time.sleep(2); sys.exit(3)"))
    return tmp_path


def test_a_job_from_its_yaml_to_its_files(workspace: LocalWorkspace, folder: Path) -> None:
    show = "ml job show --name az-ml-hello"
    answers = az_batch(
        workspace,
        *SETTING,
        "ml job create -f hello.yml --name az-ml-hello --set inputs.word=there --save-as saved.yml",
        "ml job stream --name az-ml-hello",
        f"{show} --web",
        "ml job list --query \"[?name=='az-ml-hello'].status\"",
        "ml job list --max-results 1 -o table",
        "ml job download --name az-ml-hello --all --download-path fetched",
        "ml job update --name az-ml-hello --set tags.kept=yes --query tags",
        "ml job archive --name az-ml-hello",
        "ml job list --query \"[?name=='az-ml-hello']\"",
        "ml job list --archived-only --query \"[?name=='az-ml-hello'].name\"",
        "ml job show --name az-ml-nothing",
        "ml job create",
        "ml job create -f typo.yml",
        "ml job validate -f hello.yml",
        cwd=folder,
    )
    created, streamed, shown, listed, table, fetched, tags, hidden, active, archived, no, bare, typo, ok = answers[2:]
    assert set(created.json) == {
        "command", "compute", "creation_context", "display_name", "environment", "environment_variables",
        "experiment_name", "id", "inputs", "name", "outputs", "properties", "resourceGroup", "services", "status",
        "tags", "type",
    }  # fmt: skip
    assert created.json["inputs"] == {"word": "there"}
    assert created.json["environment"] == "azureml:az-ml-job-environment:1"
    assert "&tid=" in created.json["services"]["Studio"]["endpoint"]
    assert (folder / "saved.yml").read_text().count("az-ml-hello") > 0
    assert streamed.code == 0, streamed.err
    assert streamed.out.startswith("RunId: az-ml-hello\nWeb View: https://ml.azure.com/runs/az-ml-hello")
    assert "hello there" in streamed.out
    assert "Execution Summary" in streamed.out
    assert shown.json["status"] == "Completed"
    assert set(shown.json) >= set(created.json)
    assert listed.json == ["Completed"]
    assert "Displaying top 1 results from the list command." in table.err
    assert len(table.out.splitlines()) == 3
    assert fetched.code == 0, fetched.err
    assert (folder / "fetched" / "named-outputs" / "said" / "said.txt").read_text() == "there"
    assert "hello there" in (folder / "fetched" / "artifacts" / "user_logs" / "std_log.txt").read_text()
    assert tags.json == {"kept": "yes"}
    assert (hidden.code, active.json, archived.json) == (0, [], ["az-ml-hello"])
    assert (no.code, bare.code, typo.code) == (3, 2, 1)
    assert "the following arguments are required: --file/-f" in bare.err
    assert "does not match the prescribed schema for CommandJob yaml files" in typo.err
    assert "(x) comand:\n- Unknown field." in typo.err
    assert ok.json == {"result": "Succeeded"}


def test_pipelines_show_their_steps_and_are_cancelled(workspace: LocalWorkspace, folder: Path) -> None:
    *_, created, steps, cancelled, shown, missing = az_batch(
        workspace,
        *SETTING,
        "ml job create -f pipeline.yml --name az-ml-pipeline",
        "ml job list --parent-job-name az-ml-pipeline --query [].display_name",
        "ml job cancel --name az-ml-pipeline",
        "ml job show --name az-ml-pipeline",
        "ml job cancel --name az-ml-nothing",
        cwd=folder,
    )
    jobs = created.json["jobs"]
    assert {name: set(step) for name, step in jobs.items()} == {
        "one": {"component", "outputs", "type"},
        "two": {"component", "inputs", "type"},
    }
    assert jobs["two"]["inputs"] == {"made": {"path": "${{parent.jobs.one.outputs.made}}"}}
    assert jobs["one"]["component"].startswith("azureml:azureml_anonymous:")
    assert created.json["settings"]["default_compute"] == "azureml:az-ml-job-cluster"
    assert steps.json == ["one"]
    assert cancelled.code == 0, cancelled.err
    assert shown.json["status"] in {"Canceled", "CancelRequested"}
    assert {**shown.json, "status": "", "creation_context": ""} == {
        **created.json,
        "status": "",
        "creation_context": "",
    }
    assert missing.code == 3


def test_streaming_a_job_that_fails_is_a_failure_that_says_why(workspace: LocalWorkspace, folder: Path) -> None:
    *_, streamed = az_batch(
        workspace, *SETTING, "ml job create -f fails.yml --name az-ml-fails --stream --query status", cwd=folder
    )
    assert streamed.code == 1
    assert "RunId: az-ml-fails" in streamed.out
    assert '"code": "UserError"' in streamed.err
    assert "exited with code 3" in streamed.err
