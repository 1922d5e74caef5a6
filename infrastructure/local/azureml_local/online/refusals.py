"""Azure's answers to requests that no model answered, and the headers that say why.

Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints, "HTTP status codes"; header
names and reasons as Azure's own proxy configuration writes them (in the public images of the inference server).
"""

from __future__ import annotations

import asyncio

from azureml_local.errors import AzureError

from .backend import Backend, NotReadyError, TooManyRequestsError

REASON = b"ms-azureml-model-error-reason"
STATUS = b"ms-azureml-model-error-statuscode"


def reason(word: str, status: int | None = None) -> list[tuple[bytes, bytes]]:
    """The headers for Azure's word for what went wrong and the status that the model, or its lack, stands for."""
    headers = [(REASON, word.encode())]
    return headers if status is None else [*headers, (STATUS, str(status).encode())]


def reason_of(error: Exception) -> list[tuple[bytes, bytes]]:
    if isinstance(error, TooManyRequestsError):
        return reason("too_many_pending_request")
    if isinstance(error, asyncio.TimeoutError):
        return reason("model_timeout")
    if isinstance(error, NotReadyError):
        return reason("model_not_ready", 503)
    return reason("model_error", 502)


def refusal(error: Exception, backend: Backend) -> AzureError:
    """The answer to a request for this deployment that came to this."""
    name = backend.name
    if isinstance(error, TooManyRequestsError):
        message = (
            f"The deployment '{name}' has {backend.limit} requests in hand, the most it takes: 2 x "
            "max_concurrent_requests_per_instance x instance_count."
        )
        return AzureError(429, "TooManyRequests", message)
    if isinstance(error, NotReadyError):
        if error.starting:
            message = f"The local workspace was started a moment ago and deployment '{name}' is not ready yet."
            return AzureError(503, "ServiceUnavailable", message, headers={"Retry-After": "1"})
        return AzureError(424, "ModelNotReady", f"No instance of deployment '{name}' is ready. See its logs.")
    if isinstance(error, asyncio.TimeoutError):
        seconds = f"{backend.timeout:g}"
        return AzureError(
            408, "RequestTimeout", f"Deployment '{name}' did not answer within {seconds} s (request_timeout)."
        )
    return AzureError(
        424, "ModelError", f"An instance of deployment '{name}' ended or broke off: {error}. See its logs."
    )
