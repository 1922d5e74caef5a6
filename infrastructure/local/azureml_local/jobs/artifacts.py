"""A run's artifacts: its logs as they are written, and what its steps left in `./outputs` and `./logs`.

They lie in the datastore `workspaceartifactstore` below `ExperimentRun/dcid.<run>/`, where MLflow puts its own.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from azureml_local import datastores
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Clock

from .runs import Run

USER_LOG = "user_logs/std_log.txt"
PIPELINE_LOG = "logs/azureml/executionlogs.txt"
SWEEP_LOG = "azureml-logs/hyperdrive.txt"
SYSTEM_LOG = "system_logs/lifecycle.log"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
UPLOADED = ("outputs", "logs")
_LOG_FOLDERS = ("user_logs", "system_logs", "azureml-logs", "logs")
_TAIL_BYTES = 64 * 1024


def prefix(run: str) -> str:
    return f"ExperimentRun/dcid.{run}"


def folder(services: Services, workspace: WorkspaceRef, run: str) -> Path:
    """The run's artifact folder; it need not exist."""
    return datastores.path_of(services, workspace, datastores.ARTIFACT_STORE, prefix(run))


def log_urls(services: Services, workspace: WorkspaceRef, run: Run) -> dict[str, str]:
    """Signed URLs of the run's log files by their path, `{"user_logs/std_log.txt": "https://…"}`."""
    container = datastores.container_of(services, workspace, datastores.ARTIFACT_STORE)
    root = folder(services, workspace, run.name)
    return {
        path: services.blobs.signed_url(container, f"{prefix(run.name)}/{path}", permissions="r")
        for path in log_files(root)
    }


def log_files(root: Path) -> list[str]:
    """The paths of the logs in an artifact folder."""
    files = (file for name in _LOG_FOLDERS for file in sorted((root / name).rglob("*")))
    return [file.relative_to(root).as_posix() for file in files if file.is_file()]


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log that say something."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    kept = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(kept[-lines:])


def collect(working_directory: Path, artifacts: Path) -> None:
    """Move what a step left in `./outputs` and `./logs` to its artifacts; a file that is there already is replaced."""
    for name in UPLOADED:
        source = working_directory / name
        if source.is_dir() and not source.is_symlink():
            _merge(source, artifacts / name)


def _merge(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        place = target / entry.name
        if entry.is_dir() and not entry.is_symlink():
            _merge(entry, place)
        elif entry.is_file():
            shutil.move(entry, place)


class LifecycleLog:
    """The run's own diary in `system_logs`: a line for each thing the workspace does for it."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        file.parent.mkdir(parents=True, exist_ok=True)

    def write(self, text: str) -> None:
        moment: datetime = self._clock()
        with self._file.open("a", encoding="utf-8", errors="replace") as file:
            for line in text.splitlines() or [""]:
                file.write(f"[{moment:%Y-%m-%d %H:%M:%S}Z] {line}\n")


__all__ = [
    "BUILD_LOG",
    "PIPELINE_LOG",
    "SWEEP_LOG",
    "SYSTEM_LOG",
    "USER_LOG",
    "LifecycleLog",
    "collect",
    "folder",
    "log_urls",
    "prefix",
    "tail",
]
