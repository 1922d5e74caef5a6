"""What the models' pipelines, components and step code say of each other, for digits and for a scaffolded model."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from models import read_manifest
from new_model import main

ROOT = Path(__file__).resolve().parents[3]
STEPS = ("prep", "train", "evaluate", "register")


@pytest.fixture(scope="module")
def scaffolded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scaffolded")
    for folder in ("mlops", "examples/new-model"):
        shutil.copytree(ROOT / folder, root / folder)
    assert main(["churn"], root) == 0
    return root


@pytest.fixture(params=["digits", "churn"])
def model(request: pytest.FixtureRequest, scaffolded: Path) -> tuple[Path, str]:
    """Root of the repository, and the model's name."""
    root = ROOT if request.param == "digits" else scaffolded
    file = read_manifest(root).model(request.param).pipeline_file
    if not (root / file).is_file():
        pytest.skip(f"{file} is not there: tests/unit/scripts/test_models.py says so")
    return root, request.param


def pipeline(root: Path, name: str) -> dict[str, Any]:
    """The pipeline, each step with what its component file says."""
    path = root / read_manifest(root).model(name).pipeline_file
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    for step in document["jobs"].values():
        if "component" in step:
            component = yaml.safe_load((path.parent / step["component"]).read_text())
            step["outputs"] = {**component["outputs"], **step.get("outputs", {})}
            step.update({key: component[key] for key in ("command", "is_deterministic")})
            step["defaults"] = {key: each.get("default") for key, each in component["inputs"].items()}
    return document


def options(root: Path, name: str, step: str) -> dict[str, dict[str, Any]]:
    """`--name` -> literal keywords of each add_argument call; read, not run."""
    code = (root / f"data-science/models/{name}/code/{step}.py").read_text()
    found = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            words = {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
            found[ast.literal_eval(node.args[0])] = {str(key): value for key, value in words.items()}
    return found


def test_the_steps_are_those_of_every_model(model: tuple[Path, str]) -> None:
    document = pipeline(*model)
    assert tuple(document["jobs"]) == STEPS
    for name, step in document["jobs"].items():
        assert step["command"].split()[:2] == ["python", f"{name}.py"]
    never = {name for name, step in document["jobs"].items() if step.get("is_deterministic") is False}
    assert never == {"evaluate", "register"}, "what looks at the registry is never reused"


@pytest.mark.parametrize("step", STEPS)
def test_each_command_gives_the_script_what_it_takes(model: tuple[Path, str], step: str) -> None:
    given = set(re.findall(r"(--[a-z0-9-]+) \$\{\{", pipeline(*model)["jobs"][step]["command"]))
    takes = options(*model, step)
    assert given <= set(takes), "an option the script does not have"
    assert {name for name, words in takes.items() if words.get("required")} <= given


@pytest.mark.parametrize("step", STEPS)
def test_defaults_are_the_same_by_hand_in_the_component_and_in_the_pipeline(model: tuple[Path, str], step: str) -> None:
    document = pipeline(*model)
    for option, words in options(*model, step).items():
        key = option.removeprefix("--").replace("-", "_")
        if "default" in words:
            assert document["inputs"].get(key, words["default"]) == words["default"], option
            inner = document["jobs"][step].get("defaults", {}).get(key)
            assert inner in (None, words["default"]), option


def test_every_input_of_the_pipeline_is_used(model: tuple[Path, str]) -> None:
    document = pipeline(*model)
    used = set(re.findall(r"parent\.inputs\.(\w+)", yaml.safe_dump(document["jobs"])))
    assert used == set(document["inputs"])


def test_the_gate_of_a_pull_request_has_the_pipelines_limit(model: tuple[Path, str]) -> None:
    root, name = model
    gate = read_manifest(root).model(name).gate
    assert gate is not None
    assert (gate.metric, gate.goal) == ("test_accuracy", "maximize")
    assert gate.limit == pipeline(root, name)["inputs"]["accuracy_limit"]


def test_the_packages_are_those_of_the_taxi_model(model: tuple[Path, str]) -> None:
    """One set of versions in the repository: one environment to build, one to keep safe."""
    root, name = model
    taxi = ROOT / "data-science/models/taxi/environment"
    folder = root / f"data-science/models/{name}/environment"
    if (folder / "conda.yml").exists():
        mine, other = (yaml.safe_load((each / "conda.yml").read_text()) for each in (folder, taxi))
        assert mine["dependencies"] == other["dependencies"]
    else:
        mine, other = (
            [line for line in (each / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
            for each in (folder, taxi)
        )
        assert mine == other
