"""One scoring job of a batch endpoint: the input brought to Azure, the job followed, its predictions brought back.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blob_store import STORAGE, BlobStore, Place
from clock import Clock
from endpoints import Endpoint
from errors import ActionError, ExitCode
from github import Runner
from job_log import LogFollower
from job_outputs import predictions_uri
from job_report import Step, steps_of
from job_status import Wait
from known_failures import failure
from rest import Credential, Rest, UnreachableError
from scoring import HEADER
from session import Session
from transport import Transport
from workspace import Workspace

AZURE_ML = "https://ml.azure.com"
DATASTORE = "workspaceblobstore"
_ASSET = re.compile(r"azureml:(?P<name>[\w.-]+)(:(?P<version>[\w.-]+)|@latest)")


@dataclass(frozen=True)
class Source:
    """What to score. `uri` is "" for a local path, which is uploaded. `shown` is `uri` without a signature."""

    shown: str
    path: Path | None = None
    uri: str = ""


def read_source(text: str) -> Source:
    """A local folder or file, a data asset, a datastore path or an address. ValueError says what is wrong."""
    if text.startswith("azureml://"):
        if Place.of(text) is None:
            raise ValueError("it must be azureml://datastores/NAME/paths/PATH, azureml:NAME:VERSION or a local path")
        return Source(text, uri=text)
    if text.startswith("azureml:"):
        if _ASSET.fullmatch(text) is None:
            raise ValueError("it must be azureml:NAME:VERSION, azureml://datastores/NAME/paths/PATH or a local path")
        return Source(text, uri=text)
    if text.startswith("https://"):
        return Source(text.partition("?")[0], uri=text)
    path = Path(text)
    if not path.exists():
        raise ValueError(f"there is no such file or folder in {Path.cwd()}")
    if path.is_dir() and not any(each.is_file() for each in path.rglob("*")):
        raise ValueError("the folder is empty")
    return Source(text, path=path)


def new_job_name(env: Mapping[str, str]) -> str:
    """A name that is known before the job is, so that a cancel finds it whenever it comes."""
    run = env.get("GITHUB_RUN_ID", "")
    middle = f"{run}-{env.get('GITHUB_RUN_ATTEMPT', '1')}-" if run.isdigit() and len(run) > 1 else ""
    return f"batch-{middle}{secrets.token_hex(4)}"


@dataclass
class Scoring:
    """One job. `name` may change when Azure gives it another."""

    endpoint: Endpoint
    session: Session
    transport: Transport
    runner: Runner
    name: str
    invoked: bool = False
    status: str = ""
    job: dict[str, Any] = field(default_factory=dict)
    follower: LogFollower | None = None

    @property
    def workspace(self) -> Workspace:
        return self.endpoint.workspace

    @property
    def clock(self) -> Clock:
        return self.endpoint.clock

    @property
    def studio_url(self) -> str:
        services = (self.job.get("properties") or {}).get("services") or {}
        endpoint = str((services.get("Studio") or {}).get("endpoint") or "")
        return endpoint or self.workspace.studio_url(f"runs/{self.name}")

    def store(self, datastore: str) -> BlobStore:
        """A datastore of the workspace."""

        def identity() -> Credential:
            return self.session.for_resource(STORAGE)

        return BlobStore.of(self.workspace, datastore, identity, self.transport, self.clock, self.runner.mask)

    def prepare(self, source: Source) -> tuple[str, str]:
        """The input as Azure takes it: ("UriFolder" or "UriFile", URI)."""
        if source.path is not None:
            where = self.store(DATASTORE).upload(source.path, "LocalUpload")
            self.runner.say(f"Uploaded {source.path} to {DATASTORE}/{where}")
            uri = f"azureml://{self.workspace.id.strip('/')}/datastores/{DATASTORE}/paths/{where}"
            return ("UriFile", uri) if source.path.is_file() else ("UriFolder", uri + "/")
        match = _ASSET.fullmatch(source.uri)
        if match is None:
            self.runner.mask(source.uri.partition("?")[2])
            last = source.uri.partition("?")[0].rpartition("/")[2]
            return ("UriFile" if "." in last else "UriFolder"), source.uri
        return self._asset(match["name"], match["version"] or "")

    def _asset(self, name: str, version: str) -> tuple[str, str]:
        rest, workspace = self.workspace.rest, self.workspace
        if not version:
            container = rest.find(workspace.url(f"/data/{name}")) or {}
            version = str((container.get("properties") or {}).get("latestVersion") or "")
        found = rest.find(workspace.url(f"/data/{name}/versions/{version}")) if version else None
        if found is None:
            raise ActionError(
                f"There is no data asset {name}{f':{version}' if version else ''} in workspace {workspace.name}.",
                fix="`az ml data list` names them.",
                exit_code=ExitCode.BAD_INPUT,
            )
        kind = str((found.get("properties") or {}).get("dataType") or "").lower().replace("_", "")
        return ("UriFile" if kind == "urifile" else "UriFolder"), str(found["id"])

    def invoke(self, deployment: str, kind: str, uri: str) -> None:
        """Start the job on `deployment`, whether it is the default or not."""
        document = self.endpoint.get()
        address = str((document.get("properties") or {}).get("scoringUri") or "")
        azure_ml = Rest(
            self.session.for_resource(AZURE_ML), transport=self.transport, clock=self.clock, say=self.runner.say
        )
        data = {kind: {"jobInputType": kind, "uri": uri}}
        body = {"properties": {"name": self.name, "inputData": data}}
        self.invoked = True
        try:
            response = azure_ml.raw("POST", address, body, headers={HEADER: deployment}, attempts=1, timeout=120.0)
        except UnreachableError as error:  # not repeated: it may have arrived
            if self.workspace.job(self.name) is None:
                self.invoked = False
                raise failure(f"Endpoint {self.endpoint.name} could not be invoked.", error.detail) from error
        else:
            if not 200 <= response.status < 300:
                self.invoked = False
                raise azure_ml.refused("POST", address, response)
            self.name = str(response.json().get("name") or self.name)
        self.job = self.workspace.job(self.name) or {}
        self.runner.say(f"Started job {self.name}: {self.studio_url}")

    def follow(self, timeout: float, told: Callable[[str], None]) -> str:
        """Wait for the end, printing the steps' logs; the last state."""
        once = Rest(self.session.credential, transport=self.transport, clock=self.clock, attempts=1)
        following = Workspace(once, self.workspace.subscription, self.workspace.resource_group, self.workspace.name)
        self.follower = LogFollower(following, self.name, self.runner)
        wait = Wait(
            status=self._look,
            clock=self.clock,
            say=self.runner.say,
            warn=told,
            each_look=self.follower.look,
            timeout=timeout,
        )
        self.status = wait.until_ended()
        return self.status

    def _look(self) -> str:
        found = self.workspace.job(self.name)
        if found is None:
            raise ActionError(f"Job {self.name} does not exist any more.", "Somebody deleted it.")
        self.job = found
        self.status = str((found.get("properties") or {}).get("status") or "")
        return self.status

    def steps(self) -> list[Step]:
        """The job's steps with the end of their logs."""
        return steps_of(self.job, self.follower.steps.values() if self.follower else ())

    def download(self, folder: Path) -> list[Path]:
        """Bring the predictions into `folder`; the files."""
        uri = predictions_uri(self.workspace, self.name)
        place = Place.of(uri)
        if place is None:
            raise ActionError(
                f"Job {self.name} has no output with predictions.",
                "A pipeline component's predictions are found when it has one output, or one that is called score.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        return self.store(place.datastore).download(place.path, folder)
