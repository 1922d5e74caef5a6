"""Errors as the Blob service words them: XML, with the code in a header that clients read.

Source: learn.microsoft.com/rest/api/storageservices/status-and-error-codes2.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from starlette.responses import Response

from azureml_local.errors import AzureError

API_VERSION = "2021-08-06"


class BlobError(AzureError):
    """An answer of the Blob service that is an error."""

    def response(self) -> Response:
        body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message></Error>"
        )
        headers = {"x-ms-error-code": self.code, "x-ms-version": API_VERSION, **self.headers}
        return Response(body, status_code=self.status, headers=headers, media_type="application/xml")


def blob_not_found() -> BlobError:
    return BlobError(404, "BlobNotFound", "The specified blob does not exist.")


def container_not_found() -> BlobError:
    return BlobError(404, "ContainerNotFound", "The specified container does not exist.")


def condition_not_met() -> BlobError:
    message = "The condition specified using HTTP conditional header(s) is not met."
    return BlobError(412, "ConditionNotMet", message)
