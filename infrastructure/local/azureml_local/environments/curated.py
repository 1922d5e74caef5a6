"""Azure ML's curated environments, approximated from PyPI.

Their images cannot be pulled without Docker, but what they install is public: github.com/Azure/azureml-assets
keeps a `conda_dependencies.yaml` or `requirements.txt` for each. The lists below carry the packages that training
and scoring code imports, with the versions given there; profilers, monitors and the SDK v1 are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Curated:
    """One curated environment: its Python and the packages that stand in for the image's."""

    name: str
    python: str
    packages: tuple[str, ...]


_TRACKING = ("azureml-mlflow", "mlflow-skinny<3", "azureml-inference-server-http")
_SERVER = ("azureml-inference-server-http", "azure-identity", "azure-storage-blob", "numpy", "joblib")


def _sklearn(version: str, python: str, pandas: str) -> tuple[str, ...]:
    return (
        f"scikit-learn~={version}.0", f"pandas~={pandas}", "scipy~=1.10.0", "numpy~=1.22.0", "joblib~=1.2.0",
        "matplotlib~=3.5.0", "tqdm~=4.66.3", *_TRACKING,
    )  # fmt: skip


# The first pattern that matches the environment's name (lower case) counts. {python} is what the name says, if it does.
_TABLE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"sklearn-1\.0", "3.9", _sklearn("1.0", "3.9", "1.3.0")),
    (r"sklearn-1\.1", "3.9", _sklearn("1.1", "3.9", "1.3.0")),
    (r"sklearn-1\.5", "3.10", _sklearn("1.5", "3.10", "1.5.3")),
)


def by_name(reference: str) -> Curated | None:
    """The curated environment that a reference or a bare name means, or None."""
    name = _bare(reference)
    for pattern, python, packages in _TABLE:
        if re.search(pattern, name):
            return Curated(name, _python_in(name) or python, packages)
    return None


def by_image(image: str) -> Curated | None:
    """The curated environment whose image this is (mcr.microsoft.com/azureml/curated/NAME:TAG), or None."""
    matched = re.match(r"mcr\.microsoft\.com/azureml/(?:curated/)?([^:@]+)", image, re.IGNORECASE)
    return by_name(matched[1]) if matched else None


def _bare(reference: str) -> str:
    """'sklearn-1.5' from azureml://registries/azureml/environments/sklearn-1.5/labels/latest and the like."""
    text = reference.removeprefix("azureml:")
    matched = re.search(r"/environments/([^/@:]+)", text)
    name = matched[1] if matched else re.split(r"[@:]", text)[0]
    return name.lower().removeprefix("azureml-")


def _python_in(name: str) -> str | None:
    matched = re.search(r"py(3)\.?(\d{1,2})(?=\D|$)", name)
    return f"{matched[1]}.{matched[2]}" if matched else None
