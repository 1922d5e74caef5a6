"""MLflow's own tracking server, run by `server.py` as a child process in its own environment.

    python child.py            # configuration: one JSON line on stdin, {"socket", "secret", "databases", "host"}

It serves the tracking half of MLflow's REST API (experiments, runs, metrics, tags, traces) on a listening socket that
the parent opened and passed on, so nobody else can answer in its place. Every request must carry the parent's secret,
which keeps other users of the machine out. It lives as long as its stdin: when the parent dies, even by kill -9, the
pipe closes and this process ends.

The registry and the artifacts are not served here: they are the workspace's own (registry.py, artifacts.py).

This file imports MLflow and nothing of azureml_local: it runs with infrastructure/locks/mlflow.txt.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import waitress  # type: ignore[import-untyped,import-not-found,unused-ignore]
from flask import Flask, jsonify, request  # type: ignore[import-not-found,unused-ignore]
from mlflow.entities import LifecycleStage, RunStatus  # type: ignore[import-not-found,unused-ignore]
from mlflow.exceptions import MlflowException  # type: ignore[import-not-found,unused-ignore]
from mlflow.protos.databricks_pb2 import (  # type: ignore[import-not-found,unused-ignore]
    ErrorCode,
)
from mlflow.server import handlers  # type: ignore[import-not-found,unused-ignore]
from mlflow.store.tracking.dbmodels.models import (  # type: ignore[import-not-found,unused-ignore]
    SqlRun,
    SqlTag,
)
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # type: ignore[import-not-found,unused-ignore]
from mlflow.version import VERSION  # type: ignore[import-not-found,unused-ignore]
from sqlalchemy import event  # type: ignore[import-not-found,unused-ignore]

THREADS = 8
SECRET_HEADER = "HTTP_X_AZUREML_LOCAL_SECRET"  # noqa: S105 - the name of a header
WORKSPACE_HEADER = "X-Azureml-Local-Workspace"


class WorkspaceStore(SqlAlchemyStore):  # type: ignore[misc]
    """One workspace's experiments and runs, in one SQLite file, with artifact URIs as Azure ML writes them."""

    def __init__(self, database: Path, host: str, workspace: str) -> None:
        self._experiments = f"azureml://{host}/mlflow/v2.0{workspace}/experiments"
        self._creating = threading.Lock()
        super().__init__(f"sqlite:///{database}", self._experiments)
        event.listen(self.engine, "connect", _fast_and_patient)
        self.engine.dispose()  # the connections made so far do not have the settings yet

    def _get_artifact_location(self, experiment_id: object) -> str:
        return f"{self._experiments}/{experiment_id}/runs"

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Any = None) -> str:
        """As MLflow, except that the workspace decides where artifacts lie, as Azure ML does."""
        return str(super().create_experiment(name, None, tags))

    def experiment_for(self, name: str) -> str:
        """The id of the experiment with this name; made, or brought back from deletion, when need be."""
        with self._creating:
            experiment = self.get_experiment_by_name(name)
            if experiment is None:
                return self.create_experiment(name)
            if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
                self.restore_experiment(experiment.experiment_id)
            return str(experiment.experiment_id)

    def ensure_run(self, run_id: str, job: dict[str, Any]) -> str:
        """The run of a job, under the job's name; made when it is not there yet. Returns its experiment's id.

        job: `experiment` (name), `name` (display name), `start_time` (ms), `user`, `status`, `tags`.
        """
        experiment_id = self.experiment_for(job["experiment"])
        with self._creating, self.ManagedSessionMaker() as session:
            existing = session.query(SqlRun).filter(SqlRun.run_uuid == run_id).one_or_none()
            if existing is not None:
                return str(existing.experiment_id)
            run = SqlRun(
                run_uuid=run_id,
                name=job["name"],
                experiment_id=int(experiment_id),
                artifact_uri=f"{self._experiments}/{experiment_id}/runs/{run_id}/artifacts",
                user_id=job["user"],
                status=job["status"],
                start_time=job["start_time"],
                end_time=None,
                deleted_time=None,
                lifecycle_stage=LifecycleStage.ACTIVE,
                source_type="JOB",
                source_name="",
                entry_point_name="",
                source_version="",
            )
            run.tags = [SqlTag(key=key, value=value) for key, value in job["tags"].items()]
            session.add(run)
        return experiment_id

    def set_status(self, run_id: str, status: str, end_time: int | None) -> None:
        """A job's state, told by the workspace: the last word on it."""
        self.update_run_info(run_id, RunStatus.from_string(status), end_time, None)


def _fast_and_patient(connection: Any, _record: object) -> None:
    """Several steps log at once: readers never block (WAL), writers wait for each other instead of failing."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=20000")
    cursor.close()


class Stores:
    """The stores of all workspaces, opened on first use."""

    def __init__(self, folder: Path, host: str) -> None:
        self._folder = folder
        self._host = host
        self._lock = threading.Lock()
        self._open: dict[str, WorkspaceStore] = {}

    def get(self, workspace: str) -> WorkspaceStore:
        key = workspace.lower()
        with self._lock:
            if key not in self._open:
                self._open[key] = _opened(self._file(key), self._host, workspace)
            return self._open[key]

    def forget(self, workspace: str) -> None:
        """Close the workspace's store and delete its file."""
        key = workspace.lower()
        with self._lock:
            store = self._open.pop(key, None)
            if store is not None:
                store.engine.dispose()
            file = self._file(key)
            file.with_suffix(".ready").unlink(missing_ok=True)  # first: without it, what is left counts for nothing
            _remove(file)

    def _file(self, key: str) -> Path:
        short = hashlib.sha256(key.encode()).hexdigest()[:8]
        return self._folder / f"{key.rpartition('/')[2]}-{short}.db"


def _remove(file: Path) -> None:
    """A database file with what SQLite keeps beside it."""
    for part in file.parent.glob(file.name + "*"):
        part.unlink()


def _opened(file: Path, host: str, workspace: str) -> WorkspaceStore:
    """The store on this file. A file whose creation was interrupted holds nothing yet and is made anew."""
    ready = file.with_suffix(".ready")
    if not ready.exists():
        _remove(file)
    store = WorkspaceStore(file, host, workspace)
    ready.touch()
    return store


def application(stores: Stores) -> Flask:
    """MLflow's handlers for the tracking API, each on the store of the request's workspace."""
    app = Flask("azureml-local-mlflow", static_folder=None)

    def store() -> WorkspaceStore:
        return stores.get(request.headers[WORKSPACE_HEADER])

    def no_registry() -> None:
        raise MlflowException("The model registry is not served by this process.", ErrorCode.Value("NOT_IMPLEMENTED"))

    handlers._get_tracking_store = store
    handlers._get_model_registry_store = no_registry
    for path, handler, methods in handlers.get_endpoints():
        if path.startswith(("/api/2.0/mlflow/", "/api/2.0/preview/mlflow/")):
            app.add_url_rule(path, endpoint=f"{methods} {path}", view_func=handler, methods=methods)

    # Azure ML's own additions to MLflow's API, which azureml-mlflow calls for asynchronous logging. Here the batch is
    # written before the answer, so there is no tracking id to ask after.
    app.add_url_rule("/api/2.0/preview/mlflow/runs/log-batch-async", view_func=handlers._log_batch, methods=["POST"])

    @app.get("/api/2.0/preview/mlflow/runs/get-run-data-status")  # type: ignore[misc,untyped-decorator,unused-ignore]
    def data_status() -> Any:
        return jsonify(is_complete=True)

    @app.get("/internal/health")  # type: ignore[misc,untyped-decorator,unused-ignore]
    def health() -> Any:
        return jsonify(mlflow=VERSION)

    @app.put("/internal/runs/<run_id>")  # type: ignore[misc,untyped-decorator,unused-ignore]
    def ensure_run(run_id: str) -> Any:
        return jsonify(experiment_id=store().ensure_run(run_id, request.get_json()))

    @app.post("/internal/runs/<run_id>/status")  # type: ignore[misc,untyped-decorator,unused-ignore]
    def set_status(run_id: str) -> Any:
        body = request.get_json()
        store().set_status(run_id, body["status"], body["end_time"])
        return jsonify()

    @app.delete("/internal/workspace")  # type: ignore[misc,untyped-decorator,unused-ignore]
    def forget() -> Any:
        stores.forget(request.headers[WORKSPACE_HEADER])
        return jsonify()

    @app.errorhandler(MlflowException)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def refused(error: Any) -> Any:
        return error.serialize_as_json(), error.get_http_status_code(), {"Content-Type": "application/json"}

    @app.errorhandler(404)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def unknown(_error: Any) -> Any:
        return jsonify(error_code="ENDPOINT_NOT_FOUND", message=f"No API found for {request.path}"), 404

    return app


def guarded(app: Callable[..., Iterable[bytes]], secret: str) -> Callable[..., Iterable[bytes]]:
    """The application, for callers who know the secret."""

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not hmac.compare_digest(environ.get(SECRET_HEADER, ""), secret):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"This server belongs to a local workspace. Talk to that instead.\n"]
        return app(environ, start_response)

    return wsgi


def _end_with_stdin() -> None:
    """Returns never: the parent holds the other end of stdin for as long as it lives."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> None:
    configuration = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True, name="parent-watch").start()
    listening = socket.socket(fileno=configuration["socket"])
    stores = Stores(Path(configuration["databases"]), configuration["host"])
    app = guarded(application(stores), configuration["secret"])
    waitress.serve(app, sockets=[listening], threads=THREADS, clear_untrusted_proxy_headers=True, _quiet=True)


if __name__ == "__main__":
    main()
