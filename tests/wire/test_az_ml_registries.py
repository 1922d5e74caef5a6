"""`az ml registry`, and what the asset groups do with `--registry-name`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import LocalWorkspace
from support.az_batch import az_batch

pytestmark = pytest.mark.wire

REGISTRY = """
$schema: https://azuremlschemas.azureedge.net/latest/registry.schema.json
name: az-registry
location: eastus
replication_locations:
  - location: eastus
  - location: westeurope
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "registry.yml").write_text(REGISTRY)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.txt").write_text("7")
    return tmp_path


def test_az_ml_works_with_registries(workspace: LocalWorkspace, folder: Path) -> None:
    there = "--registry-name az-registry"
    new = "--share-with-name az-shared --share-with-version 9"
    created, no_file, updated, shown, listed, table, _, shared, again, one, models, _, none, deleted, left = az_batch(
        workspace,
        "ml registry create --file registry.yml",
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
