"""Registries: assets that all workspaces share, each version made once and never changed.

`resources.py` makes and finds them, `storage.py` lends their storage to clients, `sharing.py` copies a workspace's
version into one. The assets themselves are those of `assets/`, with a registry for their home: they are documents of
the store below `azureml://registries/NAME`, and files in blob containers that are deleted with the registry.
"""

from __future__ import annotations

from azureml_local.services import Services

from . import resources, sharing, storage


def install(services: Services) -> None:
    """Routes of registries."""
    resources.install(services)
    storage.install(services)
    sharing.install(services)
