"""Looks after the workspace while a workflow runs on it.

One that was killed is started again, so that what ran on it becomes Failed, with the reason. One that was stopped on
purpose ends the workflow, which could only wait in vain.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from azureml_local import daemon, settings
from azureml_local.paths import StatePaths

LOOK_SECONDS = 1.0
RESTARTS = 3


def _say(text: str) -> None:
    print(f"azureml-local: {text}", file=sys.stderr, flush=True)


@contextmanager
def watching(paths: StatePaths, end: Callable[[], None]) -> Iterator[None]:
    """Watch the workspace of this state folder for as long as the block lasts; `end` ends the workflow."""
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(paths, done, end), name="workspace watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(LOOK_SECONDS)


def _watch(paths: StatePaths, done: threading.Event, end: Callable[[], None]) -> None:
    restarts = 0
    while not done.wait(LOOK_SECONDS):
        if daemon.server_pid(paths) is not None:
            continue
        # A server that ends in order takes its record with it; one that was killed leaves it behind.
        killed = paths.process.exists()
        if done.wait(LOOK_SECONDS) or daemon.server_pid(paths) is not None:
            continue
        if not killed or restarts == RESTARTS:
            _say("the workspace was stopped: ending the workflow" if not killed else "the workspace keeps dying")
            end()
            return
        restarts += 1
        _say("the workspace was killed; what ran on it is lost")
        try:
            running = daemon.start(paths, _say)
        except (daemon.DaemonError, OSError, SystemExit) as error:
            _say(f"{error}: ending the workflow")
            end()
            return
        config = settings.load(paths)
        _say(f"ready again (pid {running.pid}): workspace {config.workspace}")
