from __future__ import annotations

from azureml_local.mlflow_server import job_environment
from azureml_local.routing import WorkspaceRef

WS_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def test_a_step_logs_to_its_own_run_with_its_own_token() -> None:
    variables = job_environment(
        WorkspaceRef("s", "g", "w", WS_ID), "step-1", "7", "taxi", "secret", host="h", root_run_id="root-1"
    )
    assert variables["MLFLOW_TRACKING_URI"] == f"azureml://h/mlflow/v1.0{WS_ID}"
    # azureml-mlflow falls back to the credential chain unless all of these are set.
    assert {"MLFLOW_TRACKING_TOKEN", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"} <= variables.keys()
    assert (variables["AZUREML_RUN_ID"], variables["AZUREML_ROOT_RUN_ID"]) == ("step-1", "root-1")
    assert [name for name, value in variables.items() if value == "secret"] == [
        "MLFLOW_TRACKING_TOKEN",
        "AZUREML_RUN_TOKEN",
    ]
