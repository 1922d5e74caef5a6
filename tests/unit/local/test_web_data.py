from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

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


BLOBS = {"mnist/sample/0.png": b"zero", "mnist/sample/more/1 & 2.png": b"one", "mnist/sampled.txt": b"no"}


@pytest.fixture
def container() -> Iterator[tuple[str, list[str]]]:
    """Azure's blob service with a container `data` that anyone may list, one blob a page; and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            name = unquote(parts.path).removeprefix("/data/")
            if query.get("comp") == "list" and parts.path == "/data":
                names = [each for each in sorted(BLOBS) if each.startswith(query["prefix"])]
                at = int(query["marker"] or 0)
                following = str(at + 1) if at + 1 < len(names) else ""
                shown = "".join(f"<Blob><Name>{html.escape(each)}</Name></Blob>" for each in names[at : at + 1])
                body = f"\ufeff<Blobs>{shown}</Blobs><NextMarker>{following}</NextMarker>".encode()
                status = 200
            else:
                status, body = (200, BLOBS[name]) if name in BLOBS else (404, b"<Error/>")
            self.send_response(status)
            self.send_header("x-ms-request-id", "r")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_of_a_public_container(tmp_path: Path, container: tuple[str, list[str]], end: str) -> None:
    """As https://azuremlexampledata.blob.core.windows.net/data/mnist/sample in Microsoft's samples."""
    url, asked = container
    folder = web_data.fetch(tmp_path, f"{url}/data/mnist/sample{end}")
    assert folder.name == "sample"
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert found == {"0.png": b"zero", "more/1 & 2.png": b"one"}
    before = len(asked)
    assert web_data.fetch(tmp_path, f"{url}/data/mnist/sample{end}") == folder
    assert len(asked) == before
    assert [path.name for path in folder.parent.iterdir()] == ["sample"]


def test_a_folder_that_is_not_there(tmp_path: Path, container: tuple[str, list[str]]) -> None:
    with pytest.raises(AzureError, match="the server answered 404 no blob, and none below it"):
        web_data.fetch(tmp_path, container[0] + "/data/nothing")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_blob_does_not_leave_its_folder(
    tmp_path: Path, container: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLOBS, "mnist/sample/../../../escaped.txt", b"x")
    with pytest.raises(AzureError, match="lies outside the folder"):
        web_data.fetch(tmp_path, container[0] + "/data/mnist/sample")
    assert not list(tmp_path.rglob("escaped.txt"))
