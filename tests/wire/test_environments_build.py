"""Real environments, made by the real uv from the package index."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from azureml_local.environments.build import BuiltEnvironment, EnvironmentBuilder, EnvironmentBuildError
from azureml_local.environments.spec import spec_from_rest
from azureml_local.paths import REPOSITORY

pytestmark = pytest.mark.wire

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
CONDA = json.dumps({"dependencies": [f"python={HERE}", "six=1.16", "libgcc", {"pip": ["attrs==23.2.0"]}]})

# Builds an environment in a process of its own: python -c BUILD <root> <conda file>
BUILD = """
import asyncio, sys
from pathlib import Path
from azureml_local.environments.build import EnvironmentBuilder
from azureml_local.environments.spec import spec_from_rest
spec = spec_from_rest("taxi:1", {"condaFile": sys.argv[2]}, None)
built = asyncio.run(EnvironmentBuilder(Path(sys.argv[1])).ensure(spec, lambda line: print(line, flush=True)))
print(built.path)
"""


def ensure(root: Path, conda: str, lines: list[str] | None = None, **env: str) -> BuiltEnvironment:
    spec = spec_from_rest("taxi:1", {"condaFile": conda}, None)
    return asyncio.run(EnvironmentBuilder(root, env=env).ensure(spec, (lines if lines is not None else []).append))


def start(root: Path, conda: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "infrastructure" / "local")}
    command = [sys.executable, "-c", BUILD, str(root), conda]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def python(built: BuiltEnvironment, code: str) -> str:
    return subprocess.run([built.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_with_conda_and_pip_packages(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    lines: list[str] = []
    built = ensure(tmp_path / "environments", CONDA, lines, HOME=str(home))
    assert python(built, "import six, attr, sys; print(six.__version__, attr.__version__, *sys.version_info[:2])") == (
        f"1.16.0 23.2.0 {HERE.replace('.', ' ')}"
    )
    assert python(built, "import pip, pkg_resources; print('both')") == "both"  # as conda's Python has them
    assert built.warnings == (
        (
            "environment taxi:1, conda file: system packages are left out, the local workspace installs Python "
            "packages only: libgcc."
        ),
    )
    assert any(line.strip().startswith("Installed ") for line in lines)
    assert list(home.iterdir()) == []


def test_a_docker_context(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM python:{HERE}\nCOPY . /w\nWORKDIR /w\nRUN pip install -r r.txt -c c.txt\n"
    )
    (context / "r.txt").write_text("--pre\nsix\n")
    (context / "c.txt").write_text("six<1.16\n")
    spec = spec_from_rest("taxi:2", {"build": {"contextUri": "azureml://x", "dockerfilePath": "Dockerfile"}}, context)
    built = asyncio.run(EnvironmentBuilder(tmp_path / "environments").ensure(spec, print))
    assert python(built, "import six; print(six.__version__)") == "1.15.0"
    assert built.warnings == ()


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("six==9.9", "environment taxi:1: the package six==9.9 was not found: the package index has no such version"),
        ("six<1.16,>=1.17", "environment taxi:1: the versions asked for exclude each other"),
    ],
)
def test_what_the_index_does_not_have(tmp_path: Path, requirement: str, reason: str) -> None:
    with pytest.raises(EnvironmentBuildError) as failed:
        ensure(tmp_path / "environments", json.dumps({"dependencies": [{"pip": [requirement]}]}))
    assert str(failed.value).startswith(reason)
    assert "No solution found" in failed.value.log


def test_killed_in_the_middle_the_next_process_recovers_and_others_wait(tmp_path: Path) -> None:
    root = tmp_path / "environments"
    first = start(root, CONDA)
    assert first.stdout is not None
    assert first.stdout.readline().startswith("environment taxi:1: building it with Python")
    while not list(root.glob("*/pyvenv.cfg")) and first.poll() is None:  # until uv has begun to write
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not list(root.glob("*/.ready"))

    others = [start(root, CONDA) for _ in range(2)]
    outputs = [other.communicate(timeout=120)[0] for other in others]
    assert [other.returncode for other in others] == [0, 0], outputs
    assert sum("building it with Python" in output for output in outputs) == 1, outputs
    assert len({output.splitlines()[-1] for output in outputs}) == 1
    assert python(ensure(root, CONDA), "import six, attr; print('whole')") == "whole"
