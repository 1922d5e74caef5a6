"""Who the local workspace is: ids, names, secret and ports, made once per state folder and kept.

The ports are kept too, so a shell that evaluated `azureml-local env` still works after a restart.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .paths import StatePaths
from .problems import RESET

LOCATION = "westeurope"


@dataclass(frozen=True)
class Settings:
    """What was seeded. The secret is a local one: it opens this state folder's server and nothing else."""

    tenant_id: str
    subscription_id: str
    subscription_name: str
    client_id: str
    client_secret: str
    object_id: str
    resource_group: str
    workspace: str
    workspace_guid: str
    storage_account: str
    location: str
    proxy_port: int
    server_port: int
    token_key_id: str

    @property
    def workspace_id(self) -> str:
        """ARM id of the seeded workspace."""
        return workspace_id(self.subscription_id, self.resource_group, self.workspace)

    @property
    def api_host(self) -> str:
        """Host of run history and MLflow."""
        return f"{self.location}.api.azureml.ms"


def workspace_id(subscription: str, group: str, name: str) -> str:
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


def _new(group: str, workspace: str) -> Settings:
    guid = uuid.uuid4()
    return Settings(
        tenant_id=str(uuid.uuid4()),
        subscription_id=str(uuid.uuid4()),
        subscription_name="Local workspace",
        client_id=str(uuid.uuid4()),
        client_secret=secrets.token_hex(32),  # base64 may begin with -, and `az login -p "-…"` is refused
        object_id=str(uuid.uuid4()),
        resource_group=group,
        workspace=workspace,
        workspace_guid=str(guid),
        storage_account=f"local{guid.hex[:16]}",
        location=LOCATION,
        proxy_port=free_port(),
        server_port=free_port(),
        token_key_id=uuid.uuid4().hex,
    )


def load(paths: StatePaths, *, group: str = "rg-local", workspace: str = "aml-local") -> Settings:
    """The state folder's settings; made on first use. A damaged file is an error that names the way out."""
    try:
        raw = json.loads(paths.settings.read_text())
        return Settings(**{field.name: raw[field.name] for field in fields(Settings)})
    except FileNotFoundError:
        settings = _new(group, workspace)
        save(paths, settings)
        return settings
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"azureml-local: {paths.settings} is damaged ({error}). {RESET}") from error


def save(paths: StatePaths, settings: Settings) -> None:
    paths.create()
    write_private(paths.settings, json.dumps(asdict(settings), indent=2).encode())
