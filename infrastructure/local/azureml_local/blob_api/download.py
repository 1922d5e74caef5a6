"""Sending blobs: whole or a range, streamed from disk.

Source: Get Blob and "Specifying the Range Header for Blob Service Operations".
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .errors import API_VERSION, BlobError
from .properties import Properties

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CHUNK = 512 * 1024


def headers_of(properties: Properties, *, ranged: bool = False) -> dict[str, str]:
    """The response headers that describe a blob. `ranged`: the MD5 is the whole blob's, not the answer's."""
    headers = {
        "Content-Type": properties.content.content_type,  # as it is: media_type would add a charset
        "ETag": properties.etag,
        "Last-Modified": properties.last_modified,
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": properties.last_modified,
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
        "x-ms-version": API_VERSION,
    }
    if properties.content.md5:
        headers["x-ms-blob-content-md5" if ranged else "Content-MD5"] = properties.content.md5
    for name, value in properties.content.metadata.items():
        headers[f"x-ms-meta-{name}"] = value
    return headers


def head(properties: Properties) -> Response:
    """Get Blob Properties."""
    headers = headers_of(properties) | {"Content-Length": str(properties.size)}
    return Response(headers=headers)


def get(request: Request, file: Path, properties: Properties) -> Response:
    """Get Blob: 200, or 206 for a range. The length is the file's when asked, though a log may grow meanwhile."""
    asked = request.headers.get("x-ms-range") or request.headers.get("range")
    match = _RANGE.fullmatch(asked.strip()) if asked else None
    if match is None:
        headers = headers_of(properties) | {"Content-Length": str(properties.size)}
        return StreamingResponse(_read(file, 0, properties.size), headers=headers)
    first = int(match[1])
    last = min(int(match[2]) if match[2] else properties.size, properties.size - 1)
    if first >= properties.size or last < first:
        raise BlobError(
            416,
            "InvalidRange",
            "The range specified is invalid for the current size of the resource.",
            headers={"Content-Range": f"bytes */{properties.size}"},
        )
    headers = headers_of(properties, ranged=True) | {
        "Content-Range": f"bytes {first}-{last}/{properties.size}",
        "Content-Length": str(last - first + 1),
    }
    return StreamingResponse(_read(file, first, last - first + 1), 206, headers=headers)


async def _read(file: Path, start: int, length: int) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        source.seek(start)
        while length > 0 and (chunk := source.read(min(_CHUNK, length))):
            length -= len(chunk)
            yield chunk
