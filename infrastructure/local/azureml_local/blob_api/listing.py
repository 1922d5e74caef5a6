"""List Blobs: names in order, by prefix, folded at a delimiter, page by page, as XML.

Source: learn.microsoft.com/rest/api/storageservices/list-blobs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from .properties import Properties

PAGE = 5000


@dataclass(frozen=True)
class Page:
    """One page: blobs and folded prefixes in order, and the marker of the next page (empty at the end)."""

    blobs: list[str]
    prefixes: list[str]
    next_marker: str


def names(folder: Path, prefix: str) -> list[str]:
    """Every blob of a container whose name starts with the prefix, in the order of the service."""
    start = folder / prefix.rpartition("/")[0]
    found: list[str] = []
    for parent, _, files in os.walk(start, followlinks=True):
        base = Path(parent).relative_to(folder).as_posix()
        base = "" if base == "." else base + "/"
        found.extend(base + name for name in files if (base + name).startswith(prefix))
    return sorted(found)


def page(all_names: list[str], *, prefix: str, delimiter: str, marker: str, limit: int) -> Page:
    """The page that begins after `marker`, the last entry of the page before. limit: entries of either sort."""
    blobs: list[str] = []
    prefixes: list[str] = []
    last = ""
    for entry, is_prefix in _entries(all_names, prefix, delimiter):
        if marker and entry <= marker:
            continue
        if len(blobs) + len(prefixes) == limit:
            return Page(blobs, prefixes, last)
        (prefixes if is_prefix else blobs).append(entry)
        last = entry
    return Page(blobs, prefixes, "")


def _entries(all_names: list[str], prefix: str, delimiter: str) -> Iterator[tuple[str, bool]]:
    folded = None
    for name in all_names:
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            yield name, False
        elif name[: end + len(delimiter)] != folded:
            folded = name[: end + len(delimiter)]
            yield folded, True


def to_xml(
    page_of: Page,
    describe: Callable[[str], Properties | None],
    *,
    endpoint: str,
    container: str,
    asked: dict[str, str],
    with_metadata: bool,
) -> str:
    """The answer's body. describe: a blob's properties, None when it has gone meanwhile."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<EnumerationResults ServiceEndpoint={quoteattr(endpoint)} ContainerName={quoteattr(container)}>",
    ]
    for tag in ("Prefix", "Marker", "MaxResults", "Delimiter"):
        if asked.get(tag.lower()):
            parts.append(f"<{tag}>{escape(asked[tag.lower()])}</{tag}>")
    parts.append("<Blobs>")
    for name in page_of.blobs:
        properties = describe(name)
        if properties is not None:
            parts.append(_blob(name, properties, with_metadata))
    parts.extend(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" for name in page_of.prefixes)
    parts.append(f"</Blobs><NextMarker>{escape(page_of.next_marker)}</NextMarker></EnumerationResults>")
    return "".join(parts)


def _blob(name: str, properties: Properties, with_metadata: bool) -> str:
    content = properties.content
    md5 = f"<Content-MD5>{content.md5}</Content-MD5>" if content.md5 else ""
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in content.metadata.items())
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties>"
        f"<Creation-Time>{properties.last_modified}</Creation-Time>"
        f"<Last-Modified>{properties.last_modified}</Last-Modified><Etag>{escape(properties.etag.strip(chr(34)))}</Etag>"
        f"<Content-Length>{properties.size}</Content-Length><Content-Type>{escape(content.content_type)}</Content-Type>"
        f"{md5}<BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>"
        "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted>"
        "</Properties>" + (f"<Metadata>{metadata}</Metadata>" if with_metadata else "") + "</Blob>"
    )
