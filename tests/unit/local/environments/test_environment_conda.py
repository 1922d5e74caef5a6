"""conda files, said in pip's terms."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from azureml_local.environments import conda
from azureml_local.environments.conda_names import PYPI_NAMES, SYSTEM_PACKAGES, pypi_name
from azureml_local.environments.errors import EnvironmentBuildError


def read(text: str) -> conda.CondaRequest:
    content: dict[str, Any] = yaml.safe_load(text)
    return conda.read(content, "environment e:1, conda file")


@pytest.mark.parametrize(
    ("spec", "name", "version"),
    [
        ("numpy", "numpy", ""),
        ("numpy=*", "numpy", ""),
        ("scikit-learn=1.3.0", "scikit-learn", "==1.3.0.*"),
        ("scikit-learn=1.3", "scikit-learn", "==1.3.*"),
        ("scikit-learn==1.3", "scikit-learn", "==1.3"),
        ("scikit-learn = 1.3", "scikit-learn", "==1.3.*"),
        ("numpy>=1.2,<2", "numpy", ">=1.2,<2"),
        ("numpy >=1.2, <2", "numpy", ">=1.2,<2"),
        ("numpy~=1.22.0", "numpy", "~=1.22.0"),
        ("numpy!=1.22.*", "numpy", "!=1.22.*"),
        ("numpy 1.21.*", "numpy", "==1.21.*"),
        ("numpy 1.21", "numpy", "==1.21"),
        ("numpy 1.21 py39_0", "numpy", "==1.21"),
        ("numpy=1.2=py39_0", "numpy", "==1.2"),
        ("numpy==1.2=py39_0", "numpy", "==1.2"),
        ("python=3.10.*", "python", "==3.10.*"),
        ("python=3.10", "python", "==3.10.*"),
        ("python>=3.8", "python", ">=3.8"),
        ("pytorch::pytorch=2.0", "pytorch", "==2.0.*"),
        ("conda-forge/linux-64::x=1", "x", "==1.*"),
        ("conda-forge::numpy[version='>=1.2,<2', build=py39*]", "numpy", ">=1.2,<2"),
        ("numpy=2.0.0rc1", "numpy", "==2.0.0rc1"),
        ("numpy>=1.2.*", "numpy", ">=1.2"),
        ("NumPy=1", "numpy", "==1.*"),
    ],
)
def test_match_specs(spec: str, name: str, version: str) -> None:
    assert conda.match_spec(spec, "here") == (name, version)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("numpy=1.2|1.3", "offers alternatives with '|'"),
        ("=1.3", "is not a conda package"),
        ("numpy>=abc", "cannot be said in pip's terms"),
    ],
)
def test_match_specs_that_pip_cannot_say(spec: str, message: str) -> None:
    with pytest.raises(EnvironmentBuildError) as refused:
        conda.match_spec(spec, "environment e:1, conda file")
    assert message in str(refused.value)
    assert f"'{spec}'" in str(refused.value)


def test_a_whole_file() -> None:
    found = read("""
        channels: [conda-forge, pytorch]
        variables: {OMP_NUM_THREADS: 2}
        dependencies:
          - python=3.10
          - pip=23
          - pytorch::pytorch=2.0
          - opencv
          - pip:
            - --extra-index-url https://example.org/simple
            - mlflow==2.16.2
            - git+https://github.com/o/r.git
    """)
    assert found.python == "==3.10.*"
    assert found.requirements.packages == [
        "pip==23.*",
        "torch==2.0.*",
        "opencv-python-headless",
    ]
    assert found.pip.packages == ["mlflow==2.16.2", "git+https://github.com/o/r.git"]
    assert found.pip.sources == ["--extra-index-url https://example.org/simple"]
    assert found.variables == {"OMP_NUM_THREADS": "2"}
    assert found.requirements.warnings == []


def test_system_packages_are_left_out_with_one_warning() -> None:
    found = read("{dependencies: [libgcc, cudatoolkit=11.1, gcc_linux-64, openblas, librosa, r-base]}")
    assert found.requirements.packages == ["librosa"]
    assert found.requirements.warnings == [
        (
            "environment e:1, conda file: system packages are left out, the local workspace installs Python packages "
            "only: libgcc, cudatoolkit=11.1, gcc_linux-64, openblas, r-base."
        )
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dependencies: numpy", "'dependencies' has to be a list, not str."),
        ("dependencies: [3]", "the dependency 3 is neither a package ('numpy=1.26') nor a 'pip:' list."),
        ("dependencies: [{numpy: 1.26}]", "the dependency section 'numpy:' is unknown; conda has only 'pip:'."),
        ("dependencies: [{pip: {six: 1}}]", "'pip:' has to be a list of pip requirements."),
        ("{dependencies: [], variables: [A]}", "'variables' has to be a mapping"),
        (
            "dependencies: [{pip: [-r requirements.txt]}]",
            "conda file, pip section: the line '-r requirements.txt' names",
        ),
    ],
)
def test_malformed_files_say_where_and_what(text: str, message: str) -> None:
    with pytest.raises(EnvironmentBuildError) as refused:
        read(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("environment e:1, conda file")


def test_an_empty_file_asks_for_nothing() -> None:
    found = read("name: empty")
    assert (found.requirements.packages, found.python) == ([], None)


def test_the_name_table_says_only_what_differs() -> None:
    assert all(name == name.lower() for name in PYPI_NAMES)
    assert not [name for name, other in PYPI_NAMES.items() if name == other]
    assert not set(PYPI_NAMES) & SYSTEM_PACKAGES
    assert pypi_name("msgpack-python") == "msgpack"
    assert pypi_name("lightgbm") == "lightgbm"
    assert pypi_name("libcurl") is None
