"""What the registry knows of the model so far."""

from __future__ import annotations

import mlflow
from decision import Version
from mlflow.exceptions import MlflowException


def registered_versions(name: str) -> list[Version]:
    """All versions of the model; none when it was never registered. Other failures of the registry are raised:
    an unreachable champion must not look like a missing one."""
    client = mlflow.MlflowClient()
    found: list[Version] = []
    token = None
    try:
        while True:
            page = client.search_model_versions(f"name='{name}'", page_token=token)
            found += [
                Version(
                    name=str(version.version),
                    created=int(version.creation_timestamp or 0),
                    tags=dict(version.tags or {}),
                    ready=version.status == "READY",
                    archived=version.current_stage == "Archived",
                )
                for version in page
            ]
            token = page.token
            if not token:
                return found
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return []
        raise
