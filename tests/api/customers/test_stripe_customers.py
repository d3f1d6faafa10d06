"""Customers at Stripe: each of ours has one, made once, whoever needs them first."""

import asyncio

import pytest

from database.statements import query_rows
from tests.support.customers import KEEP, at_stripe, customers_at_stripe, kept, saved
from tests.support.shop import Shop


async def test_two_first_payments_at_once_make_one_customer(shop: Shop) -> None:
    orders = [await shop.order() for _ in range(4)]

    payloads = await asyncio.gather(*(shop.pay(order, **KEEP) for order in orders))

    assert [payload["errors"] for payload in payloads] == [[]] * 4
    assert len(customers_at_stripe(shop)) == 1
    assert {intent["customer"] for intent in shop.sandbox.snapshot().payment_intents} == {
        customers_at_stripe(shop)[0]["id"]
    }


@pytest.mark.shop_settings(sticky_error_seconds=0.5, unknown_grace_seconds=0.2)
@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_500_before", "error_500_after"])
async def test_an_answer_that_is_lost_makes_no_second_customer(shop: Shop, kind: str) -> None:
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/customers")

    payload = await shop.pay(await shop.order(), **KEEP)

    assert payload["errors"] == []
    assert len(customers_at_stripe(shop)) == 1
    assert len(await kept(shop)) == 1


@pytest.mark.shop_settings(request_budget_seconds=0)
async def test_two_payments_whose_customer_nobody_heard_of_for_a_day_make_one(shop: Shop) -> None:
    """A key that Stripe has forgotten is not sent again, and two who find that out at once agree on another one."""
    shop.sandbox.fault(kind="drop_before", method="POST", path="/v1/customers", times=2)
    orders = [await shop.order() for _ in range(2)]
    for order in orders:
        await shop.pay(order, **KEEP)
    await query_rows("UPDATE customer SET stripe_params_at = stripe_params_at - interval '21 hours'")
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
    waiting = await query_rows("SELECT id FROM operation WHERE due IS NOT NULL")
    taken = [await shop.runtime.runner.take(row["id"]) for row in waiting]

    await asyncio.gather(*(shop.runtime.runner.run(one, in_request=False) for one in taken if one is not None))

    assert len(taken) == 2
    assert len(customers_at_stripe(shop)) == 1
    assert {intent["customer"] for intent in shop.sandbox.snapshot().payment_intents} == {
        customers_at_stripe(shop)[0]["id"]
    }


async def test_a_customer_who_is_made_anew_is_not_looked_for(shop: Shop) -> None:
    """The request that makes them is a new one, whenever the one before was sent."""
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await query_rows("UPDATE customer SET stripe_params_at = stripe_params_at - interval '21 hours'")
    await at_stripe(shop, "DELETE", f"/v1/customers/{made['id']}")
    await shop.deliver()

    await saved(shop)

    asked = [(entry["method"], entry["path"]) for entry in shop.sandbox.snapshot().requests]
    assert asked.count(("POST", "/v1/customers")) == 2
    assert ("GET", "/v1/customers") not in asked
