"""Where data lies: every form of URI that jobs, models and endpoints name files by, led to a path on disk.

    azureml://[subscriptions/S/resourcegroups/G/workspaces/W/]datastores/D/paths/P
    azureml://[…/]jobs/J/outputs/O[/paths/P]       azureml://…/runs/R/artifacts/P   azureml://artifacts/ExperimentRun/dcid.R/P
    azureml:NAME:VERSION   azureml:NAME@latest     /subscriptions/…/{data,models,codes}/NAME/versions/V
    azureml://registries/R/{data,models,codes}/NAME/{versions/V,labels/latest}
    runs:/R/P              models:/NAME/VERSION    https://ACCOUNT.blob.core.windows.net/C/P   wasbs://C@ACCOUNT.…/P
    http(s)://elsewhere/P  (downloaded once and kept)

Source: learn.microsoft.com/azure/machine-learning/how-to-access-data-interactive and reference-yaml-core-syntax.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from . import datastores, web_data
from .assets import references
from .errors import AzureError, bad_request
from .routing import WorkspaceRef
from .services import Services
from .store import Document

_SCOPE = (
    r"(?:subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/"
    r"(?:providers/microsoft\.machinelearningservices/)?workspaces/(?P<workspace>[^/]+)/)?"
)
_DATASTORE = re.compile(rf"azureml://{_SCOPE}datastores/(?P<datastore>[^/]+)(?:/paths/?(?P<path>.*))?", re.IGNORECASE)
_JOB = re.compile(rf"azureml://{_SCOPE}jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths)?/?(?P<path>.*)", re.I)
_RUN = re.compile(r"azureml://.*/runs/(?P<run>[^/]+)/artifacts/?(?P<path>.*)", re.IGNORECASE)
_ARTIFACT = re.compile(r"azureml://artifacts/(?P<origin>[^/]+)/(?P<container>[^/]+)/?(?P<path>.*)", re.IGNORECASE)
_MLFLOW_RUN = re.compile(r"runs:/+(?P<run>[^/]+)/?(?P<path>.*)")
_MLFLOW_MODEL = re.compile(r"models:/+(?P<name>[^/@]+)/(?P<which>[^/@]+)")
_WASBS = re.compile(r"wasbs?://(?P<container>[^@/]+)@(?P<host>[^/]+)/?(?P<path>.*)", re.IGNORECASE)

_URI_FIELDS = {"data": "dataUri", "models": "modelUri", "codes": "codeUri"}


@dataclass(frozen=True)
class Location:
    """A path of a datastore; `job` when it is an output of that job. The scope is None in the short forms."""

    datastore: str
    path: str
    job: str | None = None
    workspace: WorkspaceRef | None = None

    def long_uri(self, workspace: WorkspaceRef) -> str:
        """The form that Azure keeps in documents."""
        scope = self.workspace or workspace
        return (
            f"azureml://subscriptions/{scope.subscription}/resourceGroups/{scope.group}/workspaces/{scope.name}"
            f"/datastores/{self.datastore}/paths/{self.path}"
        )


def locate(services: Services, workspace: WorkspaceRef, uri: str) -> Location | None:
    """The datastore path that a datastore, job or run URI stands for; None for URIs of other forms."""
    if match := _DATASTORE.fullmatch(uri):
        path = unquote(match["path"] or "")
        return Location(match["datastore"], _plain(uri, path), None, _scope(services, match, uri))
    if match := _JOB.fullmatch(uri):
        scope = _scope(services, match, uri)
        return _output(services, scope or workspace, match["job"], match["output"], _plain(uri, unquote(match["path"])))
    if match := _RUN.fullmatch(uri) or _MLFLOW_RUN.fullmatch(uri):
        return _artifact("ExperimentRun", f"dcid.{match['run']}", _plain(uri, unquote(match["path"])))
    if match := _ARTIFACT.fullmatch(uri):
        return _artifact(match["origin"], match["container"], _plain(uri, unquote(match["path"])))
    return None


def resolve(
    services: Services, workspace: WorkspaceRef, uri: str, *, kinds: Sequence[str] = ("data", "models")
) -> Path:
    """Where the data lies on disk. It need not exist, except what must be downloaded.

    kinds: where to look for `azureml:NAME:VERSION`, in this order ("data", "models", "codes").
    Raises AzureError with what is wrong: an unknown asset or datastore, storage that is not local, a local path.
    Blocks while a public URL is downloaded: call it in a thread.
    """
    return _resolve(services, workspace, uri.strip(), kinds, 0)


def _resolve(services: Services, workspace: WorkspaceRef, uri: str, kinds: Sequence[str], depth: int) -> Path:
    if depth > 5:
        raise bad_request(f"'{uri}' leads round in a circle.")
    location = locate(services, workspace, uri)
    if location is not None:
        return datastores.path_of(services, location.workspace or workspace, location.datastore, location.path)
    asset = find_asset(services, workspace, uri, kinds)
    if asset is not None:
        collection = str(asset["id"]).lower().rpartition("/versions/")[0].split("/")[-2]
        inner = str(asset["properties"][_URI_FIELDS[collection]])
        return _resolve(services, workspace, inner, kinds, depth + 1)
    if match := _WASBS.fullmatch(uri):
        uri = f"https://{match['host']}/{match['container']}/{match['path']}"
    if place := services.blobs.parse_url(uri.replace(".net:443/", ".net/", 1)):
        if not services.blobs.has_container(place[0]):
            raise bad_request(f"'{uri}': there is no container '{place[0]}' in the account '{services.blobs.account}'.")
        return services.blobs.path(*place)
    if urlsplit(uri).scheme in ("http", "https"):
        return web_data.fetch(services.paths.cache / "web", uri, proxy=os.environ.get("AZUREML_LOCAL_UPSTREAM_PROXY"))
    if uri.startswith("azureml:"):
        raise bad_request(
            f"'{uri}' is not a reference that can be read here. Use azureml:NAME:VERSION, azureml:NAME@latest, "
            "azureml://datastores/NAME/paths/PATH or azureml://jobs/NAME/outputs/OUTPUT."
        )
    if "://" in uri and not uri.startswith("file://"):
        raise bad_request(f"'{uri}': the local workspace cannot read {uri.partition('://')[0]}:// storage.")
    raise bad_request(
        f"'{uri}' is a path on the client's machine, which the workspace cannot see: the client must upload it first."
    )


def find_asset(services: Services, workspace: WorkspaceRef, uri: str, kinds: Sequence[str]) -> Document | None:
    """The document of the asset version that a reference names; None when it is no reference to an asset with files.

    Raises Azure's 404 when there is no such asset.
    """
    if match := _MLFLOW_MODEL.fullmatch(uri):
        version = None if match["which"].lower() == "latest" else match["which"]
        reference: references.Reference | None = references.Reference(workspace, "models", match["name"], version)
    elif uri.startswith(("azureml:", "/")):
        reference = references.parse(services, workspace, uri)
    else:
        return None
    if reference is None or (reference.collection and reference.collection not in _URI_FIELDS):
        return None
    where = [reference.collection] if reference.collection else kinds
    for collection in where:
        base = f"{reference.home.id}/{collection}/{reference.name}/versions"
        if document := _version(services, base, reference.version):
            return document
    raise AzureError(
        404, "UserError", f"Could not find asset '{uri}' among the {reference.home.noun}'s {' or '.join(where)}."
    )


def _version(services: Services, base: str, version: str | None) -> Document | None:
    if version is not None:
        return services.store.get(f"{base}/{version}")
    for document in services.store.list(base, newest_first=True):
        if not document["properties"].get("isArchived"):
            return document
    return None


def _scope(services: Services, match: re.Match[str], uri: str) -> WorkspaceRef | None:
    """The workspace that a long URI names; None for a short one."""
    if match["workspace"] is None:
        return None
    found = services.workspace(match["subscription"], match["group"], match["workspace"])
    if found is None:
        raise AzureError(
            404, "UserError", f"'{uri}': there is no workspace '{match['workspace']}' in '{match['group']}'."
        )
    return found


def _output(services: Services, workspace: WorkspaceRef, job: str, output: str, path: str) -> Location:
    """Where a job's output lies: as its document says, else where Azure ML puts it."""
    document = services.store.get(f"{workspace.id}/jobs/{job}")
    if document is None:
        raise AzureError(404, "UserError", f"Could not find job '{job}' in workspace '{workspace.name}'.")
    if output.lower() in ("artifacts", "default"):
        return _artifact("ExperimentRun", f"dcid.{job}", path, job)
    outputs = document["properties"].get("outputs") or {}
    if output not in outputs:
        known = ", ".join(sorted(outputs)) or "none"
        raise bad_request(f"The job '{job}' has no output '{output}'. Its outputs: {known}, and 'artifacts'.")
    uri = (outputs[output] or {}).get("uri")
    if not uri:
        return Location(datastores.BLOB_STORE, _join(f"azureml/{job}/{output}", path), job, workspace)
    base = _DATASTORE.fullmatch(str(uri))
    if base is None:
        raise bad_request(f"The output '{output}' of job '{job}' lies at '{uri}', which is not in a datastore.")
    scope = _scope(services, base, str(uri)) or workspace
    return Location(base["datastore"], _join(unquote(base["path"] or ""), path), job, scope)


def _artifact(origin: str, container: str, path: str, job: str | None = None) -> Location:
    if job is None and origin == "ExperimentRun":
        job = container.removeprefix("dcid.")
    return Location(datastores.ARTIFACT_STORE, _join(f"{origin}/{container}", path), job)


def _join(base: str, path: str) -> str:
    return "/".join(part.strip("/") for part in (base, path) if part.strip("/"))


def _plain(uri: str, path: str) -> str:
    if ".." in path.split("/") or "\0" in path:
        raise bad_request(f"'{uri}' leaves its datastore: a path may not have '..'.")
    return path
