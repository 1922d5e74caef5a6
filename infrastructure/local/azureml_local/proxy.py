"""The redirect: a loopback CONNECT proxy that leads Azure's host names here and every other host where it was going.

Clients are pointed at it by HTTPS_PROXY alone: no sudo, no hosts file. A proxy that the caller already had stays the
upstream for everything that is not Azure's.
"""

from __future__ import annotations

import asyncio
import base64
import fnmatch
import logging
import ssl
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from . import hosts
from .settings import Settings

log = logging.getLogger("azureml_local.proxy")

# The caller's own proxy, as `azureml-local up` hands it to the server.
UPSTREAM_PROXY = "AZUREML_LOCAL_UPSTREAM_PROXY"
UPSTREAM_NO_PROXY = "AZUREML_LOCAL_UPSTREAM_NO_PROXY"

_PIPE = 256 * 1024
_HEADER_LIMIT = 64 * 1024


def redirected(host: str, settings: Settings) -> bool:
    """Whether this host name is one of Azure's that the local workspace answers."""
    host = host.lower().rstrip(".")
    return any(fnmatch.fnmatchcase(host, pattern) for pattern in hosts.answered(settings))


class Proxy:
    """Accepts `CONNECT host:port` and pipes bytes both ways.

    upstream: the caller's own HTTPS proxy URL (http:// or https://, with credentials if it has some), or None.
    no_proxy: comma-separated suffixes that must not go through the upstream.
    """

    def __init__(
        self, settings: Settings, server_port: int, *, upstream: str | None = None, no_proxy: str = ""
    ) -> None:
        self._settings = settings
        self._server_port = server_port
        self._upstream = urlsplit(upstream if "://" in upstream else f"http://{upstream}") if upstream else None
        self._no_proxy = [part.strip().lstrip("*.").lower() for part in no_proxy.split(",") if part.strip()]
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen on the loopback interface. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_HEADER_LIMIT)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            method, target, *_ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            if method != "CONNECT":
                await _refuse(writer, "405 Method Not Allowed", "azureml-local's proxy only does CONNECT (https)")
                return
            host, _, port = target.rpartition(":")
            host = host.strip("[]")
            try:
                out_reader, out_writer = await self._connect(host, int(port))
            except (OSError, ssl.SSLError, asyncio.TimeoutError) as error:
                await _refuse(writer, "502 Bad Gateway", f"azureml-local's proxy cannot reach {host}:{port}: {error}")
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await asyncio.gather(_pipe(reader, out_writer), _pipe(out_reader, writer))
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            asyncio.TimeoutError,
            OSError,
            ValueError,
        ):
            pass
        finally:
            writer.close()

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if port == 443 and redirected(host, self._settings):
            return await asyncio.open_connection("127.0.0.1", self._server_port)
        if self._upstream is None or self._bypasses(host):
            return await asyncio.wait_for(asyncio.open_connection(host, port), 30)
        return await asyncio.wait_for(self._through_upstream(host, port), 30)

    def _bypasses(self, host: str) -> bool:
        host = host.lower()
        return any(part in ("", host) or host.endswith("." + part) for part in self._no_proxy)

    async def _through_upstream(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = self._upstream
        assert upstream is not None
        context = ssl.create_default_context() if upstream.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            upstream.hostname, upstream.port or (443 if context else 80), ssl=context
        )
        lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
        if upstream.username is not None:
            user = f"{unquote(upstream.username)}:{unquote(upstream.password or '')}"
            lines.append("Proxy-Authorization: Basic " + base64.b64encode(user.encode()).decode())
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await writer.drain()
        status = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode("latin-1")
        if " 200" not in status:
            writer.close()
            raise OSError(f"the upstream proxy answered {status}")
        return reader, writer


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_PIPE):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()


async def _refuse(writer: asyncio.StreamWriter, status: str, why: str) -> None:
    body = (why + "\n").encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    with suppress(OSError):
        await writer.drain()
