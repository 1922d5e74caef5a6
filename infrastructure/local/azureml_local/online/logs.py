"""The logs of a deployment, as `az ml online-deployment get-logs` shows them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from azureml_local.log_files import tail

INFERENCE_SERVER, STORAGE_INITIALIZER = "InferenceServer", "StorageInitializer"
STEPS = ("SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart")
_EVENTS = 200
_KEPT = 4
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt)(?:: .*)?")
_SERVERS = "azureml_inference_server_http."


def cause(text: str) -> str | None:
    """The exception that a log ends with: the scoring script's own rather than the one that the server made of it."""
    found = [line for line in text.splitlines() if _EXCEPTION.fullmatch(line)]
    own = [line for line in found if not line.startswith(_SERVERS)]
    return (own or found)[-1] if found else None


class Logs:
    """A log file for each revision's servers, one of the files laid out, and what happened before a server started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Path | None = None
        self.storage_file = folder / "storage-initializer.log"
        self._steps: dict[str, str] = {}
        self._events: list[str] = []

    def begin(self, revision: str) -> None:
        """A revision is started: from now on, its servers' log is shown, whatever becomes of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = self.folder / f"inference-server-{revision}.log"
        self._server.touch()
        for old in self._by_age()[_KEPT:]:
            old.unlink(missing_ok=True)
        self._steps = {"SystemSetup": "Succeeded"}
        self._events = []

    @property
    def server(self) -> Path:
        """The log of the servers that were started last."""
        newest = [] if self._server else self._by_age()
        return self._server or (newest[0] if newest else self.folder / "inference-server.log")

    def _by_age(self) -> list[Path]:
        """The servers' logs, the newest first."""
        found = self.folder.glob("inference-server-*.log")
        return sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)

    def step(self, name: str, state: str) -> None:
        self._steps[name] = state

    def event(self, line: str) -> None:
        self._events.append(line)
        del self._events[:-_EVENTS]

    def storage(self, line: str) -> None:
        with self.storage_file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def show(self, container: str, lines: int) -> str:
        """The last lines of a container's log, below what happened before it started."""
        if container == STORAGE_INITIALIZER:
            return tail(self.storage_file, lines)
        status = [f"{name}: {self._steps[name]}" for name in STEPS if name in self._steps]
        events = [f"Container events:\n{os.linesep.join(self._events)}\n"] if self._events else []
        head = [f"Instance status:\n{os.linesep.join(status)}\n"] if status else []
        return "\n".join([*head, *events, "Container logs:\n" + tail(self.server, lines)])
