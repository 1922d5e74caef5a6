"""Running uv: where it is, the settings it gets, and a process group that never outlives its caller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import pip_settings
from .errors import EnvironmentBuildError
from .requirements import without_secrets

KILL_AFTER_SECONDS = 3.0
TAIL_LINES = 60
# Settings of the caller's own Python that would lead uv or a package's build astray.
_FOREIGN = {
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT",
    "UV_SYSTEM_PYTHON", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_TORCH_BACKEND", "__PYVENV_LAUNCHER__",
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a uv call ended: its exit code and the tail of what it said (stdout and stderr together)."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def find(given: Path | None = None) -> Path:
    """The uv program: the given one, the one installed with this package, or the one on PATH."""
    if given is not None:
        return given
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file():
        return beside
    elsewhere = shutil.which("uv")
    if elsewhere:
        return Path(elsewhere)
    raise EnvironmentBuildError(
        f"uv, which installs the environments, is neither beside {sys.executable} nor on PATH. "
        "Install it: `python -m pip install uv`."
    )


def environment(root: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment variables for uv, from the caller's.

    uv's own settings (UV_*, uv.toml) stay in force, pip's are translated where uv has none, downloads of
    interpreters are off, and the cache stays beside `root` unless UV_CACHE_DIR says otherwise.
    """
    result = {name: value for name, value in env.items() if name not in _FOREIGN}
    for name, value in pip_settings.for_uv(env).items():
        result.setdefault(name, value)
    result.setdefault("UV_CACHE_DIR", str(root.parent / "cache" / "uv"))
    result.update(
        UV_PYTHON_DOWNLOADS="never",
        UV_NO_PROGRESS="1",
        NO_COLOR="1",
        UV_SYSTEM_CERTS=result.get("UV_SYSTEM_CERTS", "1"),  # company certificates; SSL_CERT_FILE still goes first
        UV_NATIVE_TLS=result.get("UV_NATIVE_TLS", "1"),  # the same setting's name before uv 0.11
        GIT_TERMINAL_PROMPT="0",  # git+https:// without access fails instead of asking nobody
    )
    if "UV_LINK_MODE" not in result and _different_filesystems(Path(result["UV_CACHE_DIR"]), root):
        result["UV_LINK_MODE"] = "copy"  # hard links cannot cross; uv would warn for each environment
    return result


def _different_filesystems(cache: Path, root: Path) -> bool:
    def device(path: Path) -> int:
        while not path.exists():
            path = path.parent
        return path.stat().st_dev

    return device(cache.absolute()) != device(root.absolute())


async def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    stdin: str = "",
    on_line: Callable[[str], None],
    keep: Sequence[int] = (),
) -> Outcome:
    """Run uv in a process group of its own, lines to `on_line` as they come, credentials taken out.

    `keep` are descriptors that it inherits (the lock). When the awaiting task is cancelled, or anything else goes
    wrong here, the whole group is ended before this returns.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, argv),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(env),
        cwd="/",  # uv looks for pyproject.toml and uv.toml from here upwards: no project's settings may leak in
        start_new_session=True,
        pass_fds=tuple(keep),
    )
    tail: list[str] = []
    try:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - both are pipes
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(stdin.encode())
            await process.stdin.drain()
        process.stdin.close()
        rest = b""
        while chunk := await process.stdout.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _take(line, tail, on_line)
        _take(rest, tail, on_line)
        return Outcome(await process.wait(), tuple(tail))
    except BaseException:
        await _end(process)
        raise


def _take(raw: bytes, tail: list[str], on_line: Callable[[str], None]) -> None:
    line = without_secrets(raw.decode("utf-8", "replace").rstrip())
    if line:
        tail.append(line)
        del tail[:-TAIL_LINES]
        on_line(line)


async def _end(process: asyncio.subprocess.Process) -> None:
    """TERM, then KILL, to the whole group; a second cancellation must not leave it running."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), KILL_AFTER_SECONDS)
            except (asyncio.TimeoutError, asyncio.CancelledError):
                continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what uv started and TERM did not reach
