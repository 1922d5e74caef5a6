"""Docker build contexts, read without Docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.environments import dockerfile, dockerfile_syntax
from azureml_local.environments.errors import EnvironmentBuildError


def context(folder: Path, text: str, **files: str) -> dockerfile.BuildContext:
    (folder / "Dockerfile").write_text(text)
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_txt", ".txt").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return dockerfile.read(folder, "Dockerfile", "environment e:1, Dockerfile")


def test_a_requirements_file(tmp_path: Path) -> None:
    found = context(
        tmp_path,
        "FROM python:3.10-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -U -r requirements.txt\n",
        requirements_txt="six==1.16.0\n--extra-index-url https://example.org/simple\n",
    )
    assert found.python == "3.10"
    assert found.pip_lines == ["--extra-index-url https://example.org/simple", "six==1.16.0"]
    assert (found.conda, found.warnings) == (None, [])


def test_packages_on_the_command_line_and_continuations(tmp_path: Path) -> None:
    found = context(
        tmp_path,
        """FROM mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
        RUN python -m pip install --upgrade pip && \\
            # a comment between
            pip3 install 'pandas==2.2.2' \\
              "scikit-learn>=1.3,<2" --index-url https://example.org/simple; rm -rf /root/.cache
        """,
    )
    assert found.python == "3.8"
    assert found.pip_lines == [
        "--index-url https://example.org/simple",
        "pip",
        "",
        "pandas==2.2.2",
        "scikit-learn>=1.3,<2",
    ]


def test_a_conda_file_and_later_pip_installs(tmp_path: Path) -> None:
    found = context(
        tmp_path,
        """FROM mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
        COPY environment/conda.yml /tmp/env.yml
        RUN conda env create -n train -f /tmp/env.yml && conda clean -ay
        RUN conda run -n train pip install attrs
        RUN conda install -y -c conda-forge lightgbm=4.0
        """,
        environment__conda_yml="dependencies: [python=3.9, numpy=1.26]\nvariables: {A: b}\n",
    )
    assert found.conda == {"dependencies": ["python=3.9", "numpy=1.26", "lightgbm=4.0"], "variables": {"A": "b"}}
    assert found.pip_lines == ["attrs"]


def test_the_whole_context_copied_to_a_folder(tmp_path: Path) -> None:
    found = context(
        tmp_path,
        "FROM python:3.11\nCOPY . /opt/build/\nRUN pip install -r /opt/build/deps/all.txt -c /opt/build/pins.txt",
        deps__all_txt="-r more.txt\npandas\n",
        deps__more_txt="six\n",
        pins_txt="pandas==2.2.2\n",
    )
    assert found.pip_lines == ["six", "pandas"]
    assert found.constraints == ["pandas==2.2.2"]


def test_arguments_variables_and_stages(tmp_path: Path) -> None:
    found = context(
        tmp_path,
        """ARG VERSION=3.12
        FROM python:${VERSION} AS base
        ARG SIX=1.16.0
        ENV MODE=train PATH=/opt/venv/bin:$PATH
        ENV GREETING hello world
        RUN pip install six==${SIX} attrs==${ATTRS:-23.1.0}
        FROM node:20 AS front
        RUN npm ci
        FROM base
        RUN ["pip", "install", "idna"]
        """,
    )
    assert found.image == "python:3.12"
    assert found.pip_lines == ["six==1.16.0", "attrs==23.1.0", "", "idna"]
    assert found.variables == {"MODE": "train", "GREETING": "hello world"}  # the container's PATH is not this machine's
    assert found.warnings == []


def test_a_here_document(tmp_path: Path) -> None:
    found = context(tmp_path, "FROM python:3.11\nRUN <<EOF\nset -e\npip install six\nEOF\nRUN pip install attrs\n")
    assert found.pip_lines == ["six", "", "attrs"]


def test_what_needs_docker_is_told_in_one_warning(tmp_path: Path) -> None:
    found = context(
        tmp_path,
        """FROM python:3.11
        RUN apt-get update && apt-get install -y libgomp1
        RUN curl -sL https://me:secret@example.org/x.sh | bash
        RUN pip install six
        """,
    )
    assert found.warnings == [
        (
            "environment e:1, Dockerfile: instructions that need Docker are left out: apt-get update; "
            "apt-get install -y libgomp1; curl -sL https://***@example.org/x.sh; bash."
        )
    ]


def test_an_unknown_base_image_is_told(tmp_path: Path) -> None:
    found = context(tmp_path, "FROM mycompany.azurecr.io/base:1\nRUN pip install six\n")
    assert found.warnings == [
        (
            "environment e:1, Dockerfile: what the base image 'mycompany.azurecr.io/base:1' already contains is not "
            "known here; only what the Dockerfile itself installs is in the environment."
        )
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "FROM mycompany.azurecr.io/base:1\nRUN ./setup.sh\n",
            "no Python dependencies were recognised, and what the base image 'mycompany.azurecr.io/base:1' contains",
        ),
        ("FROM mycompany.azurecr.io/base:1\nRUN ./setup.sh\n", "Not understood: setup.sh."),
        ("RUN pip install six\n", "there is no FROM instruction in it."),
        (
            "FROM python:3.11\nRUN pip install -r requirements.txt\n",
            "it installs from 'requirements.txt', which is not in the docker build context. The context has: Docker",
        ),
        ("FROM python:3.11\nRUN pip install ./mypackage\n", "'./mypackage' is a local path"),
        (
            "FROM python:3.11\nRUN pip install -r ../../etc/passwd\n",
            "it installs from '../../etc/passwd', which is",
        ),
    ],
)
def test_refusals_say_what_and_how_to_mend_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EnvironmentBuildError) as refused:
        context(tmp_path, text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("environment e:1, Dockerfile: ")


def test_a_missing_dockerfile_lists_the_context(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM python:3.11\n")
    with pytest.raises(EnvironmentBuildError, match=r"Set `dockerfile_path` .* the context has: docker/Dockerfile\."):
        dockerfile.read(tmp_path, "Dockerfile", "environment e:1, Dockerfile")


def test_a_dockerfile_outside_the_context_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\n")
    with pytest.raises(EnvironmentBuildError, match="has no such file"):
        dockerfile.read(tmp_path / "context", "../Dockerfile", "environment e:1, Dockerfile")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("a && b || c; d | e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("FOO=1 sudo /usr/bin/pip3.10 install x 2>/dev/null", [["pip", "install", "x"]]),
        ("--mount=type=cache,target=/root/.cache pip install x", [["pip", "install", "x"]]),
        ("/bin/bash -c 'python3 -m pip install x'", [["pip", "install", "x"]]),
        ("uv pip install --system x", [["pip", "install", "--system", "x"]]),
        ("pip install 'unclosed", [["pip install 'unclosed"]]),
    ],
)
def test_commands_of_a_run_line(run: str, expected: list[list[str]]) -> None:
    assert dockerfile_syntax.commands(run) == expected
