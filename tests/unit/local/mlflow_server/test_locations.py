from __future__ import annotations

import pytest

from azureml_local.mlflow_server.locations import download_uri, is_plain
from azureml_local.routing import WorkspaceRef
from azureml_local.uris import Location

WS_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
WORKSPACE = WorkspaceRef("s", "g", "w", WS_ID)
OTHER = WorkspaceRef("s", "g", "other", WS_ID.replace("/w", "/other"))


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        (
            Location("workspaceartifactstore", "ExperimentRun/dcid.run-1/model"),
            f"azureml://h/mlflow/v2.0{WS_ID}/experiments/0/runs/run-1/artifacts/model",
        ),
        (
            Location("workspaceartifactstore", "ExperimentRun/dcid.run-1"),
            f"azureml://h/mlflow/v2.0{WS_ID}/experiments/0/runs/run-1/artifacts",
        ),
        (Location("workspaceartifactstore", "LocalUpload/c/model"), "azureml://artifacts/LocalUpload/c/model"),
        (
            Location("workspaceblobstore", "azureml/job-1/model_output"),
            "azureml://artifacts/RegisteredModel/taxi:3/model_output",
        ),
        (
            Location("workspaceartifactstore", "ExperimentRun/dcid.run-1/model", workspace=OTHER),
            "azureml://artifacts/RegisteredModel/taxi:3/model",
        ),
    ],
)
def test_where_a_model_lies_is_told_in_a_form_the_plugin_can_download(location: Location, uri: str) -> None:
    assert download_uri(WORKSPACE, "h", location, "taxi", "3") == uri


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", "./a", "a\\b", "a\0b", "a/"])
def test_paths_that_could_leave_their_folder_are_not_plain(path: str) -> None:
    assert not is_plain(path)
