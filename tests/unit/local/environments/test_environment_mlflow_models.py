"""The environments that MLflow models bring along."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.environments import mlflow_models
from azureml_local.environments.errors import EnvironmentBuildError

MLMODEL = "flavors:\n  python_function:\n    env: {conda: conda.yaml, virtualenv: python_env.yaml}\n"


def test_the_conda_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(MLMODEL)
    (tmp_path / "conda.yaml").write_text("dependencies: [python=3.10, {pip: [numpy==1.26.4]}]")
    (tmp_path / "requirements.txt").write_text("never-asked-for\n")
    spec = mlflow_models.environment_of(tmp_path, "fares:3")
    assert spec.conda == {"dependencies": ["python=3.10", {"pip": ["numpy==1.26.4"]}]}
    assert (spec.name, spec.pip_requirements) == ("model fares:3", ())


def test_without_a_conda_file_requirements_and_python_are_read(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(MLMODEL)
    (tmp_path / "requirements.txt").write_text("numpy==1.26.4\n\n")
    assert mlflow_models.environment_of(tmp_path, "fares:3").python is None
    (tmp_path / "python_env.yaml").write_text("python: 3.10.13\n")
    spec = mlflow_models.environment_of(tmp_path, "fares:3")
    assert (spec.pip_requirements, spec.python) == (("numpy==1.26.4",), "3.10")


def test_a_flavor_may_name_its_conda_file_alone(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {env: mine.yaml}}")
    (tmp_path / "mine.yaml").write_text("dependencies: [python=3.11]")
    assert mlflow_models.environment_of(tmp_path, "fares:3").conda == {"dependencies": ["python=3.11"]}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "registered as an MLflow model but has no MLmodel"),
        ({"MLmodel": "flavors: {sklearn: {}}"}, "no python_function flavor"),
        ({"MLmodel": MLMODEL}, "neither conda.yaml nor requirements.txt"),
        ({"MLmodel": "a: ["}, "its MLmodel is not YAML"),
    ],
)
def test_mlflow_models_that_cannot_be_deployed(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(EnvironmentBuildError, match=said):
        mlflow_models.environment_of(tmp_path, "fares:3")
