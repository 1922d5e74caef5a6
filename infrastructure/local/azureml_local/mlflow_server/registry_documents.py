"""Registered models as ARM documents, which are the truth, and as the entities of MLflow's REST API.

A registered model is the document `WS/models/NAME`, a version `WS/models/NAME/versions/V`; `az ml model` and MLflow
read and write the same ones. What MLflow knows and ARM does not lies in the version's `properties.properties`, except
for aliases, which are documents of their own: `WS/models/NAME/aliases/ALIAS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from azureml_local.store import Document

from .errors import invalid
from .registry_search import Entity, number_of

SOURCE = "mlflow.modelSourceUri"
RUN_LINK = "mlflow.runLink"
NO_STAGE = "None"
STAGES = (NO_STAGE, "Staging", "Production", "Archived")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")


def check_name(name: str) -> None:
    """Azure ML's rule for model names, which is narrower than MLflow's."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"The model name '{name}' is not valid on Azure ML. Use 1 to 255 letters, digits, '-', '_' and '.', "
            "beginning with a letter or a digit."
        )


def milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def version_entity(name: str, document: Document, aliases: Mapping[str, str]) -> Entity:
    """MLflow's ModelVersion. aliases: alias -> version, of the whole model."""
    properties = document["properties"]
    extra = properties.get("properties") or {}
    system = document["systemData"]
    entity = {
        "name": name,
        "version": document["name"],
        "creation_timestamp": milliseconds(system["createdAt"]),
        "last_updated_timestamp": milliseconds(system["lastModifiedAt"]),
        "user_id": system["createdBy"],
        "current_stage": properties.get("stage") or NO_STAGE,
        "description": properties.get("description") or "",
        "source": extra.get(SOURCE) or properties.get("modelUri") or "",
        "run_id": properties.get("jobName") or "",
        "run_link": extra.get(RUN_LINK) or "",
        "status": "READY",
        "tags": _tags(properties),
        "aliases": sorted(alias for alias, version in aliases.items() if version == document["name"]),
    }
    if entity["current_stage"] not in STAGES:
        entity["current_stage"] = NO_STAGE  # `az ml model` allows any word
    return entity


def model_entity(container: Document, versions: Sequence[Document], aliases: Mapping[str, str]) -> Entity:
    """MLflow's RegisteredModel, with the newest version of each stage."""
    properties = container["properties"]
    system = container["systemData"]
    name = container["name"]
    newest: dict[str, Entity] = {}
    for document in versions:
        entity = version_entity(name, document, aliases)
        other = newest.get(entity["current_stage"])
        if other is None or _order(entity) > _order(other):
            newest[entity["current_stage"]] = entity
    updated = [system["lastModifiedAt"], *(document["systemData"]["lastModifiedAt"] for document in versions)]
    return {
        "name": name,
        "creation_timestamp": milliseconds(system["createdAt"]),
        "last_updated_timestamp": max(milliseconds(moment) for moment in updated),
        "user_id": system["createdBy"],
        "description": properties.get("description") or "",
        "latest_versions": [newest[stage] for stage in STAGES if stage in newest],
        "tags": _tags(properties),
        "aliases": [{"alias": alias, "version": version} for alias, version in sorted(aliases.items())],
    }


def _order(entity: Entity) -> tuple[int, int]:
    return number_of(entity["version"]), int(entity["creation_timestamp"])


def _tags(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in (properties.get("tags") or {}).items()]
