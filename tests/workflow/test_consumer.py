"""The consumer of examples/, unchanged, as another repository: it trains, deploys; a broken contract turns it red."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from azureml_local.paths import REPOSITORY
from azureml_local.workflow_run.repositories import export
from conftest import LocalWorkspace

pytestmark = pytest.mark.workflow


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of examples/consumer as a repository of its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    export(REPOSITORY, folder / "suite")
    origin = folder / "origin"
    shutil.copytree(folder / "suite" / "examples" / "consumer", origin)
    git(origin, "init", "--quiet", "-b", "main")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "-m", "first")
    git(folder, "clone", "--quiet", str(origin), "clone")
    return folder / "clone"


@pytest.fixture(scope="module")
def trained(workspace: LocalWorkspace, consumer: Path) -> subprocess.CompletedProcess[str]:
    """One run of its workflow train: everything by the suite's actions."""
    return workspace.local("run", "train", "-C", str(consumer), check=False)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A copy of the suite that a test may change: the next major version, say."""
    return export(REPOSITORY, tmp_path / "suite")


def rename_input(file: Path, old: str, new: str) -> None:
    """Rename an input in an action or a workflow, its own use of it included."""
    before = file.read_text()
    after = re.sub(rf"(?<![\w-]){old}(?=:| \}}\}})", new, before)
    assert after != before
    file.write_text(after)


def test_it_trains_and_deploys_with_the_actions(trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert re.search(r"registered wine:1 with \{.*\"test_accuracy\": 0\.9", trained.stdout)
    assert "wine:1 is deployed as blue: blue 100 %" in trained.stdout
    assert re.search(
        r"https://wine-online-\w+\.westeurope\.inference\.ml\.azure\.com/score \{\"blue\": 100\}", trained.stdout
    )
    assert trained.stderr == "", "an input of the example that an action does not have is told here"


def test_it_trains_by_the_called_workflow_with_the_suites_own_scripts(
    workspace: LocalWorkspace, consumer: Path, trained: subprocess.CompletedProcess[str]
) -> None:
    assert trained.returncode == 0
    done = workspace.local("run", "release", "-C", str(consumer), "-j", "train", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for job in ("settings", "register-environment", "create-compute", "run-pipeline"):
        assert f"✓ Train/{job}" in done.stdout
    assert "registered wine:2" in done.stdout
    assert not (consumer / "scripts").exists(), "else this proves nothing"


def test_an_input_renamed_in_an_action_turns_it_red(
    workspace: LocalWorkspace, consumer: Path, suite: Path, trained: subprocess.CompletedProcess[str]
) -> None:
    assert trained.returncode == 0
    rename_input(suite / "actions" / "register-environment" / "action.yml", "environment-file", "file")
    done = workspace.local(
        "run", "train", "-C", str(consumer), "--local-repository", f"OWNER/REPO@v1={suite}", check=False
    )
    assert done.returncode == 1, done.stdout
    assert "has no input 'environment-file'; it has: file, " in done.stderr
    assert "error: - environment-file is empty: it must name an environment's YAML file." in done.stdout
    assert "✗ Register the environment" in done.stdout


def test_an_input_renamed_in_a_called_workflow_is_refused_before_anything_runs(
    workspace: LocalWorkspace, consumer: Path, suite: Path
) -> None:
    rename_input(suite / ".github" / "workflows" / "train.yml", "cluster-size", "nodes")
    done = workspace.local(
        "run", "release", "-C", str(consumer), "--local-repository", f"OWNER/REPO@v1={suite}", check=False
    )
    assert done.returncode == 2, done.stdout
    message = "release.yml, job train: OWNER/REPO/.github/workflows/train.yml@v1 has no input 'cluster-size'; it has: "
    assert message in done.stderr
    assert "job started" not in done.stdout
