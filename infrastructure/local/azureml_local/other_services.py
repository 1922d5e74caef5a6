"""Azure's services beside Machine Learning that scripts around it use: what to do about each here."""

from __future__ import annotations

import re

_PROVIDER = re.compile(r"/providers/(Microsoft\.[A-Za-z0-9]+)(?:/|$)", re.IGNORECASE)
_SERVICES = {
    "microsoft.insights": (
        "monitoring and autoscale rules",
        "Leave the step out here: `az ml online-deployment` shows a deployment's logs by `get-logs`, and scales it by "
        "`update --set instance_count=N`.",
    ),
    "microsoft.storage": (
        "storage accounts and their keys",
        "The workspace's own account takes `az storage blob … --auth-mode login`; there is no other.",
    ),
    "microsoft.keyvault": ("key vaults", "Give the code what it needs as environment variables."),
    "microsoft.managedidentity": (
        "user-assigned identities",
        "Jobs and deployments run as the workspace's own principal, which may do everything here.",
    ),
    "microsoft.authorization": (
        "roles and locks",
        "Leave the step out here: the workspace's own principal may do everything.",
    ),
    "microsoft.containerregistry": (
        "container registries",
        "No image is run here; describe the environment by a conda file or a docker build context.",
    ),
    "microsoft.containerservice": ("Kubernetes", "Use managed endpoints and compute clusters."),
    "microsoft.network": ("networks", "Leave the step out here: everything is on this machine."),
    "microsoft.operationalinsights": ("log workspaces", "Logs are read by `az ml … get-logs` and `az ml job stream`."),
    "microsoft.cognitiveservices": (
        "AI services",
        "Models that are called over the network have to be reached directly.",
    ),
}


def refusal(path: str) -> str | None:
    """Why a path of another service is not answered, and what to do instead; None for a path of this one.

    path: of the request, such as /subscriptions/…/providers/Microsoft.Insights/autoscalesettings/NAME. The last
    provider in it counts: /…/Microsoft.MachineLearningServices/…/providers/Microsoft.Authorization/roleAssignments/…
    """
    named = _PROVIDER.findall(path)
    if not named:
        return None
    known = _SERVICES.get(named[-1].lower())
    return known and f"the local workspace has no {known[0]} ({named[-1]}). {known[1]}"
