"""Registries through the real SDK, from making one to serving from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml_local import tools
from conftest import LocalWorkspace

pytestmark = pytest.mark.wire

REGISTRY = """
$schema: https://azuremlschemas.azureedge.net/latest/registry.schema.json
name: team-registry
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
        "registry.yml": REGISTRY,
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
