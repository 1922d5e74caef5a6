"""The real HTTPS exchange, against a server on loopback."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

import transport
from transport import Request, TransportError, send


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        status = int(self.path.strip("/") or 200)
        self.send_response(status)
        self.send_header("X-Thing", "Yes")
        if status == 302:
            self.send_header("Location", "https://elsewhere.invalid/")
        self.end_headers()
        self.wfile.write(self.headers.get("Authorization", "none").encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://localhost:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    transport._opener.cache_clear()
    yield
    transport._opener.cache_clear()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_the_bundle_of_the_environment_is_trusted(
    variable: str, server: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    answered = send(Request("GET", f"{server}/200", {"Authorization": "Bearer x"}))
    assert (answered.status, answered.headers["x-thing"], answered.body) == (200, "Yes", b"Bearer x")
    assert send(Request("GET", f"{server}/404")).status == 404
    redirected = send(Request("GET", f"{server}/302", {"Authorization": "Bearer x"}))
    assert (redirected.status, redirected.headers["location"]) == (302, "https://elsewhere.invalid/")


def test_an_unknown_authority_is_refused(server: str) -> None:
    with pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED"):
        send(Request("GET", server))


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.append(self.path)
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            pass

    proxy = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=proxy.handle_request, daemon=True)
    thread.start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
    with pytest.raises(TransportError, match=r"management\.azure\.com"):
        send(Request("GET", "https://management.azure.com/x", timeout=5))
    thread.join(5)
    proxy.server_close()
    assert seen == ["management.azure.com:443"]


@pytest.mark.parametrize("url", ["http://management.azure.com/x", "file:///etc/passwd", "ftp://h/x"])
def test_nothing_is_sent_without_tls(url: str) -> None:
    with pytest.raises(TransportError, match="only https:// addresses are used"):
        send(Request("GET", url))


def test_a_closed_port_is_a_transport_error() -> None:
    with pytest.raises(TransportError, match="refused"):
        send(Request("GET", "https://127.0.0.1:1/", timeout=5))
