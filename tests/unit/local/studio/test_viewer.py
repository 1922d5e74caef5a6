"""`azureml-local open`: who may look, what is asked of the workspace, and which page a word means."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from azureml_local.studio import viewer

KEY = "the-key"


@dataclass
class Viewer:
    """A viewer on a port of its own, over pages that are pretended."""

    asked: list[str] = field(default_factory=list)
    port: int = 0

    def fetch(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        return 200, {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'none'"}, b"<p>page</p>"

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found


@pytest.fixture
def viewing() -> Iterator[Viewer]:
    made = Viewer()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), viewer.handler(made.fetch, KEY)) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_the_key_becomes_a_cookie_and_leaves_the_address(viewing: Viewer) -> None:
    status, headers, _ = viewing.get(f"/runs/j?wsid=/subscriptions/s&key={KEY}")
    assert (status, headers["Location"]) == (303, "/runs/j?wsid=%2Fsubscriptions%2Fs")
    assert headers["Set-Cookie"].endswith("; HttpOnly; SameSite=Lax; Path=/")
    assert viewing.asked == []
    cookie = headers["Set-Cookie"].partition(";")[0]
    status, headers, body = viewing.get(headers["Location"], Cookie=cookie)
    assert (status, body, viewing.asked) == (200, b"<p>page</p>", ["/runs/j?wsid=%2Fsubscriptions%2Fs"])
    assert headers["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.parametrize("path", ["/", "/?key=", "/?key=wrong", "/runs/j?key=the-ke"])
def test_without_the_key_nothing_is_shown(viewing: Viewer, path: str) -> None:
    status, _, body = viewing.get(path, Cookie=f"azureml-local-{viewing.port}=wrong")
    assert (status, viewing.asked) == (403, [])
    assert b"Open the address that `azureml-local open` printed." in body


def test_another_name_for_this_machine_and_other_methods_are_refused(viewing: Viewer) -> None:
    status, _, body = viewing.get(f"/?key={KEY}", Host="evil.example")
    assert (status, body) == (403, b"This is not the address that was printed.")
    assert viewing.get(f"/?key={KEY}", "POST")[0] == 501
    assert viewing.asked == []


@pytest.mark.parametrize(
    ("page", "path"),
    [
        (None, "/"),
        ("my-job", "/runs/my-job"),
        ("taxi", "/endpoints/realtime/taxi/detail"),
        ("https://ml.azure.com/runs/my-job?wsid=/subscriptions/s&tid=t", "/runs/my-job?wsid=/subscriptions/s&tid=t"),
        ("https://ml.azure.com", "/"),
        ("../x", "/endpoints/realtime/..%2Fx/detail"),
    ],
)
def test_what_is_opened(page: str | None, path: str) -> None:
    assert viewer.path_of(page, lambda name: name == "my-job") == path
