"""The cost of a change: one statement, however many follow it, and no memory."""

import gc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from asyncpg.connection import Connection

from services.live.order_stream import KEPT
from tests.live.following import ORDER, PAYMENT, Subscriber, follow_many, note
from tests.support.shop import Json, Shop

FOLLOWERS = 40
EVENTS = 60


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the statements sent to PostgreSQL."""
    found: list[str] = []

    def watched(right: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Connection, query: str, *given: Any, **named: Any) -> Any:
            found.append(query.strip())
            return await right(self, query, *given, **named)

        return call

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(Connection, name, watched(getattr(Connection, name)))
    return found


@pytest.mark.parametrize(("query", "followed"), [(PAYMENT, "payment"), (ORDER, "order")])
async def test_a_change_is_read_once_for_all_who_follow_it(
    shop: Shop, address: str, sent: list[str], query: str, followed: str
) -> None:
    payment = await shop.paid()
    identity = payment["id"] if followed == "payment" else payment["order"]["id"]

    async def costs(followers: int) -> list[str]:
        async with follow_many(followers, address, query, id=identity) as subscribers:
            for subscriber in subscribers:
                await subscriber.next()
            sent.clear()
            await _told_to([first, *subscribers], payment)
            return list(sent)

    async with follow_many(1, address, query, id=identity) as [first]:
        await first.next()
        await _told_to([first], payment)  # LISTEN is active by now
        alone, together = await costs(1), await costs(FOLLOWERS)

    assert len(together) == len(alone)
    assert sum("payment_event e" in text for text in together) == 1


async def _told_to(subscribers: Sequence[Subscriber], payment: Json) -> None:
    await note(payment)
    for subscriber in subscribers:
        await subscriber.next()


async def test_an_event_that_was_told_leaves_nothing_in_memory(shop: Shop, address: str) -> None:
    payment = await shop.paid()
    async with follow_many(10, address, ORDER, id=payment["order"]["id"]) as subscribers:

        async def objects_after(events: int) -> int:
            for _ in range(events):
                await _told_to(subscribers, payment)
            for subscriber in subscribers:
                subscriber.seen.clear()
            gc.collect()
            return len(gc.get_objects())

        await objects_after(KEPT)
        before = await objects_after(1)
        after = await objects_after(EVENTS)

    assert after - before < 5 * EVENTS * len(subscribers)  # a leak was 46 for each; some are always on their way
