"""MLflow as all steps use it: one run a step, the figures that decide shown on the pipeline's run too."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import mlflow
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException

EXPERIMENT = "taxi"
# At each run's end MLflow logs addresses of pages that only its own server has; here the studio shows the run.
for chatty in ("mlflow.tracking._tracking_service.client", "mlflow.store.model_registry.abstract_store"):
    logging.getLogger(chatty).setLevel(logging.WARNING)


@contextmanager
def step_run(name: str) -> Iterator[mlflow.ActiveRun]:
    """The run to log to: the one Azure ML opened for this step (MLFLOW_RUN_ID), else a new one called `name`."""
    if "MLFLOW_RUN_ID" in os.environ:
        with mlflow.start_run() as run:
            yield run
        return
    if "MLFLOW_EXPERIMENT_NAME" not in os.environ and "MLFLOW_EXPERIMENT_ID" not in os.environ:
        mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=name) as run:
        yield run


def pipeline_run_id(own: str) -> str:
    """The run of the whole pipeline; outside Azure ML there is none and it is the step's `own`."""
    return os.environ.get("AZUREML_ROOT_RUN_ID") or own


def show_on_pipeline(own: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
    """Repeat metrics and tags on the pipeline's run, where people look first. A convenience: failing only warns."""
    root = pipeline_run_id(own)
    if root == own:
        return
    now = int(time.time() * 1000)
    try:
        mlflow.MlflowClient().log_batch(
            root,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
    except MlflowException as error:
        print(f"warning: the pipeline's run {root} did not take the results: {error}", file=sys.stderr)
