"""Launches of the Azure CLI: signing in, the `ml` extension, and the one or two `az ml` calls an action makes.

Secrets reach `az` through files (its `@file` arguments) that only this user can read and that are gone when the call
returns; nothing secret is ever on a command line. With credentials of its own an action keeps az's whole
configuration in a temporary folder, so that nothing outlives the step and no other session is touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from clock import Clock
from credentials import ServicePrincipal
from errors import ActionError, ExitCode
from known_failures import failure
from rest import ARM

ML_EXTENSION = "2.42.0"
_REMARK = re.compile(r"experimental class|\d(%|B) ?[|\[].*/s\]$")

_PASSING = re.compile(
    r"TooManyRequests|ServiceUnavailable|GatewayTimeout|BadGateway|InternalServerError|\(5\d\d\)|Connection aborted"
    r"|[Cc]onnection (was )?(reset|broken)|Remote end closed|Read timed out|Max retries exceeded"
)


@dataclass(frozen=True)
class Finished:
    """How a child process ended."""

    code: int
    stdout: str
    stderr: str


class Launch(Protocol):
    """Runs a program to its end; `env` is its whole environment."""

    def __call__(self, argv: Sequence[str], env: Mapping[str, str]) -> Finished: ...


def launch(argv: Sequence[str], env: Mapping[str, str]) -> Finished:
    """Run a child in a process group of its own and kill all of it when this process is interrupted meanwhile."""
    try:
        child = subprocess.Popen(
            argv,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise failure(f"{argv[0]} could not be started.", str(error)) from error
    try:
        stdout, stderr = child.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    return Finished(child.returncode, stdout, stderr)


def extension_folder(env: Mapping[str, str]) -> Path:
    """Where `az` keeps its extensions for this user."""
    if env.get("AZURE_EXTENSION_DIR"):
        return Path(env["AZURE_EXTENSION_DIR"])
    configuration = env.get("AZURE_CONFIG_DIR") or str(Path(env.get("HOME", "~")).expanduser() / ".azure")
    return Path(configuration) / "cliextensions"


def installed_extension(folder: Path, name: str = "ml") -> str:
    """Version of an installed extension, read from its metadata on disk; "" when it is missing.

    Asking `az extension list` costs a second and tells the same.
    """
    for metadata in sorted((folder / name).glob(f"{name}-*.dist-info/METADATA")) + sorted(
        (folder / name).glob(f"{name}-*.egg-info/PKG-INFO")
    ):
        for line in metadata.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Version:"):
                return line.partition(":")[2].strip()
    return ""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One installation at a time: jobs of one run may share the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".ml-install.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Az:
    """The `az` of this step. Use it as a context manager: leaving it removes its private configuration."""

    def __init__(
        self, env: Mapping[str, str], *, run: Launch = launch, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._env = {**env, "AZURE_CORE_COLLECT_TELEMETRY": "no", "AZURE_CORE_NO_COLOR": "yes"}
        self._run = run
        self._say = say
        self._private: Path | None = None
        self.ml_calls = 0

    def __enter__(self) -> Az:
        return self

    def __exit__(self, *_: object) -> None:
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    def _az(self, *arguments: str) -> Finished:
        return self._run(["az", *arguments], self._env)

    def private(self) -> Path:
        """Move az's configuration into a temporary folder; the extensions stay where they are."""
        if self._private is None:
            folder = tempfile.mkdtemp(prefix="azure-", dir=self._env.get("RUNNER_TEMP") or None)  # mode 0700
            self._private = Path(folder)
            self._env["AZURE_EXTENSION_DIR"] = str(extension_folder(self._env))
            self._env["AZURE_CONFIG_DIR"] = folder
        return self._private

    @contextlib.contextmanager
    def _secret_file(self, secret: str) -> Iterator[str]:
        path = self.private() / "proof"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secret)
            yield f"@{path}"
        finally:
            path.unlink(missing_ok=True)

    def login(self, principal: ServicePrincipal) -> None:
        """Sign `az` in as `principal`, in the private configuration."""
        self.private()
        option, secret = principal.proof()
        who = principal.principal
        with self._secret_file(secret) as value:
            done = self._az(
                "login", "--service-principal", "--username", who.client_id, "--tenant", who.tenant_id,
                f"{option}={value}",  # in one word: a secret may begin with -, which would be an option
                "--allow-no-subscriptions", "--output", "none",
            )  # fmt: skip
        if done.code:
            raise failure("az login failed.", essence(done.stderr), ExitCode.SIGN_IN)

    def session_token(self, resource: str = ARM) -> dict[str, Any]:
        """`az account get-access-token` of the present session: accessToken, expires_on, subscription …"""
        done = self._az("account", "get-access-token", "--resource", resource, "--output", "json")
        if done.code:
            raise failure("There is no usable az session.", essence(done.stderr), ExitCode.SIGN_IN)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def session_account(self) -> dict[str, Any]:
        """`az account show`: id (the subscription), tenantId, user {name, type}."""
        done = self._az("account", "show", "--output", "json")
        if done.code:
            raise failure("There is no usable az session.", essence(done.stderr), ExitCode.SIGN_IN)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def ensure_ml(self, version: str = ML_EXTENSION) -> str:
        """Install the `ml` extension where it is missing; the version that is there afterwards."""
        folder = extension_folder(self._env)
        found = installed_extension(folder)
        if not found:
            with locked(folder):
                found = installed_extension(folder)  # another job may have been faster
                if not found:
                    self._say(f"Installing the az extension ml {version} into {folder}")
                    done = self._az(
                        "extension", "add", "--name", "ml", "--version", version, "--yes", "--output", "none"
                    )
                    if done.code:
                        raise failure("The az extension ml could not be installed.", essence(done.stderr))
                    found = installed_extension(folder) or version
        if found != version:
            self._say(f"The az extension ml {found} is installed and used; {version} was asked for.")
        return found

    def ml_patiently(
        self, arguments: Sequence[str], clock: Clock, arrived: Callable[[], bool] = lambda: False
    ) -> Finished:
        """As ml, and once more after a passing failure, unless it has `arrived` all the same; only for safe repeats."""
        done = self.ml(arguments)
        if done.code and self.ml_calls < 2 and _PASSING.search(done.stderr) and not arrived():
            self._say(f"az failed for a passing reason, trying once more: {essence(done.stderr, 3)}")
            clock.sleep(5.0)
            done = self.ml(arguments)
        return done

    def ml(self, arguments: Sequence[str]) -> Finished:
        """One `az ml` launch (5 s and 230 MB): at most two in an action."""
        if self.ml_calls >= 2:
            raise ActionError("An action makes at most two `az ml` calls.", exit_code=ExitCode.AZURE)
        self.ml_calls += 1
        return self._az("ml", *arguments, "--only-show-errors", "--output", "json")


def json_of(stdout: str) -> dict[str, Any]:
    """The JSON object at the end of `stdout`; some commands print progress before it. `{}` when there is none."""
    start = stdout.find("{")
    if start < 0:
        return {}
    try:
        document = json.loads(stdout[start:])
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def essence(stderr: str, lines: int = 30) -> str:
    """The error in what az wrote: each sentence once, without tracebacks and the service's repetitions."""
    kept: list[str] = []
    for line in without_noise(stderr).splitlines():
        if line.startswith(("Exception Details:", "During handling of the above", "The above exception was")):
            break
        said = line.removeprefix("Message: ")
        if not line.startswith(("Code: ", "Target: ")) and not any(said in earlier for earlier in kept):
            kept.append(said)
    return "\n".join(kept[:lines]) or "az gave no reason"


def without_noise(stderr: str) -> str:
    """What az wrote for people: no colours, progress bars, tracebacks, or remarks about experimental classes."""
    kept: list[str] = []
    in_traceback = False
    for line in _uncoloured(stderr).splitlines():
        text = line.rstrip()
        if text.startswith("Traceback (most recent"):
            in_traceback = True
        elif not text.startswith("  "):
            in_traceback = False
        noise = ("WARNING:", "Class ", "Traceback (most recent", "To view ", "https://aka.ms/cli_ref")
        if text and not in_traceback and not text.startswith(noise) and not _REMARK.search(text):
            kept.append(text.removeprefix("ERROR: "))
    return "\n".join(kept)


def _uncoloured(text: str) -> str:
    out, inside = [], False
    for char in text:
        if char == "\x1b":
            inside = True
        elif not inside:
            out.append(char)
        elif char.isalpha():
            inside = False
    return "".join(out)
