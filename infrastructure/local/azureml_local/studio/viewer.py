"""`azureml-local open`: the pages in a browser, which knows neither the redirect nor the local authority.

A server on 127.0.0.1 for as long as the command runs fetches the pages with a token of its own. Its address has a key
in it, which becomes a cookie at the first visit, so that nobody else on this machine can look on.
"""

from __future__ import annotations

import argparse
import hmac
import http.client
import http.server
import secrets
import ssl
import sys
import webbrowser
from collections.abc import Callable
from http import cookies
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from azureml_local import daemon, settings
from azureml_local.paths import StatePaths, own_command
from azureml_local.settings import Settings
from azureml_local.tokens import Tokens

STUDIO = "ml.azure.com"
_KEPT = ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control")
_SECONDS = 30.0

Fetch = Callable[[str], tuple[int, dict[str, str], bytes]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `azureml-local open`."""
    parser.add_argument("page", nargs="?", help="a job's name, an online endpoint's, or a link to ml.azure.com")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def path_of(page: str | None, is_job: Callable[[str], bool]) -> str:
    """The page's path and query. is_job: whether there is a job of this name; else it is an endpoint's."""
    if not page:
        return "/"
    if page.startswith("https://"):
        link = urlsplit(page)
        return (link.path or "/") + (f"?{link.query}" if link.query else "")
    name = quote(page, safe="")
    return f"/runs/{name}" if is_job(page) else f"/endpoints/realtime/{name}/detail"


def handler(fetch: Fetch, key: str) -> type[http.server.BaseHTTPRequestHandler]:
    """Answers GETs of the key's bearer with what `fetch` finds at the same path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            port = self.connection.getsockname()[1]
            cookie = f"azureml-local-{port}"  # browsers do not tell ports apart: another viewer must not overwrite it
            if self.headers.get("Host") != f"127.0.0.1:{port}":  # a name elsewhere that leads to this machine
                self._refuse("This is not the address that was printed.")
                return
            target = urlsplit(self.path)
            query = parse_qs(target.query)
            if _same(query.pop("key", [""])[0], key):
                rest = urlencode(query, doseq=True)
                self.send_response(303)
                self.send_header("Location", target.path + (f"?{rest}" if rest else ""))
                self.send_header("Set-Cookie", f"{cookie}={key}; HttpOnly; SameSite=Lax; Path=/")
                self.end_headers()
                return
            given = cookies.SimpleCookie(self.headers.get("Cookie", "")).get(cookie)
            if given is None or not _same(given.value, key):
                self._refuse("Open the address that `azureml-local open` printed.")
                return
            status, headers, body = fetch(self.path)
            self._send(status, headers, body)

        def _refuse(self, why: str) -> None:
            self._send(403, {"Content-Type": "text/plain; charset=utf-8"}, why.encode())

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Requests are not worth a line, and the first one has the key in it."""

    return Handler


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())


def fetcher(paths: StatePaths, config: Settings) -> Fetch:
    """Gets a page from the workspace's server."""
    tokens = Tokens.load(paths, config)
    context = ssl.create_default_context(cafile=str(paths.certificates / "ca.pem"))

    def fetch(path: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", config.server_port, context=context, timeout=_SECONDS)
        token = tokens.issue("https://ml.azure.com")
        try:
            connection.request("GET", path, headers={"Host": STUDIO, "Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            found = {name: value for name in _KEPT if (value := answer.getheader(name))}
            return answer.status, found, answer.read()
        except (OSError, http.client.HTTPException) as error:
            text = f"The local workspace does not answer ({error}); start it with: {own_command()} up\n"
            return 502, {"Content-Type": "text/plain; charset=utf-8"}, text.encode()
        finally:
            connection.close()

    return fetch


def run(paths: StatePaths, arguments: argparse.Namespace) -> int:
    """Serve the pages until Ctrl-C. 3 when the workspace does not run, 1 when there is no such page."""
    config = settings.load(paths) if paths.settings.exists() else None
    if config is None or daemon.find(paths, config) is None:
        print(f"azureml-local: not running; start it with: {own_command()} up", file=sys.stderr)
        return 3
    fetch = fetcher(paths, config)
    path = path_of(arguments.page, lambda name: fetch(f"/runs/{quote(name, safe='')}")[0] == 200)
    if fetch(path)[0] != 200:
        print(f"azureml-local: there is no page of '{arguments.page}'", file=sys.stderr)
        return 1
    key = secrets.token_urlsafe(24)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(fetch, key)) as server:
        address = f"http://127.0.0.1:{server.server_port}{path}{'&' if '?' in path else '?'}key={key}"
        print(f"{address}\nCtrl-C ends it.", flush=True)
        if not arguments.no_browser:
            webbrowser.open_new_tab(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0
