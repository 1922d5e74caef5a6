"""Who may touch a blob: a shared access signature for its container, or a bearer token for Azure Storage."""

from __future__ import annotations

from starlette.requests import Request

from azureml_local.services import Services
from azureml_local.tokens import STORAGE_AUDIENCES, TokenError

from .errors import BlobError

# Permission letters of a SAS, any of which is enough.
READ, LIST, WRITE, CREATE, DELETE = "r", "l", "w", "cw", "d"


def authorize(services: Services, request: Request, container: str, permissions: str) -> None:
    """Raise 401 for a stranger and 403 for a caller whose signature or token does not do.

    permissions: letters as in a SAS's `sp`, one of which must be granted. A token grants all.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if "sig" in request.query_params:
        refusal = services.blobs.sas_refusal(request.query_params, container, permissions)
        if refusal is None:
            return
        if "needs" in refusal:
            message = f"This request is not authorized to perform this operation using this permission. {refusal}"
            raise BlobError(403, "AuthorizationPermissionMismatch", message)
        raise _failed(refusal)
    if scheme.lower() == "bearer":
        audiences = STORAGE_AUDIENCES | {f"https://{services.blobs.host}"}
        try:
            services.tokens.verify(token.strip(), audiences=audiences)
        except TokenError as error:
            raise _failed(str(error)) from error
        return
    if scheme:
        raise _failed("Account keys are not in use here: sign in, or use a shared access signature.")
    raise BlobError(
        401,
        "NoAuthenticationInformation",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        headers={
            "WWW-Authenticate": "Bearer authorization_uri=https://login.microsoftonline.com/"
            f"{services.settings.tenant_id}/oauth2/authorize resource_id=https://storage.azure.com"
        },
    )


def _failed(reason: str) -> BlobError:
    message = (
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        f"including the signature. {reason}"
    )
    return BlobError(403, "AuthenticationFailed", message)
