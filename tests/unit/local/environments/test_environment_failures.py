"""One readable sentence from what uv says. The outputs are uv 0.13's own."""

# ruff: noqa: E501 - outputs and sentences stand here as they are said

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.environments import failures, plan
from azureml_local.environments.interpreters import Interpreter
from azureml_local.environments.spec import EnvironmentSpec

NUMPY_BUILD = """\
  Resolved 1 package in 448ms
error: Failed to build `numpy==1.16.0`
  cause: The build backend returned an error
"""


def explain(output: str, dependencies: list[object], minor: int = 11) -> str:
    made = plan.make(EnvironmentSpec("taxi:3", conda={"dependencies": dependencies}))
    return failures.explain(made, Interpreter(Path("python"), (3, minor, 7)), output)


@pytest.mark.parametrize(
    ("output", "dependencies", "sentence"),
    [
        (
            (
                "error: No solution found when resolving dependencies\n  cause: Because there is no version of six==9.9 and you\n"
                "         require six==9.9, we can conclude that your requirements are unsatisfiable."
            ),
            ["python=3.11", {"pip": ["six==9.9"]}],
            (
                "environment taxi:3: the package six==9.9 was not found: the package index has no such version for Python "
                "3.11. Ask for one that exists."
            ),
        ),
        (
            "cause: Because sklear was not found in the package registry and you require sklear, we can conclude",
            [{"pip": ["sklear"]}],
            (
                "environment taxi:3: the package sklear was not found on the package index. Check the spelling, or add the "
                "index that has it with '--extra-index-url'."
            ),
        ),
        (
            "cause: Because conda-only was not found in the package registry and you require conda-only, we can conclude",
            ["conda_only"],
            (
                "environment taxi:3: the package conda-only was not found on the package index. The conda file asks for it; "
                "its name on PyPI may differ: put it under 'pip:' with that name."
            ),
        ),
        (
            NUMPY_BUILD,
            ["python=3.8", "numpy==1.16.0"],
            (
                "environment taxi:3: numpy==1.16.0 cannot be installed for Python 3.11: there is no ready-made wheel, and "
                "building it failed. The environment asks for Python 3.8, which is not on this machine: install it (for "
                "example with `uv python install 3.8`) and run the job again, or ask for newer versions."
            ),
        ),
        (
            NUMPY_BUILD,
            ["numpy==1.16.0"],
            (
                "environment taxi:3: numpy==1.16.0 cannot be installed for Python 3.11: there is no ready-made wheel, and "
                "building it failed. Ask for a version that supports Python 3.11, or for another Python in the conda file "
                "('python=3.x')."
            ),
        ),
        (
            "cause: Because the current Python version (3.11.7) does not satisfy Python>=3.12 and pandas==9.0 depends on",
            [{"pip": ["pandas==9.0"]}],
            (
                "environment taxi:3: pandas==9.0 cannot be installed for Python 3.11: it needs Python >=3.12. Ask for a "
                "version that supports Python 3.11, or for another Python in the conda file ('python=3.x')."
            ),
        ),
        (
            "error: Failed to fetch: https://index.example/simple/six/\n  cause: error sending request for url\n  cause: dns error",
            ["six"],
            (
                "environment taxi:3: the package index (https://index.example/simple/six/) could not be reached. Check the network "
                "and the proxy (HTTPS_PROXY), or name your mirror in UV_DEFAULT_INDEX or PIP_INDEX_URL."
            ),
        ),
        (
            "cause: error sending request\n  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer",
            ["six"],
            (
                "environment taxi:3: the package index's certificate is not trusted here. Set SSL_CERT_FILE to a bundle that "
                "holds your company's CA, then start the local workspace again."
            ),
        ),
        (
            "cause: failed to write to file: No space left on device (os error 28)",
            ["six"],
            "environment taxi:3: the disk that holds the environments is full. Free some space, then run the job again.",
        ),
        (
            "error: Git operation failed\n  cause: failed to clone into: /x",
            [{"pip": ["git+https://h/a/b.git"]}],
            (
                "environment taxi:3: a package from git+https:// could not be fetched. Check that git is installed and that "
                "the repository and its revision exist and can be read without a password."
            ),
        ),
        (
            "error: No solution found\n  cause: Because a==1 depends on b<2 and you require b>=2, requirements are unsatisfiable.",
            ["a", "b"],
            "environment taxi:3: the versions asked for exclude each other; see the end of the log below for which.",
        ),
        ("boom", ["a"], "environment taxi:3: the installation failed; see the end of the log below."),
    ],
)
def test_explanations(output: str, dependencies: list[object], sentence: str) -> None:
    assert explain(output, dependencies) == sentence
