from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from azureml_local.workflow_run import act
from azureml_local.workflow_run.command import choose_event, pairs
from azureml_local.workflow_run.repositories import export, mapping, reach, stand_in_names
from azureml_local.workflow_run.workflow_file import WorkflowError, check_inputs, events, find, load, remote_uses

SHA = "a" * 40


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "train.yml").write_text(
        f"""
on: {{workflow_dispatch: {{inputs: {{size: {{type: number}}}}}}, push: }}
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@{SHA}
      - uses: azure/login@{SHA}
      - uses: ./local
"""
    )
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "action.yml").write_text(
        "runs: {using: composite, steps: [{uses: OWNER/REPO/actions/run-pipeline@v1}]}"
    )
    return tmp_path


def test_a_workflow_is_found_by_its_short_name_and_an_unknown_one_lists_the_known(repository: Path) -> None:
    assert find(repository, "train").name == "train.yml"
    with pytest.raises(WorkflowError, match=r"no workflow 'trian' in .*; there are: train"):
        find(repository, "trian")


def test_remote_uses_are_followed_through_local_composites(repository: Path) -> None:
    uses = remote_uses(repository, find(repository, "train"))
    assert {(use.repository, use.path) for use in uses} == {
        ("actions/checkout", ""),
        ("azure/login", ""),
        ("OWNER/REPO", "actions/run-pipeline"),
    }


def test_a_local_action_that_is_not_there_is_named(repository: Path) -> None:
    (repository / "local" / "action.yml").unlink()
    with pytest.raises(WorkflowError, match=r"uses './local', but there is no such action"):
        remote_uses(repository, find(repository, "train"))


def test_the_key_on_is_read_although_yaml_takes_it_for_true(repository: Path) -> None:
    document = load(find(repository, "train"))
    assert list(events(document)) == ["workflow_dispatch", "push"]
    assert choose_event(repository / "train.yml", document, None) == "workflow_dispatch"
    with pytest.raises(WorkflowError, match=r"does not run on 'schedule'; it runs on: workflow_dispatch, push"):
        choose_event(repository / "train.yml", document, "schedule")


def test_bad_yaml_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text("a: 1\nb: [")
    with pytest.raises(WorkflowError, match=r"x\.yml:2:\d+: not valid YAML"):
        load(tmp_path / "x.yml")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sise": "1"}, "unknown input 'sise'; it takes: size, tier, dry, name"),
        ({"tier": "free"}, "input 'tier' is 'free'; allowed: low, high"),
        ({"dry": "yes"}, "input 'dry' is 'yes'; allowed: true, false"),
        ({"size": "big"}, "input 'size' is 'big'; a number is expected"),
        ({}, "input 'name' is required"),
    ],
)
def test_inputs_are_checked_as_github_does(given: dict[str, str], message: str) -> None:
    declared = {
        "size": {"type": "number"},
        "tier": {"type": "choice", "options": ["low", "high"]},
        "dry": {"type": "boolean"},
        "name": {"required": True},
    }
    with pytest.raises(WorkflowError, match=message):
        check_inputs(Path("w.yml"), declared, {"name": "n", **given} if given else {})


def test_an_action_that_nothing_stands_for_is_named_with_the_way_out(repository: Path) -> None:
    uses = [use for use in remote_uses(repository, find(repository, "train")) if use.repository == "OWNER/REPO"]
    with pytest.raises(WorkflowError, match=r"OWNER/REPO@v1 \(in action\.yml\)\. Map a folder with --local-repository"):
        mapping(uses, given={}, suite_names=[], scratch=repository / "scratch")
    with pytest.raises(WorkflowError, match=r"uses 'OWNER/REPO/actions/run-pipeline@v1', but .* has no such action"):
        mapping(uses, given={"OWNER/REPO@v1": repository}, suite_names=[], scratch=repository / "scratch")
    (repository / "actions" / "run-pipeline").mkdir(parents=True)
    (repository / "actions" / "run-pipeline" / "action.yml").write_text("runs: {using: composite, steps: []}")
    folders = mapping(uses, given={"OWNER/REPO@v1": repository}, suite_names=[], scratch=repository / "scratch")
    assert folders == {"OWNER/REPO@v1": repository}


def test_the_common_actions_have_stand_ins() -> None:
    assert {"actions/checkout", "actions/github-script", "azure/login", "actions/setup-python"} <= set(stand_in_names())


def test_an_export_has_new_files_and_not_the_ignored_ones(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    (source / ".gitignore").write_text("secret.txt\n")
    (source / "secret.txt").write_text("x")
    (source / "new.txt").write_text("y")
    export(source, tmp_path / "target")
    assert sorted(file.name for file in (tmp_path / "target").iterdir()) == [".gitignore", "new.txt"]


def test_options_without_a_value_are_refused() -> None:
    assert pairs(["a=b=c", "d="], "--input") == {"a": "b=c", "d": ""}
    with pytest.raises(WorkflowError, match="--input 'a': write it as NAME=VALUE"):
        pairs(["a"], "--input")


def test_no_secret_stands_on_acts_command_line(tmp_path: Path) -> None:
    run = act.ActRun(
        repository=tmp_path, workflow=tmp_path / "w.yml", event="push", event_file=tmp_path / "e.json", folder=tmp_path,
        repositories={}, secrets={"S": "hunter2"}, env={"T": "hunter3"},
    )  # fmt: skip
    assert not any("hunter" in argument for argument in act.command(run))


def test_env_files_survive_quotes_newlines_and_dollars() -> None:
    assert act.dotenv({"A": 'x"y\n$z\\'}) == b'A="x\\"y\\n\\$z\\\\"\n'
    assert act.dotenv({"A": '$HOME "x"'}) == b"A='$HOME \"x\"'\n"


def test_a_called_workflow_finds_its_siblings_in_its_own_repository(tmp_path: Path) -> None:
    suite, caller = tmp_path / "suite" / ".github" / "workflows", tmp_path / "caller" / ".github" / "workflows"
    for folder, name, uses in (
        (suite, "all", "./.github/workflows/one.yml"),
        (suite, "one", None),
        (caller, "call", "O/S/.github/workflows/all.yml@v1"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        job = f"{{uses: {uses}}}" if uses else "{runs-on: x, steps: [{uses: O/S/act@v1}]}"
        (folder / f"{name}.yml").write_text(f"on: workflow_call\njobs:\n  a: {job}\n")
    (tmp_path / "suite" / "act").mkdir()
    (tmp_path / "suite" / "act" / "action.yml").write_text("runs: {using: composite, steps: []}")
    found = remote_uses(tmp_path / "caller", caller / "call.yml")
    folders = mapping(found, given={"O/S": tmp_path / "suite"}, suite_names=[], scratch=tmp_path / "scratch")
    assert set(folders) == {"O/S@v1"}
    assert "uses: O/S/.github/workflows/one.yml@v1" in (folders["O/S@v1"] / ".github/workflows/all.yml").read_text()
    assert "./.github" in (suite / "all.yml").read_text(), "what was mapped stays as it is"
    reached = {file.name for _, file, _ in reach(tmp_path / "caller", caller / "call.yml", folders)}
    assert reached == {"call.yml", "all.yml", "one.yml", "action.yml"}
