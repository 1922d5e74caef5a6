"""What a specification means on this machine, images and curated environments included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml_local.environments import curated, images, plan
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.environments.spec import EnvironmentSpec, spec_from_reference, spec_from_rest

BASE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"


def planned(**properties: Any) -> plan.Plan:
    return plan.make(spec_from_rest("taxi:3", properties, None))


def test_a_conda_file_stands_for_itself_whatever_the_image() -> None:
    for conda_file in (
        "dependencies: [python=3.10, numpy=1.26]",
        json.dumps({"dependencies": ["python=3.10", "numpy=1.26"]}),
    ):
        made = planned(image="mycompany.azurecr.io/private:1", condaFile=conda_file)
        assert (made.python, made.packages, made.warnings) == ("==3.10.*", ("numpy==1.26.*",), ())


def test_the_python_of_a_conda_environment_made_in_a_dockerfile_wins_over_the_images(tmp_path: Path) -> None:
    lines = [f"FROM {BASE}", "RUN conda create --yes --prefix /env python=3.10 pip=24.2 && pip install pandas==2.2.3"]
    (tmp_path / "Dockerfile").write_text("\n".join(lines))
    made = plan.make(spec_from_rest("taxi:3", {"build": {"dockerfilePath": "Dockerfile"}}, tmp_path))
    assert made.python == "==3.10.*"
    assert "pandas==2.2.3" in made.packages


def test_a_plain_image_is_a_python_without_packages_and_says_so() -> None:
    made = planned(image=BASE)
    assert (made.python, made.packages) == ("==3.8.*", ())
    assert made.warnings == (
        (
            f"environment taxi:3: its image '{BASE}' is taken as a Python without packages. "
            "Add a conda file to install what the code imports."
        ),
    )


@pytest.mark.parametrize(
    ("image", "python", "packages"),
    [
        ("python:3.11-slim", "3.11", ()),
        ("docker.io/library/python:3.9", "3.9", ()),
        ("ubuntu:22.04", None, ()),
        ("mcr.microsoft.com/azureml/intelmpi2018.3-ubuntu16.04", "3.7", ()),
        ("pytorch/pytorch:2.0.1-cuda11.7-cudnn8-runtime", None, ("torch==2.0.1",)),
        ("tensorflow/tensorflow:2.12.0-gpu", None, ("tensorflow==2.12.0",)),
        (
            "mcr.microsoft.com/aifx/acpt/stable-ubuntu2204-cu126-py310-torch280:biweekly",
            "3.10",
            ("torch==2.8.0", "torchvision", "numpy<2"),
        ),
    ],
)
def test_known_images(image: str, python: str | None, packages: tuple[str, ...]) -> None:
    facts = images.known(image)
    assert facts == images.ImageFacts(python, packages)


@pytest.mark.parametrize(
    "image", ["mycompany.azurecr.io/python:3.11", "pythonista/x:3", "mcr.microsoft.com/azureml/designer"]
)
def test_other_images_are_not_guessed(image: str) -> None:
    assert images.known(image) is None


@pytest.mark.parametrize(
    ("reference", "python", "package"),
    [
        ("azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest", "3.8", "scikit-learn~=1.0.0"),
        ("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu:9", "3.7", "scikit-learn~=0.24.1"),
        ("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu@latest", "3.7", "matplotlib"),
        ("azureml://registries/azureml/environments/sklearn-1.5/labels/latest", "3.10", "scikit-learn~=1.5.0"),
        ("azureml://registries/azureml/environments/lightgbm-3.3/versions/7", "3.10", "xgboost~=1.7.6"),
        ("azureml:AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu:1", "3.7", "lightgbm~=3.2.0"),
        ("azureml:AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu:11", "3.7", "xgboost<1.7"),
        ("azureml:AzureML-tensorflow-2.16-cuda12@latest", "3.10", "tensorflow~=2.16.0"),
        ("azureml:AzureML-ACPT-pytorch-1.13-py38-cuda11.7-gpu@latest", "3.8", "torch~=1.13.0"),
        ("azureml://registries/azureml/environments/acpt-pytorch-2.2-cuda12.1/versions/3", "3.10", "torch~=2.2.0"),
        ("azureml:AzureML-responsibleai-0.20-ubuntu20.04-py38-cpu@latest", "3.8", "responsibleai~=0.20.0"),
        ("azureml:AzureML-minimal-ubuntu22.04-py39-cpu-inference@latest", "3.9", "azureml-inference-server-http"),
        ("azureml:AzureML-mlflow-ubuntu20.04-py38-cpu-inference:1", "3.8", "mlflow<3"),
        (
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/environments/"
                "AzureML-sklearn-1.1-ubuntu20.04-py38-cpu/versions/2"
            ),
            "3.8",
            "scikit-learn~=1.1.0",
        ),
    ],
)
def test_curated_environments(reference: str, python: str, package: str) -> None:
    spec = spec_from_reference(reference)
    assert spec is not None
    made = plan.make(spec)
    assert made.python == f"=={python}.*"
    assert package in made.packages
    assert len(made.warnings) == 1
    assert "an approximation, versions may differ" in made.warnings[0]


def test_a_curated_image_in_an_environment_of_ones_own() -> None:
    made = planned(image="mcr.microsoft.com/azureml/curated/sklearn-1.5:12")
    assert "scikit-learn~=1.5.0" in made.packages


def test_a_reference_to_the_workspaces_own_environment_is_none_of_microsofts() -> None:
    assert spec_from_reference("azureml:taxi-train@latest") is None
    assert spec_from_reference("/subscriptions/s/…/workspaces/w/environments/sklearn-1.5/versions/2") is None
    assert spec_from_reference("azureml://registries/mycompany/environments/sklearn-1.5/versions/1") is None


def test_unknown_curated_environments_are_refused_with_the_known_ones() -> None:
    spec = spec_from_reference("azureml://registries/azureml/environments/ai-ml-automl/labels/latest")
    assert spec is not None
    with pytest.raises(EnvironmentBuildError) as refused:
        plan.make(spec)
    assert str(refused.value).startswith("environment ai-ml-automl: 'curated/ai-ml-automl' is a curated environment")
    assert curated.KNOWN in str(refused.value)


def test_an_image_that_cannot_be_known_is_refused() -> None:
    with pytest.raises(EnvironmentBuildError) as refused:
        planned(image="mycompany.azurecr.io/train:5")
    assert "what its image 'mycompany.azurecr.io/train:5' contains cannot be known without Docker" in str(refused.value)
    assert "Add `conda_file:`" in str(refused.value)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "it has neither an image nor a conda file nor a docker build context"),
        ({"condaFile": "dependencies: [}"}, "its conda file is not YAML"),
        ({"condaFile": "just text"}, "its conda file has to be a mapping with 'dependencies', not str."),
        (
            {"build": {"contextUri": "https://x/y"}},
            "its docker build context (https://x/y) is not in the workspace any more",
        ),
    ],
)
def test_unusable_definitions(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvironmentBuildError) as refused:
        planned(**properties)
    assert message in str(refused.value)


def test_a_docker_context_becomes_a_plan(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.10\nCOPY r.txt .\nENV A=1\nRUN pip install --pre -r r.txt\n")
    (tmp_path / "r.txt").write_text("six==1.16.0\n")
    spec = spec_from_rest("taxi:3", {"build": {"contextUri": "u", "dockerfilePath": "Dockerfile"}}, tmp_path)
    made = plan.make(spec)
    assert (made.python, made.packages, made.prerelease, made.variables) == (
        "==3.10.*",
        ("six==1.16.0",),
        True,
        {"A": "1"},
    )


def test_the_key_is_the_content_not_the_name() -> None:
    def key(name: str = "a:1", python: str = "3.10", *lines: str) -> str:
        return plan.make(EnvironmentSpec(name, conda={"dependencies": []}, pip_requirements=lines)).key(python)

    assert key("a:1", "3.10", "six", "attrs") == key("b:9", "3.10", "attrs", "six")
    assert key("a:1", "3.10", "six") != key("a:1", "3.11", "six")
    assert key("a:1", "3.10", "six") != key("a:1", "3.10", "six==1.16.0")


def test_a_rotated_token_keeps_the_environment() -> None:
    def key(token: str) -> str:
        lines = (f"--extra-index-url https://me:{token}@example.org/simple", "six")
        return plan.make(EnvironmentSpec("a:1", conda={}, pip_requirements=lines)).key("3.10")

    assert key("monday") == key("tuesday")
