"""The taxi model's YAML and environment files agree with each other and with the step code."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CODE = ROOT / "data-science/models/taxi/code"
ENVIRONMENT = ROOT / "data-science/models/taxi/environment"
TRAIN = ROOT / "mlops/azureml/train"
DEPLOY = ROOT / "mlops/azureml/deploy"
STEPS = ("prep", "train", "evaluate", "register")


def read(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text())
    assert isinstance(document, dict)
    return document


def options(step: str) -> dict[str, dict[str, Any]]:
    """`--name` -> literal keywords of each add_argument call; read, not run: the step's packages are not here."""
    found = {}
    for node in ast.walk(ast.parse((CODE / f"{step}.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            name = ast.literal_eval(node.args[0])
            found[name] = {
                word.arg: word.value.value
                for word in node.keywords
                if word.arg is not None and isinstance(word.value, ast.Constant)
            }
    return found


@pytest.fixture(scope="module")
def pipeline() -> dict[str, Any]:
    """The pipeline, each step with what its component file says of command, code and environment."""
    document = read(TRAIN / "taxi_pipeline.yml")
    for step in document["jobs"].values():
        if "component" in step:
            component = read(TRAIN / step["component"])
            assert set(step["inputs"]) == set(component["inputs"])
            step["outputs"] = {**component["outputs"], **step.get("outputs", {})}
            step.update({key: component[key] for key in ("command", "code", "environment")})
            step["is_deterministic"] = component["is_deterministic"]
    return document


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TRAIN / "taxi_pipeline.yml", TRAIN / "pipeline.yml"),
        (DEPLOY / "online/taxi_online-endpoint.yml", DEPLOY / "online/online-endpoint.yml"),
        (DEPLOY / "online/taxi_online-deployment.yml", DEPLOY / "online/online-deployment.yml"),
    ],
    ids=lambda path: path.name,
)
def test_the_short_names_are_copies(one: Path, other: Path) -> None:
    assert one.read_bytes() == other.read_bytes(), f"copy {one.name} over {other.name}"


def test_pipeline_steps_follow_each_other(pipeline: dict[str, Any]) -> None:
    assert tuple(pipeline["jobs"]) == STEPS
    for name, step in pipeline["jobs"].items():
        assert (TRAIN / step["code"]).resolve() == CODE
        assert step["environment"] == "azureml:taxi-train@latest"
        assert step["command"].split()[:2] == ["python", f"{name}.py"]


def test_steps_that_look_at_the_registry_are_never_reused(pipeline: dict[str, Any]) -> None:
    never = {name for name, step in pipeline["jobs"].items() if step.get("is_deterministic") is False}
    assert never == {"evaluate", "register"}


@pytest.mark.parametrize("step", STEPS)
def test_each_command_gives_the_script_what_it_takes(pipeline: dict[str, Any], step: str) -> None:
    job, takes = pipeline["jobs"][step], options(step)
    given = dict(re.findall(r"(--[a-z0-9-]+) \$\{\{(\w+\.\w+)\}\}", job["command"]))
    assert set(given) <= set(takes), "an option the script does not have"
    assert {name for name, words in takes.items() if words.get("required")} <= set(given)
    bound = {*(f"inputs.{name}" for name in job["inputs"]), *(f"outputs.{name}" for name in job["outputs"])}
    assert set(given.values()) == bound, "what the command uses and what the step declares"


@pytest.mark.parametrize("step", STEPS)
def test_defaults_are_the_same_by_hand_and_in_the_pipeline(pipeline: dict[str, Any], step: str) -> None:
    for name, words in options(step).items():
        key = name.removeprefix("--").replace("-", "_")
        if "default" in words and key in pipeline["inputs"]:
            assert pipeline["inputs"][key] == words["default"], name


def test_every_pipeline_input_and_output_is_used(pipeline: dict[str, Any]) -> None:
    bindings = [
        binding
        for step in pipeline["jobs"].values()
        for binding in (*step["inputs"].values(), *step["outputs"].values())
        if isinstance(binding, str)
    ]
    for group in ("inputs", "outputs"):
        used = {match for text in bindings for match in re.findall(rf"parent\.{group}\.(\w+)", text)}
        assert used == set(pipeline[group])


def test_raw_data_is_there(pipeline: dict[str, Any]) -> None:
    assert (TRAIN / pipeline["inputs"]["raw"]["path"]).resolve() == ROOT / "data/taxi/taxi-data.csv"


def test_conda_and_docker_variants_install_the_same(pipeline: dict[str, Any]) -> None:
    *conda, pip = read(ENVIRONMENT / "conda.yml")["dependencies"]
    pinned = {re.sub(r"(?<!=)=(?!=)", "==", entry) for entry in conda} | set(pip["pip"])
    python = {entry for entry in pinned if entry.startswith(("python==", "pip=="))}
    lines = (ENVIRONMENT / "requirements.txt").read_text().splitlines()
    assert pinned - python == {line for line in lines if not line.startswith("#")}
    assert all("==" in entry for entry in pinned)
    dockerfile = (ENVIRONMENT / "Dockerfile").read_text()
    assert all(entry.replace("==", "=") in dockerfile for entry in python)


def test_all_environment_files_register_the_name_the_pipeline_asks_for() -> None:
    conda = read(ENVIRONMENT / "taxi_environment_conda.yml")
    docker = read(ENVIRONMENT / "taxi_environment_docker.yml")
    short = read(TRAIN / "train-env.yml")
    assert conda["name"] == docker["name"] == short["name"] == "taxi-train"
    assert (ENVIRONMENT / conda["conda_file"]).is_file()
    assert (TRAIN / short["build"]["path"]).resolve() == (ENVIRONMENT / docker["build"]["path"]).resolve()
    for build in (docker["build"], short["build"]):
        assert (ENVIRONMENT / build["dockerfile_path"]).is_file()
    image = (ENVIRONMENT / "Dockerfile").read_text().splitlines()[0].removeprefix("FROM ")
    assert conda["image"] == image
    assert not image.endswith(":latest")


@pytest.mark.parametrize("kind", ["online", "batch"])
def test_deployment_and_endpoint_belong_together(kind: str) -> None:
    endpoint = read(DEPLOY / kind / f"taxi_{kind}-endpoint.yml")
    deployment = read(DEPLOY / kind / f"taxi_{kind}-deployment.yml")
    assert deployment["endpoint_name"] == endpoint["name"]
    assert deployment["model"] == "azureml:taxi@latest"
    for name in (endpoint["name"], deployment["name"]):
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", name)
