"""Nodes: first come, first served, never more than there are."""

from __future__ import annotations

import asyncio

import pytest

from azureml_local.errors import AzureError, bad_request
from azureml_local.jobs.nodes import NodePool, NotEnoughNodesError


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_nodes_are_given_in_order() -> None:
    order: list[str] = []

    async def scenario() -> None:
        pool = NodePool(lambda: 2)
        release = asyncio.Event()

        async def hold(name: str, count: int) -> None:
            async with pool.hold(count):
                order.append(name)
                await release.wait()

        tasks = [asyncio.create_task(hold(name, count)) for name, count in (("a", 1), ("b", 2), ("c", 1))]
        await settle()
        assert order == ["a"]  # c would fit, but b was there before it
        assert pool.waiting() == 2
        release.set()
        await asyncio.gather(*tasks)
        assert (order, pool.used) == (["a", "b", "c"], 0)

    asyncio.run(scenario())


def test_who_stops_waiting_makes_room() -> None:
    async def scenario() -> None:
        pool = NodePool(lambda: 1)

        async def hold() -> None:
            async with pool.hold(1):
                await asyncio.sleep(3600)

        first, second, third = (asyncio.create_task(hold()) for _ in range(3))
        await settle()
        second.cancel()
        first.cancel()
        await settle()
        assert (pool.used, pool.waiting()) == (1, 0)
        third.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)
        assert pool.used == 0

    asyncio.run(scenario())


def test_a_grant_and_a_cancel_in_the_same_moment_lose_no_node() -> None:
    async def scenario() -> None:
        pool = NodePool(lambda: 1)
        held = asyncio.create_task(_hold_for_ever(pool))
        waiting = asyncio.create_task(_hold_for_ever(pool))
        await settle()
        held.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # granted, but not yet noticed
        waiting.cancel()
        await asyncio.gather(held, waiting, return_exceptions=True)
        assert pool.used == 0

    asyncio.run(scenario())


async def _hold_for_ever(pool: NodePool) -> None:
    async with pool.hold(1):
        await asyncio.sleep(3600)


def test_more_than_there_can_be_is_refused() -> None:
    async def scenario() -> None:
        async with NodePool(lambda: 1).hold(2):
            pass

    with pytest.raises(NotEnoughNodesError, match="2 nodes are needed, but there are at most 1"):
        asyncio.run(scenario())


def test_a_compute_that_is_deleted_or_shrunk_fails_those_who_wait() -> None:
    async def scenario() -> None:
        capacity: list[int] = [2]

        def ask() -> int:
            if not capacity:
                raise bad_request("Unknown compute target 'cpu'.")
            return capacity[0]

        pool = NodePool(ask)
        held = asyncio.create_task(_hold_for_ever(pool))
        await settle()
        two, one = (asyncio.create_task(_hold(pool, count)) for count in (2, 1))
        await settle()
        capacity[0] = 1
        held.cancel()
        await settle()
        with pytest.raises(NotEnoughNodesError, match="there are at most 1 now"):
            await two
        await one
        held = asyncio.create_task(_hold_for_ever(pool))
        await settle()
        late = asyncio.create_task(_hold(pool, 1))
        await settle()
        capacity.clear()
        held.cancel()
        with pytest.raises(AzureError, match="Unknown compute target"):
            await late

    asyncio.run(scenario())


async def _hold(pool: NodePool, count: int) -> None:
    async with pool.hold(count):
        pass
