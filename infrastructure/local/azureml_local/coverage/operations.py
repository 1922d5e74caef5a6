"""The routing table in words: each route's area and operation, named as the service's REST reference names them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from azureml_local.routing import GROUP, REGION_PREFIX, REGISTRY, SUBSCRIPTION, WS, Host, Route

_LOCATION = "/providers/Microsoft.MachineLearningServices/locations/{location}/"
_REGISTRIES = "/providers/Microsoft.MachineLearningServices/registries"
_VERBS = {"PUT": "Create Or Update", "PATCH": "Update", "DELETE": "Delete", "HEAD": "Check Existence"}

# Collections below a workspace, and the operation groups of Microsoft.MachineLearningServices.
_GROUPS = {
    "computes": "Compute",
    "jobs": "Jobs",
    "datastores": "Datastores",
    "schedules": "Schedules",
    "onlineendpoints": "Online Endpoints",
    "onlineendpoints/deployments": "Online Deployments",
    "batchendpoints": "Batch Endpoints",
    "batchendpoints/deployments": "Batch Deployments",
    **{
        collection + versions: f"{singular} {'Versions' if versions else 'Containers'}"
        for collection, singular in (
            ("codes", "Code"),
            ("components", "Component"),
            ("data", "Data"),
            ("environments", "Environment"),
            ("models", "Model"),
        )
        for versions in ("", "/versions")
    },
}

# Routes that the rules below do not name: (host, method, pattern with WS shortened) to (area, operation).
_NAMED = {
    (Host.ARM, "GET", "/subscriptions"): ("Azure Resource Manager", "Subscriptions - List"),
    (Host.ARM, "GET", "/tenants"): ("Azure Resource Manager", "Tenants - List"),
    (Host.ARM, "GET", SUBSCRIPTION): ("Azure Resource Manager", "Subscriptions - Get"),
    (Host.ARM, "GET", SUBSCRIPTION + "/resourceGroups"): ("Azure Resource Manager", "Resource Groups - List"),
    (Host.BLOB, "GET", "/{container}"): ("Blob service", "List Blobs; Get Container Properties"),
    (Host.BLOB, "HEAD", "/{container}"): ("Blob service", "Get Container Properties"),
    (Host.BLOB, "PUT", "/{container}/{blob:path}"): (
        "Blob service",
        "Put Blob; Put Block; Put Block List; Set Blob Metadata; folder markers",
    ),
    (Host.BLOB, "HEAD", "/{container}/{blob:path}"): ("Blob service", "Get Blob Properties"),
    (Host.BLOB, "GET", "/{container}/{blob:path}"): ("Blob service", "Get Blob, whole or a range"),
    (Host.BLOB, "DELETE", "/{container}/{blob:path}"): ("Blob service", "Delete Blob"),
}

# What only registries have, at their region's host.
_OF_REGISTRIES = {
    "import": "Import Asset (share)",
    "tempdatarefs": "Create Or Get Temporary Data Reference (a signed URL to upload to)",
    "datarefs": "Get Blob Reference SAS (a signed URL to download from)",
}


@dataclass(frozen=True)
class Operation:
    """One operation and the calls that do it, `METHOD path`."""

    area: str
    name: str
    calls: tuple[str, ...]


def operations(routes: Iterable[Route]) -> list[Operation]:
    """Every route, grouped by area and operation, in a stable order."""
    found: dict[tuple[str, str], list[str]] = {}
    for route in routes:
        key = area_and_name(route)
        call = f"{route.method} {_shown(route.pattern)}"
        if call not in found.setdefault(key, []):
            found[key].append(call)
    return [Operation(area, name, tuple(calls)) for (area, name), calls in sorted(found.items())]


def _shown(pattern: str) -> str:
    """A pattern for people: prefixes shortened, and the forms by experiment name or id as one with the plain form."""
    pattern = re.sub(r"/experiment(s|ids)/\{experiment\}/runs", "/[experiment…/]runs", pattern)
    pattern = pattern.replace(REGION_PREFIX + REGISTRY, REGISTRY).replace(GROUP + _REGISTRIES + "/{name}", REGISTRY)
    pattern = pattern.replace(REGISTRY, "REGISTRY")
    return pattern.replace(WS, "WS").replace(GROUP, "GROUP").replace(SUBSCRIPTION, "SUB").replace(":path}", "}")


def area_and_name(route: Route) -> tuple[str, str]:
    """A route's area and operation. Falls back on the handler's own name, in words."""
    named = _NAMED.get((route.host, route.method, route.pattern))
    if named is not None:
        return named
    if route.pattern.startswith(REGION_PREFIX + REGISTRY):
        return _of_home(route, REGION_PREFIX + REGISTRY)
    if route.host is Host.ARM:
        return _of_arm(route)
    if route.host is Host.INFERENCE:
        return _of_inference(route)
    areas = {
        Host.LOGIN: "Microsoft Entra ID",
        Host.GITHUB_OIDC: "GitHub's ID tokens",
        Host.EXTENSIONS: "The index of az extensions",
        Host.STUDIO: "Pages at ml.azure.com",
        Host.LOCAL: "The azureml-local command's own line (127.0.0.1, with a key)",
    }
    return (areas[route.host] if route.host in areas else _of_api(route)), _words(route)


def _of_arm(route: Route) -> tuple[str, str]:
    if route.pattern.startswith(WS):
        return _of_home(route, WS)
    if route.pattern.startswith(REGISTRY):
        return _of_home(route, REGISTRY)
    if _REGISTRIES in route.pattern:
        one = route.pattern.endswith("}")
        by = "Resource Group" if route.pattern.startswith(GROUP) else "Subscription"
        return "Registries", _VERBS.get(route.method, "Get") if one else f"List By {by}"
    if _LOCATION in route.pattern:
        return "Long-running operations and locations", _words(route)
    if route.pattern == GROUP:
        return "Azure Resource Manager", f"Resource Groups - {_VERBS.get(route.method, 'Get')}"
    if "/deployments" in route.pattern:
        return "Azure Resource Manager", f"Deployments - {_VERBS.get(route.method) or _words(route)}"
    scope = "Resource Group" if route.pattern.startswith(GROUP) else "Subscription"
    return "Workspaces", f"List By {scope}"


def _of_home(route: Route, home: str) -> tuple[str, str]:
    """What is below a workspace or a registry, and the two themselves."""
    of_registry = home != WS
    segments = route.pattern.removeprefix(home).strip("/").split("/")
    if segments == [""]:
        return "Registries" if of_registry else "Workspaces", _VERBS.get(route.method, "Get")
    if segments[0] in _OF_REGISTRIES:
        return "Registries", _OF_REGISTRIES[segments[0]]
    before = "Registry " if of_registry else ""
    collections = [segment.lower() for segment in segments[::2]]
    one = len(segments) % 2 == 0
    if not one and route.method == "POST":  # an action: the last segment is a verb
        return before + _GROUPS["/".join(collections[:-1])], _title(segments[-1])
    return before + _GROUPS["/".join(collections)], _VERBS.get(route.method, "Get" if one else "List")


def _of_api(route: Route) -> str:
    areas = (
        ("/mlflow/", "MLflow"),
        ("/history/", "Run history"),
        ("/artifact/", "Run history"),
        ("/mferp/", "Batch Endpoints"),
        ("/discovery", "Workspaces"),
        ("/registrymanagement/", "Registries"),
    )
    return next((area for start, area in areas if route.pattern.startswith(start)), "Data and model resolution")


def _of_inference(route: Route) -> tuple[str, str]:
    if route.pattern == "/{path:path}":
        return "Scoring", "Any path of an online endpoint: /score, /swagger.json, / …"
    return "Scoring", f"Batch endpoint: {_words(route).lower()}"


# Handlers whose name alone would say too little.
_SAID = {
    "answer": "Every operation of MLflow 2",
    "content": "Get Artifact Content Information",
    "contents": "Get Artifact Content Information By Prefix",
    "create": "Create Artifacts (signed URLs to upload to)",
    "listing": "List Artifacts",
    "renew": "Renew A Run's Token",
    "children": "List Children",
    "details": "Get Details",
    "instances": "Get Service Instances",
    "query": "Query Runs",
    "tags": "Change Tags",
    "cancel": "Cancel Run",
    "run_data": "Get Run Data",
    "batch_run_data": "Get Run Data Of Several",
    "data_uris": "Resolve Data URIs",
    "model_uris": "Resolve Model URIs",
    "status": "Get Operation Status",
    "result": "Get Operation Result",
    "sizes": "Virtual Machine Sizes - List",
    "usages": "Usages - List",
    "discovery": "Discovery document",
    "instance": "Instance discovery",
    "keys": "Signing keys",
    "token": "Token, for client credentials",
    "list_of_endpoint": "List Jobs Of An Endpoint",
    "list_of_deployment": "List Jobs Of A Deployment",
    "get_of_endpoint": "Get Job Of An Endpoint",
    "get_of_deployment": "Get Job Of A Deployment",
    "list_called": "List jobs",
    "get_called": "Get job",
    "id_token": "ID token of a job",
    "jwks": "Signing keys",
    "show_index": "Index",
    "id_token_request": "Let a run ask for ID tokens",
    "id_token_job": "Trust a job in a GitHub environment",
    "workspaces": "Make a workspace",
}


def _words(route: Route) -> str:
    name = route.handler.__name__
    return _SAID.get(name) or _title(name)


def _title(name: str) -> str:
    """`startPendingUpload` and `start_pending_upload` as `Start Pending Upload`."""
    return " ".join(word.capitalize() for word in re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).split())
