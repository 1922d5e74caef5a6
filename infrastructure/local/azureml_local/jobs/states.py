"""The states of a job, in Azure's words and order.

Source: Microsoft.MachineLearningServices JobStatus, whose documentation gives each state's meaning:
    NotStarted    accepted, not looked at yet
    Starting      being taken up: a run exists
    Preparing     its environment is being built
    Queued        waiting for free nodes of its compute
    Running       its processes run
    Finalizing    they ended; outputs and logs are being collected
    CancelRequested, then Canceled
Provisioning (compute being made on demand) is never shown here: local nodes need no making.
"""

from __future__ import annotations

NOT_STARTED = "NotStarted"
STARTING = "Starting"
PREPARING = "Preparing"
QUEUED = "Queued"
RUNNING = "Running"
FINALIZING = "Finalizing"
CANCEL_REQUESTED = "CancelRequested"
COMPLETED = "Completed"
FAILED = "Failed"
CANCELED = "Canceled"

TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})

_ORDER = (NOT_STARTED, STARTING, PREPARING, QUEUED, RUNNING, FINALIZING)


def may_follow(now: str, following: str) -> bool:
    """Whether a job in one state may go to another.

    States are passed in order and may be skipped; a preempted job goes from Running back to Queued; after
    CancelRequested only an end may come, and after an end nothing.
    """
    if now in TERMINAL:
        return False
    if following in TERMINAL:
        return following != COMPLETED or now != CANCEL_REQUESTED
    if following == CANCEL_REQUESTED:
        return True
    if now == CANCEL_REQUESTED:
        return False
    return _ORDER.index(following) > _ORDER.index(now) or (now, following) == (RUNNING, QUEUED)


def in_mlflow(status: str) -> str:
    """MLflow's word for a state."""
    ends = {COMPLETED: "FINISHED", FAILED: "FAILED", CANCELED: "KILLED"}
    return ends.get(status, "RUNNING" if status in (RUNNING, FINALIZING, CANCEL_REQUESTED) else "SCHEDULED")
