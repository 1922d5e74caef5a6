"""register-environment: at most one az ml call, none when nothing changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from az_cli import Finished
from register_environment import HASH_TAG, TITLE, register
from support.fake_azure import SECRET, WORKSPACE, World, option
from yaml_files import read_environment

FILE = "name: taxi\nimage: img:1\nconda_file: conda.yml\n"


@pytest.fixture
def registering(world: World) -> World:
    """A workspace whose az registers the next version."""
    Path("env.yml").write_text(FILE)
    Path("conda.yml").write_text("dependencies: [python=3.10]\n")
    world.give(environment_file="env.yml")

    def ml(argv: Sequence[str]) -> Finished:
        assert list(argv[1:4]) == ["ml", "environment", "create"]
        tags = dict(word.removeprefix("tags.").split("=", 1) for word in argv if word.startswith("tags."))
        versions = world.azure.environments.setdefault("taxi", [])
        same = versions and versions[0]["properties"].get("image") == Path("env.yml").read_text()
        if not same:
            version = str(len(versions) + 1)
            identifier = f"{WORKSPACE}/environments/taxi/versions/{version}"
            versions.insert(
                0, {"name": version, "id": identifier, "properties": {"image": Path("env.yml").read_text()}}
            )
        versions[0]["properties"]["tags"] = tags
        shown = {"name": "taxi", "version": versions[0]["name"], "id": "azureml:" + versions[0]["id"]}
        return Finished(0, json.dumps(shown), "Class X: This is an experimental class\n")

    world.az.ml = ml
    return world


def run(world: World) -> int:
    return world.run(TITLE, register)


def test_a_new_environment_is_registered_and_tagged(registering: World) -> None:
    assert run(registering) == 0, registering.log
    assert registering.outputs == {
        "environment-name": "taxi",
        "environment-version": "1",
        "environment-id": f"azureml:{WORKSPACE}/environments/taxi/versions/1",
        "changed": "true",
    }
    tags = registering.azure.environments["taxi"][0]["properties"]["tags"]
    assert tags == {
        "managed-by": "octo/models",
        "commit-sha": "abc123",
        "run-url": "https://github.com/octo/models/actions/runs/987654321",
        HASH_TAG: read_environment(Path("env.yml"))[0].fingerprint,
    }
    call = registering.az.launches("ml")[0]
    assert option(call, "--file") == "env.yml"
    assert option(call, "--workspace-name") == "aml"
    assert call.count("--set") == 1
    assert "### ✅ Environment taxi:1 registered" in registering.summary


def test_a_second_run_starts_no_az_at_all(registering: World) -> None:
    run(registering)
    before = len(registering.az.calls)
    assert run(registering) == 0
    assert len(registering.az.calls) == before
    assert registering.outputs["changed"] == "false"
    assert registering.outputs["environment-version"] == "1"
    assert registering.outputs["environment-id"].startswith("azureml:/subscriptions/")
    assert "taxi:1 unchanged" in registering.summary


def test_a_changed_file_makes_the_next_version(registering: World) -> None:
    run(registering)
    Path("env.yml").write_text(FILE.replace("img:1", "img:2"))
    assert run(registering) == 0
    assert (registering.outputs["environment-version"], registering.outputs["changed"]) == ("2", "true")


def test_a_version_registered_by_hand_is_taken_over(registering: World) -> None:
    versions: list[dict[str, Any]] = [{"name": "5", "id": "/x", "properties": {"image": FILE, "tags": {}}}]
    registering.azure.environments["taxi"] = versions
    assert run(registering) == 0
    assert (registering.outputs["environment-version"], registering.outputs["changed"]) == ("5", "false")
    assert HASH_TAG in versions[0]["properties"]["tags"]


def test_a_pinned_version_with_other_content_is_refused_before_az(registering: World) -> None:
    Path("env.yml").write_text(FILE + "version: 3\n")
    other = {"name": "3", "id": "/x", "properties": {"tags": {HASH_TAG: "something else"}}}
    registering.azure.environments["taxi"] = [other]
    assert run(registering) == 2
    assert "Environment taxi:3 exists with other content." in registering.log
    assert "Raise `version:` in env.yml, or leave it out" in registering.log
    assert registering.az.calls == []


def test_what_az_refuses_is_explained(registering: World) -> None:
    stderr = "ERROR: Error: Validation for EnvironmentSchema failed:\n - conda_file: Not a valid mapping type.\n"
    registering.az.ml = lambda argv: Finished(1, "", stderr)
    assert run(registering) == 2
    assert "Environment taxi could not be registered from env.yml." in registering.log
    assert "Cause: The YAML is not what Azure Machine Learning's schema allows." in registering.log
    assert "Not a valid mapping type" in registering.summary


def test_all_problems_are_told_before_signing_in(world: World) -> None:
    Path("env.yml").write_text("image: x\nconda_file: gone.yml\n")
    world.give(environment_file="env.yml", workspace_name="", ml_extension_version="new")
    assert world.run(TITLE, register) == 2
    for part in (
        "4 problems with the inputs of this action",
        "workspace-name is empty",
        "ml-extension-version is 'new'",
        "`name:` is missing",
        "conda_file names gone.yml, which does not exist",
    ):
        assert part in world.log
    assert "::error title=register-environment,file=env.yml,line=2::" in world.log
    assert world.azure.requests == []


def test_a_missing_workspace_is_explained(registering: World) -> None:
    registering.azure.workspace_exists = False
    assert run(registering) == 4
    assert "The workspace does not exist in this resource group." in registering.log
    assert registering.az.calls == []


def test_no_secret_is_told(registering: World) -> None:
    credentials = {"clientId": "c", "clientSecret": SECRET, "tenantId": "t"}
    registering.give(credentials=json.dumps(credentials), client_id="", tenant_id="")
    assert run(registering) == 0
    told = [line for line in registering.log.splitlines() if not line.startswith("::add-mask::")]
    everything = "\n".join(told) + registering.summary + registering.output_file.read_text() + str(registering.az.calls)
    for secret in (SECRET, "token-0"):
        assert secret not in everything
    assert not list(Path(registering.env["RUNNER_TEMP"]).glob("azure-*"))
