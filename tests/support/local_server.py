"""A workspace in memory for unit tests: real parts on a temporary folder, called without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from azureml_local import settings
from azureml_local.app import Application
from azureml_local.paths import StatePaths
from azureml_local.services import Services
from azureml_local.store import ResourceStore
from azureml_local.tokens import Tokens

ARM = "https://management.azure.com"


@dataclass
class FakeTime:
    """Seconds since the epoch that pass only when told."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Server:
    """The ASGI application with some parts installed, and a client for it."""

    services: Services
    time: FakeTime
    application: Application = field(init=False)

    def __post_init__(self) -> None:
        self.application = Application(self.services)

    def token(self, audience: str = "https://management.azure.com/") -> str:
        return self.services.tokens.issue(audience)

    async def call(self, method: str, url: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """One request; `token=""` sends none, None sends a valid ARM token."""
        headers = dict(options.pop("headers", {}))
        if token != "":
            headers.setdefault("Authorization", f"Bearer {token or self.token()}")
        transport = httpx.ASGITransport(app=self.application)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, headers=headers, **options)


@cache
def _token_key() -> bytes:
    """One key for all the servers of a test process: making one takes longer than most tests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form)


def make_server(folder: Path, *parts: Any) -> Server:
    """A server with the given part modules installed, on a fresh state folder."""
    paths = StatePaths(folder / "state", folder / "cache")
    paths.create()
    (paths.root / "token-key.pem").write_bytes(_token_key())
    config = settings.load(paths)
    time = FakeTime()
    services = Services(
        paths=paths,
        settings=config,
        store=ResourceStore(paths.database),
        tokens=Tokens.load(paths, config, now=time),
    )
    for part in parts:
        part.install(services)
    return Server(services, time)
