"""release.yml: nothing is published before the checks, and only the last job may write."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]
PUBLISH = {step["name"]: step for step in JOBS["publish"]["steps"]}

GH = """\
#!/usr/bin/env bash
# Writes down every call. RELEASE: none, or the commit it is of. IMMUTABLE, ATTESTED: what GitHub says of it.
# CHANGED: the workflow files that main has changed since.
echo "$*" >> "$CALLS"
case "$*" in
  "release view"*) [ "$RELEASE" != none ] ;;
  "release verify"*) [ "$ATTESTED" = true ] ;;
  *"/compare/"*) printf "$CHANGED" ;;
  *"/commits/"*) if [ "$RELEASE" = none ]; then echo "$GITHUB_SHA"; else echo "$RELEASE"; fi ;;
  *"/releases/tags/"*) echo "$IMMUTABLE" ;;
  *"/git/ref/tags/"*) [ "$MAJOR_EXISTS" = true ] ;;
esac
"""


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("gh", GH), ("sleep", "#!/bin/sh\n"), ("python3", "#!/bin/sh\necho notes\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def run(step: str, bin_folder: Path, **world: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a step of the job `publish` where `gh` only writes down what it is asked; the calls beside its end."""
    calls = bin_folder / "calls"
    environment = {
        "PATH": f"{bin_folder}:/usr/bin:/bin", "CALLS": str(calls), "RUNNER_TEMP": str(bin_folder),
        "GITHUB_SHA": "abc", "GITHUB_REPOSITORY": "team/suite", "GITHUB_STEP_SUMMARY": str(bin_folder / "summary"),
        "TAG": "v1.2.0", "MAJOR": "v1", "VERSION": "1.2.0",
        "RELEASE": "none", "IMMUTABLE": "true", "ATTESTED": "true", "MAJOR_EXISTS": "true", "CHANGED": "", **world,
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", PUBLISH[step]["run"]],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, calls.read_text().splitlines()


def test_nothing_is_published_before_check_tests_and_approval() -> None:
    assert set(JOBS["publish"]["needs"]) == {"check", "test"}
    assert JOBS["publish"]["environment"] == "release"
    assert JOBS["test"]["uses"] == "./.github/workflows/ci.yml"
    writing = [name for name, job in JOBS.items() if "write" in job["permissions"].values()]
    assert writing == ["publish"]


def test_workflows_that_main_has_changed_meanwhile_end_the_job_before_anything_is_published(bin_folder: Path) -> None:
    step = "The tags can be made"
    assert run(step, bin_folder)[0].returncode == 0
    done, calls = run(step, bin_folder, CHANGED=".github/workflows/ci.yml\\n.github/workflows/train.yml\\n")
    assert done.returncode == 1
    assert (
        "main has changed .github/workflows/ci.yml, .github/workflows/train.yml; GitHub lets no workflow" in done.stdout
    )
    assert "repos/team/suite/compare/abc...main" in calls[0]
    names = list(PUBLISH)
    assert names.index(step) < names.index("Publish the release")


def test_a_release_is_made_of_this_very_commit_with_the_changelogs_words(bin_folder: Path) -> None:
    done, calls = run("Publish the release", bin_folder)
    assert done.returncode == 0, done.stderr
    assert f"release create v1.2.0 --target abc --title v1.2.0 --notes-file {bin_folder}/notes.md" in calls
    assert (bin_folder / "notes.md").read_text() == "notes\n"


def test_a_repeated_job_goes_on_with_the_release_that_exists(bin_folder: Path) -> None:
    done, calls = run("Publish the release", bin_folder, RELEASE="abc")
    assert done.returncode == 0
    assert not any("create" in call for call in calls)


def test_a_release_of_another_commit_is_left_alone(bin_folder: Path) -> None:
    done, _ = run("Publish the release", bin_folder, RELEASE="def")
    assert done.returncode == 1
    assert "::error title=Other commit::v1.2.0 is def, this run is of abc." in done.stdout


def test_a_release_that_can_be_changed_or_is_not_signed_ends_the_job_before_the_major_tag_moves(
    bin_folder: Path,
) -> None:
    step = "The release is immutable and signed"
    assert run(step, bin_folder)[0].returncode == 0
    done, _ = run(step, bin_folder, IMMUTABLE="false")
    assert done.returncode == 1
    assert "turn on Settings > Releases > Enable release immutability" in done.stdout
    done, calls = run(step, bin_folder, ATTESTED="false")
    assert done.returncode == 1
    assert "::error title=Not signed::" in done.stdout
    assert calls.count("release verify v1.2.0") > 3
    names = list(PUBLISH)
    assert names.index(step) < names.index("Move the tag of the major version")


@pytest.mark.parametrize(("exists", "method"), [("true", "PATCH"), ("false", "POST")])
def test_the_major_tag_moves_to_this_commit_or_is_made(bin_folder: Path, exists: str, method: str) -> None:
    step = PUBLISH["Move the tag of the major version"]
    assert step["if"] == "needs.check.outputs.moves-major == 'true'"
    done, calls = run(step["name"], bin_folder, MAJOR_EXISTS=exists)
    assert done.returncode == 0, done.stderr
    [call] = [call for call in calls if "--method" in call]
    assert re.match(rf"api --method {method} repos/team/suite/git/refs", call)
    assert "sha=abc" in call


def test_everything_that_has_a_version_has_the_same() -> None:
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    package = (ROOT / "infrastructure/local/azureml_local/__init__.py").read_text()
    own = re.search(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    assert project is not None
    assert own is not None
    assert own[1] == project[1]
    assert f"## [{project[1]}] - " in (ROOT / "CHANGELOG.md").read_text(), "the changelog has no such version"
