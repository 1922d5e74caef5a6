"""Data by URL: public files that a job names by http(s) are downloaded once, streamed to disk, and kept by URL."""

from __future__ import annotations

import contextlib
import hashlib
import html
import re
import shutil
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from .errors import AzureError

_TIMEOUT = 30.0  # seconds without a byte
_BLOB_SERVICE = "x-ms-request-id"  # a header of every answer of Azure's storage


def fetch(cache: Path, url: str, *, proxy: str | None = None) -> Path:
    """The file or folder that `url` names, from the cache or downloaded now.

    Only Azure's blob storage has folders: what its containers let anyone list below the URL's path.
    cache: one folder a URL, with the file under its own name in it, because steps look at extensions.
    proxy: through which to go, else what the environment says. `no_proxy` is honoured.
    Raises AzureError (400 UserError) when it cannot be had: no such host, an error status, a broken connection.
    """
    name = Path(unquote(urlsplit(url).path)).name or "data"
    folder = cache / hashlib.sha256(url.encode()).hexdigest()[:32]
    target = folder / name
    if target.exists():
        return target
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    )
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{uuid.uuid4().hex}.part"
    try:
        try:
            _download(opener, url, temporary)
        except urllib.error.HTTPError as error:
            if error.code != 404 or _BLOB_SERVICE not in error.headers:
                raise
            _download_folder(opener, url, temporary)
        temporary.replace(target)
    except urllib.error.HTTPError as error:
        raise _failed(url, f"the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, OSError) as error:
        raise _failed(url, str(getattr(error, "reason", error))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target


def _open(opener: urllib.request.OpenerDirector, url: str) -> contextlib.closing[Any]:
    request = urllib.request.Request(url, headers={"User-Agent": "azureml-local"})
    return contextlib.closing(opener.open(request, timeout=_TIMEOUT))


def _download(opener: urllib.request.OpenerDirector, url: str, target: Path) -> None:
    with _open(opener, url) as source, target.open("wb") as output:
        shutil.copyfileobj(source, output, 1024 * 1024)
        expected = source.headers.get("Content-Length")
    if expected is not None and target.stat().st_size != int(expected):
        raise _failed(url, f"the connection broke after {target.stat().st_size} of {expected} bytes")


def _download_folder(opener: urllib.request.OpenerDirector, url: str, target: Path) -> None:
    """All blobs below the URL's path. Raises HTTPError, 404 where there is none or the container is not public."""
    parts = urlsplit(url)
    container, _, path = unquote(parts.path).strip("/").partition("/")
    prefix = f"{path}/" if path else ""
    names = list(_listed(opener, f"{parts.scheme}://{parts.netloc}/{container}", prefix, parts.query))
    if not names:
        raise urllib.error.HTTPError(url, 404, "no blob, and none below it", Message(), None)
    for name in names:
        file = target / name.removeprefix(prefix)
        if target.resolve() not in file.resolve().parents:
            raise _failed(url, f"the blob '{name}' lies outside the folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        query = f"?{parts.query}" if parts.query else ""
        _download(opener, f"{parts.scheme}://{parts.netloc}/{container}/{quote(name)}{query}", file)


def _listed(opener: urllib.request.OpenerDirector, container: str, prefix: str, signature: str) -> Iterator[str]:
    """Names of the blobs below a prefix, page by page (List Blobs). signature: the query of a SAS, or nothing."""
    marker = ""
    while True:
        asked = urlencode({"restype": "container", "comp": "list", "prefix": prefix, "marker": marker})
        with _open(opener, f"{container}?{asked}" + (f"&{signature}" if signature else "")) as answer:
            page = answer.read().decode("utf-8-sig")
        yield from (html.unescape(name) for name in re.findall(r"<Name>(.*?)</Name>", page) if not name.endswith("/"))
        found = re.search(r"<NextMarker>(.+?)</NextMarker>", page)
        if found is None:
            return
        marker = html.unescape(found[1])


def _failed(url: str, why: str) -> AzureError:
    return AzureError(
        400,
        "UserError",
        f"The data at '{url}' could not be downloaded: {why}. "
        "Download it yourself and give the job a local path or a data asset instead.",
    )
