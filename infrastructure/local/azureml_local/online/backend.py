"""What the router sees of a deployment: its instances, how many requests each may have, and who waits for a turn.

Azure admits at most 2 x max_concurrent_requests_per_instance x instance_count requests at a time; of these each
instance gets max_concurrent_requests_per_instance, the others wait for a turn within the request's timeout.

Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints, "HTTP status codes".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from .upstream import Pool


class TooManyRequestsError(Exception):
    """More requests than the deployment admits: 429."""


class NotReadyError(Exception):
    """No instance can take a request now. `starting`: it never could since the workspace was started."""

    def __init__(self, *, starting: bool) -> None:
        super().__init__("no instance is ready")
        self.starting = starting


@dataclass(eq=False)
class Target:
    """One instance as the router sees it: where it listens and what it has in hand."""

    port: int
    ready: bool = False
    in_flight: int = 0
    pool: Pool = field(init=False)
    _emptied: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        self.pool = Pool(self.port)

    def release(self) -> None:
        self.in_flight -= 1
        if self.in_flight == 0 and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def emptied(self, seconds: float) -> None:
        """Wait until its last request is answered, at most this long."""
        if self.in_flight:
            self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._emptied}, timeout=seconds)


class Backend:
    """A deployment's instances, replaced as a whole when the deployment is updated. `timeout` is in seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.targets: Sequence[Target] = ()
        self.concurrency = 1
        self.timeout = 5.0
        self.starting = False
        self.pending = 0
        self._waiting: deque[asyncio.Future[Target]] = deque()

    @property
    def limit(self) -> int:
        return 2 * self.concurrency * max(len(self.targets), 1)

    def replace(self, targets: Sequence[Target], *, concurrency: int, timeout: float) -> None:
        """From now on, these instances. Requests that the old ones have in hand stay there; waiting ones come over."""
        self.targets = tuple(targets)
        self.concurrency = concurrency
        self.timeout = timeout
        self.changed()

    def take(self) -> Target | None:
        """A turn on an instance, if one is free now; `release` it. None: `acquire` waits for one.

        Raises TooManyRequestsError or NotReadyError.
        """
        if self.pending >= self.limit:
            raise TooManyRequestsError
        target = None if self._waiting else self._free()
        if target is not None:
            target.in_flight += 1
            self.pending += 1
        elif not any(target.ready for target in self.targets):
            raise NotReadyError(starting=self.starting)
        return target

    async def acquire(self, deadline: float) -> Target:
        """A turn on an instance, waited for; `release` it. deadline: on the loop's clock.

        Raises TooManyRequestsError, NotReadyError, or asyncio.TimeoutError when no turn came in time.
        """
        return self.take() or await self._turn(deadline)

    def release(self, target: Target) -> None:
        """The request is answered, or given up."""
        self.pending -= 1
        target.release()
        self.changed()

    def changed(self) -> None:
        """An instance got free, ready or lost: give turns to those who wait, or tell them that there is none."""
        while self._waiting:
            target = self._free()
            if target is not None:
                waiter = self._waiting.popleft()
                if not waiter.done():
                    target.in_flight += 1
                    waiter.set_result(target)
            elif any(target.ready for target in self.targets):
                return
            else:
                waiter = self._waiting.popleft()
                if not waiter.done():
                    waiter.set_exception(NotReadyError(starting=self.starting))

    def _free(self) -> Target | None:
        """The ready instance with the fewest requests, if it may have one more."""
        best: Target | None = None
        for target in self.targets:
            if target.ready and target.in_flight < self.concurrency and (
                best is None or target.in_flight < best.in_flight
            ):  # fmt: skip
                best = target
        return best

    async def _turn(self, deadline: float) -> Target:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Target] = loop.create_future()
        timer = loop.call_at(deadline, _expire, waiter)
        self._waiting.append(waiter)
        self.pending += 1
        try:
            return await waiter
        except BaseException:
            self.pending -= 1
            with suppress(ValueError):
                self._waiting.remove(waiter)
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:  # cancelled after its turn came
                waiter.result().release()
                self.changed()
            raise
        finally:
            timer.cancel()


def _expire(waiter: asyncio.Future[Target]) -> None:
    if not waiter.done():
        waiter.set_exception(asyncio.TimeoutError())
