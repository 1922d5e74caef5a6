"""Which jobs an endpoint has started, by which deployment, with what request."""

from __future__ import annotations

import hashlib

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


def note_request(services: Services, endpoint: Document, request_id: str, job: str) -> None:
    """A request has been done: the same one shall not start a second job."""
    services.store.put({"id": f"{_collection(endpoint)}/requests/{_key(request_id)}", "job": job})


def started_by(services: Services, endpoint: Document, request_id: str) -> str | None:
    """The job that a request with this id has started."""
    record = services.store.get(f"{_collection(endpoint)}/requests/{_key(request_id)}")
    return None if record is None else str(record["job"])


def _key(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()


def forget(services: Services, endpoint: Document) -> None:
    services.store.delete(_collection(endpoint))
