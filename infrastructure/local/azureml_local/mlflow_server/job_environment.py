"""The variables that make MLflow and azureml-mlflow in a step log to the step's own run, as on Azure ML."""

from __future__ import annotations

from azureml_local.routing import WorkspaceRef


def tracking_uri(workspace: WorkspaceRef, host: str) -> str:
    """What `workspaces.get().mlflow_tracking_uri` and MLFLOW_TRACKING_URI hold. The plugin maps v1.0 to v2.0 itself."""
    return f"azureml://{host}/mlflow/v1.0{workspace.id}"


def job_environment(
    workspace: WorkspaceRef,
    run_id: str,
    experiment_id: str,
    experiment_name: str,
    token: str,
    *,
    host: str,
    root_run_id: str | None = None,
    parent_run_id: str | None = None,
) -> dict[str, str]:
    """Everything a step needs for MLflow.

    token: an access token for https://ml.azure.com that lives as long as the step may. host: `settings.api_host`.
    azureml-mlflow uses this token only when MLFLOW_TRACKING_URI, _TOKEN, MLFLOW_RUN_ID and MLFLOW_EXPERIMENT_ID are all
    set; AZUREML_RUN_ID equal to the run keeps `mlflow.end_run()` from ending the job; AZUREML_CURRENT_CLOUD saves a
    call to the cloud metadata endpoint. TZ: the plugin reads the token's expiry as local time and would renew too early
    or too late elsewhere; Azure ML's own containers run in UTC too.
    """
    return {
        "MLFLOW_TRACKING_URI": tracking_uri(workspace, host),
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_RUN_ID": run_id,
        "MLFLOW_EXPERIMENT_ID": experiment_id,
        "MLFLOW_EXPERIMENT_NAME": experiment_name,
        "AZUREML_RUN_ID": run_id,
        "AZUREML_ROOT_RUN_ID": root_run_id or run_id,
        **({"AZUREML_PARENT_RUN_ID": parent_run_id} if parent_run_id else {}),
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_EXPERIMENT_ID": experiment_id,
        "AZUREML_EXPERIMENT_SCOPE": f"{workspace.id}/experiments/{experiment_name}",
        "AZUREML_ARM_SUBSCRIPTION": workspace.subscription,
        "AZUREML_ARM_RESOURCEGROUP": workspace.group,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_ARM_PROJECT_NAME": experiment_name,
        "AZUREML_WORKSPACE_SCOPE": workspace.id,
        "AZUREML_SERVICE_ENDPOINT": f"https://{host}",
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"https://{host}/discovery",
        "AZUREML_CURRENT_CLOUD": "AzureCloud",
        "TZ": "UTC",
    }
