"""Registered assets: code, data, environments, components, models - what is versioned under a name.

`versions.py` is what they have in common, `routes.py` the REST calls; each kind's module says what it checks and what
it adds.
"""

from __future__ import annotations

from azureml_local.services import Services

from . import codes, components, data, environments, models


def install(services: Services) -> None:
    """Routes of all kinds of assets."""
    for kind in (codes, data, environments, components, models):
        kind.install(services)
