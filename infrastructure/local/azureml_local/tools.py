"""Tools with their own locked virtual environment, built once by uv and shared: `az`, the MLflow server.

Each lives in `<cache>/tools/<name>-<hash of its lock file and Python>`, so a new lock file makes a new one and an old
one stays usable. The marker `.ready` is written last, so being killed half-way leaves nothing that looks finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .paths import LOCKS, StatePaths


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
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock file across processes; the kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tool_folder(paths: StatePaths, name: str) -> Path:
    lock = (LOCKS / f"{name}.txt").read_bytes()
    python = f"{sys.executable} {sys.version}".encode()
    return paths.tools / f"{name}-{hashlib.sha256(lock + python).hexdigest()[:12]}"


def ensure(paths: StatePaths, name: str, say: Callable[[str], None]) -> Path:
    """The tool's virtual environment, built from `infrastructure/locks/<name>.txt` when it is not there yet."""
    folder = tool_folder(paths, name)
    ready = folder / ".ready"
    if ready.exists():
        return folder
    with file_lock(paths.tools / f"{name}.lock"):
        if ready.exists():
            return folder
        say(f"installing {name} (once)")
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(uv_binary())
        environment = uv_environment(paths)
        for command in (
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python"),
             str(LOCKS / f"{name}.txt")],
        ):  # fmt: skip
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
                shutil.rmtree(folder, ignore_errors=True)  # on a full disk, half a tool only makes it worse
                raise ToolError(
                    f"{name} could not be installed into {folder}:\n{tail}\n"
                    "Is the package index reachable and the disk not full? Run the command again when it is."
                )
        ready.touch()
    return folder
