"""After a workspace was killed: its steps' processes are ended, and what was under way is Failed, with the reason."""

from __future__ import annotations

import asyncio
import shutil

from . import states
from .client_runs import lives_elsewhere
from .engine import Engine
from .runs import Run

REASON = "The local workspace ended while this run was under way, so the run was lost. Submit the job again."


async def recover(engine: Engine) -> None:
    """Look at every run that has not ended."""
    runs = [run for workspace in engine.services.workspaces() for run in engine.runs.all(workspace)]
    lost = [run for run in runs if not run.ended and not lives_elsewhere(engine.runs, run)]
    await asyncio.gather(*(_end(engine, run) for run in lost))


async def _end(engine: Engine, run: Run) -> None:
    record = run.processes or {}
    if record:
        pids = [(int(pid), str(started)) for pid, started in record.get("pids", [])]
        await engine.launcher.end(pids, str(record.get("token", "")))
    asked = run.status == states.CANCEL_REQUESTED
    status = states.CANCELED if asked else states.FAILED
    error = None if asked else {"code": "WorkspaceRestarted", "message": REASON, "tail": ""}
    engine.runs.advance(run, status, error=error, processes=None)
    engine.services.log.warning("run %s was under way when the workspace ended: %s", run.name, status)
    shutil.rmtree(engine.services.paths.jobs / run.name, ignore_errors=True)
    if run.experiment_id is not None:
        engine.services.spawn(engine.tell_mlflow(engine.runs.get(run.workspace, run.name) or run), f"end of {run.name}")
