"""Receiving blobs: whole or in blocks, streamed to disk, visible only when complete.

Source: Put Blob, Put Block, Put Block List of the Blob service's REST API.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import shutil
import time
import uuid
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from azureml_local.blobs import BlobStore

from .errors import BlobError
from .properties import Content, Properties, PropertyStore

_BLOCK_SECONDS = 7 * 24 * 3600  # uncommitted blocks live a week, as on Azure
_BLOCK = re.compile(r"<(Committed|Uncommitted|Latest)>\s*([^<\s]+)\s*</\1>")


@dataclass(frozen=True)
class Target:
    """The blob that an upload is for."""

    container: str
    blob: str
    file: Path


@contextmanager
def _disk_errors() -> Iterator[None]:
    """A full disk is told as such, with a status that clients do not retry."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "The disk that holds the local workspace's blobs is full. Free some space and try again."
            raise BlobError(409, "InsufficientDiskSpace", message) from error
        raise


class Uploads:
    """Writes blobs. A file appears under its name at once and whole: never half of it."""

    def __init__(self, blobs: BlobStore, properties: PropertyStore) -> None:
        self._folder = blobs.uploads
        self._properties = properties

    async def put(
        self, target: Target, body: AsyncIterator[bytes], content: Content, *, expected_md5: str | None, only_new: bool
    ) -> Properties:
        """Put Blob. expected_md5: base64, refused when the bytes differ. only_new: refuse to replace a blob."""
        temporary = self._folder / f"{uuid.uuid4().hex}.part"
        try:
            digest = await _receive(body, temporary)
            if expected_md5 is not None and expected_md5 != digest:
                message = (
                    "The MD5 value specified in the request did not match with the MD5 value calculated by the server."
                )
                raise BlobError(400, "Md5Mismatch", message)
            return self._publish(target, temporary, replace(content, md5=digest), only_new=only_new)
        finally:
            temporary.unlink(missing_ok=True)

    async def put_block(self, target: Target, block_id: str, body: AsyncIterator[bytes]) -> None:
        """Put Block: keep it until a list commits it."""
        folder = self._blocks(target)
        with _disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{uuid.uuid4().hex}.part"
        try:
            await _receive(body, temporary)
            temporary.replace(folder / _file_name(block_id))
        finally:
            temporary.unlink(missing_ok=True)

    async def commit(self, target: Target, block_list: str, content: Content, *, only_new: bool) -> Properties:
        """Put Block List: join the blocks that the XML names, in its order."""
        folder = self._blocks(target)
        blocks = []
        for kind, block_id in _BLOCK.findall(block_list):
            block = folder / _file_name(block_id)
            if kind == "Committed" or not block.is_file():
                raise BlobError(400, "InvalidBlockList", f"The specified block list is invalid: no block '{block_id}'.")
            blocks.append(block)
        temporary = self._folder / f"{uuid.uuid4().hex}.part"
        try:
            with _disk_errors():
                await to_thread(_join, blocks, temporary)
            properties = self._publish(target, temporary, content, only_new=only_new)
        finally:
            temporary.unlink(missing_ok=True)
        await to_thread(shutil.rmtree, folder, True)
        return properties

    def make_folder(self, target: Target) -> None:
        """A marker of an empty folder, as Hadoop-minded clients put it, becomes a folder."""
        with _occupied(target):
            target.file.mkdir(parents=True, exist_ok=True)

    def forget_abandoned(self) -> None:
        """Remove what interrupted uploads have left behind."""
        for part in self._folder.glob("*.part"):
            part.unlink(missing_ok=True)
        for folder in (self._folder / "blocks").glob("*"):
            if folder.stat().st_mtime < time.time() - _BLOCK_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def _blocks(self, target: Target) -> Path:
        name = hashlib.sha256(f"{target.container}/{target.blob}".encode()).hexdigest()
        return self._folder / "blocks" / name

    def _publish(self, target: Target, temporary: Path, content: Content, *, only_new: bool) -> Properties:
        with _disk_errors(), _occupied(target):
            target.file.parent.mkdir(parents=True, exist_ok=True)
            if target.file.is_dir():
                target.file.rmdir()  # an empty folder is no blob
            if only_new:
                os.link(temporary, target.file)  # unlike a rename, fails when it is there
            else:
                temporary.replace(target.file)
        return self._properties.put(target.container, target.blob, target.file, content)


@contextmanager
def _occupied(target: Target) -> Iterator[None]:
    """On Azure `a` and `a/b` may both be blobs; on a disk one name is a file or a folder."""
    try:
        yield
    except FileExistsError as error:
        if target.file.is_file():
            raise BlobError(409, "BlobAlreadyExists", "The specified blob already exists.") from error
        raise _conflict(target) from error
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY):
            raise _conflict(target) from error
        raise


def _conflict(target: Target) -> BlobError:
    return BlobError(
        409,
        "ResourceTypeMismatch",
        f"'{target.blob}' cannot be a blob here: it, or a part of its path, is a blob and a folder at once.",
    )


async def _receive(body: AsyncIterator[bytes], file: Path) -> str:
    """Write the body to the file as it comes; base64 of its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with _disk_errors(), file.open("wb") as output:
        async for chunk in body:
            output.write(chunk)
            digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()


def _join(blocks: list[Path], file: Path) -> None:
    with file.open("wb") as output:
        for block in blocks:
            with block.open("rb") as source:
                shutil.copyfileobj(source, output, 1024 * 1024)


def _file_name(block_id: str) -> str:
    """Block ids are base64, which has '/': not for a file's name."""
    with suppress(ValueError):
        block_id = base64.b64decode(block_id, validate=True).hex()
        if len(block_id) <= 200:
            return block_id
    raise BlobError(400, "InvalidQueryParameterValue", "The block ID is not base64 of at most 64 bytes.")
