"""The examples keep to what the suite's actions and workflows offer, and what their pages say is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from azureml_local.commands import parser
from azureml_local.workflow_run.calls import check
from azureml_local.workflow_run.repositories import STAND_INS, mapping, target_of
from azureml_local.workflow_run.workflow_file import load, remote_uses, steps

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
PAGE = (EXAMPLES / "README.md").read_text()
CONSUMER = EXAMPLES / "consumer"
NAMED = re.compile(r"\b(needs|steps)\.([\w-]+)\.outputs\.([\w-]+)")


def snippets() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(params=["consumer/train", "consumer/release", "page/0", "page/1"])
def workflow(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each workflow of the consumer, and each of examples/README.md as a reader pastes it."""
    kind, which = request.param.split("/")
    if kind == "consumer":
        return CONSUMER / ".github" / "workflows" / f"{which}.yml"
    file = tmp_path / ".github" / "workflows" / "pasted.yml"
    file.parent.mkdir(parents=True)
    file.write_text(snippets()[int(which)])
    return file


@pytest.fixture
def folders(workflow: Path, tmp_path: Path) -> dict[str, Path]:
    """What stands for each remote use: this repository for OWNER/REPO."""
    return mapping(
        remote_uses(workflow.parents[2], workflow), given={"OWNER/REPO@v1": ROOT}, suite_names=[], scratch=tmp_path
    )


def test_all_workflows_are_looked_at() -> None:
    assert len(snippets()) == 2
    assert sorted(file.stem for file in (CONSUMER / ".github" / "workflows").iterdir()) == ["release", "train"]


def test_inputs_secrets_and_permissions_fit(workflow: Path, folders: dict[str, Path]) -> None:
    assert check(workflow.parents[2], workflow, folders) == []


def required(inputs: dict[str, Any] | None) -> set[str]:
    return {name for name, settings in (inputs or {}).items() if settings.get("required")}


def test_what_an_action_requires_is_given(workflow: Path, folders: dict[str, Path]) -> None:
    document = load(workflow)
    for step in steps(document):
        target = target_of(workflow.parents[2], workflow, document, step["uses"], folders) if "uses" in step else None
        if target and STAND_INS not in target[1].parents and "steps" not in load(target[1]).get("jobs", {}):
            assert required(load(target[1]).get("inputs")) <= set(step.get("with", {})), step["uses"]


def test_outputs_that_are_read_exist(workflow: Path, folders: dict[str, Path]) -> None:
    """An output that does not exist is an empty string on GitHub, and nobody says so."""
    document = load(workflow)

    def outputs(kind: str, name: str, job: dict[str, Any]) -> set[str]:
        if kind == "needs" and "uses" not in document["jobs"][name]:
            return set(document["jobs"][name]["outputs"])
        uses = (
            document["jobs"][name]["uses"]
            if kind == "needs"
            else next(step["uses"] for step in job["steps"] if step.get("id") == name)
        )
        target = target_of(workflow.parents[2], workflow, document, uses, folders)
        assert target is not None
        made = load(target[1])
        return set(made[True]["workflow_call"]["outputs"] if "jobs" in made else made["outputs"])

    found = 0
    for job in document["jobs"].values():
        for kind, name, output in NAMED.findall(yaml.safe_dump(job)):
            assert output in outputs(kind, name, job), f"{kind}.{name}.outputs.{output}"
            found += 1
    assert found or workflow.name == "pasted.yml"


def test_files_that_the_consumer_names_exist() -> None:
    for file in (CONSUMER / ".github" / "workflows").iterdir():
        for step in steps(load(file)):
            for name, value in (step.get("with") or {}).items():
                if name.endswith("-file") or name == "expect":
                    assert (CONSUMER / value).is_file(), value


@pytest.mark.parametrize("page", sorted(EXAMPLES.rglob("README.md")), ids=lambda page: str(page.relative_to(EXAMPLES)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_the_callable_workflows_are_named_and_no_other() -> None:
    callable_ones = {
        file.name
        for file in (ROOT / ".github" / "workflows").glob("*.yml")
        if "SUITE_TOKEN" in (((load(file)[True] or {}).get("workflow_call") or {}).get("secrets") or {})
    }
    [paragraph] = [text for text in PAGE.split("\n\n") if " can be called;" in text]
    assert set(re.findall(r"`([\w-]+\.yml)`", paragraph)) == callable_ones


def test_the_commands_of_the_pages_are_commands() -> None:
    for page in (PAGE, (CONSUMER / "README.md").read_text()):
        for command in re.findall(r"^\.venv/bin/azureml-local (.*)$", page, re.MULTILINE):
            parser().parse_args(command.split())
    makefile = (ROOT / "Makefile").read_text()
    assert "\nsetup:" in makefile
