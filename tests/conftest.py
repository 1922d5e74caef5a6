"""What every level shares: a local workspace of its own for each test process, and the real clients pointed at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from azureml_local import settings as workspace_settings
from azureml_local import shell_environment, tools
from azureml_local.extension_index import extension_wheel
from azureml_local.paths import REPOSITORY, StatePaths

COMMAND = [sys.executable, "-m", "azureml_local.cli"]


@dataclass
class LocalWorkspace:
    """A running local workspace. `environment` is what a shell has after `eval "$(azureml-local env)"`."""

    paths: StatePaths
    settings: workspace_settings.Settings
    environment: dict[str, str]
    home: Path
    _signed_in: bool = field(default=False)

    def run(
        self, *command: str, check: bool = True, cwd: Path | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the workspace's environment; extra keyword arguments are more variables."""
        done = subprocess.run(
            command,
            env={**self.environment, **extra},
            cwd=cwd or REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def local(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`azureml-local …` on this workspace's state."""
        return self.run(*COMMAND, "--state", str(self.paths.root), *arguments, check=check)

    def sign_in(self) -> None:
        """`az login` as the service principal, once, with the defaults of the brief's `az configure`."""
        if self._signed_in:
            return
        config = self.settings
        self.run("az", "login", "--service-principal", "-u", config.client_id, "-p", config.client_secret,
                 "--tenant", config.tenant_id, "-o", "none")  # fmt: skip
        self.run("az", "configure", "--defaults", f"group={config.resource_group}", f"workspace={config.workspace}")
        self._signed_in = True

    def sign_in_again(self) -> None:
        """Forget az's tokens and sign in anew: for after a test that ended them. A mere login would use az's cache."""
        self.run("az", "account", "clear")
        self._signed_in = False
        self.sign_in()

    def az(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`az …`, signed in."""
        self.sign_in()
        return self.run("az", *arguments, check=check)

    def az_json(self, *arguments: str) -> Any:
        """What `az … -o json` prints, parsed."""
        return json.loads(self.az(*arguments, "-o", "json").stdout or "null")

    def python(self, code: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python code with the real SDK and MLflow (the `sdk` lock file) in the workspace's environment."""
        python = tools.ensure(self.paths, "sdk", print) / "bin" / "python"
        return self.run(str(python), "-c", code, *arguments, check=check)


def _link(source: str, target: str) -> None:
    """A hard link, or a copy where the file system cannot."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def start_workspace(root: Path, home: Path) -> LocalWorkspace:
    """Start a workspace with its state in `root`; tools and environments are shared between test processes."""
    cache = Path(os.environ.get("AZUREML_LOCAL_CACHE") or REPOSITORY / ".azureml-local" / "cache")
    paths = StatePaths(root, cache)
    paths.create()
    home.mkdir(parents=True, exist_ok=True)
    base = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZURE_", "AZUREML_", "MLFLOW_", "GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_", "PYTHON"))
    }
    base |= {"AZUREML_LOCAL_CACHE": str(cache), "UV_CACHE_DIR": str(paths.uv_cache), "HOME": str(home)}
    subprocess.run([*COMMAND, "--state", str(root), "up"], env=base, check=True, capture_output=True, text=True)
    config = workspace_settings.load(paths)
    environment = {
        **base,
        **shell_environment.variables(paths, config),
        "PATH": f"{shell_environment.bin_folder(paths)}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    workspace = LocalWorkspace(paths, config, environment, home)
    # The extension takes many seconds to install and is the same for every test: installed once for each content of
    # its wheel, then linked into every workspace.
    shared = cache / "az-extensions" / extension_wheel().sha256[:12]
    with tools.file_lock(cache / "az-extensions" / ".lock"):
        if not (shared / "ml").exists():
            workspace.run("az", "extension", "add", "-n", "ml", "-y", AZURE_EXTENSION_DIR=str(shared))
    shutil.copytree(shared / "ml", paths.az_extensions / "ml", copy_function=_link)
    return workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkspace]:
    """One workspace for all the tests of this process: give what you create its own name."""
    root = tmp_path_factory.mktemp("workspace")
    started = start_workspace(root / "state", root / "home")
    yield started
    started.local("down")


@pytest.fixture
def own_workspace(tmp_path: Path) -> Iterator[LocalWorkspace]:
    """A workspace for one test that breaks it."""
    started = start_workspace(tmp_path / "state", tmp_path / "home")
    yield started
    started.local("down")
