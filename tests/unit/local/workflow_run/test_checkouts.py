"""What the jobs of a run find when they check out more than the working tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from azureml_local.workflow_run import checkouts
from azureml_local.workflow_run.repositories import STAND_INS, mapping
from azureml_local.workflow_run.workflow_file import WorkflowError, remote_uses

STAND_IN = STAND_INS / "actions" / "checkout" / "checkout.py"
REUSABLE = """
on: workflow_call
jobs:
  train:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v5
      - uses: actions/checkout@v5
        with: { repository: "${{ job.workflow_repository }}", ref: "${{ job.workflow_sha }}", path: .suite }
      - uses: ./.suite/actions/train
"""
CALLER = "on: push\njobs: {call: {uses: OWNER/SUITE/.github/workflows/train.yml@v1}}\n"


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def make_repository(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "--quiet", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "first")
    return root


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "suite",
        {
            ".github/workflows/train.yml": REUSABLE,
            "actions/train/action.yml": "runs: {using: composite, steps: []}",
            "scripts/train.py": "",
            "data/large.csv": "",
            "README.md": "suite",
        },
    )


@pytest.fixture
def caller(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "caller", {".github/workflows/call.yml": CALLER, "README.md": "caller"})


def known(root: Path, name: str, suite: Path, folder: Path) -> Path:
    """checkouts.json for a run of the workflow `name` of the repository `root`."""
    file = root / ".github" / "workflows" / name
    given = {"OWNER/SUITE@v1": suite}
    folder.mkdir(exist_ok=True)
    folders = mapping(remote_uses(root, file), given=given, suite_names=[], scratch=folder)
    return checkouts.write(root, "team/models", file, folders, given=given, scratch=folder)


def checkout(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the stand-in in a workspace beside checkouts.json; inputs: repository, ref, target, sparse."""
    (folder / "workspace").mkdir(exist_ok=True)
    given = {"REPOSITORY": "", "REF": "", "TARGET": ".suite", "SPARSE": ""}
    given |= {name.upper(): value for name, value in inputs.items()}
    return subprocess.run(
        [sys.executable, str(STAND_IN)],
        env={
            **given,
            "PATH": os.environ["PATH"],
            "AZUREML_LOCAL_RUN_FOLDER": str(folder),
            "GITHUB_WORKSPACE": str(folder / "workspace"),
            "GITHUB_OUTPUT": str(folder / "output"),
        },
        cwd=folder / "workspace", capture_output=True, text=True, check=False,
    )  # fmt: skip


def files(folder: Path) -> list[str]:
    return sorted(
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and ".git" not in file.parts
    )


def test_a_called_workflow_finds_its_own_repository_and_not_its_callers(
    caller: Path, suite: Path, tmp_path: Path
) -> None:
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    done = checkout(folder, sparse="actions\nscripts\n")
    assert done.returncode == 0, done.stdout + done.stderr
    # A sparse checkout has the files beside its folders too, and nothing else.
    assert files(folder / "workspace" / ".suite") == ["README.md", "actions/train/action.yml", "scripts/train.py"]
    assert (folder / "workspace" / ".suite" / "README.md").read_text() == "suite"


def test_a_workflow_run_in_its_own_repository_finds_that_with_changes_not_yet_committed(
    suite: Path, tmp_path: Path
) -> None:
    (suite / "scripts" / "new.py").write_text("")
    folder = known(suite, "train.yml", suite, tmp_path / "run").parent
    assert checkout(folder).returncode == 0
    assert "scripts/new.py" in files(folder / "workspace" / ".suite")


def test_another_commit_of_the_runs_repository_is_a_clone_at_that_commit(
    caller: Path, suite: Path, tmp_path: Path
) -> None:
    first = git(caller, "rev-parse", "HEAD")
    (caller / "README.md").write_text("changed")
    git(caller, "commit", "--quiet", "--all", "-m", "second")
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    for ref, text in ((first, "caller"), ("main", "changed"), ("refs/heads/main", "changed")):
        done = checkout(folder, repository="team/models", ref=ref, target="base")
        assert done.returncode == 0, done.stdout + done.stderr
        assert (folder / "workspace" / "base" / "README.md").read_text() == text
    assert f"commit={first}\n" in (folder / "output").read_text()


def test_a_mapped_repository_is_copied_and_one_that_nothing_stands_for_is_refused(
    caller: Path, suite: Path, tmp_path: Path
) -> None:
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    assert checkout(folder, repository="OWNER/SUITE", ref="v1", target="tools").returncode == 0
    assert (folder / "workspace" / "tools" / "scripts" / "train.py").is_file()
    done = checkout(folder, repository="OWNER/OTHER", ref="v2", target="tools")
    assert done.returncode == 1
    assert "Nothing on this machine stands for OWNER/OTHER@v2: map a folder with --local-repository" in done.stderr


def test_a_commit_that_does_not_exist_is_named(caller: Path, suite: Path, tmp_path: Path) -> None:
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    done = checkout(folder, ref="nosuchbranch", target="base")
    assert done.returncode == 1
    assert "::error::team/models has no branch, tag or commit 'nosuchbranch'." in done.stderr


def test_a_ref_without_a_path_replaces_the_workspace(caller: Path, suite: Path, tmp_path: Path) -> None:
    """As `ref: ${{ github.head_ref }}` and its like, empty or not; the commit at hand is the working tree."""
    git(caller, "checkout", "--quiet", "-b", "other")
    (caller / "README.md").write_text("other")
    git(caller, "commit", "--quiet", "--all", "-m", "second")
    git(caller, "checkout", "--quiet", "main")
    (caller / ".gitignore").write_text("ignored.txt\n")
    git(caller, "add", "--all")
    git(caller, "commit", "--quiet", "-m", "third")
    for name in ("new.txt", "ignored.txt", "README.md"):
        (caller / name).write_text("not committed")
    (caller / ".github" / "workflows" / "call.yml").write_text(CALLER + "# changed")
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "left.txt").write_text("")
    here = [".github/workflows/call.yml", ".gitignore", "README.md", "new.txt"]
    for ref, text, there in (
        ("", "not committed", here),
        ("main", "not committed", here),
        ("other", "other", [".github/workflows/call.yml", "README.md"]),
    ):
        done = checkout(folder, ref=ref, target=".")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "is in the workspace" in done.stdout
        assert (workspace / "README.md").read_text() == text
        assert files(workspace) == there


def test_the_working_tree_beside_the_workspaces_files(caller: Path, suite: Path, tmp_path: Path) -> None:
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    (caller / "README.md").unlink()
    assert checkout(folder, repository="team/models", target="again").returncode == 0
    assert files(folder / "workspace") == ["again/.github/workflows/call.yml"]


@pytest.mark.parametrize("target", ["../beside", "/tmp", "../../caller"])
def test_nothing_is_written_outside_the_workspace(caller: Path, suite: Path, tmp_path: Path, target: str) -> None:
    folder = known(caller, "call.yml", suite, tmp_path / "run").parent
    (folder / "workspace").mkdir()
    (folder / "workspace" / "mine.txt").write_text("")
    done = checkout(folder, target=target)
    assert done.returncode == 1
    assert "is not in '" in done.stderr
    assert (folder / "workspace" / "mine.txt").is_file()


def test_workflows_of_two_repositories_that_check_themselves_out_are_refused(
    caller: Path, suite: Path, tmp_path: Path
) -> None:
    own = caller / ".github" / "workflows" / "own.yml"
    own.write_text(REUSABLE.replace("on: workflow_call", "on: push"))
    (caller / "actions" / "train").mkdir(parents=True)
    (caller / "actions" / "train" / "action.yml").write_text("runs: {using: composite, steps: []}")
    call = caller / ".github" / "workflows" / "call.yml"
    call.write_text(CALLER.replace("jobs: {", "jobs: {own: {uses: ./.github/workflows/own.yml}, "))
    with pytest.raises(WorkflowError, match=r"several repositories that check themselves out.* Run them one by one"):
        known(caller, "call.yml", suite, tmp_path / "run")


def test_the_file_says_what_it_knows(caller: Path, suite: Path, tmp_path: Path) -> None:
    written = json.loads(known(caller, "call.yml", suite, tmp_path / "run").read_text())
    assert written["own"] == str(suite)
    assert written["repository"] == str(caller)
    assert written["others"]["OWNER/SUITE@v1"] == str(suite)
