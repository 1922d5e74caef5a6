"""Everything that is wrong with a document, collected, then raised as one error."""

from __future__ import annotations

from dataclasses import replace

from azureml_local.assets.references import labelled
from azureml_local.errors import AzureError, bad_request
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import references
from .references import UnknownReferenceError
from .values import MODEL_TYPES, Data, Value


class Problems:
    """Problems with their place in the document, and warnings, each once."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.warnings: list[str] = []

    def add(self, where: str, what: str) -> None:
        if (where, what) not in self.found:
            self.found.append((where, what))

    def warn(self, what: str) -> None:
        if what not in self.warnings:
            self.warnings.append(what)

    def raise_any(self) -> None:
        """One 400 that tells all problems, if there are any."""
        if not self.found:
            return
        lines = [f"{where}: {what}".rstrip(".") + "." for where, what in self.found]
        message = lines[0] if len(lines) == 1 else "The job has several errors:\n- " + "\n- ".join(lines)
        details = [{"code": "UserError", "message": what, "target": where} for where, what in self.found]
        error: AzureError = bad_request(message, target=self.found[0][0])
        error.details = [*details] if len(details) > 1 else None
        raise error

    def check_data(self, services: Services, workspace: WorkspaceRef, value: Value, where: str) -> Value:
        """A data asset or model that is referred to must be there. Plain URIs are looked at when the step runs.

        Returns the value, a label in it replaced by the version that it means now: the job, and what reuses its
        outputs, keeps to that one.
        """
        uri = getattr(value, "uri", "")
        for collection in ("data", "models"):
            named = collection == "models" if getattr(value, "type", "") in MODEL_TYPES else collection == "data"
            short = uri.startswith("azureml:") and not uri.startswith(("azureml://", "azureml:/"))
            if references.is_asset_id(uri, collection) or (short and named):
                try:
                    asset = references.asset(services, workspace, uri, collection)
                except UnknownReferenceError as error:
                    self.add(where, str(error))
                else:
                    if labelled(uri) and isinstance(value, Data):
                        return replace(value, uri=asset.id)
        return value
