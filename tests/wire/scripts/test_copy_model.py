"""A model version carried from one real local workspace to another, by REST alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from azureml_local.paths import REPOSITORY
from azureml_local.workflow_run import facts
from conftest import LocalWorkspace
from copy_model import ABOUT, CONTENT, FILES, ORIGIN, Package, digests

pytestmark = pytest.mark.wire
NAME = "carried"


def copy(
    workspace: LocalWorkspace, mode: str, folder: Path, target: str, **inputs: str
) -> subprocess.CompletedProcess[str]:
    """Run the script as a workflow's step does."""
    config = workspace.settings
    credentials = {
        "clientId": config.client_id, "clientSecret": config.client_secret,
        "tenantId": config.tenant_id, "subscriptionId": config.subscription_id,
    }  # fmt: skip
    given = {
        "INPUT_RESOURCE_GROUP": config.resource_group, "INPUT_WORKSPACE_NAME": target,
        "INPUT_CREDENTIALS": json.dumps(credentials), "INPUT_FOLDER": str(folder),
        **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts/copy_model.py"), mode],
        env={**workspace.environment, **given, "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def other(workspace: LocalWorkspace) -> str:
    """A second workspace in the same resource group."""
    config = workspace.settings
    path = config.workspace_id.rpartition("/")[0] + "/aml-next?api-version=2024-10-01"
    facts.call(
        workspace.paths, config, "PUT", "management.azure.com", path, {"location": "westeurope", "properties": {}}
    )
    return "aml-next"


def version(workspace: LocalWorkspace, name: str, number: str) -> dict[str, Any]:
    config = workspace.settings
    path = f"{config.workspace_id.rpartition('/')[0]}/{name}/models/{NAME}/versions/{number}?api-version=2024-10-01"
    found: dict[str, Any] = facts.call(workspace.paths, config, "GET", "management.azure.com", path)
    return found


def package(folder: Path, number: str, text: str) -> Path:
    """What export writes, made by hand."""
    root = folder / FILES / "my-model"
    (root / "deep").mkdir(parents=True)
    (root / "MLmodel").write_text(text)
    (root / "deep" / "model.pkl").write_bytes(bytes(range(256)) * 10)
    about = Package(
        name=NAME,
        version=number,
        kind="mlflow_model",
        description="",
        flavors={"sklearn": {"data": {}}},
        tags={"test_rmse": "2.0"},
        origin="elsewhere",
        root="my-model",
        files=digests(folder / FILES),
    )
    (folder / ABOUT).write_text(json.dumps(about.__dict__))
    return folder


def test_the_same_version_with_the_same_content_in_the_next_workspace(
    workspace: LocalWorkspace, other: str, tmp_path: Path
) -> None:
    first = workspace.settings.workspace
    assert copy(workspace, "import", package(tmp_path / "a", "7", "flavors: {}"), first).returncode == 0
    done = copy(workspace, "export", tmp_path / "b", first, model_name=NAME, model_version="7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests(tmp_path / "b" / FILES) == digests(tmp_path / "a" / FILES)
    done = copy(workspace, "import", tmp_path / "b", other)
    assert f"Registered in workspace {other}: {NAME}:7, 2 files" in done.stdout, done.stdout + done.stderr
    found = version(workspace, other, "7")["properties"]
    assert found["modelType"] == "mlflow_model"
    assert found["modelUri"].endswith("/my-model"), "scoring scripts look below AZUREML_MODEL_DIR/<that name>"
    assert found["flavors"] == {"sklearn": {"data": {}}}
    assert found["tags"]["test_rmse"] == "2.0"
    assert found["tags"][CONTENT] == Package.read(tmp_path / "b").content
    assert found["tags"][ORIGIN].endswith(f"/workspaces/{first}/models/{NAME}/versions/7")

    done = copy(workspace, "import", tmp_path / "b", other)
    assert (done.returncode, f"Workspace {other} has it already: {NAME}:7" in done.stdout) == (0, True)
    done = copy(workspace, "import", tmp_path / "b", first)
    assert f"Workspace {first} has it already" in done.stdout, "one workspace may stand for all stages"


def test_a_model_of_one_file(workspace: LocalWorkspace, other: str, tmp_path: Path) -> None:
    (tmp_path / "a" / FILES).mkdir(parents=True)
    (tmp_path / "a" / FILES / "model.onnx").write_text("weights")
    files = digests(tmp_path / "a" / FILES)
    about = Package(NAME, "6", "custom_model", "", {}, {}, "elsewhere", "model.onnx", files)
    (tmp_path / "a" / ABOUT).write_text(json.dumps(about.__dict__))
    first = workspace.settings.workspace
    assert copy(workspace, "import", tmp_path / "a", first).returncode == 0
    assert copy(workspace, "export", tmp_path / "b", first, model_name=NAME, model_version="6").returncode == 0
    assert digests(tmp_path / "b" / FILES) == files
    assert copy(workspace, "import", tmp_path / "b", other).returncode == 0
    assert version(workspace, other, "6")["properties"]["modelUri"].endswith("/model.onnx")


def test_another_model_under_the_same_number_is_refused(workspace: LocalWorkspace, other: str, tmp_path: Path) -> None:
    assert copy(workspace, "import", package(tmp_path / "a", "8", "one"), other).returncode == 0
    done = copy(workspace, "import", package(tmp_path / "b", "8", "two"), other)
    assert done.returncode == 2
    assert f"Workspace {other} has another model as {NAME}:8." in done.stdout


def test_a_file_that_changed_on_the_way_is_refused(workspace: LocalWorkspace, other: str, tmp_path: Path) -> None:
    folder = package(tmp_path / "a", "9", "one")
    (folder / FILES / "my-model" / "MLmodel").write_text("tampered")
    done = copy(workspace, "import", folder, other)
    assert done.returncode == 2
    assert "my-model/MLmodel is not as it was exported." in done.stdout


def test_a_version_that_does_not_exist_cannot_be_exported(workspace: LocalWorkspace, tmp_path: Path) -> None:
    first = workspace.settings.workspace
    done = copy(workspace, "export", tmp_path / "a", first, model_name=NAME, model_version="99")
    assert done.returncode == 2
    assert f"There is no model {NAME}:99 in workspace {first}." in done.stdout
