"""A total changes while the payer confirms, or while Stripe does not answer: one honest end, and no money is lost."""

import asyncio

import httpx
import pytest

from database.statements import query_rows
from models import Discrepancy, Order, Payment
from tests.api.orders.repricing import (
    NUMBER,
    UPDATE,
    as_one,
    at_stripe,
    codes,
    confirm,
    prepared,
    register,
    updates,
)
from tests.api.orders.test_partial_payments import figures, part, standing, usd
from tests.support.as_stripe_says import intent_id, reached, reconciled, sync
from tests.support.shop import Json, Shop, key


async def test_the_payer_confirms_before_the_update_and_pays_the_old_total(shop: Shop) -> None:
    order_id, payment = await prepared(shop)
    held = shop.sandbox.fault(kind="hold_before", **UPDATE)
    repricing = asyncio.create_task(register(shop, 12_000, description="Two tickets"))
    await reached(shop, held)
    await shop.browser_confirms("pm_card_visa")
    shop.sandbox.clear_faults()
    payload = await repricing
    await shop.deliver()

    [error] = payload["errors"]
    assert (error["__typename"], error["status"]) == ("InvalidStateError", "SUCCEEDED")
    assert (payload["operation"]["state"], payload["payment"]["id"]) == ("FAILED", payment["id"])
    assert (payload["order"]["total"]["amount"], payload["order"]["paymentStatus"]) == (10_000, "PAID")
    assert (await Order.get(external_id=NUMBER)).description is None
    await as_one(shop, order_id, 10_000)


async def test_the_payer_confirms_after_the_update_and_pays_the_new_total(shop: Shop) -> None:
    """All that Stripe reports is applied before its answer to the update arrives."""
    order_id, _ = await prepared(shop)
    held = shop.sandbox.fault(kind="hold_after", **UPDATE)
    repricing = asyncio.create_task(register(shop, 12_000, description="Two tickets"))
    await reached(shop, held)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()
    while_held = figures(await standing(shop, order_id))
    found = await Discrepancy.all().count()
    shop.sandbox.clear_faults()
    payload = await repricing

    assert (while_held, found) == (("PAID", 12_000, 0, 0), 0)
    assert (payload["errors"], payload["operation"]["state"]) == ([], "SUCCEEDED")
    assert (payload["order"]["total"]["amount"], payload["payment"]["status"]) == (12_000, "SUCCEEDED")
    assert (await Order.get(external_id=NUMBER)).description == "Two tickets"
    await as_one(shop, order_id, 12_000)


async def test_an_update_during_the_banks_question_asks_the_payer_again(shop: Shop) -> None:
    """Stripe updates a payment that waits for its payer, who has to confirm the new amount."""
    order_id, payment = await prepared(shop)
    held = shop.sandbox.fault(kind="hold_before", **UPDATE)
    repricing = asyncio.create_task(register(shop, 12_000))
    await reached(shop, held)
    await shop.browser_confirms("pm_card_threeDSecure2Required")
    await shop.deliver()
    shop.sandbox.clear_faults()
    payload = await repricing
    await shop.deliver()

    assert (payload["errors"], payload["payment"]["status"]) == ([], "REQUIRES_CONFIRMATION")
    assert shop.sandbox.snapshot().charges == []
    assert (await confirm(shop, payment, expectedAmount=usd(12_000)))["payment"]["status"] == "SUCCEEDED"
    await as_one(shop, order_id, 12_000)


async def test_what_the_shop_says_last_stays_whichever_answer_comes_last(shop: Shop) -> None:
    """Stripe's event of the payer's confirmation has ended the payment before the answer to the update arrives."""
    order_id, _ = await prepared(shop)
    held = shop.sandbox.fault(kind="hold_after", **UPDATE)
    repricing = asyncio.create_task(register(shop, 12_000, description="One ticket"))
    await reached(shop, held)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    meanwhile = await register(shop, 12_000, description="Two tickets")
    shop.sandbox.clear_faults()
    await repricing
    again = await register(shop, 12_000, description="Two tickets")

    assert (codes(meanwhile), codes(again)) == (["OPERATION_IN_PROGRESS"], [])
    assert (await Order.get(external_id=NUMBER)).description == "Two tickets"
    await as_one(shop, order_id, 12_000)


async def test_a_capture_that_settles_lowers_no_later_total(shop: Shop) -> None:
    allows: Json = {"captureMethod": "MANUAL", "allowPartialPayments": True}
    order_id = (await register(shop, 10_000, **allows))["order"]["id"]
    payment = (await part(shop, order_id, 6_000, left=10_000, paymentMethodId="pm_card_visa", confirm=True))["payment"]
    held = shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents/[^/]+/capture")
    settles = {"paymentId": payment["id"], "settlesOrder": True}
    capturing = asyncio.create_task(shop.staff.do("capturePayment", input=settles, key=key()))
    await reached(shop, held)
    await shop.deliver()

    meanwhile = await register(shop, 15_000, **allows)
    shop.sandbox.clear_faults()
    settled, raised = await capturing, await register(shop, 15_000, **allows)

    assert (codes(meanwhile), settled["errors"], codes(raised)) == (["OPERATION_IN_PROGRESS"], [], [])
    assert (await standing(shop, order_id))["total"] == {"amount": 15_000}


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
async def test_the_server_confirms_nothing_while_the_amount_is_open(shop: Shop, moment: str) -> None:
    order_id, payment = await prepared(shop)
    held = shop.sandbox.fault(kind=moment, **UPDATE)
    repricing = asyncio.create_task(register(shop, 12_000))
    await reached(shop, held)

    confirmed = await confirm(shop, payment, expectedAmount=usd(10_000))
    created = await part(shop, order_id, None, left=10_000)
    canceled = await shop.staff.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())
    again = await register(shop, 9_000)
    shop.sandbox.clear_faults()

    assert [codes(payload) for payload in (confirmed, canceled, again)] == [["OPERATION_IN_PROGRESS"]] * 3
    assert codes(created) == ["ACTIVE_PAYMENT_EXISTS"]
    assert (await repricing)["errors"] == []
    await as_one(shop, order_id, 12_000)


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
async def test_the_total_stays_while_the_server_confirms(shop: Shop, moment: str) -> None:
    order_id, payment = await prepared(shop)
    held = shop.sandbox.fault(kind=moment, method="POST", path="/v1/payment_intents/[^/]+/confirm")
    confirming = asyncio.create_task(confirm(shop, payment, expectedAmount=usd(10_000)))
    await reached(shop, held)
    meanwhile = await register(shop, 12_000)
    shop.sandbox.clear_faults()
    confirmed = await confirming
    afterwards = await register(shop, 12_000)

    assert codes(meanwhile) == ["OPERATION_IN_PROGRESS"]
    assert (confirmed["errors"], confirmed["payment"]["status"]) == ([], "SUCCEEDED")
    assert (codes(afterwards), afterwards["errors"][0]["path"]) == (["INVALID_STATE"], ["input", "total"])
    assert updates(shop) == []
    await as_one(shop, order_id, 10_000)


async def test_the_servers_confirmation_and_a_new_total_at_once_end_in_one_amount(shop: Shop) -> None:
    """Whoever is accepted first is done; the other one changes nothing, or confirms what the payer was not shown."""
    for number in range(8):
        order_id = (await register(shop, 10_000, externalId=f"order-{number}"))["order"]["id"]
        payment = (await part(shop, order_id, None, left=10_000))["payment"]

        repriced, confirmed = await asyncio.gather(
            register(shop, 12_000, externalId=f"order-{number}"), confirm(shop, payment, expectedAmount=usd(10_000))
        )

        status, paid, due, _ = figures(await standing(shop, order_id))
        if confirmed["errors"]:
            assert (codes(repriced), (status, paid, due)) == ([], ("UNPAID", 0, 12_000))
            assert codes(confirmed)[0] in ("AMOUNT_MISMATCH", "OPERATION_IN_PROGRESS")
        else:
            assert codes(repriced)[0] in ("INVALID_STATE", "OPERATION_IN_PROGRESS")
            assert (status, paid, due) == ("PAID", 10_000, 0)
    assert await reconciled(shop) == []


async def test_parts_and_totals_at_once_never_ask_for_more_than_is_due(shop: Shop) -> None:
    for number in range(5):
        order: Json = {"externalId": f"order-{number}", "allowPartialPayments": True}
        order_id = (await register(shop, 10_000, **order))["order"]["id"]
        await part(shop, order_id, 5_000, left=10_000)
        of_rest = (await part(shop, order_id, None, left=5_000))["payment"]
        await shop.staff.do("cancelPayment", input={"paymentId": of_rest["id"]}, key=key())

        await asyncio.gather(
            part(shop, order_id, None, left=5_000),
            register(shop, 7_000, **order),
            part(shop, order_id, 2_000, left=5_000),
            register(shop, 9_000, **order),
            part(shop, order_id, None, left=2_000),
        )

        now = await standing(shop, order_id)
        asked = [row["amount"]["amount"] for row in now["payments"]["nodes"] if row["status"] != "CANCELED"]
        assert sum(asked) + now["amountPayable"]["amount"] == now["total"]["amount"]
    assert await reconciled(shop) == []


async def test_several_new_totals_at_once_end_with_one_that_was_stated(shop: Shop) -> None:
    order_id, _ = await prepared(shop)
    totals = [11_000, 12_000, 13_000, 14_000]

    payloads = await asyncio.gather(*(register(shop, total) for total in totals))

    done = [payload["order"]["total"]["amount"] for payload in payloads if not payload["errors"]]
    order = await standing(shop, order_id)
    assert {code for payload in payloads for code in codes(payload)} <= {"OPERATION_IN_PROGRESS"}
    assert order["total"]["amount"] in totals
    assert done != []
    await as_one(shop, order_id, order["total"]["amount"])


async def test_the_payer_and_the_shop_at_once_end_in_one_amount(shop: Shop) -> None:
    for number in range(5):
        order_id = (await register(shop, 10_000, externalId=f"order-{number}"))["order"]["id"]
        payload = await part(shop, order_id, None, left=10_000)

        repriced, _ = await asyncio.gather(
            register(shop, 12_000, externalId=f"order-{number}"), shop.browser_confirms("pm_card_visa")
        )
        await shop.deliver()

        amount = at_stripe(shop)["amount"]
        assert (codes(repriced), amount) in (([], 12_000), (["INVALID_STATE"], 10_000))
        assert figures(await standing(shop, order_id)) == ("PAID", amount, 0, 0)
        assert (await shop.payment(payload["payment"]["id"]))["amount"]["amount"] == amount
    assert await reconciled(shop) == []


# -- answers that never came -----------------------------------------------------------------------------------------


async def unknown(shop: Shop, kind: str, *, total: int = 12_000, with_key: str | None = None) -> Json:
    shop.sandbox.fault(kind=kind, times=50, **UPDATE)
    payload = await register(shop, total, with_key=with_key, description="Two tickets")
    shop.sandbox.clear_faults()
    return payload


async def later(shop: Shop, span: str = "61 s") -> None:
    """Let the janitor do what is left, after this time."""
    await query_rows(
        f"UPDATE operation SET first_sent_at = first_sent_at - interval '{span}', due = now() - interval '{span}'"
        " WHERE due IS NOT NULL"
    )
    while await shop.runtime.worker.run_next():
        pass


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after", "error_500_before", "error_500_after"])
async def test_a_lost_answer_is_unknown_and_found_by_the_amount(shop: Shop, kind: str) -> None:
    order_id, payment = await prepared(shop)
    payload = await unknown(shop, kind)
    between = await standing(shop, order_id), await shop.payment(payment["id"]), await reconciled(shop)

    await later(shop, "16 min")

    assert codes(payload) == ["OUTCOME_UNKNOWN"]
    assert payload["operation"]["state"] == "UNRESOLVED"
    assert (payload["order"]["total"]["amount"], payload["payment"]["id"]) == (10_000, payment["id"])
    order, row, found = between
    assert (order["total"]["amount"], row["amount"]["amount"], row["status"]) == (
        10_000,
        10_000,
        "REQUIRES_PAYMENT_METHOD",
    )
    assert found == []
    assert (await Order.get(external_id=NUMBER)).description == "Two tickets"
    # A 500 that Stripe repeats under its key is left alone, and another key used once nothing was done under it.
    keys = {sent["idempotency_key"] for sent in updates(shop)}
    assert len(keys) == (2 if kind == "error_500_before" else 1)
    await as_one(shop, order_id, 12_000)


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
async def test_a_payer_who_confirms_meanwhile_decides_it(shop: Shop, kind: str) -> None:
    """The update that was lost on the way comes too late; the one that was done is found with the money."""
    order_id, _ = await prepared(shop)
    one_key = key()
    await unknown(shop, kind, with_key=one_key)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()
    by_event = figures(await standing(shop, order_id))
    await later(shop)

    again = await register(shop, 12_000, with_key=one_key, description="Two tickets")

    paid = 12_000 if kind == "timeout_after" else 10_000
    assert by_event == ("PAID", paid, 0, 0)
    assert codes(again) == ([] if kind == "timeout_after" else ["INVALID_STATE"])
    assert (again["replayed"], again["order"]["total"]["amount"]) == (True, paid)
    await as_one(shop, order_id, paid)


@pytest.mark.parametrize("total", [12_000, 8_000])
async def test_stripe_out_of_reach_is_said_and_done_later(shop: Shop, total: int) -> None:
    order_id, _ = await prepared(shop)

    payload = await unknown(shop, "refuse_connection", total=total)
    await later(shop)

    assert codes(payload) == ["PROVIDER_UNAVAILABLE"]
    assert payload["order"]["total"]["amount"] == 10_000
    await as_one(shop, order_id, total)


async def test_one_key_is_one_update(shop: Shop) -> None:
    order_id, _ = await prepared(shop)
    one_key = key()

    first, *others = [await register(shop, 12_000, with_key=one_key) for _ in range(3)]

    assert [payload["replayed"] for payload in (first, *others)] == [False, True, True]
    assert all(payload["errors"] == [] for payload in (first, *others))
    assert {payload["payment"]["id"] for payload in (first, *others)} == {first["payment"]["id"]}
    assert len(updates(shop)) == 1
    await as_one(shop, order_id, 12_000)


async def test_a_payment_that_is_gone_from_stripe_frees_the_order(shop: Shop) -> None:
    await shop.paid()  # another one, which Stripe knows: the key is not to blame
    order_id, payment = await prepared(shop)
    missing = {"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "intent"}}
    intent = intent_id(shop)
    shop.between.instead = lambda sent: httpx.Response(404, json=missing) if sent.url.path.endswith(intent) else None

    payload = await register(shop, 12_000)
    shop.between.instead = None
    again = await register(shop, 12_000)

    assert codes(payload) == ["PROVIDER_REJECTED"]
    assert payload["payment"]["status"] == "CANCELED"
    assert (await Payment.get(stripe_payment_intent_id=intent)).next_amount_minor is None
    assert (again["errors"], again["order"]["total"]["amount"]) == ([], 12_000)
    assert payment["id"] == payload["payment"]["id"]
    assert (await standing(shop, order_id))["amountDue"] == {"amount": 12_000}


@pytest.mark.parametrize("is_before", [True, False])
async def test_an_amount_that_another_program_changes_is_a_finding(shop: Shop, is_before: bool) -> None:
    order_id, payment = await prepared(shop)
    held = shop.sandbox.fault(kind="hold_after", **UPDATE) if not is_before else None
    if held is not None:
        repricing = asyncio.create_task(register(shop, 12_000))
        await reached(shop, held)
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 15_000})
    await sync(shop, payment["id"])
    shop.sandbox.clear_faults()
    payload = await repricing if held is not None else await register(shop, 12_000)

    [row] = await Payment.all()
    assert codes(payload) == ["INVALID_STATE"]
    assert "Another program" in payload["errors"][0]["message"]
    assert row.next_amount_minor is None
    assert [found.kind for found in await Discrepancy.filter(state="OPEN")] == ["AMOUNT_DRIFT"]
    assert (await standing(shop, order_id))["total"]["amount"] == 10_000
