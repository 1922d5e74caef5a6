"""MLflow's model registry API over the workspace's own model documents: one registry, seen by MLflow and `az ml`.

Source: MLflow 2.16 REST API, "Registered Models" and "Model Versions" (mlflow.org/docs/2.16.2/rest-api.html).
Where Azure ML is narrower than MLflow it is so here: models can't be renamed, names follow Azure ML's rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azureml_local import uris
from azureml_local.assets import models, versions
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services
from azureml_local.store import Document, ResourceStore

from . import registry_documents as documents
from . import registry_parameters as read
from . import registry_search as searching
from .errors import MlflowError, invalid, missing
from .locations import download_uri
from .registry_parameters import Parameters


@dataclass(frozen=True)
class Registry:
    """The registry of one workspace, for one caller. Every method takes a call's parameters and returns its answer."""

    services: Services
    workspace: WorkspaceRef
    host: str
    caller: str

    @property
    def store(self) -> ResourceStore:
        return self.services.store

    # -- registered models ---------------------------------------------------------------------------------------

    def create_model(self, given: Parameters) -> dict[str, Any]:
        name = read.text(given, "name")
        documents.check_name(name)
        with self.store.transaction():
            if self.store.get(versions.container_id(models.KIND, self.workspace, name)) is not None:
                raise MlflowError("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
            container = versions.new_container(models.KIND, self.workspace, name)
            container["properties"] |= {"description": given.get("description") or None, "tags": read.tags(given)}
            stored = self.store.put(container, by=self.caller)
        return {"registered_model": documents.model_entity(stored, [], {})}

    def get_model(self, given: Parameters) -> dict[str, Any]:
        return {"registered_model": self._model(self._container(read.text(given, "name")))}

    def update_model(self, given: Parameters) -> dict[str, Any]:
        container = self._container(read.text(given, "name"))
        container["properties"]["description"] = given.get("description") or None
        return {"registered_model": self._model(self.store.put(container, by=self.caller))}

    def rename_model(self, given: Parameters) -> dict[str, Any]:
        self._container(read.text(given, "name"))
        raise MlflowError(
            "BAD_REQUEST",
            "Azure ML can't rename registered models: they are immutable there. Register the model under the new name.",
        )

    def delete_model(self, given: Parameters) -> dict[str, Any]:
        self.store.delete(self._container(read.text(given, "name"))["id"])
        return {}

    def search_models(self, given: Parameters) -> dict[str, Any]:
        clauses = searching.parse(str(given.get("filter") or ""), searching.MODELS)
        found = [self._model(container) for container in self._containers()]
        matching = [entity for entity in found if all(clause.matches(entity) for clause in clauses)]
        ranked = searching.ordered(matching, read.strings(given, "order_by"), searching.MODELS)
        return read.paged("registered_models", ranked, given, default=100, most=1000)

    def latest_versions(self, given: Parameters) -> dict[str, Any]:
        stages = {read.stage(stage) for stage in read.strings(given, "stages")}
        latest = self._model(self._container(read.text(given, "name")))["latest_versions"]
        return {"model_versions": [entity for entity in latest if not stages or entity["current_stage"] in stages]}

    def set_model_tag(self, given: Parameters) -> dict[str, Any]:
        return self._set_tag(self._container(read.text(given, "name")), given)

    def delete_model_tag(self, given: Parameters) -> dict[str, Any]:
        return self._delete_tag(self._container(read.text(given, "name")), given)

    # -- aliases -------------------------------------------------------------------------------------------------

    def set_alias(self, given: Parameters) -> dict[str, Any]:
        alias = read.alias(given)
        container, version = self._version(given)
        document = {"id": f"{container['id']}/aliases/{alias}", "name": alias, "version": version["name"]}
        self.store.put(document, by=self.caller)
        return {}

    def delete_alias(self, given: Parameters) -> dict[str, Any]:
        self.store.delete(f"{self._container(read.text(given, 'name'))['id']}/aliases/{read.alias(given)}")
        return {}

    def get_by_alias(self, given: Parameters) -> dict[str, Any]:
        name, alias = read.text(given, "name"), read.alias(given)
        document = self.store.get(f"{self._container(name)['id']}/aliases/{alias}")
        if document is None:
            raise invalid(f"Registered model alias {alias} not found.")
        return self.get_version({"name": name, "version": document["version"]})

    # -- model versions ------------------------------------------------------------------------------------------

    def create_version(self, given: Parameters) -> dict[str, Any]:
        name, source = read.text(given, "name"), read.text(given, "source")
        container = self._container(name)
        uri, run_id = self._origin_of(source)
        path = uris.resolve(self.services, self.workspace, uri)
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            raise missing(f"There is nothing to register at '{source}'.")
        properties = {documents.SOURCE: source}
        if given.get("run_link"):
            properties[documents.RUN_LINK] = str(given["run_link"])
        stored = models.create_model_version(
            self.services,
            self.workspace,
            container["name"],
            uri=uri,
            model_type="mlflow_model" if (path / "MLmodel").is_file() else "custom_model",
            job_name=str(given.get("run_id") or "") or run_id,
            description=given.get("description") or None,
            tags=read.tags(given),
            properties=properties,
            by=self.caller,
        )
        return self._version_answer(container, stored)

    def get_version(self, given: Parameters) -> dict[str, Any]:
        container, version = self._version(given)
        return self._version_answer(container, version)

    def update_version(self, given: Parameters) -> dict[str, Any]:
        container, version = self._version(given)
        if "description" in given:
            version["properties"]["description"] = given["description"] or None
        return self._version_answer(container, self.store.put(version, by=self.caller))

    def transition_stage(self, given: Parameters) -> dict[str, Any]:
        stage = read.stage(read.text(given, "stage"))
        archive = given.get("archive_existing_versions") in (True, "true", "True")
        if archive and stage not in ("Staging", "Production"):
            raise invalid(
                f"Model version transition cannot archive existing model versions because '{stage}' is not an Active "
                "stage. Valid stages are ['Staging', 'Production']"
            )
        with self.store.transaction():
            container, version = self._version(given)
            for other in self._versions(container) if archive else ():
                if other["properties"].get("stage") == stage and other["id"] != version["id"]:
                    other["properties"]["stage"] = "Archived"
                    self.store.put(other, by=self.caller)
            version["properties"]["stage"] = stage
            stored = self.store.put(version, by=self.caller)
        return self._version_answer(container, stored)

    def delete_version(self, given: Parameters) -> dict[str, Any]:
        with self.store.transaction():
            container, version = self._version(given)
            for alias, target in self._aliases(container).items():
                if target == version["name"]:
                    self.store.delete(f"{container['id']}/aliases/{alias}")
            models.delete_model_version(self.services, self.workspace, container["name"], version["name"])
        return {}

    def search_versions(self, given: Parameters) -> dict[str, Any]:
        clauses = searching.parse(str(given.get("filter") or ""), searching.VERSIONS)
        matching = []
        for container in self._containers():
            aliases = self._aliases(container)
            for document in self._versions(container):
                entity = documents.version_entity(container["name"], document, aliases)
                if all(clause.matches(entity) for clause in clauses):
                    matching.append(entity)
        order = read.strings(given, "order_by") or ["last_updated_timestamp DESC", "name ASC", "version_number DESC"]
        ranked = searching.ordered(matching, order, searching.VERSIONS)
        return read.paged("model_versions", ranked, given, default=10_000, most=200_000)

    def download_uri(self, given: Parameters) -> dict[str, Any]:
        container, version = self._version(given)
        uri = str(version["properties"].get("modelUri") or "")
        location = uris.locate(self.services, self.workspace, uri)
        if location is None:
            raise invalid(
                f"The model '{container['name']}:{version['name']}' lies at '{uri}', which MLflow can't read."
            )
        return {"artifact_uri": download_uri(self.workspace, self.host, location, container["name"], version["name"])}

    def set_version_tag(self, given: Parameters) -> dict[str, Any]:
        return self._set_tag(self._version(given)[1], given)

    def delete_version_tag(self, given: Parameters) -> dict[str, Any]:
        return self._delete_tag(self._version(given)[1], given)

    # -- the documents -------------------------------------------------------------------------------------------

    def _containers(self) -> list[Document]:
        found = self.store.list(f"{self.workspace.id}/models")
        return [container for container in found if not container["properties"].get("isArchived")]

    def _container(self, name: str) -> Document:
        container = self.store.get(versions.container_id(models.KIND, self.workspace, name))
        if container is None:
            raise missing(f"Registered Model with name={name} not found")
        return container

    def _versions(self, container: Document) -> list[Document]:
        found = self.store.list(f"{container['id']}/versions")
        return [version for version in found if not version["properties"].get("isArchived")]

    def _version(self, given: Parameters) -> tuple[Document, Document]:
        name, version = read.text(given, "name"), read.text(given, "version")
        container = self._container(name)
        document = self.store.get(f"{container['id']}/versions/{version}")
        if document is None:
            raise missing(f"Model Version (name={name}, version={version}) not found")
        return container, document

    def _aliases(self, container: Document) -> dict[str, str]:
        found = self.store.list(f"{container['id']}/aliases")
        return {document["name"]: document["version"] for document in found}

    def _model(self, container: Document) -> dict[str, Any]:
        return documents.model_entity(container, self._versions(container), self._aliases(container))

    def _version_answer(self, container: Document, version: Document) -> dict[str, Any]:
        return {"model_version": documents.version_entity(container["name"], version, self._aliases(container))}

    def _set_tag(self, document: Document, given: Parameters) -> dict[str, Any]:
        key, value = read.tag(read.text(given, "key"), given.get("value") or "")
        document["properties"]["tags"] = {**(document["properties"].get("tags") or {}), key: value}
        self.store.put(document, by=self.caller)
        return {}

    def _delete_tag(self, document: Document, given: Parameters) -> dict[str, Any]:
        if (document["properties"].get("tags") or {}).pop(read.text(given, "key"), None) is not None:
            self.store.put(document, by=self.caller)
        return {}

    def _origin_of(self, source: str) -> tuple[str, str | None]:
        """A version's `source` as the asset store takes it, and the run it came from when it copies another version."""
        if match := re.fullmatch(r"models:/+([^/]+)/([^/]+)", source):
            properties = self._version({"name": match[1], "version": match[2]})[1]["properties"]
            return str(properties["modelUri"]), properties.get("jobName")
        if not source.startswith(("azureml:", "runs:/")):
            raise invalid(
                f"The model source '{source}' is not in this workspace. Register runs:/RUN/PATH, a file:// folder made "
                "by save_model, models:/NAME/VERSION, or azureml://datastores/NAME/paths/PATH."
            )
        return source, None


# Method and path below /mlflow/ of MLflow's REST API, and what answers it.
OPERATIONS: dict[tuple[str, str], Callable[[Registry, Parameters], dict[str, Any]]] = {
    ("POST", "registered-models/create"): Registry.create_model,
    ("GET", "registered-models/get"): Registry.get_model,
    ("PATCH", "registered-models/update"): Registry.update_model,
    ("POST", "registered-models/rename"): Registry.rename_model,
    ("DELETE", "registered-models/delete"): Registry.delete_model,
    ("GET", "registered-models/search"): Registry.search_models,
    ("GET", "registered-models/get-latest-versions"): Registry.latest_versions,
    ("POST", "registered-models/get-latest-versions"): Registry.latest_versions,
    ("POST", "registered-models/set-tag"): Registry.set_model_tag,
    ("DELETE", "registered-models/delete-tag"): Registry.delete_model_tag,
    ("POST", "registered-models/alias"): Registry.set_alias,
    ("DELETE", "registered-models/alias"): Registry.delete_alias,
    ("GET", "registered-models/alias"): Registry.get_by_alias,
    ("POST", "model-versions/create"): Registry.create_version,
    ("GET", "model-versions/get"): Registry.get_version,
    ("PATCH", "model-versions/update"): Registry.update_version,
    ("DELETE", "model-versions/delete"): Registry.delete_version,
    ("GET", "model-versions/search"): Registry.search_versions,
    ("GET", "model-versions/get-download-uri"): Registry.download_uri,
    ("POST", "model-versions/transition-stage"): Registry.transition_stage,
    ("POST", "model-versions/set-tag"): Registry.set_version_tag,
    ("DELETE", "model-versions/delete-tag"): Registry.delete_version_tag,
}
