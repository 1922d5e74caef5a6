"""Which operation a request to the Blob service is, by method and query, and whether its conditions hold."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.errors import AzureError, not_implemented
from azureml_local.routing import Host
from azureml_local.services import Services

from . import download, listing
from .access import CREATE, DELETE, LIST, READ, WRITE, authorize
from .errors import API_VERSION, BlobError, blob_not_found, condition_not_met, container_not_found
from .properties import DEFAULT_TYPE, Content, Properties, PropertyStore
from .upload import Target, Uploads

_BLOB = "/{container}/{blob:path}"


def _metadata(request: Request) -> dict[str, str]:
    prefix = "x-ms-meta-"
    return {name[len(prefix) :]: value for name, value in request.headers.items() if name.startswith(prefix)}


def _content(request: Request) -> Content:
    headers = request.headers
    content_type = headers.get("x-ms-blob-content-type") or headers.get("content-type") or DEFAULT_TYPE
    return Content(content_type, headers.get("x-ms-blob-content-md5"), _metadata(request))


def _matches(header: str, properties: Properties | None) -> bool:
    """Whether an If-(None-)Match header names the blob as it is now."""
    if properties is None:
        return False
    return any(tag.strip() in ("*", properties.etag) for tag in header.split(","))


def check_conditions(request: Request, properties: Properties | None) -> None:
    """Raise 304 or 412 when the request's conditional headers do not hold. properties: None when there is no blob.

    Source: learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations.
    """
    reading = request.method in ("GET", "HEAD")
    headers = request.headers
    if (wanted := headers.get("if-match")) and not _matches(wanted, properties):
        raise condition_not_met()
    if (unwanted := headers.get("if-none-match")) and _matches(unwanted, properties):
        if reading:
            raise BlobError(304, "ConditionNotMet", "")
        if unwanted.strip() == "*":
            raise BlobError(409, "BlobAlreadyExists", "The specified blob already exists.")
        raise condition_not_met()
    if properties is not None:
        modified = int(properties.modified)
        if (since := headers.get("if-modified-since")) and modified <= parsedate_to_datetime(since).timestamp():
            raise BlobError(304, "ConditionNotMet", "") if reading else condition_not_met()
        if (since := headers.get("if-unmodified-since")) and modified > parsedate_to_datetime(since).timestamp():
            raise condition_not_met()


def install(services: Services, properties: PropertyStore, uploads: Uploads) -> None:
    routes, blobs = services.routes, services.blobs

    def open_container(request: Request, permissions: str) -> str:
        """The container's name, once the caller may use it and it is there."""
        # From the raw scope: a blob's name may hold '?' or '#', which request.url would cut off.
        container = str(request.scope["path"]).lstrip("/").partition("/")[0]
        host = request.headers.get("host", "").partition(":")[0].lower()
        if host != blobs.host:
            message = (
                f"The storage account '{host.partition('.')[0]}' is not the local workspace's, which is "
                f"'{blobs.account}'."
            )
            raise BlobError(404, "ResourceNotFound", message)
        authorize(services, request, container, permissions)
        if not blobs.has_container(container):
            raise container_not_found()
        return container

    def open_blob(request: Request, permissions: str) -> Target:
        container = open_container(request, permissions)
        blob = str(request.scope["path"]).lstrip("/").partition("/")[2]
        if not blob:
            raise BlobError(400, "InvalidUri", "The requested URI does not name a blob.")
        try:
            return Target(container, blob, blobs.path(container, blob))
        except AzureError as error:
            raise BlobError(error.status, error.code, error.message) from error

    def refuse(request: Request) -> Response:
        error = not_implemented(f"the Blob operation {request.method} {request.url.query.partition('sig=')[0] or '/'}")
        return BlobError(error.status, error.code, error.message).response()

    def written(found: Properties, status: int = 201) -> Response:
        headers = {"ETag": found.etag, "Last-Modified": found.last_modified, "x-ms-version": API_VERSION,
                   "x-ms-request-server-encrypted": "true"}  # fmt: skip
        if found.content.md5:
            headers["Content-MD5"] = found.content.md5
        return Response(status_code=status, headers=headers)

    @routes.get(Host.BLOB, "/{container}")
    async def get_container(request: Request) -> Response:
        if request.query_params.get("comp") == "list":
            return list_blobs(request)
        if request.query_params.get("restype") == "container" and "comp" not in request.query_params:
            return container_properties(request)
        return refuse(request)

    @routes.head(Host.BLOB, "/{container}")
    async def head_container(request: Request) -> Response:
        return container_properties(request)

    def container_properties(request: Request) -> Response:
        folder = blobs.container(open_container(request, READ + LIST))
        status = folder.stat()
        headers = {
            "ETag": f'"0x{status.st_ino:X}"',
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            "x-ms-lease-state": "available",
            "x-ms-lease-status": "unlocked",
            "x-ms-has-immutability-policy": "false",
            "x-ms-has-legal-hold": "false",
            "x-ms-version": API_VERSION,
        }
        return Response(headers=headers)

    def list_blobs(request: Request) -> Response:
        container = open_container(request, LIST)
        query = dict(request.query_params)
        prefix = query.get("prefix", "")
        limit = query.get("maxresults", str(listing.PAGE))
        if not limit.isdigit() or int(limit) < 1:
            raise BlobError(400, "OutOfRangeQueryParameterValue", "maxresults must be between 1 and 5000.")
        folder = blobs.container(container)
        found = listing.page(
            [] if ".." in prefix.split("/") else listing.names(folder, prefix),
            prefix=prefix,
            delimiter=query.get("delimiter", ""),
            marker=query.get("marker", ""),
            limit=min(int(limit), listing.PAGE),
        )
        body = listing.to_xml(
            found,
            lambda name: properties.get(container, name, folder / name),
            endpoint=f"https://{blobs.host}/",
            container=container,
            asked=query,
            with_metadata="metadata" in query.get("include", "").split(","),
        )
        return Response(body, media_type="application/xml", headers={"x-ms-version": API_VERSION})

    @routes.put(Host.BLOB, _BLOB)
    async def put_blob(request: Request) -> Response:
        operation = request.query_params.get("comp", "")
        only_new = request.headers.get("if-none-match", "").strip() == "*"
        if operation == "metadata":
            return set_metadata(request)
        target = open_blob(request, CREATE)
        if operation == "block":
            await uploads.put_block(target, request.query_params.get("blockid", ""), request.stream())
            return Response(status_code=201, headers={"x-ms-version": API_VERSION})
        existing = properties.get(target.container, target.blob, target.file)
        check_conditions(request, existing)
        if existing is not None:
            authorize(services, request, target.container, WRITE)  # to create is not to replace
        if operation == "blocklist":
            block_list = (await request.body()).decode("utf-8-sig")
            return written(await uploads.commit(target, block_list, _content(request), only_new=only_new))
        if operation or "x-ms-copy-source" in request.headers:
            return refuse(request)
        if request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
            return refuse(request)
        if _metadata(request).get("hdi_isfolder") == "true" or target.blob.endswith("/"):
            uploads.make_folder(target)
            return Response(status_code=201, headers={"x-ms-version": API_VERSION})
        found = await uploads.put(
            target,
            request.stream(),
            _content(request),
            expected_md5=request.headers.get("content-md5"),
            only_new=only_new,
        )
        return written(found)

    def set_metadata(request: Request) -> Response:
        target = open_blob(request, WRITE)
        found = properties.get(target.container, target.blob, target.file)
        check_conditions(request, found)
        if found is None:
            raise blob_not_found()
        content = Content(found.content.content_type, found.content.md5, _metadata(request))
        return written(properties.put(target.container, target.blob, target.file, content), 200)

    @routes.head(Host.BLOB, _BLOB)
    async def head_blob(request: Request) -> Response:
        target = open_blob(request, READ)
        found = properties.get(target.container, target.blob, target.file)
        check_conditions(request, found)
        if found is None:
            raise blob_not_found()
        return download.head(found)

    @routes.get(Host.BLOB, _BLOB)
    async def get_blob(request: Request) -> Response:
        if request.query_params.get("comp") not in (None, "metadata"):
            return refuse(request)
        target = open_blob(request, READ)
        found = properties.get(target.container, target.blob, target.file)
        check_conditions(request, found)
        if found is None:
            raise blob_not_found()
        if "comp" in request.query_params:
            return download.head(found)
        return download.get(request, target.file, found)

    @routes.delete(Host.BLOB, _BLOB)
    async def delete_blob(request: Request) -> Response:
        target = open_blob(request, DELETE)
        check_conditions(request, properties.get(target.container, target.blob, target.file))
        if target.file.is_dir() and not any(target.file.iterdir()):
            target.file.rmdir()
        elif target.file.is_file():
            target.file.unlink()
        else:
            raise blob_not_found()
        properties.forget(target.container, target.blob)
        return Response(status_code=202, headers={"x-ms-version": API_VERSION, "x-ms-delete-type-permanent": "true"})
