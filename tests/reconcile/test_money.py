"""Disputes, the balance, metadata and authorizations: each fault is found with its kind, and reported once."""

from datetime import UTC, datetime, timedelta

import pytest

from models import Discrepancy, PaymentEvent
from tests.reconcile.faults import booked, business, change, disputed, found, intent_of, reconcile, rewrite, stripe_post
from tests.support.rows import row_id
from tests.support.shop import Json, Shop

PAYMENT = "query P($id: ID!) { payment(id: $id) { status captureBefore } }"
DAY = 86_400


# -- disputes ------------------------------------------------------------------------------------------------------


async def test_disputes_that_our_rows_know_are_no_findings(shop: Shop) -> None:
    payment = await disputed(shop)
    won = await disputed(shop)
    [_, dispute] = shop.sandbox.snapshot().disputes
    await shop.stripe(f"disputes/{dispute['id']}", {"status": "won"})
    inquiry = await shop.paid()
    given = {"payment_intent": await intent_of(inquiry), "status": "warning_needs_response"}
    await shop.stripe("disputes", given)
    await shop.deliver()

    await reconcile(shop)

    assert await found() == []
    sums = [(await shop.payment(seen["id"]))["amountDisputed"]["amount"] for seen in (payment, won, inquiry)]
    assert sums == [4_000, 0, 0]


async def test_a_dispute_that_our_row_forgot_is_found_and_repaired_through_the_state_writer(shop: Shop) -> None:
    payment = await disputed(shop)
    await change("UPDATE payment SET disputed_minor = 0 WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop)
    seen = await found()
    figures = await Discrepancy.get()
    run = await reconcile(shop, repair=True)

    [dispute] = shop.sandbox.snapshot().disputes
    assert seen == [("DISPUTE_DRIFT", await intent_of(payment))]
    assert figures.local == {"disputed_minor": 0, "currency": "USD"}
    assert figures.provider == {"disputed_minor": 4_000, "disputes": [dispute["id"]]}
    assert (run.repaired, await found()) == (1, [])
    assert (await shop.payment(payment["id"]))["amountDisputed"] == {"amount": 4_000}
    event = await PaymentEvent.filter(payment_id=row_id(payment["id"])).order_by("-sequence").first()
    assert event is not None
    assert (event.type, event.actor["kind"]) == ("payment.disputed", "RECONCILER")


async def test_a_dispute_that_only_our_row_knows_is_found(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.deliver()
    await change("UPDATE payment SET disputed_minor = 500 WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop)

    assert await found() == [("DISPUTE_DRIFT", await intent_of(payment))]
    assert (await Discrepancy.get()).provider == {"disputed_minor": 0, "disputes": []}


async def test_two_disputes_of_one_payment_are_compared_together(shop: Shop) -> None:
    payment = await disputed(shop, 4_000)
    await shop.stripe("disputes", {"payment_intent": await intent_of(payment), "amount": 1_000})
    await shop.deliver()
    await change("UPDATE payment SET disputed_minor = 1000 WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop)

    assert await found() == [("DISPUTE_DRIFT", await intent_of(payment))]
    assert (await Discrepancy.get()).provider["disputed_minor"] == 5_000


# -- the balance ---------------------------------------------------------------------------------------------------


async def test_what_was_captured_in_part_is_booked_in_part(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    given = {"paymentId": held["id"], "amount": {"amount": 6_000, "currency": "USD"}}
    captured = await shop.staff.do("capturePayment", input=given, key=held["id"])
    await shop.refund(held["id"], 500)
    await booked(shop)

    run = await reconcile(shop)

    assert captured["errors"] == []
    amounts = [booking["amount"] for booking in shop.sandbox.snapshot().balance_transactions]
    assert amounts == [6_000, -500]
    assert await found() == []
    assert run.checked > len(amounts)


async def test_a_charge_that_was_booked_otherwise_is_found_and_left_to_a_person(shop: Shop) -> None:
    payment = await shop.paid()
    await booked(shop)
    booking = rewrite(shop, "balance_transaction", lambda seen: seen.update(amount=9_999))
    before = await PaymentEvent.all().count()

    run = await reconcile(shop, repair=True)

    assert await found() == [("BALANCE_DRIFT", booking)]
    row = await Discrepancy.get()
    assert (row.local["captured_minor"], row.provider["amount_minor"]) == (10_000, 9_999)
    assert (row.payment_id, run.repaired) == (row_id(payment["id"]), 0)
    assert await PaymentEvent.all().count() == before


async def test_a_refund_that_was_booked_otherwise_is_found(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 1_000)
    await booked(shop)
    of_refund = [seen["type"] for seen in shop.sandbox._store.every("balance_transaction")].index("refund")
    booking = rewrite(shop, "balance_transaction", lambda seen: seen.update(amount=-1_001), number=of_refund)

    await reconcile(shop)

    assert await found() == [("BALANCE_DRIFT", booking)]


async def test_money_of_an_unknown_source_is_found(shop: Shop) -> None:
    await shop.paid()
    await booked(shop)
    booking = rewrite(shop, "balance_transaction", lambda seen: seen.update(source="ch_of_nobody"))

    await reconcile(shop)

    assert await found() == [("BALANCE_DRIFT", booking)]


async def test_a_charge_of_another_payment_is_found_by_its_charge(shop: Shop) -> None:
    payment = await shop.paid()
    await booked(shop)
    await change("UPDATE payment SET stripe_charge_id = 'ch_other' WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop)

    assert [kind for kind, _ in await found()] == ["BALANCE_DRIFT"]


async def test_a_payment_that_is_missing_here_explains_its_balance_transaction(shop: Shop) -> None:
    given = {
        "amount": "700",
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "return_url": "https://shop.example/",
    }
    taken = await stripe_post(shop, "/v1/payment_intents", given)
    await shop.stripe("refunds", {"payment_intent": taken["id"], "amount": 300})
    await booked(shop)

    await reconcile(shop)

    assert len(shop.sandbox.snapshot().balance_transactions) == 2
    assert await found() == [("MISSING_LOCALLY", taken["id"])]


async def test_a_status_and_a_refund_that_differ_explain_their_balance_transactions(shop: Shop) -> None:
    payment, other = await shop.paid(), await shop.paid()
    await booked(shop)
    refund = await shop.stripe("refunds", {"payment_intent": await intent_of(other), "amount": 300})
    await change("UPDATE orders SET paid_minor = 0 WHERE id = $1", row_id(payment["order"]["id"]))
    unpaid = "UPDATE payment SET status = 'PROCESSING', captured_minor = 0 WHERE id = $1"
    await change(unpaid, row_id(payment["id"]))

    await reconcile(shop)

    money = [(kind, subject) for kind, subject in await found() if kind != "WEBHOOK_GAP"]
    assert money == [("REFUND_DRIFT", refund["id"]), ("STATUS_DRIFT", await intent_of(payment))]


async def test_an_account_that_converts_is_not_compared_by_amount(shop: Shop) -> None:
    await shop.paid()
    await booked(shop)
    converted = {"amount": 9_200, "currency": "eur", "exchange_rate": 0.92}
    rewrite(shop, "balance_transaction", lambda seen: seen.update(converted))

    await reconcile(shop)

    assert await found() == []


async def test_fees_disputes_and_payouts_are_counted_and_left_out(shop: Shop) -> None:
    await disputed(shop)
    await booked(shop)
    kinds = [seen["type"] for seen in shop.sandbox.snapshot().balance_transactions]

    await reconcile(shop)

    assert sorted(kinds) == ["adjustment", "charge"]
    assert await found() == []


# -- metadata ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["payment_id", "order_id"])
@pytest.mark.parametrize("value", ["", "01a20a57-e221-76d4-aa86-add4856fe51c"])
async def test_our_ids_that_were_changed_at_stripe_are_found_and_not_put_back(
    shop: Shop, name: str, value: str
) -> None:
    _, payment, _ = await business(shop)
    intent = await intent_of(payment)
    await stripe_post(shop, f"/v1/payment_intents/{intent}", {f"metadata[{name}]": value})

    run = await reconcile(shop, repair=True)

    assert await found() == [("METADATA_DRIFT", intent)]
    assert (await Discrepancy.get()).provider[name] == (value or None)
    assert run.repaired == 0


# -- held money ----------------------------------------------------------------------------------------------------


async def test_a_payment_says_until_when_its_money_is_held(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    before = (await shop.staff.ask(PAYMENT, id=held["id"]))["payment"]
    [charge] = shop.sandbox.snapshot().charges
    await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=held["id"])

    after = (await shop.staff.ask(PAYMENT, id=held["id"]))["payment"]

    until = datetime.fromtimestamp(charge["payment_method_details"]["card"]["capture_before"], UTC)
    assert datetime.fromisoformat(before["captureBefore"]) == until
    assert after == {"status": "SUCCEEDED", "captureBefore": None}


async def test_held_money_is_a_finding_on_its_last_day_and_none_once_it_is_taken(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    await shop.deliver()
    await reconcile(shop)
    early = await found()
    await expire_in(held, timedelta(hours=23))

    await reconcile(shop)
    late = await found()
    await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=held["id"])
    await shop.deliver()
    run = await reconcile(shop)

    assert early == []
    assert late == [("EXPIRING_AUTHORIZATION", await intent_of(held))]
    assert (await found(), run.repaired) == ([], 0)


async def test_held_money_whose_time_is_over_is_asked_for(shop: Shop) -> None:
    """The event was lost and the payment is older than the window: only the age shows it."""
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    await shop.deliver()
    shop.sandbox.advance(8 * DAY)
    await change("UPDATE payment SET created_at = created_at - interval '8 days'")
    await expire_in(held, timedelta(hours=-1))
    await age_stripe(shop, 8 * DAY)

    await reconcile(shop)

    assert ("STATUS_DRIFT", await intent_of(held)) in await found()
    assert "EXPIRING_AUTHORIZATION" not in {kind for kind, _ in await found()}


async def expire_in(held: Json, left: timedelta) -> None:
    await change("UPDATE payment SET capture_before = $1 WHERE id = $2", datetime.now(UTC) + left, row_id(held["id"]))


async def age_stripe(shop: Shop, seconds: int) -> None:
    """Age all of Stripe's intents."""
    shop.sandbox._store.rows("UPDATE object SET created = created - ? WHERE kind = 'payment_intent'", seconds)


# -- repaired together -------------------------------------------------------------------------------------------------


async def test_one_look_at_stripe_mends_all_findings_of_a_payment(shop: Shop) -> None:
    payment = await disputed(shop)
    unpaid = "UPDATE payment SET status = 'PROCESSING', captured_minor = 0, disputed_minor = 0 WHERE id = $1"
    await change(unpaid, row_id(payment["id"]))
    await change("UPDATE orders SET paid_minor = 0 WHERE id = $1", row_id(payment["order"]["id"]))

    run = await reconcile(shop, repair=True)

    assert (await found(), run.repaired) == ([], 2)
    assert {(row.kind.value, row.resolution) for row in await Discrepancy.all()} == {
        ("STATUS_DRIFT", "Repaired by the reconciler; the two sides agree."),
        ("DISPUTE_DRIFT", "Repaired by the reconciler together with another finding of the same payment."),
    }
