"""Schedules: pipeline jobs that start by the clock, by cron expressions or recurrences.

triggers.py     when a schedule fires: pure functions of the moment
definitions.py  what a schedule starts: its job, completed from the job it names, with its expressions filled in
scheduler.py    the clock's side: fires what is due
api.py          the routes
"""

from __future__ import annotations

from azureml_local.services import Services

from . import api
from .scheduler import Scheduler


def install(services: Services) -> None:
    """Routes of schedules; the clock runs from the workspace's start to its stop."""
    scheduler = Scheduler(services)
    api.install(services, scheduler)
    services.on_start.append(scheduler.start)
    services.on_stop.append(scheduler.stop)
