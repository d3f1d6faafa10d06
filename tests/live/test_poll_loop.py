"""The poll loop: notified orders at once, and all orders in time, however many notifications come."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from services.live.poll_loop import PollLoop


async def test_notifications_do_not_delay_the_poll_of_everything() -> None:
    looks: list[tuple[Sequence[UUID], bool]] = []
    two = asyncio.Event()

    async def look(notified: Sequence[UUID], everything: bool) -> None:
        looks.append((notified, everything))
        if sum(everything for _, everything in looks) == 2:
            two.set()

    poll_loop = PollLoop(look, seconds=0.2)
    looking = asyncio.create_task(poll_loop.run())
    order_id = uuid4()
    async with asyncio.timeout(10):
        while not two.is_set():
            poll_loop.notify([order_id])
            await asyncio.sleep(0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)

    assert ([order_id], False) in looks
    assert len(looks) > 5


async def test_a_failed_poll_is_repeated() -> None:
    looks: list[tuple[Sequence[UUID], bool]] = []
    done = asyncio.Event()

    async def look(notified: Sequence[UUID], everything: bool) -> None:
        looks.append((notified, everything))
        if len(looks) == 1:
            raise RuntimeError
        done.set()

    poll_loop = PollLoop(look, seconds=300)
    looking = asyncio.create_task(poll_loop.run())
    order_id = uuid4()
    poll_loop.notify([order_id])
    async with asyncio.timeout(10):
        await done.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)

    assert looks == [([order_id], False)] * 2
