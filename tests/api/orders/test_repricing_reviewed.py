"""A new total whose outcome nobody can find out for a day: a person decides it, never against what Stripe shows."""

import pytest

from database.statements import query_rows
from tests.api.orders.repricing import UPDATE, as_one, codes, prepared, register
from tests.api.orders.test_partial_payments import standing
from tests.support.as_stripe_says import sync
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

DAY = "21 hours"  # Stripe no longer remembers a key then
WAITING = "{ openOperations(state: [NEEDS_REVIEW]) { nodes { id kind result { __typename } } } }"
RESOLVE = """mutation R($id: ID!, $outcome: ReviewOutcome!) {
  resolveOperation(id: $id, outcome: $outcome, evidence: "Seen in the Dashboard by Ada.") {
    operation { state } errors { code path } } }"""


async def waiting(shop: Shop, kind: str, with_key: str) -> tuple[str, Json]:
    """Lose the answer to an update, and keep Stripe from answering any look for a day; returns the order and payment.

    Afterwards Stripe answers again.
    """
    order_id, payment = await prepared(shop)
    shop.sandbox.fault(kind=kind, **UPDATE)
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/payment_intents/[^/]+", times=1_000)
    shop.sandbox.fault(kind="timeout_before", **UPDATE, times=1_000)
    await register(shop, 12_000, with_key=with_key)
    await query_rows(
        f"UPDATE operation SET first_sent_at = first_sent_at - interval '{DAY}',"
        f" created_at = created_at - interval '{DAY}', due = now() WHERE due IS NOT NULL"
    )
    await shop.runtime.worker.drain()
    shop.sandbox.clear_faults()
    return order_id, payment


async def resolve(shop: Shop, outcome: str) -> Json:
    [operation] = (await shop.staff.ask(WAITING))["openOperations"]["nodes"]
    assert (operation["kind"], operation["result"]) == ("REGISTER_ORDER", {"__typename": "Order"})
    payload: Json = (await shop.staff.ask(RESOLVE, id=operation["id"], outcome=outcome))["resolveOperation"]
    return payload


async def test_what_stripe_shows_has_happened(shop: Shop) -> None:
    one_key = key()
    order_id, _ = await waiting(shop, "drop_after", one_key)
    total = (await standing(shop, order_id))["total"]

    refused = await resolve(shop, "DID_NOT_HAPPEN")
    settled = await resolve(shop, "HAPPENED")
    again = await register(shop, 12_000, with_key=one_key)

    assert total == {"amount": 10_000}
    assert codes(refused) == ["INVALID_STATE"]
    assert (settled["errors"], settled["operation"]["state"]) == ([], "SUCCEEDED")
    assert (again["errors"], again["replayed"]) == ([], True)
    await as_one(shop, order_id, 12_000)


async def test_what_stripe_does_not_show_has_not_happened(shop: Shop) -> None:
    one_key = key()
    order_id, _ = await waiting(shop, "timeout_before", one_key)

    refused = await resolve(shop, "HAPPENED")
    settled = await resolve(shop, "DID_NOT_HAPPEN")
    again = await register(shop, 12_000, with_key=one_key)
    later = await register(shop, 13_000)

    assert codes(refused) == ["INVALID_STATE"]
    assert (settled["errors"], settled["operation"]["state"]) == ([], "FAILED")
    assert (codes(again), again["order"]["total"]["amount"]) == (["PROVIDER_REJECTED"], 10_000)
    assert later["errors"] == []
    await as_one(shop, order_id, 13_000)


async def test_the_payer_who_pays_meanwhile_ends_it_without_a_person(shop: Shop) -> None:
    one_key = key()
    order_id, payment = await waiting(shop, "timeout_before", one_key)
    await shop.browser_confirms("pm_card_visa")

    await sync(shop, payment["id"])
    again = await register(shop, 12_000, with_key=one_key)

    assert (await shop.staff.ask(WAITING))["openOperations"]["nodes"] == []
    assert (codes(again), again["order"]["total"]["amount"]) == (["INVALID_STATE"], 10_000)
    await as_one(shop, order_id, 10_000)
