"""Tools with their own locked virtual environment, built once by uv and shared: `az`, the MLflow server.

Each lives in `<cache>/tools/<name>-<hash of its lock file and Python>`, so a new lock file makes a new one and an old
one stays usable. The marker `.ready` is written last, so being killed half-way leaves nothing that looks finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .paths import LOCKS, StatePaths

LOOK_SECONDS = 0.05


class ToolError(Exception):
    """A tool could not be installed; the message has uv's last lines and what to do."""


def uv_binary() -> Path:
    """The uv that was installed beside this Python, else the one on PATH."""
    beside = Path(sys.executable).parent / "uv"
    if beside.exists():
        return beside
    found = shutil.which("uv")
    if found is None:
        raise ToolError("uv is not installed beside this Python. `make` in the repository sets everything up.")
    return Path(found)


def uv_environment(paths: StatePaths) -> dict[str, str]:
    """The caller's environment with what uv needs: the system's certificates, and a cache inside our folder."""
    return {
        **os.environ,
        "UV_SYSTEM_CERTS": "1",
        "UV_NATIVE_TLS": "1",
        "UV_CACHE_DIR": str(paths.uv_cache),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "hardlink"),
        "UV_NO_PROGRESS": "1",
    }


@contextmanager
def file_lock(path: Path, stopped: threading.Event | None = None) -> Iterator[int]:
    """Hold a lock file across processes; yields its descriptor. Raises ToolError when `stopped` is set meanwhile.

    The kernel frees it when its holder dies, and the holder's children that were given the descriptor.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stopped = stopped or threading.Event()
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stopped.wait(LOOK_SECONDS):
                    raise ToolError(f"stopped while waiting for {path}") from None
        yield handle.fileno()


def tool_folder(paths: StatePaths, name: str) -> Path:
    lock = (LOCKS / f"{name}.txt").read_bytes()
    python = f"{sys.executable} {sys.version}".encode()
    return paths.tools / f"{name}-{hashlib.sha256(lock + python).hexdigest()[:12]}"


def ensure(paths: StatePaths, name: str, say: Callable[[str], None], stopped: threading.Event | None = None) -> Path:
    """The tool's virtual environment, built from `infrastructure/locks/<name>.txt` when it is not there yet.

    Blocks, until `stopped` is set at the latest. Raises ToolError then and when it cannot be built. What uv has
    downloaded by then is in its cache, so the next call goes on from there.
    """
    folder = tool_folder(paths, name)
    ready = folder / ".ready"
    if ready.exists():
        return folder
    stopped = stopped or threading.Event()
    with file_lock(paths.tools / f"{name}.lock", stopped) as lock:
        if ready.exists():
            return folder
        say(f"installing {name} (once)")
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(uv_binary())
        try:
            for command in (
                [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
                [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python"),
                 str(LOCKS / f"{name}.txt")],
            ):  # fmt: skip
                code, output = _run(command, uv_environment(paths), lock, stopped)
                if code != 0:
                    tail = "\n".join(output.strip().splitlines()[-12:])
                    raise ToolError(
                        f"{name} could not be installed into {folder}:\n{tail}\n"
                        "Is the package index reachable and the disk not full? Run the command again when it is."
                    )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # on a full disk, half a tool only makes it worse
            raise
        ready.touch()
    return folder


def _run(command: Sequence[str], environment: dict[str, str], lock: int, stopped: threading.Event) -> tuple[int, str]:
    """Exit code and output. uv has the lock too: should this process be killed, nobody builds where uv still does."""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=(lock,),
    ) as process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=LOOK_SECONDS)
                    return process.returncode, output
                if stopped.is_set():
                    raise ToolError("stopped while installing")
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
