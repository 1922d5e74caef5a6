"""One HTTPS exchange with the standard library.

`urllib` takes the proxy from HTTPS_PROXY / NO_PROXY; trusted authorities come from SSL_CERT_FILE, else
REQUESTS_CA_BUNDLE (what `az` reads), else the system. Redirects are not followed: a bearer token must not travel to
a host that was not asked for it.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """`timeout` in seconds, for connecting and for each read."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float = 60.0


@dataclass(frozen=True)
class Response:
    """`headers` has lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The decoded body; `{}` for an empty one, ValueError for one that is no JSON."""
        return json.loads(self.body) if self.body.strip() else {}


class TransportError(Exception):
    """No answer: connection refused or broken, name not found, timeout, TLS failure."""


Transport = Callable[[Request], Response]


@functools.cache
def _opener() -> urllib.request.OpenerDirector:
    bundle = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or None
    opener = urllib.request.OpenerDirector()  # bare: no redirects, no exceptions for 4xx, no ftp: or file: URLs
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=bundle)),
    ):
        opener.add_handler(handler)
    return opener


def _may_carry_secrets(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


def send(request: Request) -> Response:
    """Send `request` for real. Any status is an answer; TransportError when there is none."""
    if not _may_carry_secrets(request.url):
        host = urlsplit(request.url).netloc
        raise TransportError(f"{host} was asked for without TLS; only https:// addresses are used")
    wire = urllib.request.Request(request.url, data=request.body, headers=dict(request.headers), method=request.method)
    try:
        opened = _opener().open(wire, timeout=request.timeout)
        if opened is None:
            raise TransportError(f"no way to open {urlsplit(request.url).scheme}: addresses")
        with opened as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status, headers, answer.read())
    except urllib.error.URLError as error:
        raise TransportError(f"{urlsplit(request.url).netloc}: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransportError(f"{urlsplit(request.url).netloc}: {type(error).__name__} {error}") from error
