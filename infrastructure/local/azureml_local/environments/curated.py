"""Azure ML's curated environments, approximated from PyPI.

Their images cannot be pulled without Docker, but what they install is public: github.com/Azure/azureml-assets
(assets/training, assets/inference, assets/responsibleai) keeps a `conda_dependencies.yaml` or `requirements.txt` for
each. The lists below carry the packages that training and scoring code imports, in the versions given there or in the
environment's name; profilers, monitors, CUDA and the SDK v1 are left out. An environment without a row is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Curated:
    """One curated environment: its Python and the packages that stand in for the image's."""

    name: str
    python: str
    packages: tuple[str, ...]


# azureml-mlflow imports azure.profiles without declaring azure-common; Azure ML's tracking server speaks MLflow 2.
# Python 3.7's last mlflow is 1.30: azureml-mlflow 1.55 imports what only later ones have, and a resolver might back
# down to an earlier mlflow still.
_TRACKING = (
    "azureml-mlflow; python_version >= '3.8'",
    "azureml-mlflow<1.55; python_version < '3.8'",
    "azure-common",
    "mlflow-skinny>=1.30,<3",
)
_SERVER = ("azureml-inference-server-http", "azure-identity", "azure-storage-blob", "numpy", "joblib")
_PLOTS = ("matplotlib~=3.5.0", "tqdm~=4.66.3")
_NUMPY_122 = ("numpy~=1.22.0", "scipy~=1.10.0")

Packages = Callable[[str], "tuple[str, ...]"]


def _sklearn(version: str) -> tuple[str, ...]:
    if version == "0.24":
        return ("scikit-learn~=0.24.1", "pandas", "scipy", "joblib", "matplotlib", "tqdm", *_TRACKING)
    pandas = "pandas~=1.5.3" if version == "1.5" else "pandas~=1.3.0"
    return (f"scikit-learn~={version}.0", pandas, *_NUMPY_122, "joblib~=1.2.0", *_PLOTS, *_TRACKING)


def _lightgbm(version: str) -> tuple[str, ...]:
    if version in {"3.1", "3.2"}:  # images of Python 3.7
        return (f"lightgbm~={version}.0", "xgboost<1.7", "scikit-learn~=1.0.0", "pandas", "scipy", *_PLOTS, *_TRACKING)
    engine = "lightgbm>=4.6.0" if version in {"", "3.3"} else f"lightgbm~={version}.0"
    return (engine, "xgboost~=1.7.6", "scikit-learn~=1.5.1", "pandas~=1.5.3", *_NUMPY_122, *_PLOTS, *_TRACKING)


def _tensorflow(version: str) -> tuple[str, ...]:
    return (
        f"tensorflow~={version}.0",
        f"tensorboard~={version}.0",
        "pandas",
        "scipy",
        "matplotlib",
        "tqdm",
        *_TRACKING,
    )


def _torch(version: str) -> tuple[str, ...]:
    return (f"torch~={version}.0", "torchvision", "numpy<2", "pandas", "tensorboard", "matplotlib", "tqdm", *_TRACKING)


def _responsible(version: str) -> tuple[str, ...]:
    version = version or "0.36"
    return (f"responsibleai~={version}.0", f"raiwidgets~={version}.0", "mlflow<3", "azureml-mlflow", "azure-common")


def _onnx(version: str) -> tuple[str, ...]:
    return (f"onnxruntime~={version}.0", "onnx")


def _mlflow(_: str) -> tuple[str, ...]:
    return ("mlflow<3", "azureml-ai-monitoring", "scikit-learn", "cloudpickle", "psutil", "pandas")


def _nothing(_: str) -> tuple[str, ...]:
    return ()


# (pattern of the name in lower case, Python when the name does not say, its packages by the version in the pattern).
# The first match counts. Any name with `inference` in it gets the scoring server as well.
_TABLE: tuple[tuple[str, str, Packages], ...] = (
    (r"^sklearn-(0\.24|1\.0|1\.1)(?=\D|$)", "3.9", _sklearn),
    (r"^sklearn-(1\.5)(?=\D|$)", "3.10", _sklearn),
    (r"^lightgbm(?:-(3\.\d))?(?=\D|$)", "3.10", _lightgbm),
    (r"^tensorflow-(2\.\d+)(?=\D|$)", "3.10", _tensorflow),
    (r"^(?:acpt-)?pytorch-(1\.\d+)(?=\D|$)", "3.8", _torch),
    (r"^(?:acpt-)?pytorch-(2\.\d+)(?=\D|$)", "3.10", _torch),
    (r"^responsibleai-(0\.\d+)(?=\D|$)", "3.8", _responsible),
    (r"^responsibleai(?:-tabular)?()(?:-ubuntu|$)", "3.10", _responsible),
    (r"^onnxruntime-(1\.\d+)[^/]*inference", "3.8", _onnx),
    (r"^mlflow-()[^/]*inference", "3.12", _mlflow),
    (r"^minimal-()[^/]*inference", "3.11", _nothing),
)
KNOWN = (
    "sklearn-1.0, sklearn-1.1, sklearn-1.5, lightgbm-3.x, tensorflow-2.x, (acpt-)pytorch-x.y, responsibleai-0.x, "
    "minimal-…-inference, mlflow-…-inference, onnxruntime-1.x-…-inference"
)


def by_name(reference: str) -> Curated | None:
    """The curated environment that a reference or a bare name means, or None."""
    name = bare_name(reference)
    for pattern, python, packages in _TABLE:
        matched = re.search(pattern, name)
        if matched:
            listed = packages(matched[1] or "") + (_SERVER if "inference" in name else ())
            return Curated(name, _python_in(name) or python, tuple(dict.fromkeys(listed)))
    return None


def by_image(image: str) -> Curated | None:
    """The curated environment whose image this is, or None.

    Azure ML's own are mcr.microsoft.com/azureml/[curated/]NAME:TAG; the ACPT base images below them carry the versions
    in their names (mcr.microsoft.com/aifx/acpt/stable-ubuntu2204-cu126-py310-torch280).
    """
    base = re.match(r"mcr\.microsoft\.com/(?:azureml/)?aifx/.*?-py(3)(\d+)-torch(\d)(\d+)(\d)(?=\D|$)", image, re.I)
    if base:
        torch = f"torch=={base[3]}.{base[4]}.{base[5]}"
        return Curated(f"acpt-{torch}", f"{base[1]}.{base[2]}", (torch, "torchvision", "numpy<2"))
    matched = re.match(r"mcr\.microsoft\.com/azureml/(?:curated/)?([^:@/]+)", image, re.IGNORECASE)
    return by_name(matched[1]) if matched else None


def image_of(reference: str) -> str | None:
    """The image of the curated environment that a reference names; None where it names none of Microsoft's.

    Microsoft's are everything in the registry `azureml` (azureml://registries/azureml/environments/NAME/…) and
    names that start with `AzureML-`, a prefix that nobody else may use.
    """
    registry = re.match(r"azureml://registries/([^/]+)/environments/", reference, re.IGNORECASE)
    name = reference.removeprefix("azureml:").rpartition("/environments/")[2]
    if (registry and registry[1].lower() == "azureml") or (not registry and name.lower().startswith("azureml-")):
        return f"mcr.microsoft.com/azureml/curated/{bare_name(reference)}"
    return None


def bare_name(reference: str) -> str:
    """'sklearn-1.5' from azureml://registries/azureml/environments/sklearn-1.5/labels/latest and the like."""
    text = reference.removeprefix("azureml:")
    matched = re.search(r"/environments/([^/@:]+)", text)
    name = matched[1] if matched else re.split(r"[@:]", text)[0]
    return name.lower().removeprefix("azureml-")


def _python_in(name: str) -> str | None:
    matched = re.search(r"py(3)\.?(\d{1,2})(?=\D|$)", name)
    return f"{matched[1]}.{matched[2]}" if matched else None
