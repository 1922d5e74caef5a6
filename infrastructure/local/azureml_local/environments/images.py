"""Base images: what is in them, as far as Python is concerned.

No image is ever pulled. The Python of Azure ML's base images stands in their Dockerfiles (github.com/Azure/
AzureML-Containers: Miniconda for 3.8) or in their names; what the curated ones install is in `curated.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import curated


@dataclass(frozen=True)
class ImageFacts:
    """What a known image brings. `packages` stand in for the image's own; a plain image has none."""

    python: str | None
    packages: tuple[str, ...] = ()


_HUB = r"(?:docker\.io/)?(?:library/)?"
_AZUREML = r"mcr\.microsoft\.com/azureml/(?:curated/)?(?:openmpi|intelmpi|base|o16n-base)[^:]*"
# Images with a Python and no packages, or with no Python at all. The first match counts.
_BARE: tuple[tuple[str, str | None], ...] = (
    (rf"{_HUB}python:(?P<python>3\.\d+)", None),
    (rf"{_HUB}python(:|@|$)", None),
    (r"mcr\.microsoft\.com/(vscode/)?devcontainers/python:.*?(?P<python>3\.\d+)", None),
    (rf"{_AZUREML}ubuntu16", "3.7"),
    (_AZUREML, "3.8"),
    (rf"(mcr\.microsoft\.com/mirror/docker/library/|{_HUB})(ubuntu|debian)(:|@|$)", None),
    (rf"{_HUB}(nvidia/cuda|continuumio/(mini|ana)conda3|condaforge/\w+|mambaorg/micromamba)(:|@|$)", None),
)
# Images that carry one framework, in the version of their tag.
_FRAMEWORKS = (
    (rf"{_HUB}pytorch/pytorch:(?P<version>\d+\.\d+\.\d+)", "torch"),
    (rf"{_HUB}tensorflow/tensorflow:(?P<version>\d+\.\d+\.\d+)", "tensorflow"),
)


def known(image: str | None) -> ImageFacts | None:
    """The facts about an image, or None for one that cannot be known without pulling it."""
    if not image:
        return None
    for pattern, python in _BARE:
        matched = re.match(pattern, image, re.IGNORECASE)
        if matched:
            return ImageFacts(matched.groupdict().get("python") or python)
    for pattern, package in _FRAMEWORKS:
        matched = re.match(pattern, image, re.IGNORECASE)
        if matched:
            return ImageFacts(None, (f"{package}=={matched['version']}",))
    found = curated.by_image(image)
    return ImageFacts(found.python, found.packages) if found else None
