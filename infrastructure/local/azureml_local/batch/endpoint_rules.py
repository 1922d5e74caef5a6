"""What a batch endpoint may be.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-endpoint-batch.
"""

from __future__ import annotations

from typing import Any

from azureml_local import endpoint_names
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

TYPE = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"


def find(services: Services, workspace: WorkspaceRef, name: str) -> Document:
    """The endpoint's document, or Azure's 404."""
    document = services.store.get(f"{workspace.id}/batchEndpoints/{name}")
    if document is None:
        raise AzureError(404, "UserError", f"Batch endpoint '{name}' not found in workspace '{workspace.name}'.")
    return document


def deployments_of(services: Services, endpoint: Document) -> list[Document]:
    return services.store.list(f"{endpoint['id']}/deployments")


def by_host(services: Services, host: str) -> tuple[WorkspaceRef, Document] | None:
    """The endpoint that an address such as `taxi-batch.westeurope.inference.ml.azure.com` belongs to."""
    name = host.partition(".")[0]
    if host.partition(":")[0].lower() != endpoint_names.host(services, name):
        return None
    for workspace in services.workspaces():
        document = services.store.get(f"{workspace.id}/batchEndpoints/{name}")
        if document is not None:
            return workspace, document
    return None


def document(
    services: Services, workspace: WorkspaceRef, name: str, body: Document, existing: Document | None
) -> Document:
    """The endpoint that a PUT makes. Raises Azure's 400 for what it may not be."""
    endpoint_names.check("batch endpoint", name)
    endpoint_names.check_free(services, workspace, "batchEndpoints", name)
    given: dict[str, Any] = body.get("properties") or {}
    mode = str(given.get("authMode") or "AADToken")
    if mode.lower() != "aadtoken":
        raise bad_request(
            f"authMode '{mode}' is not possible for a batch endpoint: it is always aad_token.", target="authMode"
        )
    default = (given.get("defaults") or {}).get("deploymentName")
    if default:
        default = _deployment_name(services, existing, name, str(default))
    name = existing["name"] if existing else name.lower()
    host = endpoint_names.host(services, name)
    return {
        "id": existing["id"] if existing else f"{workspace.id}/batchEndpoints/{name}",
        "name": name,
        "type": TYPE,
        "location": services.settings.location,
        "kind": "Standard",
        "identity": {"type": "SystemAssigned", "principalId": services.settings.object_id,
                     "tenantId": services.settings.tenant_id},
        "tags": body.get("tags") or {},
        "properties": {
            "authMode": "AADToken",
            "description": given.get("description"),
            "properties": dict(given.get("properties") or {}),
            "defaults": {"deploymentName": default or None},
            "scoringUri": f"https://{host}/jobs",
            "swaggerUri": f"https://{host}/swagger.json",
            "provisioningState": "Succeeded",
        },
    }  # fmt: skip


def _deployment_name(services: Services, endpoint: Document | None, name: str, wanted: str) -> str:
    known = [str(document["name"]) for document in deployments_of(services, endpoint)] if endpoint else []
    for deployment in known:
        if deployment.lower() == wanted.lower():
            return deployment
    raise bad_request(
        f"The default deployment '{wanted}' does not exist in endpoint '{name}'. Its deployments: "
        f"{', '.join(known) or 'none'}.",
        target="defaults.deploymentName",
    )
