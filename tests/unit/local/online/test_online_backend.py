"""Turns on instances: how many requests are admitted, who waits, what becomes of them."""

from __future__ import annotations

import asyncio

import pytest

from azureml_local.online.backend import Backend, NotReadyError, Target, TooManyRequestsError


def backend(instances: int = 1, concurrency: int = 1) -> Backend:
    made = Backend("blue")
    made.replace([Target(port, ready=True) for port in range(1, instances + 1)], concurrency=concurrency, timeout=5)
    return made


def soon(seconds: float = 5) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_the_instance_with_the_fewest_requests_is_next() -> None:
    async def check() -> None:
        blue = backend(instances=2, concurrency=2)
        ports = [(await blue.acquire(soon())).port for _ in range(4)]
        assert sorted(ports[:2]) == [1, 2]
        assert sorted(ports[2:]) == [1, 2]

    asyncio.run(check())


def test_twice_the_concurrency_is_admitted_and_one_more_refused() -> None:
    async def check() -> None:
        blue = backend(instances=1, concurrency=2)
        first = [await blue.acquire(soon()) for _ in range(2)]
        waiting = [asyncio.ensure_future(blue.acquire(soon())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsError):
            await blue.acquire(soon())
        for target in first:
            blue.release(target)
        for target in await asyncio.gather(*waiting):
            blue.release(target)
        assert blue.pending == 0
        assert blue.targets[0].in_flight == 0

    asyncio.run(check())


def test_turns_come_in_order() -> None:
    async def check() -> None:
        blue = backend(concurrency=2)
        held = [await blue.acquire(soon()) for _ in range(2)]
        order: list[int] = []

        async def wait(number: int) -> None:
            target = await blue.acquire(soon())
            order.append(number)
            blue.release(target)

        tasks = [asyncio.ensure_future(wait(number)) for number in range(2)]
        await asyncio.sleep(0)
        blue.release(held[0])
        await asyncio.gather(*tasks)
        assert order == [0, 1]

    asyncio.run(check())


def test_a_turn_that_does_not_come_in_time_is_a_timeout_and_leaves_nothing_behind() -> None:
    async def check() -> None:
        blue = backend()
        held = await blue.acquire(soon())
        with pytest.raises(asyncio.TimeoutError):
            await blue.acquire(soon(0.01))
        assert blue.pending == 1
        blue.release(held)
        again = await blue.acquire(soon(0.01))  # nobody is in the way
        blue.release(again)
        assert blue.pending == 0

    asyncio.run(check())


def test_a_request_given_up_while_it_waits_takes_no_turn() -> None:
    async def check() -> None:
        blue = backend()
        held = await blue.acquire(soon())
        waiting = asyncio.ensure_future(blue.acquire(soon()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        blue.release(held)
        assert blue.pending == 0
        assert blue.targets[0].in_flight == 0

    asyncio.run(check())


def test_nobody_ready() -> None:
    async def check() -> None:
        blue = backend()
        held = await blue.acquire(soon())
        waiting = asyncio.ensure_future(blue.acquire(soon()))
        await asyncio.sleep(0)
        blue.targets[0].ready = False
        blue.changed()
        with pytest.raises(NotReadyError):
            await waiting
        with pytest.raises(NotReadyError) as caught:
            await blue.acquire(soon())
        assert not caught.value.starting
        blue.release(held)

    asyncio.run(check())


def test_a_replacement_takes_those_who_wait_and_the_old_instance_keeps_what_it_has() -> None:
    async def check() -> None:
        blue = backend()
        old = await blue.acquire(soon())
        waiting = asyncio.ensure_future(blue.acquire(soon()))
        await asyncio.sleep(0)
        blue.replace([Target(9, ready=True)], concurrency=1, timeout=5)
        assert (await waiting).port == 9
        emptied = asyncio.ensure_future(old.emptied(5))
        await asyncio.sleep(0)
        assert not emptied.done()
        blue.release(old)
        await asyncio.wait_for(emptied, 1)

    asyncio.run(check())
