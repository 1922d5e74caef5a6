"""Names of endpoints and deployments, online and batch alike: what they may be, whose they are, which host they make.

A name is one in a region, whatever the kind: it is the first label of the endpoint's host.

Source: learn.microsoft.com/azure/machine-learning/how-to-manage-quotas, "Endpoints".
"""

from __future__ import annotations

import re

from .errors import bad_request
from .routing import WorkspaceRef
from .services import Services

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_KINDS = {"onlineEndpoints": "an online endpoint", "batchEndpoints": "a batch endpoint"}


def check(what: str, name: str) -> None:
    """what: "endpoint", "batch deployment" …, for the message of Azure's 400."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"The {what} name '{name}' is not valid. It must have 3 to 32 letters, digits and '-', begin with a letter "
            "and end with a letter or a digit.",
            target="name",
        )


def check_free(services: Services, workspace: WorkspaceRef, kind: str, name: str) -> None:
    """Azure's 400 when another endpoint of the region has this name. The workspace's own one of this kind may.

    kind: the collection, `onlineEndpoints` or `batchEndpoints`.
    """
    for other in services.workspaces():
        for collection, words in _KINDS.items():
            own = collection == kind and other.id.lower() == workspace.id.lower()
            if not own and services.store.get(f"{other.id}/{collection}/{name}") is not None:
                raise bad_request(
                    f"The endpoint name '{name}' is already in use in region {services.settings.location}, by {words} "
                    f"of workspace '{other.name}'. Endpoint names are unique in a region: choose another one.",
                    target="name",
                )


def host(services: Services, name: str) -> str:
    """The host name of an endpoint."""
    return f"{name.lower()}.{services.settings.location}.inference.ml.azure.com"
