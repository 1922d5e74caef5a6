"""`az ml` workspace, environment, data, component, model, datastore, compute: output, tables, errors, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.az_batch import az_batch

pytestmark = pytest.mark.wire

ENVIRONMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: az-ml-environment
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
conda_file: {name: e, channels: [conda-forge], dependencies: [python=3.10, {pip: [mlflow==2.16.2]}]}
description: one
"""
COMPONENT = """
name: az_ml_component
version: "1"
type: command
command: echo ${{inputs.word}}
inputs: {word: {type: string}}
environment: azureml:az-ml-environment@latest
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environment.yml").write_text(ENVIRONMENT)
    (tmp_path / "changed.yml").write_text(ENVIRONMENT.replace("2.16.2", "2.16.1"))
    (tmp_path / "typo.yml").write_text(ENVIRONMENT.replace("image:", "imag:"))
    (tmp_path / "component.yml").write_text(COMPONENT)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "rows.csv").write_text("a,b\n1,2\n")
    return tmp_path


def test_environments(workspace: LocalWorkspace, folder: Path) -> None:
    name = "--name az-ml-environment"
    created, again, changed, typo, no_file, latest, missing, no_version, table, versions, tagged, hidden = az_batch(
        workspace,
        "ml environment create --file environment.yml",
        "ml environment create --file environment.yml --query version",
        "ml environment create -f changed.yml --set description=two --query [version,description]",
        "ml environment create -f typo.yml",
        "ml environment create -f nowhere.yml",
        f"ml environment show {name} --label latest",
        "ml environment show --name az-ml-nothing --version 1",
        f"ml environment show {name}",
        "ml environment list -o table",
        f"ml environment list {name} --query [].version",
        f"ml environment update {name} --version 1 --set tags.a=b --query tags",
        f"ml environment archive {name} --version 1",
        cwd=folder,
    )
    entity = created.json
    assert set(entity) == {
        "conda_file", "creation_context", "description", "id", "image", "name", "os_type", "resourceGroup", "tags",
        "version",
    }  # fmt: skip
    assert entity["id"].startswith("azureml:/subscriptions/")
    assert entity["conda_file"]["dependencies"] == ["python=3.10", {"pip": ["mlflow==2.16.2"]}]
    assert (entity["version"], again.json) == ("1", "1")
    assert changed.json == ["2", "two"]
    assert (typo.code, no_file.code, missing.code, no_version.code) == (1, 1, 3, 1)
    assert "does not match the prescribed schema for Environment yaml files" in typo.err
    assert "(x) imag:\n- Unknown field." in typo.err
    assert "No such file or directory: nowhere.yml" in no_file.err
    assert latest.json["version"] == "2"
    assert "Could not find environment 'az-ml-nothing'" in missing.err
    assert "Must provide either version or label." in no_version.err
    assert "az-ml-environment" in table.out
    assert table.out.startswith("Name")
    assert sorted(versions.json) == ["1", "2"]
    assert tagged.json == {"a": "b"}
    assert hidden.code == 0


def test_data_components_and_models(workspace: LocalWorkspace, folder: Path) -> None:
    model = "--name az-ml-model"
    az_batch(workspace, "ml environment create --file environment.yml", cwd=folder)
    answers = az_batch(
        workspace,
        "ml data create --name az-ml-data --path files --type uri_folder",
        "ml data create --name az-ml-data --path files/rows.csv --type uri_file --query [version,type]",
        "ml data show --name az-ml-data --label latest --query version",
        "ml data list --name az-ml-data -o table",
        "ml component create --file component.yml",
        "ml component show --name az_ml_component",
        f"ml model create {model} --path files --type custom_model --tags a=b",
        f"ml model create {model} --path files/rows.csv --set description=two --query [version,description]",
        f"ml model show {model} -l latest --query version",
        f"ml model list {model}",
        f"ml model download {model} --version 1 --download-path fetched",
        f"ml model show {model} --version 9",
        "ml model create --name az-ml-model",
        cwd=folder,
    )
    made, second, latest, table, component, which, first, newer, newest, listed, fetched, missing, no_path = answers
    assert made.json["id"].startswith("/subscriptions/")
    assert made.json["path"].endswith("/files")
    assert second.json == ["2", "uri_file"]
    assert latest.json == "2"
    assert "Data type" in table.out
    assert "uri_folder" in table.out
    assert component.json["inputs"] == {"word": {"type": "string"}}
    assert "/environments/az-ml-environment/versions/" in component.json["environment"]
    assert "Must provide either version or label." in which.err
    assert (first.json["type"], first.json["tags"]) == ("custom_model", {"a": "b"})
    assert newer.json == ["2", "two"]
    assert newest.json == "2"
    assert {(one["version"], one["model type"]) for one in listed.json} == {
        ("1", "custom_model"),
        ("2", "custom_model"),
    }
    assert fetched.code == 0
    assert (folder / "fetched" / "az-ml-model" / "files" / "rows.csv").read_text() == "a,b\n1,2\n"
    assert (missing.code, no_path.code) == (3, 1)
    assert "Please provide either --file/-f  or --name/-n and --path/-p." in no_path.err


def test_compute_datastores_and_the_workspace(workspace: LocalWorkspace, tmp_path: Path) -> None:
    create = (
        "ml compute create --name az-ml-cluster --type amlcompute --size Standard_DS3_v2 "
        "--min-instances 0 --max-instances 4 --tier low_priority"
    )
    answers = az_batch(
        workspace,
        create,
        f"{create} --query name -o tsv",
        "ml compute show --name az-ml-cluster",
        "ml compute list -o table",
        "ml compute update --name az-ml-cluster --max-instances 6 --query max_instances",
        "ml compute show --name az-ml-nothing",
        "ml compute show",
        "ml compute create --name other --type bogus --size Standard_DS3_v2",
        "ml compute delete --name az-ml-cluster --yes",
        "ml compute show --name az-ml-cluster",
        "ml datastore list -o table",
        "ml datastore show --name workspaceblobstore",
        "ml workspace show",
        "ml workspace list --query [].name",
        "ml environment list --workspace-name az-ml-no-workspace",
        "ml schedule list",
        cwd=tmp_path,
    )
    (
        made,
        again,
        shown,
        table,
        bigger,
        missing,
        nameless,
        bogus,
        deleted,
        gone,
        stores,
        store,
        here,
        all_,
        no,
        schedules,
    ) = answers
    assert set(made.json) == {
        "enable_node_public_ip", "id", "idle_time_before_scale_down", "location", "max_instances", "min_instances",
        "name", "network_settings", "provisioning_state", "resourceGroup", "size", "ssh_public_access_enabled", "tier",
        "type",
    }  # fmt: skip
    assert (made.json["tier"], made.json["max_instances"]) == ("low_priority", 4)
    assert (again.out.strip(), shown.json) == ("az-ml-cluster", made.json)
    assert table.out.splitlines()[0].split() == ["Name", "Compute", "type", "State", "Instance", "type"]
    assert bigger.json == 6
    assert (missing.code, nameless.code, bogus.code, deleted.code, gone.code) == (3, 2, 1, 0, 3)
    assert "the following arguments are required: --name/-n" in nameless.err
    assert "Unknown compute type: bogus" in bogus.err
    assert "workspaceblobstore" in stores.out
    assert store.json["type"] == "azure_blob"
    assert store.json["credentials"] == {}
    assert here.json["name"] == workspace.settings.workspace
    assert here.json["discovery_url"].endswith("/discovery")
    assert workspace.settings.workspace in all_.json
    assert no.code == 3
    assert "az-ml-no-workspace" in no.err
    assert schedules.json == []
