"""Registries through the real clients: the SDK from making one to serving from it, and az's own commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml_local import tools
from conftest import LocalWorkspace
from support.az_batch import az_batch

pytestmark = pytest.mark.wire

REGISTRY = """
$schema: https://azuremlschemas.azureedge.net/latest/registry.schema.json
name: NAME
description: What the teams share.
location: eastus
replication_locations:
  - location: eastus
    storage_config: {storage_account_hns: false, storage_account_type: standard_lrs}
  - location: westeurope
"""
SCORE = """
import os
def init():
    global weight
    weight = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "weights.txt")).read()
def run(data):
    return [weight + os.path.basename(path) for path in data] if isinstance(data, list) else weight
"""
STEP = """
import pathlib, sys
model, rows = sys.argv[1:]
assert (pathlib.Path(model) / "weights.txt").read_text() == "7"
assert pathlib.Path(rows).read_text() == "a,b"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "registry.yml": REGISTRY.replace("NAME", "team-registry"),
        "az-registry.yml": REGISTRY.replace("NAME", "az-registry"),
        "model/weights.txt": "7",
        "score/score.py": SCORE,
        "step/go.py": STEP,
        "step/Dockerfile": "FROM python:3.11\n",
        "rows.csv": "a,b",
        "input/one.txt": "1",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_sdk_shares_uses_and_downloads_what_is_in_a_registry(workspace: LocalWorkspace, folder: Path) -> None:
    config = workspace.settings
    python = tools.ensure(workspace.paths, "sdk", print) / "bin" / "python"
    scenario = Path(__file__).with_name("registry_scenario.py")
    names = (config.subscription_id, config.resource_group, config.workspace, "team-registry")
    workspace.run(str(python), str(scenario), str(folder), *names)
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    id_ = "azureml://registries/team-registry"

    assert found["location"] == "eastus"
    assert found["shared model"] == [f"{id_}/models/weights/versions/7", {"made-by": "x"}]
    assert found["shared"] == [
        f"{id_}/environments/tiny/versions/1", f"{id_}/environments/built/versions/1", f"{id_}/data/rows/versions/1"
    ]  # fmt: skip
    assert found["shared twice"] == "A model with this name and version already exists in registry"
    assert "Could not find model 'weights' version '4' in workspace" in found["shared, not there"]
    assert (folder / "downloaded" / "weights" / "model" / "weights.txt").read_text() == "7"

    assert found["direct"] == [f"{id_}/models/direct/versions/2", "2"]
    assert found["direct updated"] == {"a": "b"}
    assert (found["models"], found["versions"]) == (["direct", "weights"], ["2"])
    assert found["environments"] == ["2", "1"]
    assert "with the name 'own' and version '1' already exists" in found["environment changed"]
    assert found["component"] == [f"{id_}/components/weigh/versions/1", id_]
    assert found["curated"].startswith("mcr.microsoft.com/azureml/curated/sklearn-1.5:")

    assert (found["job"], found["pipeline"]) == ("Completed", "Completed")
    assert next((folder / "job").rglob("seen.txt")).read_text() == "7a,b"
    assert json.loads(found["online"]) == "7"
    assert next((folder / "scored").rglob("rows.csv")).read_text().split() == ["7one.txt"]
    assert "was not found" in found["after its deletion"]


def test_az_ml_works_with_registries(workspace: LocalWorkspace, folder: Path) -> None:
    there = "--registry-name az-registry"
    new = "--share-with-name az-shared --share-with-version 9"
    created, no_file, updated, shown, listed, table, _, shared, again, one, models, _, none, deleted, left = az_batch(
        workspace,
        "ml registry create --file az-registry.yml",
        "ml registry create --name az-registry",
        "ml registry update --name az-registry --tags team=a --query tags",
        "ml registry show --name az-registry --query [location,tags]",
        "ml registry list --query [].name",
        "ml registry list -o table",
        "ml model create --name az-weights --version 1 --path model",
        f"ml model share --name az-weights --version 1 {there} {new}",
        f"ml model share --name az-weights --version 1 {there} {new}",
        f"ml model show --name az-shared --label latest {there} --query [id,version]",
        f"ml model list {there} -o table",
        f"ml model download --name az-shared --version 9 {there} --download-path downloaded",
        "ml model show --name az-shared --version 9 --registry-name az-nowhere",
        "ml registry delete --name az-registry",
        "ml registry show --name az-registry",
        cwd=folder,
    )  # fmt: skip
    entity = json.loads(created.out.lstrip("."))  # the SDK prints a dot for each poll
    assert entity["id"].endswith("/providers/Microsoft.MachineLearningServices/registries/az-registry")
    assert [place["location"] for place in entity["replication_locations"]] == ["eastus", "westeurope"]
    assert (no_file.code, "provide --file/-f" in no_file.err) == (1, True)
    assert json.loads(updated.out.lstrip(".")) == {"team": "a"}
    assert shown.json == ["eastus", {"team": "a"}]
    assert "az-registry" in listed.json
    assert table.out.split()[:2] == ["Name", "Location"]
    assert shared.json["id"] == "azureml://registries/az-registry/models/az-shared/versions/9"
    assert (again.code, "already exists in registry" in again.err) == (1, True)
    assert one.json == ["azureml://registries/az-registry/models/az-shared/versions/9", "9"]
    assert "az-shared" in models.out
    assert (folder / "downloaded" / "az-shared" / "model" / "weights.txt").read_text() == "7"
    assert (none.code, "The registry 'az-nowhere' was not found" in none.err) == (3, True)
    assert (deleted.code, left.code) == (0, 3)
