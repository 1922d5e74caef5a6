"""Which jobs an endpoint has started, by which deployment, with what request."""

from __future__ import annotations

from azureml_local.services import Services
from azureml_local.store import Document


def _collection(endpoint: Document) -> str:
    return f"internal:/batch-jobs{endpoint['id']}"


def remember(services: Services, endpoint: Document, deployment: Document, job: str, request: Document) -> None:
    """request: the properties that were posted."""
    services.store.put(
        {
            "id": f"{_collection(endpoint)}/jobs/{job}",
            "name": job,
            "deployment": deployment["name"],
            "request": request,
        }
    )


def find(services: Services, endpoint: Document, job: str) -> Document | None:
    return services.store.get(f"{_collection(endpoint)}/jobs/{job}")


def all_of(services: Services, endpoint: Document, deployment: str | None = None) -> list[Document]:
    """The endpoint's jobs, or one deployment's, newest first."""
    records = services.store.list(f"{_collection(endpoint)}/jobs", newest_first=True)
    return [r for r in records if deployment is None or r["deployment"].lower() == deployment.lower()]


def forget(services: Services, endpoint: Document) -> None:
    services.store.delete(_collection(endpoint))
