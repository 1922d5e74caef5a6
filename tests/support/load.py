"""Load on an endpoint, for the benchmarks: a workspace to call without az, and lean HTTP clients."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from azureml_local.paths import StatePaths
from azureml_local.settings import Settings

API = "?api-version=2023-04-01"


@dataclass
class Workspace:
    """A workspace that runs, called by REST."""

    paths: StatePaths
    config: Settings
    context: ssl.SSLContext = field(init=False)
    token: str = ""

    def __post_init__(self) -> None:
        self.context = ssl.create_default_context(cafile=str(self.paths.certificates / "ca.pem"))

    def call(self, host: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", self.config.server_port, context=self.context)
        connection.request(method, path, body, {"Host": host, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def sign_in(self) -> None:
        config = self.config
        form = (
            f"grant_type=client_credentials&client_id={config.client_id}&client_secret={config.client_secret}"
            "&scope=https://management.azure.com//.default"
        )
        kind = "application/x-www-form-urlencoded"
        path = f"/{config.tenant_id}/oauth2/v2.0/token"
        _, body = self.call("login.microsoftonline.com", "POST", path, form.encode(), **{"Content-Type": kind})
        self.token = json.loads(body)["access_token"]

    def arm(self, method: str, path: str, body: Any = None) -> Any:
        """One call below the workspace; fails with Azure's message."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        status, answer = self.call(
            "management.azure.com", method, self.config.workspace_id + path + API, data, **headers
        )
        if status >= 400:
            raise SystemExit(f"{method} {path}: {status} {answer.decode()}")
        return json.loads(answer) if answer else None

    def wait(self, path: str) -> None:
        """Until the resource's operation has ended."""
        while True:
            state = self.arm("GET", path)["properties"]["provisioningState"]
            if state == "Succeeded":
                return
            if state == "Failed":
                logs = self.arm("POST", path + "/getLogs", {"tail": 30}) if "/deployments/" in path else {}
                raise SystemExit(f"{path} failed\n{logs.get('content', '')}")
            time.sleep(0.1)


_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Line(asyncio.Protocol):
    """A client's connection: one question, one answer, again and again."""

    def __init__(self) -> None:
        self.open = True
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    async def ask(self, question: bytes) -> bytes:
        """The whole answer, head and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._received = b""
        self.transport.write(question)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4 or self._answer is None or self._answer.done():
            return
        length = _LENGTH.search(self._received, 0, end)
        if len(self._received) >= end + (int(length[1]) if length else 0):
            self._answer.set_result(self._received)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the connection broke off: {exc}"))


async def connect(host: str, config: Settings, context: ssl.SSLContext) -> Line:
    """A connection to the workspace's own port, for requests to this host."""
    loop = asyncio.get_running_loop()
    address = ("127.0.0.1", config.server_port)
    return (await loop.create_connection(Line, *address, ssl=context, server_hostname=host))[1]


def post(host: str, key: str, body: bytes) -> bytes:
    """A scoring request, as it goes over the line."""
    return (
        f"POST /score HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def percentile(latencies: list[float], share: float) -> float:
    """Of what was measured; 0 for nothing."""
    return sorted(latencies)[min(int(len(latencies) * share), len(latencies) - 1)] if latencies else 0.0
