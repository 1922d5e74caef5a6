"""Running act in host mode: its command line, its environment, its end.

act gets a throw-away HOME, and only the variables a runner would have. Secrets and tokens travel in files that only the
owner can read and that are gone when act is.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from azureml_local.jobs import processes
from azureml_local.paths import StatePaths
from azureml_local.settings import write_private

from . import watch
from .reviews import Reviews
from .workflow_file import WorkflowError

END_SECONDS = 5.0
RUNNERS = ("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04")
# A login shell (`shell: bash -l {0}`, as conda's steps need it) reads /etc/profile first, which on Debian and in some
# companies sets PATH anew; a runner's does not. What the step was given is in /proc, or was exported under this name.
_PROFILES = (".bash_profile", ".profile")
_GIVEN_PATH = "AZUREML_LOCAL_RUN_PATH"
_LOGIN = f"""if [ -r "/proc/$$/environ" ]; then
  PATH="$(tr '\\0' '\\n' <"/proc/$$/environ" | sed -n 's/^PATH=//p')"
else
  PATH="${_GIVEN_PATH}:$PATH"
fi
export PATH
"""
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True)
class ActRun:
    """What one act process is given. Paths are absolute.

    state: of the workspace to look after meanwhile; reviews: who lets jobs into GitHub environments;
    env: variables of every step (a file); secrets and variables: `secrets.X` and `vars.X` (files);
    process_env: the environment act itself runs in, inherited by steps in host mode.
    """

    repository: Path
    workflow: Path
    event: str
    event_file: Path
    folder: Path
    repositories: Mapping[str, Path]
    inputs: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    process_env: Mapping[str, str] = field(default_factory=dict)
    job: str = ""
    state: StatePaths | None = None
    runners: tuple[str, ...] = RUNNERS
    reviews: Reviews | None = None


def binary() -> str:
    """The act that the development lock installs."""
    beside = Path(sys.executable).parent / "act"
    found = str(beside) if beside.exists() else shutil.which("act")
    if found is None:
        raise WorkflowError("act is not installed beside this Python. `make setup` installs it.")
    return found


def search_path(first: Path) -> str:
    """PATH of the steps: our az, this Python's folder, the system's, and wherever git, bash and node are."""
    folders = [str(first), str(Path(sys.executable).parent), *_SYSTEM_PATH]
    for name in ("git", "bash", "node"):
        found = shutil.which(name)
        if found:
            folders.append(str(Path(found).parent))
    return ":".join(dict.fromkeys(folders))


def write_profiles(home: Path) -> None:
    """Login shells keep the PATH that their step was given."""
    for name in _PROFILES:
        (home / name).write_text(_LOGIN)


def dotenv(pairs: Mapping[str, str]) -> bytes:
    """Lines as act's reader takes them: 'literal' where possible, else "escaped" with newlines as \\n.

    Its reader strips every quote at the ends of a "…" value, escaped ones too: such a value goes between single quotes.
    """
    lines = []
    for name, value in pairs.items():
        if "'" not in value and "\n" not in value:
            lines.append(f"{name}='{value}'")
            continue
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
        lines.append(f'{name}="{escaped}"')
    return ("\n".join(lines) + "\n").encode()


def command(run: ActRun) -> list[str]:
    """The argument list. No secret stands in it."""
    arguments = [
        binary(), run.event, "--workflows", str(run.workflow), "--json", "--rm", "--no-cache-server",
        "--action-offline-mode", "--container-daemon-socket", "-", "--directory", str(run.repository),
        "--action-cache-path", str(run.folder / "home" / "cache"),
        "--eventpath", str(run.event_file),
        "--env-file", str(run.folder / ".env"),
        "--secret-file", str(run.folder / ".secrets"),
        "--var-file", str(run.folder / ".vars"),
        "--input-file", "/dev/null",
    ]  # fmt: skip
    for label in run.runners:
        arguments += ["--platform", f"{label}=-self-hosted"]
    for name, folder in sorted(run.repositories.items()):
        arguments += ["--local-repository", f"{name}={folder}"]
    for name, value in run.inputs.items():
        arguments += ["--input", f"{name}={value}"]
    if run.job:
        arguments += ["--job", run.job]
    return arguments


def execute(run: ActRun, feed: Callable[[str], None]) -> int:
    """Run act to its end, handing on each line. SIGINT and SIGTERM go on to act, which cancels the workflow.

    Returns act's exit code, or 130 when it was cancelled: act itself calls that a failure like any other. The private
    files and the throw-away HOME are gone afterwards, however it ended.
    """
    private = {".env": run.env, ".secrets": run.secrets, ".vars": run.variables}
    home = run.folder / "home"
    temporary = home / "tmp"  # az leaves the extension that it downloaded in there
    temporary.mkdir(parents=True, exist_ok=True)
    write_profiles(home)
    token = secrets.token_hex(16)
    try:
        for name, pairs in private.items():
            write_private(run.folder / name, dotenv(pairs))
        process = subprocess.Popen(
            command(run),
            cwd=run.repository,
            env={
                **run.process_env,
                "HOME": str(home),
                "TMPDIR": str(temporary),
                processes.TOKEN: token,
                _GIVEN_PATH: run.process_env.get("PATH", ""),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        with _Forwarding(process) as forwarding, _watching(run.state, forwarding.end):
            assert process.stdout is not None
            for line in process.stdout:
                feed(line)
            code = process.wait()
        return 130 if forwarding.asked else code
    finally:
        processes.end_processes([], token)  # steps that a killed act left behind
        for name in private:
            (run.folder / name).unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)


def _watching(state: StatePaths | None, end: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext() if state is None else watch.watching(state, end)


class _Forwarding:
    """Hands SIGINT and SIGTERM to act while it runs; a second one ends it at once. `asked`: one has come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._before: dict[signal.Signals, object] = {}
        self.asked = False

    def _forward(self, number: int, _frame: object) -> None:
        if self.asked:
            self._process.kill()
        self.asked = True
        self._process.send_signal(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    def end(self) -> None:
        """End act because its workspace is gone: its own clean-up has no one to talk to, so it gets little time."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def __enter__(self) -> _Forwarding:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._forward)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
