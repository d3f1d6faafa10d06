"""The ends of a subscription: an expired token, a slow client, a server that shuts down."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from domain.caller import LEEWAY, Caller, Scope
from resolvers.subscriptions import TokenExpired, order_changes
from server.access.authentication import sign_token
from tests.live.following import ORDER, Ended, fetch, following, served
from tests.support.schema_context import context
from tests.support.shop import JWT_SECRET, Json, Shop, key, open_shop, settings_for

METADATA = {f"entry-{n}": "x" * 500 for n in range(20)}
PAYMENTS = "payments(first: 1) { nodes { metadata } }"
LARGE = " ".join(f"a{n}: {PAYMENTS}" for n in range(25))  # 250 KB for each event: sockets hold a few of them
CHANGES = 150
CONNECTIONS = """
SELECT application_name FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'paygraph-%'
"""


async def _change(shop: Shop, amount: int, **more: object) -> str:
    given: Json = {
        "externalId": "order-1",
        "total": {"amount": amount, "currency": "USD"},
        "customerExternalId": "buyer",
        **more,
    }
    registered = await shop.staff.do("registerOrder", input=given, key=key())
    order_id: str = registered["order"]["id"]
    return order_id


async def test_who_does_not_read_is_dropped_and_can_resume(shop: Shop, address: str) -> None:
    order_id = await _change(shop, 1_000)
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": 1_000, "currency": "USD"}, "metadata": METADATA}
    assert (await shop.buyer.do("createPayment", input=given, key=key()))["errors"] == []
    heavy = f"subscription H($id: ID!) {{ on: orderPaymentUpdated(orderId: $id) {{ sequence order {{ {LARGE} }} }} }}"
    async with (
        following(address, shop.staff.token, heavy, id=order_id) as slow,
        following(address, shop.staff.token, ORDER, id=order_id) as quick,
    ):
        begun = (await quick.next())["sequence"]
        for n in range(CHANGES):
            await _change(shop, 1_000, description=f"the {n}th time")
            await quick.until(begun + n + 1)
        with pytest.raises(Ended) as ended:
            await slow.until(begun + CHANGES)
        assert ended.value.reasons == [("INTERNAL_SERVER_ERROR", "FELL_BEHIND")]
        async with following(address, shop.staff.token, ORDER, id=order_id, after=slow.sequences[-1]) as resumed:
            await resumed.until(begun + CHANGES)

    assert ended.value.errors[0]["extensions"]["retryable"] is True
    assert quick.sequences == list(range(begun, begun + CHANGES + 1))
    assert slow.sequences + resumed.sequences == quick.sequences


async def test_a_stream_ends_with_its_token(shop: Shop, address: str) -> None:
    order_id = await _change(shop, 1_000)
    almost = timedelta(seconds=3) - LEEWAY
    bearer = sign_token(JWT_SECRET, "buyer", [Scope.PAYMENTS_PAY], almost, issuer=None, audience=None)

    async with following(address, bearer, ORDER, id=order_id) as subscriber:
        await subscriber.next()
        with pytest.raises(ConnectionClosed) as closed:
            await subscriber.next()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4403, "Token expired")


async def test_no_event_is_given_for_a_token_that_has_ended(shop: Shop) -> None:
    """Whatever the transport does, the token is checked before each event."""
    order_id = await _change(shop, 1_000)
    ends_at = datetime.now(UTC) + timedelta(seconds=0.5)
    caller = Caller("clerk", frozenset({Scope.PAYMENTS_READ}), expires_at=ends_at - LEEWAY)
    here = replace(context(caller), live=shop.runtime.live)
    changes = await order_changes(here, order_id=order_id, after_sequence=0)

    assert (await anext(changes)).event.sequence == 1
    while datetime.now(UTC) < ends_at:
        await asyncio.sleep(0.01)
    await _change(shop, 2_000)
    with pytest.raises(TokenExpired):
        await anext(changes)


async def test_a_process_that_goes_ends_its_streams_and_leaves_nothing_behind(
    database_url: str, tmp_path: Path
) -> None:
    before = asyncio.all_tasks()
    opening = open_shop(settings_for(database_url, tmp_path / "state", live_poll_seconds=300))
    shop = await opening.__aenter__()
    async with served(shop.app) as address:
        order_id = await _change(shop, 1_000)
        async with following(address, shop.staff.token, ORDER, id=order_id) as subscriber:
            await subscriber.next()
            await _change(shop, 2_000)
            await subscriber.next()
            held = await fetch(database_url, CONNECTIONS)

            await opening.__aexit__(None, None, None)
            with pytest.raises(Ended) as ended:
                await subscriber.next()

    assert sorted(row["application_name"] for row in held) == ["paygraph-listener", "paygraph-notifier"]
    assert ended.value.reasons == [("INTERNAL_SERVER_ERROR", "SERVER_RESTARTING")]
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
    async with asyncio.timeout(5):
        while await fetch(database_url, CONNECTIONS):  # PostgreSQL notices a closed socket a moment later
            await asyncio.sleep(0.01)
