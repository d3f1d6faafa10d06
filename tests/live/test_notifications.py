"""Changes are found by notifications between processes, and by polling when none arrives."""

from pathlib import Path

from tests.live.following import ORDER, PAYMENT, chain, fetch, following, served
from tests.support.shop import Shop, open_shop, settings_for

OURS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'paygraph-%'
"""
END_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'paygraph-listener'
"""


async def test_a_listener_that_is_cut_off_comes_back_and_has_missed_nothing(
    shop: Shop, address: str, database_url: str
) -> None:
    payment = await shop.paid()
    async with following(address, shop.buyer.token, PAYMENT, id=payment["id"]) as subscriber:
        seen = await subscriber.next()
        for _ in range(5):
            ended = await fetch(database_url, END_LISTENERS)
            await shop.refund(payment["id"], 100)  # while no process listens
            trail = await chain(database_url, payment["order"]["id"])
            await subscriber.until(trail[-1][0])
            assert len(ended) == 1

    assert subscriber.sequences == list(range(seen["sequence"], trail[-1][0] + 1))


async def test_without_notifications_a_change_is_found_by_polling(database_url: str, tmp_path: Path) -> None:
    quiet = settings_for(database_url, tmp_path / "state", live_notifications=False, live_poll_seconds=0.1)
    async with open_shop(quiet) as shop, served(shop.app) as address:
        payment = await shop.paid()
        async with following(address, shop.buyer.token, PAYMENT, id=payment["id"]) as subscriber:
            await subscriber.next()
            await shop.refund(payment["id"], 100)
            trail = await chain(database_url, payment["order"]["id"])
            await subscriber.until(trail[-1][0])

        assert await fetch(database_url, OURS) == []


async def test_a_redundant_notification_changes_nothing(shop: Shop, address: str, database_url: str) -> None:
    payment = await shop.paid()
    async with following(address, shop.buyer.token, ORDER, id=payment["order"]["id"]) as subscriber:
        first = (await subscriber.next())["sequence"]
        order_id = (await fetch(database_url, "SELECT id FROM orders"))[0]["id"].hex
        for said in (order_id, "", "nonsense", f"{order_id},{order_id}", order_id):
            await fetch(database_url, "SELECT pg_notify('paygraph_order', $1)", said)
        await shop.refund(payment["id"], 100)
        trail = await chain(database_url, payment["order"]["id"])
        await subscriber.until(trail[-1][0])

    assert subscriber.sequences == list(range(first, trail[-1][0] + 1))
