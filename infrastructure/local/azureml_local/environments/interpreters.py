"""Which of the machine's Python interpreters an environment gets. Nothing is ever downloaded.

The asked version is used where the machine has it. Otherwise the nearest minor version is, and of two equally near
the higher one: code written for 3.10 runs on 3.11 but not always on 3.9, and a package without a wheel for it
fails here and now, with its name, while missing syntax would fail in the middle of a step.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from .errors import EnvironmentBuildError

OLDEST_MINOR = 7  # uv installs into nothing older
_NAME = re.compile(r"^python3\.(\d+)$")
_PROBE = (
    "import sys; print(*sys.version_info[:3], sys.implementation.name, "
    "getattr(sys, '_base_executable', sys.executable))"
)

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine that answered."""

    path: Path
    version: Version

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"


def probe(path: Path) -> Interpreter | None:
    """The interpreter behind a path (of a virtual environment: the one below it), or None if it does not run."""
    try:
        done = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=True)
        major, minor, patch, implementation, base = done.stdout.split(maxsplit=4)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if implementation != "cpython":
        return None
    return Interpreter(Path(base.strip() or path), (int(major), int(minor), int(patch)))


def folders(env: Mapping[str, str]) -> list[Path]:
    """The folders where interpreters are looked for: PATH first, then where pyenv, uv, conda and CI keep theirs."""
    homes = {Path(env["HOME"])} if env.get("HOME") else set()
    with contextlib.suppress(KeyError):  # HOME is often a throw-away folder under act and in CI
        homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir))
    found = [Path(folder) for folder in env.get("PATH", "").split(os.pathsep) if folder and "shims" not in folder]
    patterns: list[tuple[Path, str]] = []
    for variable, pattern in (
        ("PYENV_ROOT", "versions/*/bin"),
        ("UV_PYTHON_INSTALL_DIR", "cpython-*/bin"),
        ("RUNNER_TOOL_CACHE", "Python/*/*/bin"),
        ("AGENT_TOOLSDIRECTORY", "Python/*/*/bin"),
        ("CONDA_ROOT", "bin"),
    ):
        if env.get(variable):
            patterns.append((Path(env[variable]), pattern))
    for home in sorted(homes):
        patterns += [
            (home, ".pyenv/versions/*/bin"),
            (home, ".local/share/uv/python/cpython-*/bin"),
            (home, ".local/bin"),
            *[
                (home, f"{conda}{sub}")
                for conda in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")
                for sub in ("/bin", "/envs/*/bin")
            ],
        ]
    patterns += [
        (Path("/"), "usr/local/bin"),
        (Path("/"), "usr/bin"),
        (Path("/"), "opt/homebrew/bin"),
        (Path("/"), "opt/hostedtoolcache/Python/*/*/bin"),
        (Path("/"), "opt/conda/bin"),
        (Path("/"), "opt/python/cp3*/bin"),
        (Path("/"), "Library/Frameworks/Python.framework/Versions/3.*/bin"),
    ]
    for root, pattern in patterns:
        # newest patch release first: '3.10.13' before '3.10.2'
        found += sorted(
            root.glob(pattern), key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True
        )
    return list(dict.fromkeys(found))


def candidates(env: Mapping[str, str]) -> Iterator[tuple[int, Path]]:
    """(minor version, path) of what looks like an interpreter, best first. None of them has been run yet."""
    yield sys.version_info.minor, Path(sys.executable)
    for folder in folders(env):
        try:
            names = sorted(path.name for path in folder.iterdir())
        except OSError:
            continue
        for name in names:
            matched = _NAME.match(name)
            if matched:
                yield int(matched[1]), folder / name


def choose(
    asked: str | None,
    where: str,
    available: list[tuple[int, Path]],
    run: Callable[[Path], Interpreter | None] = probe,
) -> tuple[Interpreter, str | None]:
    """The interpreter for a PEP 440 specifier (None or '': no wish), and a warning if it is not what was asked.

    Of several versions that satisfy a range, the workspace's own (the first of `available`) is taken, else the
    highest. A different patch release of the asked minor version counts as what was asked.
    """
    by_minor: dict[int, list[Path]] = {}
    for minor, path in available:
        if minor >= OLDEST_MINOR:
            by_minor.setdefault(minor, []).append(path)
    own = available[0][0] if available else 0
    wish = SpecifierSet(asked or "")
    fitting = [minor for minor in by_minor if _fits(wish, minor)]
    ordered = sorted(fitting, key=lambda minor: (minor != own, -minor))
    wanted = _wanted_minor(wish, own)
    rest = sorted(set(by_minor) - set(fitting), key=lambda minor: (abs(minor - wanted), -minor))
    for minor in [*ordered, *rest]:
        running = [found for found in map(run, by_minor[minor]) if found is not None and found.version[1] == minor]
        if not running:
            continue
        exact = [found for found in running if wish.contains(".".join(map(str, found.version)), prereleases=True)]
        if minor in fitting:
            return (exact or running)[0], None
        return running[0], (
            f"{where}: Python {_text(wish)} is asked for and not on this machine; the nearest, Python 3.{minor}, "
            f"is used. To have the asked one, install it{install_hint(f'3.{wanted}')}."
        )
    raise EnvironmentBuildError(
        f"{where}: no usable Python interpreter was found on this machine (3.{OLDEST_MINOR} or newer). "
        f"Install one, for example with `uv python install 3.{wanted}`."
    )


def install_hint(minor: str) -> str:
    """How to get an interpreter, for the end of a sentence; empty for one that uv does not offer."""
    return f" (for example with `uv python install {minor}`)" if int(minor.partition(".")[2]) >= 8 else ""


def _fits(wish: SpecifierSet, minor: int) -> bool:
    """Whether some patch release of 3.minor satisfies the wish."""
    return any(wish.contains(f"3.{minor}.{patch}", prereleases=True) for patch in range(40))


def _wanted_minor(wish: SpecifierSet, own: int) -> int:
    """The minor version that a wish is about: of '>=3.6,<3.9' the highest below the bound."""
    if not str(wish):
        return own
    allowed = [minor for minor in range(40) if _fits(wish, minor)]
    return max(allowed) if allowed and max(allowed) < 39 else (min(allowed) if allowed else own)


def _text(wish: SpecifierSet) -> str:
    return str(wish).replace("==", "").replace(".*", "") if str(wish).startswith("==") else str(wish)
