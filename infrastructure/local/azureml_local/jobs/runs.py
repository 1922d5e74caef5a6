"""The record of a run: what it is, what state it is in and since when, what it read and wrote, why it failed.

Every job is a run, and so is each step and trial of it. A record lies in the resource store as the job's own document,
`<workspace>/jobs/<name>`, beside the few `properties` that other parts read (status, outputs). A marker for each child
below its parent makes listing a pipeline's children cost the children alone. `change` reads and writes in one
transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from azureml_local.routing import WorkspaceRef
from azureml_local.store import Document, ResourceStore, timestamp

from . import states

CLIENT = "client"  # the kind of runs that clients made with MLflow alone


@dataclass(frozen=True)
class Run:
    """One run. Times are ISO 8601 in UTC.

    kind: command, pipeline, sweep, parallel or client.
    step: its name in the pipeline (a trial's: its number), None for a job.
    history: every state it was in with the moment it was entered, oldest first.
    inputs, outputs: by name, `{"type", "uri"}` or `{"type", "value"}`; outputs may have `"asset"`, the id registered.
    schedule: the one that started it.
    processes: what is running for it now, `{"token", "pids": [[pid, started], …]}`.
    """

    workspace: str
    name: str
    kind: str
    display_name: str
    experiment: str
    number: int
    root: str
    parent: str | None = None
    step: str | None = None
    description: str | None = None
    experiment_id: str | None = None
    compute: str | None = None
    created: str = ""
    created_by: str = "local"
    history: list[tuple[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)
    processes: dict[str, Any] | None = None
    definition: dict[str, Any] = field(default_factory=dict)
    archived: bool = False
    schedule: str | None = None

    @property
    def status(self) -> str:
        return self.history[-1][0] if self.history else states.NOT_STARTED

    @property
    def ended(self) -> bool:
        return self.status in states.TERMINAL

    def entered(self, status: str) -> str | None:
        """When it first was in a state."""
        return next((moment for name, moment in self.history if name == status), None)

    @property
    def started_at(self) -> str | None:
        """When its processes (a pipeline's: its steps) began."""
        return self.entered(states.RUNNING)

    @property
    def ended_at(self) -> str | None:
        return self.history[-1][1] if self.ended else None


_FIELDS = frozenset(f.name for f in fields(Run))


def _from_document(document: Document) -> Run:
    values = {name: value for name, value in document["run"].items() if name in _FIELDS}
    values["history"] = [(status, moment) for status, moment in values["history"]]
    return Run(**values)


class RunStore:
    """Records of runs, by workspace and name."""

    def __init__(self, store: ResourceStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> str:
        return timestamp(self._clock())

    def add(self, run: Run) -> Run:
        """Keep a new run, as NotStarted."""
        moment = self.now()
        run = replace(run, created=moment, history=[(states.NOT_STARTED, moment)])
        with self._store.transaction():
            self._write(run)
            if run.parent is not None:
                self._store.put({"id": f"{_children(run.workspace, run.parent)}/{run.name}", "name": run.name})
        return run

    def get(self, workspace: WorkspaceRef | str, name: str) -> Run | None:
        document = self._store.get(_key(_id(workspace), name))
        return None if document is None else _from_document(document)

    def children(self, workspace: WorkspaceRef | str, parent: str) -> list[Run]:
        """The runs directly below a run, in the order they were made."""
        found = [self.get(workspace, entry["name"]) for entry in self._store.list(_children(_id(workspace), parent))]
        return [run for run in found if run is not None]

    def all(self, workspace: WorkspaceRef | str) -> list[Run]:
        """Every run of a workspace, oldest first."""
        return [_from_document(document) for document in self._store.list(f"{_id(workspace)}/jobs")]

    def change(self, run: Run, alter: Callable[[Run], Run]) -> Run:
        """Apply a change to the record as it is now. Returns it as stored; a run deleted meanwhile stays deleted."""
        with self._store.transaction():
            current = self.get(run.workspace, run.name)
            if current is None:
                return run
            changed = alter(current)
            self._write(changed)
            return changed

    def advance(self, run: Run, status: str, **more: Any) -> Run:
        """Move a run to a state, unless it may not go there (any more); then nothing is changed."""

        def alter(current: Run) -> Run:
            if current.status == status or not states.may_follow(current.status, status):
                return current
            return replace(current, history=[*current.history, (status, self.now())], **more)

        return self.change(run, alter)

    def delete(self, run: Run) -> None:
        """Forget a run and all below it."""
        for child in self.children(run.workspace, run.name):
            self.delete(child)
        with self._store.transaction():
            self._store.delete(_key(run.workspace, run.name))
            self._store.delete(_children(run.workspace, run.name))
            if run.parent is not None:
                self._store.delete(f"{_children(run.workspace, run.parent)}/{run.name}")

    def next_number(self, workspace: WorkspaceRef | str) -> int:
        return self._store.next_number(f"runs{_id(workspace)}".lower())

    def _write(self, run: Run) -> None:
        outputs = {
            name: {"jobOutputType": output.get("type"), "uri": output.get("uri")}
            for name, output in run.outputs.items()
        }
        self._store.put(
            {
                "id": _key(run.workspace, run.name),
                "name": run.name,
                "type": "Microsoft.MachineLearningServices/workspaces/jobs",
                "properties": {"status": run.status, "displayName": run.display_name, "outputs": outputs},
                "run": asdict(run),
            },
            by=run.created_by,
        )


def _id(workspace: WorkspaceRef | str) -> str:
    return workspace if isinstance(workspace, str) else workspace.id


def _key(workspace: str, name: str) -> str:
    return f"{workspace}/jobs/{name}"


def _children(workspace: str, parent: str) -> str:
    return f"internal:/children{workspace}/children/{parent}"
