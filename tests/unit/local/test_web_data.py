from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from azureml_local import web_data
from azureml_local.errors import AzureError


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    """A web site with /iris.csv, a /broken.csv that ends too early, and 404 otherwise; and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status = 404 if "nope" in self.path else 200
            self.send_response(status)
            self.send_header("Content-Length", "8" if status == 200 else "0")
            self.end_headers()
            self.wfile.write(b"a,b\n" + (b"1,2\n" if "iris" in self.path else b"") if status == 200 else b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_file_is_downloaded_once_under_its_own_name(tmp_path: Path, site: tuple[str, list[str]]) -> None:
    url, asked = site
    first = web_data.fetch(tmp_path, url + "/iris.csv")
    assert (first.name, first.read_text()) == ("iris.csv", "a,b\n1,2\n")
    assert web_data.fetch(tmp_path, url + "/iris.csv") == first
    assert web_data.fetch(tmp_path, url + "/iris.csv?version=2") != first
    assert asked == ["/iris.csv", "/iris.csv?version=2"]


@pytest.mark.parametrize(
    ("path", "why"), [("/broken.csv", "the connection broke after 4 of 8 bytes"), ("/nope", "the server answered 404")]
)
def test_what_cannot_be_had_is_one_clear_error(
    tmp_path: Path, site: tuple[str, list[str]], path: str, why: str
) -> None:
    with pytest.raises(AzureError, match="could not be downloaded: " + why):
        web_data.fetch(tmp_path, site[0] + path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_through_a_proxy(tmp_path: Path, site: tuple[str, list[str]]) -> None:
    url, asked = site
    assert web_data.fetch(tmp_path, "http://data.example/iris.csv", proxy=url).read_text().startswith("a,b")
    assert asked == ["http://data.example/iris.csv"]


def test_no_such_server(tmp_path: Path) -> None:
    with pytest.raises(AzureError, match="Connection refused"):
        web_data.fetch(tmp_path, "http://127.0.0.1:9/x.csv")
