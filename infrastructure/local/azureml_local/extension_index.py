"""The index of Azure CLI extensions, and in it one extension: `ml`, built from `infrastructure/local/az_ml`.

`az extension add -n ml` reads the index at aka.ms, downloads the wheel it names, checks its digest and installs it with
pip. The wheel is made here, byte for byte the same as long as its sources are, so that the digest in the index holds.

Index format: https://github.com/Azure/azure-cli-extensions/blob/main/docs/README.md and `src/index.json` there.
Wheel format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import not_found
from .paths import LOCKS, REPOSITORY
from .routing import Host
from .services import Services

NAME = "ml"
# The release of the official extension whose commands, arguments and output these are: pins of it keep working.
VERSION = "2.42.0"
DOWNLOAD_HOST = "azcliextensionsync.blob.core.windows.net"
SOURCES = REPOSITORY / "infrastructure" / "local" / "az_ml"
_PATCHES = 4  # the official extension has had no more in a minor version
_SOURCE_SUFFIXES = {".py", ".json", ".yaml", ".typed"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold


@dataclass(frozen=True)
class Wheel:
    """A wheel and what the index says of it. `sha256` is hexadecimal."""

    filename: str
    content: bytes
    metadata: dict[str, object]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def url(self) -> str:
        return f"https://{DOWNLOAD_HOST}/{NAME}/{self.filename}"


def requirements(lock: Path) -> list[str]:
    """The pinned lines of a lock file, `name==version ; marker`; comments and hashes left out."""
    pins = (line.partition(" \\")[0].strip() for line in lock.read_text().splitlines())
    return [pin for pin in pins if re.match(r"[A-Za-z0-9._-]+==", pin)]


def build_wheel(sources: Path, pins: list[str]) -> Wheel:
    """The wheel of the extension in `sources` (a folder with the package `azext_ml`), requiring `pins`."""
    files = {
        path.relative_to(sources).as_posix(): path.read_bytes()
        for path in sorted(sources.rglob("*"))
        if path.suffix in _SOURCE_SUFFIXES and path.is_file()
    }
    extension = json.loads(files["azext_ml/azext_metadata.json"])
    dist_info = f"{NAME}-{VERSION}.dist-info"
    core = [
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {VERSION}",
        "Summary: Azure Machine Learning commands for the local workspace",
        "License: MIT",
        "Requires-Python: >=3.10",
        *(f"Requires-Dist: {pin}" for pin in pins),
    ]
    files[f"{dist_info}/METADATA"] = ("\n".join(core) + "\n").encode()
    files[f"{dist_info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: azureml-local\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{dist_info}/top_level.txt"] = b"azext_ml\n"
    rows = [f"{name},sha256={_record_digest(data)},{len(data)}" for name, data in files.items()]
    files[f"{dist_info}/RECORD"] = "\n".join([*rows, f"{dist_info}/RECORD,,", ""]).encode()

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    metadata = {**extension, "name": NAME, "version": VERSION, "summary": core[3].partition(": ")[2], "license": "MIT"}
    return Wheel(f"{NAME}-{VERSION}-py3-none-any.whl", buffer.getvalue(), metadata)


def _record_digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@lru_cache(maxsize=1)
def extension_wheel() -> Wheel:
    """The repository's own extension, as this process found it when first asked."""
    return build_wheel(SOURCES, requirements(LOCKS / "az_ml.txt"))


def is_current(extensions: Path) -> bool:
    """Whether the `ml` installed below `extensions` (az's extension folder) is the repository's of today.

    az keeps the wheel it installed from; one with the same version but other content was built from older sources.
    """
    wheel = extension_wheel()
    installed = extensions / NAME / wheel.filename
    return installed.is_file() and installed.read_bytes() == wheel.content


def refresh(extensions: Path) -> str | None:
    """Bring an `ml` that az installed from older sources up to date; what was done, or None if there was nothing to do.

    az does not see that by itself: the version is the same. Where other dependencies are needed now, the extension is
    removed, and the next `az extension add -n ml` installs it anew. The official extension is left alone.
    """
    wheel = extension_wheel()
    folder = extensions / NAME
    saved = folder / wheel.filename
    if not saved.is_file() or is_current(extensions):
        return None
    metadata = f"{NAME}-{VERSION}.dist-info/METADATA"
    new = zipfile.ZipFile(io.BytesIO(wheel.content))
    with zipfile.ZipFile(saved) as old:
        if not any(name.startswith("azext_ml/") for name in old.namelist()):
            return None
        same_dependencies = old.read(metadata) == new.read(metadata)
    if not same_dependencies:
        shutil.rmtree(folder)
        return "removed an outdated az extension ml; `az extension add -n ml -y` installs today's"
    package = folder / "azext_ml"
    if package.is_symlink():  # a developer's own link to the sources
        package.unlink()
    shutil.rmtree(package, ignore_errors=True)
    new.extractall(folder)
    saved.write_bytes(wheel.content)
    return "brought the az extension ml up to date"


def index(wheel: Wheel) -> dict[str, object]:
    """The index document. Earlier versions are in it: workflows pin them (`az extension add -n ml --version 2.14.1`).

    There is one extension all the same, and `az version` says which; without a version az takes the highest.
    """
    entry = {
        "downloadUrl": wheel.url,
        "filename": wheel.filename,
        "metadata": wheel.metadata,
        "sha256Digest": wheel.sha256,
    }
    major, minor, _ = map(int, VERSION.split("."))
    short = {"name": NAME, "summary": "The same extension as the latest."}
    earlier = [
        {**entry, "metadata": {**short, "version": f"{major}.{number}.{patch}"}}
        for number in range(minor)
        for patch in range(_PATCHES)
    ]
    return {"formatVersion": "1", "extensions": {NAME: [*earlier, entry]}}


def install(services: Services) -> None:
    routes = services.routes

    @routes.get(Host.EXTENSIONS, "/azure-cli-extension-index-v1", authenticated=False)
    @routes.get(Host.EXTENSIONS, "/index1/index.json", authenticated=False)
    async def show_index(request: Request) -> Response:
        return JSONResponse(index(extension_wheel()))

    @routes.get(Host.EXTENSIONS, f"/{NAME}/{{filename}}", authenticated=False)
    async def download(request: Request) -> Response:
        wheel = extension_wheel()
        if request.path_params["filename"] != wheel.filename:
            raise not_found("extension", request.path_params["filename"])
        return Response(wheel.content, media_type="application/octet-stream")
