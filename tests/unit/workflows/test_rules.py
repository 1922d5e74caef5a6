"""What every workflow and action of this repository keeps to, the examples' too."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from azureml_local.workflow_run.workflow_file import local_use, own_checkouts, steps

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted(
    [*(ROOT / ".github" / "workflows").glob("*.yml"), *(ROOT / "examples").glob("*/.github/workflows/*.yml")]
)
ACTIONS = sorted([ROOT / "action.yml", *(ROOT / "actions").glob("*/action.yml")])
FILES = [*WORKFLOWS, *ACTIONS]
USES = re.compile(r"^\s*(?:- )?uses:\s*(?P<uses>\S+)\s*(?P<comment>#.*)?$", re.MULTILINE)
PINNED = re.compile(r"(?P<action>[\w-]+/[\w-]+)(?P<path>/[\w/-]+)?@(?P<sha>[0-9a-f]{40})")


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def load(file: Path) -> dict[Any, Any]:
    document = yaml.safe_load(file.read_text())
    assert isinstance(document, dict)
    return document


def is_open(document: dict[Any, Any]) -> bool:
    """Whether other repositories may call the workflow: then it takes a token for a private suite."""
    called = (document[True] or {}).get("workflow_call")
    return isinstance(called, dict) and "SUITE_TOKEN" in called.get("secrets", {})


def repository_of(file: Path) -> Path:
    """The folder that is the repository's root on GitHub: an example is one of its own."""
    return next(folder for folder in file.parents if (folder / ".github").is_dir())


every_file = pytest.mark.parametrize("file", FILES, ids=name)
every_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=name)


def test_the_files_are_found() -> None:
    found = {name(file) for file in FILES}
    assert {".github/workflows/train.yml", "examples/consumer/.github/workflows/train.yml", "action.yml"} <= found


@every_file
def test_a_remote_action_is_pinned_to_a_commit_that_says_its_version(file: Path) -> None:
    for match in USES.finditer(file.read_text()):
        uses, comment = match["uses"], match["comment"] or ""
        if uses.startswith("./"):
            continue
        if uses.startswith("OWNER/REPO/"):  # this suite, as its readers use it
            assert "examples" in file.parts, uses
            assert uses.endswith("@v1"), uses
            continue
        assert PINNED.fullmatch(uses), f"{uses}: not a full commit"
        assert re.match(r"# v\d+\.\d+\.\d+$", comment), f"{uses}: no version behind it, as in # v5.0.1"


def test_an_action_has_one_version_in_the_whole_repository() -> None:
    versions: dict[str, set[str]] = {}
    for file in FILES:
        for match in USES.finditer(file.read_text()):
            if pinned := PINNED.fullmatch(match["uses"]):
                versions.setdefault(pinned["action"], set()).add(f"{pinned['sha']} {match['comment']}")
    assert {action: found for action, found in versions.items() if len(found) > 1} == {}


@every_file
def test_a_local_action_or_workflow_exists(file: Path) -> None:
    document = load(file)
    for step in steps(document):
        uses = step.get("uses", "")
        if uses.startswith("./"):
            assert local_use(repository_of(file), document, uses), f"{uses} is not there"
    if "runs" in document:
        assert "uses: ./" not in file.read_text(), "a path in a composite is looked up in its caller's checkout"


@every_workflow
def test_nothing_is_permitted_that_a_job_does_not_ask_for(file: Path) -> None:
    document = load(file)
    assert document["permissions"] == {}
    for job, settings in document["jobs"].items():
        assert isinstance(settings.get("permissions"), dict), f"job {job} does not say its permissions"
        assert "uses" in settings or 0 < settings["timeout-minutes"] <= 360, f"job {job} has no time limit"


@every_workflow
def test_a_run_goes_one_at_a_time_or_says_what_it_cancels(file: Path) -> None:
    assert "cancel-in-progress" in load(file)["concurrency"]


@every_file
def test_a_script_gets_its_values_by_its_environment(file: Path) -> None:
    for step in steps(load(file)):
        assert "${{" not in step.get("run", ""), step


@every_workflow
def test_a_failure_left_of_a_pipe_is_a_failure(file: Path) -> None:
    """Without a named shell GitHub runs `bash -e`, which looks only at the last command of a pipe."""
    document = load(file)
    default = document.get("defaults", {}).get("run", {}).get("shell")
    for step in steps(document):
        if re.search(r"[^|]\|[^|]", re.sub(r"'[^']*'|\"[^\"]*\"", "", step.get("run", ""))):
            assert step.get("shell", default) == "bash", step["name"]


@every_workflow
def test_a_checkout_keeps_no_credentials(file: Path) -> None:
    for step in steps(load(file)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, step


OWN = {
    "repository": "${{ job.workflow_repository }}",
    "ref": "${{ job.workflow_sha }}",
    "token": "${{ secrets.SUITE_TOKEN || github.token }}",
    "path": ".suite",
    "sparse-checkout": "actions\nmlops\nscripts\n",
    "persist-credentials": False,
}


@every_workflow
def test_what_another_repository_calls_brings_its_own_actions_and_scripts(file: Path) -> None:
    """`./actions` and `scripts` would be looked up in the caller's checkout."""
    document = load(file)
    if not is_open(document):
        assert own_checkouts(document) == set(), "a workflow that others may call has the secret SUITE_TOKEN"
        return
    for job, settings in document["jobs"].items():
        if "uses" in settings:
            assert settings["secrets"]["SUITE_TOKEN"] == "${{ secrets.SUITE_TOKEN }}", f"job {job}"
            assert is_open(load(ROOT / settings["uses"])), settings["uses"]
            continue
        own = [step for step in settings["steps"] if "workflow_repository" in str(step.get("with"))]
        assert [step["with"] for step in own] == [OWN], f"job {job}"
        for step in settings["steps"]:
            uses = step.get("uses", "")
            assert not uses.startswith("./") or uses.startswith("./.suite/actions/"), uses
            assert not re.search(r"(?<!\.suite/)\bscripts/", step.get("run", "")), step["name"]


def test_every_cluster_that_a_workflow_makes_gets_the_environments_identity() -> None:
    made = [(name(file), step) for file in WORKFLOWS for step in steps(load(file))
            if str(step.get("uses", "")).endswith("/actions/create-compute")]  # fmt: skip
    assert {file for file, _ in made} >= {".github/workflows/train.yml", ".github/workflows/deliver-stage.yml"}
    for file, step in made:
        assert step["with"].get("identity") == "${{ vars.CLUSTER_IDENTITY }}", file


def test_the_repository_itself_is_no_action_and_names_those_it_has(tmp_path: Path) -> None:
    [step] = load(ROOT / "action.yml")["runs"]["steps"]
    assert step["shell"] == "bash"
    summary = tmp_path / "summary.md"
    environment = {
        "PATH": "/usr/bin:/bin",
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(summary),
        "REPOSITORY": "team/suite",
        "REF": "v2",
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "::error title=No action named::'uses: team/suite@v2' does nothing by itself." in done.stdout
    for action in ACTIONS:
        if action.parent != ROOT:
            line = f"- `uses: team/suite/actions/{action.parent.name}@v2`  {load(action)['description']}\n"
            assert line in done.stdout
            assert line in summary.read_text()
