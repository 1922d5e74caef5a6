"""Data by URL: public files that a job names by http(s) are downloaded once, streamed to disk, and kept by URL."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import ssl
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .errors import AzureError

_TIMEOUT = 30.0  # seconds without a byte


def fetch(cache: Path, url: str, *, proxy: str | None = None) -> Path:
    """The file that `url` names, from the cache or downloaded now.

    cache: one folder a URL, with the file under its own name in it, because steps look at extensions.
    proxy: through which to go, else what the environment says. `no_proxy` is honoured.
    Raises AzureError (400 UserError) when it cannot be had: no such host, an error status, a broken connection.
    """
    name = Path(unquote(urlsplit(url).path)).name or "data"
    folder = cache / hashlib.sha256(url.encode()).hexdigest()[:32]
    file = folder / name
    if file.is_file():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{uuid.uuid4().hex}.part"
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    )
    request = urllib.request.Request(url, headers={"User-Agent": "azureml-local"})
    try:
        with (
            opener.open(request, timeout=_TIMEOUT) as source,
            temporary.open("wb") as output,
        ):
            shutil.copyfileobj(source, output, 1024 * 1024)
            expected = source.headers.get("Content-Length")
        if expected is not None and temporary.stat().st_size != int(expected):
            raise _failed(url, f"the connection broke after {temporary.stat().st_size} of {expected} bytes")
        temporary.replace(file)
    except urllib.error.HTTPError as error:
        raise _failed(url, f"the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, OSError) as error:
        raise _failed(url, str(getattr(error, "reason", error))) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return file


def _failed(url: str, why: str) -> AzureError:
    return AzureError(
        400,
        "UserError",
        f"The data at '{url}' could not be downloaded: {why}. "
        "Download it yourself and give the job a local path or a data asset instead.",
    )
