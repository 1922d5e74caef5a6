"""What to change in an environment, from how the code in it ended."""

from __future__ import annotations

import pytest

from azureml_local.environments.hints import hint


@pytest.mark.parametrize(
    ("exception", "said"),
    [
        ("ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96", "Pin 'numpy<2' in"),
        ("ImportError: cannot import name 'url_quote' from 'werkzeug.urls' (/x/urls.py)", "pin 'werkzeug<3'"),
        ("ModuleNotFoundError: No module named 'pkg_resources'", "Pin 'setuptools<81'"),
        ("ModuleNotFoundError: No module named 'distutils'", "Ask for Python 3.11"),
        ("ModuleNotFoundError: No module named 'xgboost.core'", "has no module 'xgboost'. Add the package"),
    ],
)
def test_known_exceptions(exception: str, said: str) -> None:
    assert said in hint(exception)
    assert "conda file or requirements" in hint(exception)


def test_a_models_own_environment_is_mended_where_it_was_logged() -> None:
    said = hint("ValueError: numpy.dtype size changed", of_model=True)
    assert "that the MLflow model was logged with" in said
    assert "deploy it with an environment of your own" in said


def test_nothing_is_invented() -> None:
    assert hint("ValueError: the scoring script's own") == ""
