"""Azure-shaped errors: raised anywhere in a handler, answered as ARM's `{"error": {"code", "message"}}`.

Source: https://github.com/microsoft/api-guidelines (azure/Guidelines.md, "Handling errors").
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response


class AzureError(Exception):
    """An answer that is an error. `code` is Azure's word for it, `status` the HTTP status."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[Mapping[str, object]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = details
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """The JSON body, `{"error": {"code", "message", "target"?, "details"?}}`."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details is not None:
            error["details"] = [dict(detail) for detail in self.details]
        return {"error": error}

    def response(self) -> Response:
        return JSONResponse(self.body(), status_code=self.status, headers=self.headers)


def not_found(what: str, name: str, *, code: str = "ResourceNotFound") -> AzureError:
    """404 for a resource that is not there."""
    return AzureError(404, code, f"The {what} '{name}' was not found.")


def bad_request(message: str, *, code: str = "UserError", target: str | None = None) -> AzureError:
    return AzureError(400, code, message, target=target)


def conflict(message: str, *, code: str = "Conflict") -> AzureError:
    return AzureError(409, code, message)


def unauthorized(
    message: str = "Authentication failed. The 'Authorization' header is missing or invalid.",
) -> AzureError:
    return AzureError(
        401,
        "AuthenticationFailed",
        message,
        headers={"WWW-Authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/common"'},
    )


def not_implemented(what: str) -> AzureError:
    """501: the local workspace does not do this and does not pretend to. `what` names the coverage table's row."""
    return AzureError(
        501,
        "NotImplementedLocally",
        f"The local workspace does not implement {what}. "
        "See infrastructure/local/COVERAGE.md for what it does; on Azure the same call may work.",
    )
