"""Starting and stopping the server in the background, and knowing that what answers is ours.

Readiness is not an open port: the health answer must carry the nonce that this start was given, so a left-over on the
same port is never taken for the workspace.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from . import certificates, problems, settings, tools
from .jobs.processes import TOKEN
from .paths import StatePaths
from .proxy import UPSTREAM_NO_PROXY, UPSTREAM_PROXY
from .settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 25.0
_OWN_WORDS = "azureml-local: "


class DaemonError(Exception):
    """The server did not start or stop; the message says why and what to do."""


@dataclass(frozen=True)
class Running:
    """A server that answered with its own nonce."""

    pid: int
    nonce: str


def request(
    paths: StatePaths,
    config: Settings,
    method: str,
    path: str,
    body: object = None,
    *,
    key: str = "",
    timeout: float = 5,
) -> Any:
    """One call of the local API. Raises OSError when nobody answers, DaemonError when the answer is an error."""
    context = ssl.create_default_context(cafile=str(paths.certificates / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", config.server_port, context=context, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"x-azureml-local-key": key} if key else {})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise DaemonError(f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
        return json.loads(content)
    except (http.client.HTTPException, ssl.SSLError) as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def find(paths: StatePaths, config: Settings) -> Running | None:
    """The server of this state folder if it is up and answers as itself."""
    try:
        record = json.loads(paths.process.read_text())
        answer = request(paths, config, "GET", "/health")
    except (OSError, ValueError, DaemonError):
        return None
    if answer.get("nonce") != record.get("nonce"):
        return None
    return Running(int(answer["pid"]), str(answer["nonce"]))


def _free(port: int) -> bool:
    import socket  # noqa: PLC0415 - only on start

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _settle_ports(paths: StatePaths, config: Settings, say: Callable[[str], None]) -> Settings:
    """Keep the ports unless somebody else took one meanwhile: then new ones, and say so."""
    taken = [port for port in (config.proxy_port, config.server_port) if not _free(port)]
    if not taken:
        return config
    say(f"port {taken[0]} is in use by another program: taking new ports; evaluate `azureml-local env` again")
    config = replace(config, proxy_port=settings.free_port(), server_port=settings.free_port())
    settings.save(paths, config)
    return config


def child_environment(paths: StatePaths, config: Settings, nonce: str) -> dict[str, str]:
    """The server's own environment: the caller's, less a redirect to ourselves, plus the caller's proxy as upstream."""
    environment = dict(os.environ)
    ours = f"127.0.0.1:{config.proxy_port}"
    upstream = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    if ours in upstream:
        upstream = environment.get(UPSTREAM_PROXY, "")
    for name in ("HTTPS_PROXY", "https_proxy"):
        environment.pop(name, None)
    before = certificates.trusted_before(paths)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if environment.get(name) == str(paths.ca_bundle):
            if before is None:
                environment.pop(name)
            else:
                environment[name] = str(before)
    environment.pop(TOKEN, None)  # started from a step: it is not to end with it
    environment["AZUREML_LOCAL_NONCE"] = nonce
    environment["PYTHONUNBUFFERED"] = "1"
    if upstream:
        environment[UPSTREAM_PROXY] = upstream
        environment[UPSTREAM_NO_PROXY] = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    return environment


def start(paths: StatePaths, say: Callable[[str], None]) -> Running:
    """Start the server unless it runs, and return when it answers. Raises DaemonError with the reason.

    Two that start at once end up with one server: the second waits, and finds it.
    """
    paths.create()
    with tools.file_lock(paths.root / "up.lock"):
        config = settings.load(paths)
        running = find(paths, config)
        if running is not None:
            return running
        _end_leftover(paths)
        config = _settle_ports(paths, config, say)
        say("starting the local workspace")
        return _start(paths, config)


def _start(paths: StatePaths, config: Settings) -> Running:
    nonce = secrets.token_hex(16)
    with paths.log.open("ab") as log:
        offset = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "azureml_local.server", str(paths.root)],
            env=child_environment(paths, config, nonce),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=str(paths.root),
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            running = find(paths, config)
            if running is not None and running.nonce == nonce:
                return running
            time.sleep(0.05)
    except BaseException:  # Ctrl-C: a server that nobody waits for must not come up
        process.kill()
        raise
    process.kill()
    with paths.log.open("rb") as log:
        log.seek(offset)
        lines = log.read().decode(errors="replace").strip().splitlines()
    if lines and lines[-1].startswith(_OWN_WORDS):
        raise DaemonError(lines[-1].removeprefix(_OWN_WORDS))
    if problems.is_full(paths.root):  # then the log could not be written either
        raise DaemonError(problems.disk_full_message(paths.root))
    tail = "\n".join(lines[-15:])
    raise DaemonError(f"the local workspace did not start; the end of {paths.log}:\n{tail}\n{problems.RESET}")


def _ours(pid: int, paths: StatePaths) -> bool:
    """Whether this process is a server of this state folder, by its command line: a reused pid is never killed."""
    done = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.rstrip().endswith(f"azureml_local.server {paths.root}")


def server_pid(paths: StatePaths) -> int | None:
    """The process that serves this state folder, or that is about to."""
    found: list[int] = []
    with suppress(OSError, ValueError, KeyError, TypeError):
        found.append(int(json.loads(paths.process.read_text())["pid"]))
    with suppress(OSError, ValueError):
        found.append(int(paths.lock.read_text()))
    return next((pid for pid in found if _ours(pid, paths)), None)


def _end_leftover(paths: StatePaths) -> None:
    """A server that no longer answers must not hold the state folder."""
    pid = server_pid(paths)
    if pid is not None:
        _signal(pid, signal.SIGKILL)
        _wait_gone(pid, 5)
    paths.process.unlink(missing_ok=True)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def stop(paths: StatePaths) -> bool:
    """Stop the server and all it runs. False when there was none."""
    pid = server_pid(paths)
    if pid is None:
        paths.process.unlink(missing_ok=True)
        return False
    _signal(pid, signal.SIGTERM)
    if not _wait_gone(pid, STOP_SECONDS):
        _signal(pid, signal.SIGKILL)
        _wait_gone(pid, 5)
    paths.process.unlink(missing_ok=True)
    return True
