"""What all versioned assets have in common: containers, versions, archiving, lists, the rule that a version's content
never changes.

An asset's home is a workspace or a registry. Documents: `<home>/models/taxi` (the container) and
`<home>/models/taxi/versions/3`. The container's `latestVersion` is the one created last among those not archived, its
`nextVersion` the number after the highest there ever was, which `<home>/models/taxi/numbering` keeps beyond deletions
(the MLflow registry counts by it too).

Source: Microsoft.MachineLearningServices 2024-04-01, *Containers and *Versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azureml_local.errors import AzureError, bad_request, conflict
from azureml_local.routing import Home, WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document

from . import references

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,254}")


def _nothing(services: Services, home: Home, name: str, version: str, properties: Document) -> None:
    """A kind without checks of its own."""


def _no_fallback(services: Services, home: Home, name: str, version: str) -> Document | None:
    return None


@dataclass(frozen=True)
class Kind:
    """One kind of asset.

    collection: its place in the id, such as "models".  noun: for messages.
    content: of the properties, what a version can never change: returns it in a form that compares.
    change_status: the status Azure answers to a change of it.
    may_be_empty: whether a container without versions shows: clients re-put the latest version of what they find.
    prepare: checks and completes the properties of a version about to be stored.
    fallback: an asset that is not registered but that Azure knows, such as a curated environment.
    """

    collection: str
    noun: str
    content: Callable[[Document], Any]
    change_status: int = 400
    may_be_empty: bool = False
    prepare: Callable[[Services, Home, str, str, Document], None] = _nothing
    fallback: Callable[[Services, Home, str, str], Document | None] = _no_fallback

    def type_in(self, home: Home) -> str:
        """The ARM type of its containers."""
        return f"{home.resource_type}/{self.collection}"


def container_id(kind: Kind, home: Home, name: str) -> str:
    return f"{home.id}/{kind.collection}/{name}"


def version_id(kind: Kind, home: Home, name: str, version: str) -> str:
    return f"{container_id(kind, home, name)}/versions/{version}"


def missing(kind: Kind, home: Home, name: str, version: str | None = None) -> AzureError:
    """Azure's 404 for an asset that is not there."""
    what = f"{kind.noun} '{name}'" + (f" version '{version}'" if version is not None else "")
    return AzureError(404, "UserError", f"Could not find {what} in {home.noun} '{home.name}'.")


def all_versions(services: Services, kind: Kind, home: Home, name: str) -> list[Document]:
    """Every version, newest first, the archived ones too."""
    return services.store.list(f"{container_id(kind, home, name)}/versions", newest_first=True)


def latest(services: Services, kind: Kind, home: Home, name: str) -> Document | None:
    """The version that `@latest` means: created last among those not archived."""
    for document in all_versions(services, kind, home, name):
        if not document["properties"].get("isArchived"):
            return document
    return None


def find(services: Services, kind: Kind, home: Home, name: str, version: str) -> Document:
    """A version's document; the kind's fallback; else Azure's 404."""
    document = services.store.get(version_id(kind, home, name, version))
    document = document or kind.fallback(services, home, name, version)
    if document is None:
        raise missing(kind, home, name, version)
    return document


def resolve(services: Services, kind: Kind, workspace: WorkspaceRef, text: str) -> Document:
    """The version that a reference names, in any form of `references`; else an error that quotes it."""
    reference = references.parse(services, workspace, text)
    if reference is None or reference.collection not in (None, kind.collection):
        raise bad_request(
            f"'{text}' does not name a {kind.noun}. Use azureml:NAME:VERSION or azureml:NAME@latest.", target=kind.noun
        )
    home = reference.home
    if reference.version is not None:
        return find(services, kind, home, reference.name, reference.version)
    document = latest(services, kind, home, reference.name)
    document = document or kind.fallback(services, home, reference.name, "")
    if document is None:
        raise missing(kind, home, reference.name)
    return document


def show_container(services: Services, kind: Kind, container: Document) -> Document:
    """The container as answered, with its `latestVersion`."""
    versions = services.store.list(f"{container['id']}/versions", newest_first=True)
    active = [d for d in versions if not d["properties"].get("isArchived")]
    latest_version = (active or versions)[0]["name"] if versions else None
    properties = {"description": None, "tags": {}, "properties": {}, "isArchived": False, **container["properties"]}
    properties["latestVersion"] = latest_version
    if kind.collection == "data" and versions:
        properties["dataType"] = (active or versions)[0]["properties"]["dataType"]
    properties["nextVersion"] = str(_highest(services, container["id"]) + 1)
    return {**container, "properties": properties}


def _highest(services: Services, container: str) -> int:
    """The highest number a version of this container ever had; 0 when none had one."""
    kept = services.store.get(f"{container}/numbering")
    existing = (d["name"] for d in services.store.list(f"{container}/versions"))
    return max(int(kept["highest"]) if kept else 0, *(int(name) for name in existing if name.isdecimal()), 0)


def _keep_highest(services: Services, container: str, number: int) -> None:
    services.store.put({"id": f"{container}/numbering", "name": "numbering", "highest": number})


def new_container(kind: Kind, home: Home, name: str) -> Document:
    return {
        "id": container_id(kind, home, name),
        "name": name,
        "type": kind.type_in(home),
        "properties": {"provisioningState": "Succeeded"},
    }


def put_version(
    services: Services, kind: Kind, home: Home, name: str, version: str | None, body: Document, *, by: str
) -> tuple[Document, bool]:
    """Create or update a version, in one transaction with its container. Returns (document, created).

    version: None takes the next number, whoever else does so at the same time.
    Raises when the name is not valid, the container is archived, or the content of an existing version would change.
    """
    check_name(kind, name, version)
    given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
    properties: Document = {
        "description": None,
        "tags": {},
        "properties": {},
        "isAnonymous": False,
        "isArchived": False,
        **given,
        "provisioningState": "Succeeded",
    }
    with services.store.transaction():
        container = services.store.get(container_id(kind, home, name))
        if container is None:
            container = services.store.put(new_container(kind, home, name), by=by)
        if version is None:
            version = str(_highest(services, container["id"]) + 1)
        kind.prepare(services, home, container["name"], version, properties)
        identifier = f"{container['id']}/versions/{version}"
        old = services.store.get(identifier)
        if old is not None:
            if kind.content(old["properties"]) != kind.content(properties):
                raise _changed(kind, container["name"], version)
            identifier, version = old["id"], old["name"]
        elif container["properties"].get("isArchived"):
            raise bad_request(
                f"The {kind.noun} '{name}' is archived, so no version can be added to it. Restore it first, "
                "or choose another name."
            )
        document = services.store.put(
            {"id": identifier, "name": version, "type": f"{kind.type_in(home)}/versions", "properties": properties},
            by=by,
        )
    return document, old is None


def delete_version(services: Services, kind: Kind, home: Home, name: str, version: str) -> bool:
    """Remove a version; its number is never given again, so `name:version` means one thing for ever.

    Returns False when there was none.
    """
    with services.store.transaction():
        container = container_id(kind, home, name)
        highest = _highest(services, container)
        gone = services.store.delete(version_id(kind, home, name, version))
        if gone:
            _keep_highest(services, container, highest)
    return gone


def _changed(kind: Kind, name: str, version: str) -> AzureError:
    message = (
        f"A {kind.noun} with the name '{name}' and version '{version}' already exists and its content cannot be "
        "changed: only description, tags, properties and isArchived can. Register different content as a new version."
    )
    return conflict(message) if kind.change_status == 409 else bad_request(message)


def check_name(kind: Kind, name: str, version: str | None) -> None:
    for what, text in (("name", name), ("version", version)):
        if text is not None and not NAME.fullmatch(text):
            raise bad_request(
                f"The {kind.noun} {what} '{text}' is not valid. It may have up to 255 letters, digits, '-', '_' and "
                "'.', and must begin with a letter, a digit or '_'.",
                target=what,
            )
