"""What a change costs: three statements, however many follow it."""

from collections.abc import Callable
from typing import Any

import pytest
from asyncpg.connection import Connection

from tests.live.following import ORDER, PAYMENT, crowd, note
from tests.shop import Shop

FOLLOWERS = 40


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of PostgreSQL."""
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
        async with crowd(followers, address, query, id=identity) as subscribers:
            for subscriber in subscribers:
                await subscriber.next()
            sent.clear()
            await note(payment)
            for subscriber in subscribers:
                await subscriber.next()
            return list(sent)

    alone, together = await costs(1), await costs(FOLLOWERS)

    assert len(together) == len(alone)
    assert sum('FROM "payment_event"' in text for text in together) == 1
