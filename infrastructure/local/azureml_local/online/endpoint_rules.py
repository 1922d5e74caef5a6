"""What an online endpoint may look like: authentication, network, traffic.

Source: Microsoft.MachineLearningServices 2023-04-01-preview, Online Endpoints;
learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints (traffic).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from azureml_local.errors import AzureError, bad_request
from azureml_local.store import Document

from . import access

BUSY = frozenset({"Creating", "Updating", "Scaling", "Deleting"})
_NETWORK = ("Enabled", "Disabled")
_MOST_MIRRORED = 50


def refuse_if_busy(what: str, document: Document) -> None:
    """409 while another operation works on the resource."""
    state = document["properties"].get("provisioningState")
    if state in BUSY:
        raise AzureError(
            409,
            "Conflict",
            f"The {what} '{document['name']}' is in {state} state: another operation works on it. Try again when that "
            "has ended.",
        )


def auth_mode(given: object) -> str:
    """The mode as the service spells it."""
    for mode in access.MODES:
        if str(given or "Key").lower().replace("_", "") == mode.lower():
            return mode
    raise bad_request(f"authMode '{given}' is not one of {', '.join(access.MODES)}.", target="authMode")


def public_network_access(given: object) -> str:
    for known in _NETWORK:
        if str(given or "Enabled").lower() == known.lower():
            return known
    raise bad_request(
        f"publicNetworkAccess '{given}' is not one of {', '.join(_NETWORK)}.", target="publicNetworkAccess"
    )


def refuse_kubernetes(body: Document) -> None:
    if (body.get("properties") or {}).get("compute"):
        raise AzureError(
            501,
            "NotImplementedLocally",
            "Kubernetes online endpoints need an attached cluster, which the local workspace does not have. Leave out "
            "'compute' for a managed online endpoint.",
        )


def traffic(given: object, deployments: Iterable[Document], servable: Mapping[str, bool]) -> dict[str, int]:
    """Traffic by deployment name, as the deployments spell themselves.

    given: `{"blue": 90, "green": 10}`; the sum must be 0 or 100.
    servable: for each deployment's name whether it can answer requests.
    """
    weights = _weights("traffic", given, deployments)
    if sum(weights.values()) not in (0, 100):
        shown = ", ".join(f"{name}={weight}" for name, weight in weights.items())
        raise bad_request(
            f"The traffic of all deployments must add up to 0 or 100, not {sum(weights.values())} ({shown}).",
            target="traffic",
        )
    for name, weight in weights.items():
        if weight:
            _check_servable("traffic", name, servable)
    return weights


def mirror_traffic(
    given: object, deployments: Iterable[Document], live: Mapping[str, int], servable: Mapping[str, bool]
) -> dict[str, int]:
    """Mirror traffic: at most one deployment, at most 50 %, and not one with live traffic."""
    weights = {name: weight for name, weight in _weights("mirrorTraffic", given, deployments).items() if weight}
    if len(weights) > 1:
        raise bad_request(
            f"Traffic can be mirrored to one deployment only, not to {' and '.join(weights)}.", target="mirrorTraffic"
        )
    for name, weight in weights.items():
        if weight > _MOST_MIRRORED:
            raise bad_request(
                f"At most {_MOST_MIRRORED} % of the traffic can be mirrored, not {weight} % (deployment '{name}').",
                target="mirrorTraffic",
            )
        if live.get(name):
            raise bad_request(
                f"Deployment '{name}' has {live[name]} % of the live traffic. A deployment gets live or mirrored "
                "traffic, not both.",
                target="mirrorTraffic",
            )
        _check_servable("mirrorTraffic", name, servable)
    return weights


def _weights(field: str, given: object, deployments: Iterable[Document]) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise bad_request(f"{field} must be an object of deployment names and percentages.", target=field)
    names = {str(document["name"]).lower(): str(document["name"]) for document in deployments}
    weights: dict[str, int] = {}
    for name, weight in given.items():
        value = _percentage(field, str(name), weight)
        known = names.get(str(name).lower())
        if value and known is None:
            there = ", ".join(sorted(names.values())) or "none"
            raise bad_request(
                f"{field} names the deployment '{name}', which this endpoint does not have. Its deployments: {there}.",
                target=field,
            )
        if known is not None:
            weights[known] = value
    return weights


def _percentage(field: str, name: str, weight: Any) -> int:
    if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= 100:
        raise bad_request(f"{field} of '{name}' must be a whole number from 0 to 100, not {weight!r}.", target=field)
    return weight


def _check_servable(field: str, name: str, servable: Mapping[str, bool]) -> None:
    if not servable.get(name):
        raise bad_request(
            f"{field} cannot go to deployment '{name}', which has never been ready. Wait until it is created; if it "
            "failed, see its logs and update it.",
            target=field,
        )
