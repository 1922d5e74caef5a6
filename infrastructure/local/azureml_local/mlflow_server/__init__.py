"""MLflow in the local workspace: tracking by MLflow's own server, the registry by the workspace's model documents."""

from __future__ import annotations

from azureml_local.services import Services

from .artifacts import Artifacts, install_artifacts
from .job_environment import job_environment, tracking_uri
from .run_tokens import install_run_tokens
from .server import ClientRun, MlflowServer, RunNotFoundError
from .supervisor import MlflowUnavailableError
from .tracking import install_tracking

__all__ = [
    "ClientRun",
    "MlflowServer",
    "MlflowUnavailableError",
    "RunNotFoundError",
    "install",
    "job_environment",
    "tracking_uri",
]


def install(services: Services) -> None:
    """Add the MLflow and artifact routes; the server starts in the background when the workspace does."""
    server = services.mlflow = MlflowServer(services)
    artifacts = Artifacts(services)
    install_artifacts(services, artifacts)
    install_run_tokens(services)
    install_tracking(services, server, artifacts)
    services.on_start.append(server.start)
    services.on_stop.append(server.stop)
