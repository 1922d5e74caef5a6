"""ARM template deployments, as far as they create a workspace: what `az ml workspace create` and the SDK send.

Source: Microsoft.Resources 2020-06-01, deployments (createOrUpdate at group scope, get, operations). A template is not
evaluated in general: of its resources the workspace is made, the services that Azure keeps beside one (storage
account, key vault, application insights) stand in its document and are nothing here, and any other is refused.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import arm
from .errors import AzureError, not_found, not_implemented
from .routing import GROUP, Host
from .services import Services
from .store import Document

_DEPLOYMENT = GROUP + "/providers/Microsoft.Resources/deployments/{deployment}"
_WORKSPACE = "microsoft.machinelearningservices/workspaces"
_BESIDE = (
    "microsoft.storage/", "microsoft.keyvault/", "microsoft.insights/", "microsoft.operationalinsights/",
    "microsoft.containerregistry/", "microsoft.network/", "microsoft.managedidentity/", "microsoft.cognitiveservices/",
    "microsoft.resources/deployments", "microsoft.authorization/roleassignments",
)  # fmt: skip
_PARAMETER = re.compile(r"\[parameters\('([^']+)'\)\]")


class _Template:
    """A template with the values of its parameters."""

    def __init__(self, properties: Document) -> None:
        template = properties.get("template")
        if not isinstance(template, dict):
            raise not_implemented("deployments whose template is linked; send the template itself")
        given: Document = properties.get("parameters") or {}
        declared: Document = template.get("parameters") or {}
        self.resources: list[Document] = template.get("resources") or []
        self._values = {name: parameter.get("defaultValue") for name, parameter in declared.items()}
        self._values |= {name: parameter.get("value") for name, parameter in given.items()}

    def value(self, expression: Any, what: str) -> Any:
        """A literal, or a parameter's value. Raises AzureError for an expression that needs ARM's own language."""
        text = expression if isinstance(expression, str) else ""
        matched = _PARAMETER.fullmatch(text)
        if matched:
            return self._values.get(matched[1])
        if text.startswith("[") and not text.startswith("[["):
            raise not_implemented(f"template expressions; {what} is {text}")
        return expression

    def workspace(self) -> Document:
        """The one workspace that the template makes."""
        kinds = [str(resource.get("type", "")).lower() for resource in self.resources]
        for kind in kinds:
            if kind != _WORKSPACE and not kind.startswith(_BESIDE):
                raise not_implemented(f"deployments of {kind}")
        found = [resource for resource, kind in zip(self.resources, kinds, strict=True) if kind == _WORKSPACE]
        if len(found) != 1:
            raise not_implemented(f"deployments that make {len(found)} Azure ML workspaces; it does one")
        return found[0]


def install(services: Services) -> None:
    """Routes of the deployments of a resource group."""
    store = services.store

    def stored(request: Request) -> Document:
        document = store.get(_identifier(request))
        if document is None:
            raise not_found("deployment", request.path_params["deployment"], code="DeploymentNotFound")
        return document

    @services.routes.put(Host.ARM, _DEPLOYMENT)
    async def deploy(request: Request) -> Response:
        group = store.get(request.url.path.partition("/providers/")[0])
        if group is None:
            name = request.path_params["group"]
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        template = _Template((await request.json()).get("properties") or {})
        made = _create(services, group["name"], template)
        document = store.put(
            {
                "id": _identifier(request),
                "name": request.path_params["deployment"],
                "type": "Microsoft.Resources/deployments",
                "properties": {
                    "provisioningState": "Succeeded",
                    "mode": "Incremental",
                    "duration": "PT0S",
                    "outputResources": [{"id": made["id"]}],
                },
            }
        )
        return JSONResponse(document, status_code=201)

    @services.routes.get(Host.ARM, _DEPLOYMENT)
    async def get(request: Request) -> Response:
        return JSONResponse(stored(request))

    @services.routes.get(Host.ARM, GROUP + "/deployments/{deployment}/operations")
    async def operations(request: Request) -> Response:
        stored(request)  # there is nothing to say of its parts: all was done when the PUT was answered
        return JSONResponse({"value": []})


def _create(services: Services, group: str, template: _Template) -> Document:
    resource = template.workspace()
    kind = str(template.value(resource.get("kind") or "default", "the workspace's kind"))
    if kind.lower() != "default":
        raise not_implemented(f"workspaces of the kind '{kind}'; it does 'default'")
    name = template.value(resource.get("name"), "the workspace's name")
    arm.check_workspace_name(name)
    properties: Document = resource.get("properties") or {}
    body: Document = {
        "tags": template.value(resource.get("tags"), "the workspace's tags"),
        "properties": {
            key: template.value(properties.get(key), f"the workspace's {key}")
            for key in ("friendlyName", "description")
        },
    }
    return arm.create_workspace(services, group, name, body)


def _identifier(request: Request) -> str:
    subscription, group = request.path_params["subscription"], request.path_params["group"]
    name = request.path_params["deployment"]
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{name}"
