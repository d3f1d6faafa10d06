"""A migration adds columns while this version is running: nothing stops, not even prepared statements."""

from pathlib import Path

from database.statements import query_rows
from models import WebhookEvent
from tests.reconcile.faults import business, change, found, reconcile, stripe_post
from tests.support.shop import Json, Shop, key, open_shop, settings_for

TABLES = "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
READ = """
query R($id: ID!) {
  payment(id: $id) { status order { payments { nodes { id refunds { id } } } } refunds { id }
    timeline(first: 50) { edges { node { type } } } }
  payments(first: 50) { nodes { id order { id } } }
  refunds(first: 50) { edges { node { id } } }
}
"""


async def _add_a_column_everywhere() -> set[str]:
    names = {str(row["name"]) for row in await query_rows(TABLES)}
    for name in names:
        await query_rows(f"ALTER TABLE \"{name}\" ADD COLUMN of_the_next_version text DEFAULT 'not known here'")
    return names


async def _states_of_events() -> set[str]:
    return {event.state.value for event in await WebhookEvent.all()}


async def test_payments_webhooks_and_a_reconciliation_go_on(shop: Shop) -> None:
    await business(shop)  # every statement is prepared on the old structure
    await reconcile(shop)
    names = await _add_a_column_everywhere()

    paid, _, held = await business(shop)
    captured = await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key())
    synced = await shop.staff.do("syncPayment", paymentId=paid["id"])
    read: Json = await shop.staff.ask(READ, id=paid["id"])
    await shop.deliver()
    await reconcile(shop)

    assert {"orders", "payment", "refund", "operation", "payment_event", "webhook_event", "discrepancy"} <= names
    assert (captured["errors"], captured["payment"]["status"]) == ([], "SUCCEEDED")
    assert (synced["errors"], synced["payment"]["amountRefunded"]) == ([], {"amount": 1_000})
    assert (len(read["payment"]["refunds"]), len(read["payments"]["nodes"])) == (1, 10)
    assert await _states_of_events() <= {"PROCESSED", "IGNORED"}
    assert await found() == []


async def test_the_worker_ends_what_nobody_knows(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path / "state", request_budget_seconds=0)
    async with open_shop(settings) as shop:
        await shop.paid()
        shop.sandbox.fault(kind="timeout_after", method="POST", path="/v1/payment_intents/[^/]+/confirm")
        unknown = await shop.pay(await shop.order())
        await _add_a_column_everywhere()

        await change("UPDATE operation SET due = now() WHERE due IS NOT NULL")
        await shop.deliver()

        payment = await shop.payment(unknown["payment"]["id"])
        assert (unknown["payment"]["status"], payment["status"]) == ("UNKNOWN", "SUCCEEDED")
        assert len(shop.sandbox.snapshot().charges) == 2


async def test_a_reconciliation_repairs(shop: Shop) -> None:
    payment = (await business(shop))[1]
    await _add_a_column_everywhere()
    intent = shop.sandbox.snapshot().payment_intents[1]["id"]
    await stripe_post(shop, "/v1/refunds", {"payment_intent": intent, "amount": "500"})

    await reconcile(shop, repair=True)

    assert await found() == []
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 500}
