"""Batch endpoints: a stable address to which jobs are posted; its deployments say what a job does.

endpoints.py, endpoint_rules.py       the endpoint: its name, its default deployment
deployments.py, deployment_rules.py   deployments of models (scoring of files) and of pipeline components
request.py                            what a caller posts
scoring.py, pipelines.py              from that to a job;  invocations.py: the address itself, lists of jobs

A job is one of `azureml_local.jobs`: a pipeline with the step `batchscoring`, which `azureml_local.mini_batches` does.

Source: Microsoft.MachineLearningServices 2024-01-01-preview, Batch Endpoints and Batch Deployments.
"""

from __future__ import annotations

from azureml_local.services import Services

from . import deployments, endpoints, invocations


def install(services: Services) -> None:
    """Routes of batch endpoints, their deployments and jobs."""
    endpoints.install(services)
    deployments.install(services)
    invocations.install(services)
