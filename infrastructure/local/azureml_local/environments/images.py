"""Base images: what is in them, as far as Python is concerned.

No image is ever pulled. The Python of Azure ML's base images is in their Dockerfiles (github.com/Azure/
AzureML-Containers) and mostly in their names; what the curated ones install is in `curated.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import curated


@dataclass(frozen=True)
class ImageFacts:
    """What a known image brings. `approximate` marks packages that stand in for the image's own."""

    python: str | None
    packages: tuple[str, ...] = ()
    approximate: bool = False


# Images with a Python and no packages, or with none of either. The first match counts.
_BARE: tuple[tuple[str, str | None], ...] = (
    (r"(docker\.io/)?(library/)?python:(?P<python>3\.\d+)", None),
    (r"(docker\.io/)?(library/)?python(:|@|$)", None),
    (r"mcr\.microsoft\.com/(vscode/)?devcontainers/python:.*?(?P<python>3\.\d+)", None),
    (r"mcr\.microsoft\.com/azureml/(openmpi|intelmpi|base|o16n-base)[^:]*ubuntu16", "3.7"),
    (r"mcr\.microsoft\.com/azureml/(openmpi|intelmpi|base|o16n-base)[^:]*ubuntu18", "3.8"),
    (r"mcr\.microsoft\.com/azureml/(openmpi|intelmpi|base|o16n-base)[^:]*ubuntu20", "3.8"),
    (r"mcr\.microsoft\.com/azureml/(openmpi|intelmpi|base|o16n-base)[^:]*ubuntu22", "3.10"),
    (r"mcr\.microsoft\.com/azureml/(openmpi|intelmpi|base|o16n-base)", None),
    (r"(mcr\.microsoft\.com/mirror/docker/library/|docker\.io/)?(library/)?(ubuntu|debian)(:|@|$)", None),
    (r"(docker\.io/)?nvidia/cuda(:|@|$)", None),
    (r"(docker\.io/)?(continuumio/(mini|ana)conda3|condaforge/\w+|mambaorg/micromamba)(:|@|$)", None),
    (r"mcr\.microsoft\.com/(cbl-mariner|azurelinux)/base/python:(?P<python>3\.?\d*)", None),
)  # fmt: skip


def known(image: str | None) -> ImageFacts | None:
    """The facts about an image, or None for one that cannot be known without pulling it."""
    if not image:
        return None
    for pattern, python in _BARE:
        matched = re.match(pattern, image, re.IGNORECASE)
        if matched:
            named = matched.groupdict().get("python")
            return ImageFacts(named if named and "." in named else python)
    found = curated.by_image(image)
    if found is not None:
        return ImageFacts(found.python, found.packages, approximate=True)
    return None
