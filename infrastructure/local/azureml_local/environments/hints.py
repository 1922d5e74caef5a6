"""What to change in an environment, read off the exception that code in it ended with.

These fail on Azure too: its images are resolved from the same package index. Only there one waits longer for it.
"""

from __future__ import annotations

import re

_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"numpy\.dtype size changed|compiled using NumPy 1\.x|numpy\.core\.multiarray failed to import",
        "numpy 2 was installed beside a package that was built for numpy 1. Pin 'numpy<2' in {where}.",
    ),
    (
        r"cannot import name '\w+' from 'werkzeug",
        "This Flask needs an older werkzeug than was installed. Take a newer azureml-inference-server-http, or pin "
        "'werkzeug<3' ('werkzeug<2.1' for Flask 1), in {where}.",
    ),
    (r"No module named 'pkg_resources'", "Newer setuptools have no pkg_resources. Pin 'setuptools<81' in {where}."),
    (
        r"No module named 'distutils'",
        "Python 3.12 has no distutils. Ask for Python 3.11 in {where}, or add setuptools.",
    ),
    (
        r"No module named '(?P<module>[^'.]+)",
        "The environment has no module '{module}'. Add the package that brings it to {where}.",
    ),
)
_IMAGE = "the environment's conda file or requirements"
_MODEL = (
    "the conda file that the MLflow model was logged with (log it with pip_requirements=[…]), or deploy it with an "
    "environment of your own"
)


def hint(exception: str, *, of_model: bool = False) -> str:
    """How to mend it, one sentence or two; "" when nothing is known of it.

    exception: its last line, such as "ModuleNotFoundError: No module named 'x'".
    of_model: the environment is the one that an MLflow model brought.
    """
    for pattern, text in _HINTS:
        if found := re.search(pattern, exception):
            return text.format(where=_MODEL if of_model else _IMAGE, **found.groupdict())
    return ""
