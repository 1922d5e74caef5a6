"""The infrastructure workflow: who may do what, and that it, the scripts and the Bicep mean the same names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import infrastructure_stack
from setup_steps import DEPLOY, PLAN
from support.bicep.plan import bound
from support.bicep.source import ROOT, read_all

REPOSITORY = ROOT.parent
PATH = REPOSITORY / ".github" / "workflows" / "infrastructure.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(PATH.read_text("utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
SIGNED_IN = {name: job for name, job in JOBS.items() if "id-token" in job["permissions"]}
MAIN = read_all()["main.bicep"]


def test_nothing_is_permitted_by_default() -> None:
    assert WORKFLOW["permissions"] == {}
    assert JOBS["build"]["permissions"] == {"contents": "read"}


def test_a_fork_never_gets_an_identity() -> None:
    """A pull request from a fork passes no condition of a job that may sign in."""
    for name, job in SIGNED_IN.items():
        condition = " ".join(str(job["if"]).split())
        if "github.event_name == 'pull_request'" in condition:
            assert "github.event.pull_request.head.repo.full_name == github.repository" in condition, name
        else:
            assert re.match(r"github\.event_name == '(workflow_dispatch|schedule)'", condition), name
    assert "pull_request_target" not in PATH.read_text("utf-8")


def test_only_the_approved_environment_deploys() -> None:
    assert {name: job["environment"] for name, job in SIGNED_IN.items()} == {
        "what-if": PLAN,
        "drift": PLAN,
        "deploy": DEPLOY,
    }
    deploying = [name for name, job in JOBS.items() if "deploy_infrastructure.py" in str(job["steps"])]
    assert deploying == ["deploy"]


def test_the_environments_of_the_workflow_are_subjects_in_bicep() -> None:
    source = MAIN.source.decode()
    for environment in (PLAN, DEPLOY):
        assert f":environment:{environment}'" in source


def test_a_deployment_is_never_cut_off() -> None:
    assert WORKFLOW["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


@pytest.mark.parametrize("name", sorted(JOBS))
def test_scripts_exist_and_get_their_inputs(name: str) -> None:
    for step in JOBS[name]["steps"]:
        for script in re.findall(r"scripts/(\w+\.py)", step.get("run", "")):
            path = REPOSITORY / "scripts" / script
            assert path.is_file()
            given = {key for key in step["env"] if key.startswith("INPUT_")}
            assert given >= {"INPUT_PREFIX", "INPUT_POSTFIX", "INPUT_LOCATION", "INPUT_SUBJECT_PREFIX"}


def test_the_paths_of_the_trigger_exist() -> None:
    for pattern in WORKFLOW[True]["pull_request"]["paths"]:
        assert list(REPOSITORY.glob(str(Path(pattern.replace("**.bicep", "**/*.bicep"))))), pattern


def test_the_environments_to_choose_have_settings() -> None:
    options = WORKFLOW[True]["workflow_dispatch"]["inputs"]["environment"]["options"]
    assert options == ["dev", "test", "prod"]
    assert {path.stem for path in (ROOT / "environments").glob("*.json")} == set(options)


def test_the_scripts_limits_are_the_templates() -> None:
    for parameter, (pattern, _) in {
        "prefix": infrastructure_stack.NAME_PART,
        "postfix": infrastructure_stack.NAME_PART,
        "env": infrastructure_stack.ENVIRONMENT,
    }.items():
        longest = bound(MAIN.of("parameter")[parameter], "maxLength")
        assert re.fullmatch(pattern, "a" * longest)
        assert not re.fullmatch(pattern, "a" * (longest + 1))


def test_the_variables_are_outputs() -> None:
    outputs = MAIN.of("output")
    assert set(infrastructure_stack.VARIABLES) == {name for name in outputs if name.isupper()}
    assert {"planClientId", "deployClientId"} <= set(outputs)
    given = infrastructure_stack.Stack("a", "b", "westeurope", subject_prefix="repo:o@1/r@2").parameters("dev")
    assert {*given, "infrastructureIdentities"} <= set(MAIN.of("parameter"))


def test_the_readme_names_every_parameter_and_role() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for parameter in MAIN.of("parameter"):
        assert f"`{parameter}`" in readme, parameter
    for command in re.findall(r"--parameters (.*)", readme):
        assert {item.partition("=")[0] for item in command.split()} <= set(MAIN.of("parameter"))
    for environment_or_salt in re.findall(r"`(\w+)=\w+`", readme):
        assert environment_or_salt in MAIN.of("parameter")


def test_the_readme_says_what_was_not_verified() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "**Unverified against Azure**" in readme
    assert "`az bicep build`" in readme
