"""Waiting for a step's processes: until all are done, or something ends the wait, and what an exit code means."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from .errors import PreemptedError, TimedOutError
from .processes import Handle


async def until_done(
    handles: Sequence[Handle], preempted: asyncio.Event, timeout: float | None
) -> tuple[int, int] | None:
    """Wait until all processes exited 0; None then, else (number, exit code) of the first one that did not.

    timeout: seconds.  Raises TimedOutError or PreemptedError; the processes are then still there.
    """
    loop = asyncio.get_running_loop()
    waits = {asyncio.ensure_future(handle.wait()): number for number, handle in enumerate(handles)}
    taken = asyncio.ensure_future(preempted.wait())
    running = set(waits)
    deadline = loop.time() + timeout if timeout else None
    try:
        while running:
            left = None if deadline is None else max(deadline - loop.time(), 0)
            done, _ = await asyncio.wait({*running, taken}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise TimedOutError(f"It was ended because it ran longer than its time limit of {timeout:g} s.")
            if taken in done:
                raise PreemptedError
            for future in running & done:
                running.discard(future)
                if (code := future.result()) != 0:
                    return waits[future], code
        return None
    finally:
        taken.cancel()
        for future in waits:
            future.cancel()
        await asyncio.gather(taken, *waits, return_exceptions=True)


def ending(code: int) -> str:
    """How a process ended, as a sentence. code: minus the signal's number when a signal ended it."""
    if code < 0:
        known = -code in signal.Signals._value2member_map_
        name = signal.Signals(-code).name if known else str(-code)
        more = " The machine may have run out of memory." if -code == signal.SIGKILL else ""
        return f"Execution failed: the command was ended by signal {name}.{more}"
    return f"Execution failed: the command exited with code {code}."
