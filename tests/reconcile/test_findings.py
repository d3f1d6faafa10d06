"""Each seeded fault is found, once, with its kind; a shop without faults has no findings."""

from uuid import uuid4

from domain.states import DiscrepancyKind
from models import Discrepancy, Payment, PaymentEvent, ReconciliationRun, Refund
from tests.reconcile.faults import business, change, found, intent_of, reconcile, stripe_post
from tests.support.rows import row_id
from tests.support.shop import Shop


async def test_a_clean_shop_has_no_findings(shop: Shop) -> None:
    await business(shop)

    run = await reconcile(shop, repair=True)

    assert await Discrepancy.all().count() == 0
    assert run.checked > 5
    assert run.repaired == 0


async def test_an_intent_of_ours_without_a_row_is_missing_locally(shop: Shop) -> None:
    await business(shop)
    given = {"amount": "500", "currency": "usd", "metadata[payment_id]": str(uuid4())}
    intent = await stripe_post(shop, "/v1/payment_intents", given)
    await shop.deliver()

    await reconcile(shop, repair=True)

    assert ("MISSING_LOCALLY", intent["id"]) in await found()
    gaps = [kind for kind, _ in await found() if kind != "MISSING_LOCALLY"]
    assert gaps == []


async def test_money_without_a_row_is_missing_locally_and_an_intent_without_money_is_not(shop: Shop) -> None:
    await stripe_post(shop, "/v1/payment_intents", {"amount": "500", "currency": "usd"})
    given = {
        "amount": "700",
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": "true",
        "return_url": "https://shop.example/",
    }
    taken = await stripe_post(shop, "/v1/payment_intents", given)
    await shop.deliver()

    await reconcile(shop)

    assert await found() == [("MISSING_LOCALLY", taken["id"])]


async def test_an_intent_that_stripe_does_not_have_is_missing_there(shop: Shop) -> None:
    payment, *_ = await business(shop)
    intent = await intent_of(payment)
    await change("UPDATE payment SET stripe_payment_intent_id = 'pi_gone' WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop, repair=True)

    assert await found() == [("MISSING_AT_PROVIDER", "pi_gone"), ("MISSING_LOCALLY", intent)]


async def test_a_status_that_differs_is_found(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await _unpay(payment["id"])

    await reconcile(shop)

    assert await found() == [("STATUS_DRIFT", await intent_of(payment))]
    row = await Discrepancy.get()
    assert (row.local["status"], row.provider["status"]) == ("PROCESSING", "SUCCEEDED")
    assert row.payment_id == row_id(payment["id"])


async def test_an_amount_that_differs_is_found_and_never_repaired_silently(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await change("UPDATE payment SET amount_minor = 9999 WHERE id = $1", row_id(payment["id"]))
    before = await PaymentEvent.all().count()

    run = await reconcile(shop, repair=True)

    assert await found() == [("AMOUNT_DRIFT", await intent_of(payment))]
    assert run.repaired == 0
    row = await Payment.get(id=row_id(payment["id"]))
    assert (row.amount_minor, row.provider_amount_minor) == (9999, row.captured_minor)  # the requested amount stays
    (event,) = await PaymentEvent.all().order_by("recorded_at").offset(before)
    assert (event.type, event.after["provider_amount_minor"]) == ("payment.updated", row.captured_minor)


async def test_a_currency_that_differs_is_found(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await change("UPDATE payment SET currency = 'EUR' WHERE id = $1", row_id(payment["id"]))

    await reconcile(shop, repair=True)

    assert await found() == [("CURRENCY_DRIFT", await intent_of(payment))]


async def test_refunds_that_differ_are_found_in_each_way(shop: Shop) -> None:
    first, second, _ = await business(shop)
    ours = await stripe_refund(first["id"])
    await change("UPDATE refund SET amount_minor = 900 WHERE stripe_refund_id = $1", ours)
    intent = await intent_of(second)
    theirs = await shop.stripe("refunds", {"payment_intent": intent, "amount": 300})
    for event in shop.sandbox.snapshot().events:  # the inbox says that it has them; they were never applied
        await _pretend_processed(event)

    await reconcile(shop)

    kinds = await found()
    assert ("REFUND_DRIFT", ours) in kinds
    assert ("REFUND_DRIFT", theirs["id"]) in kinds
    assert {kind for kind, _ in kinds} == {"REFUND_DRIFT", "LEDGER_IMBALANCE"}  # 900 is not what the payment says


async def test_a_refund_that_stripe_does_not_have_is_found(shop: Shop) -> None:
    first, *_ = await business(shop)
    ours = await stripe_refund(first["id"])
    await change("UPDATE refund SET stripe_refund_id = 're_gone' WHERE stripe_refund_id = $1", ours)

    await reconcile(shop)

    assert await found() == sorted([("REFUND_DRIFT", ours), ("REFUND_DRIFT", "re_gone")])


async def test_an_operation_that_nobody_knows_the_end_of_is_found_after_an_hour(shop: Shop) -> None:
    await business(shop)
    shop.sandbox.fault(kind="timeout_after", method="POST", path=".*/confirm", times=99)
    payload = await shop.pay(await shop.order())
    operation = row_id(payload["operation"]["id"])

    await reconcile(shop)
    young = await found()
    await change("UPDATE operation SET created_at = created_at - interval '2 hours' WHERE id = $1", operation)
    await reconcile(shop)

    assert [entry for entry in young if entry[0] != "WEBHOOK_GAP"] == []
    assert ("UNRESOLVED_OPERATION", str(operation)) in await found()


async def test_an_event_that_the_inbox_lacks_gave_up_or_leaves_lying_is_a_gap(shop: Shop) -> None:
    await business(shop)
    lost, dead, late, *_ = [
        event["id"] for event in shop.sandbox.snapshot().events if "payment_intent" in event["type"]
    ]
    await change("DELETE FROM webhook_event WHERE stripe_event_id = $1", lost)
    await change("UPDATE webhook_event SET state = 'DEAD' WHERE stripe_event_id = $1", dead)
    overdue = "UPDATE webhook_event SET state = 'RECEIVED', due = now() - interval '1 hour' WHERE stripe_event_id = $1"
    await change(overdue, late)

    await reconcile(shop)

    assert await found() == sorted(("WEBHOOK_GAP", event) for event in (lost, dead, late))


async def test_sums_that_do_not_add_up_are_found(shop: Shop) -> None:
    payment, *_ = await business(shop)
    await change("UPDATE orders SET paid_minor = paid_minor + 1 WHERE id = $1", row_id(payment["order"]["id"]))

    await reconcile(shop, repair=True)

    assert await found() == [("LEDGER_IMBALANCE", str(row_id(payment["order"]["id"])))]


async def test_a_broken_chain_is_found(shop: Shop) -> None:
    payment, *_ = await business(shop)
    order = row_id(payment["order"]["id"])
    await change("ALTER TABLE payment_event DISABLE TRIGGER USER")
    await change("UPDATE payment_event SET amount_minor = 1 WHERE order_id = $1 AND sequence = 2", order)

    await reconcile(shop)

    assert await found() == [("BROKEN_CHAIN", str(order))]
    assert (await Discrepancy.get()).local == {"broken_at": 2}


async def test_an_order_that_was_paid_twice_is_found(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    order = row_id(payment["order"]["id"])
    other = await shop.paid()
    await shop.deliver()
    await change("UPDATE payment SET order_id = $1 WHERE id = $2", order, row_id(other["id"]))
    await change("UPDATE orders SET paid_minor = 12500 WHERE id = $1", order)
    await change("UPDATE orders SET paid_minor = 0 WHERE id = $1", row_id(other["order"]["id"]))
    await stripe_post(shop, f"/v1/payment_intents/{await intent_of(other)}", {"metadata[order_id]": str(order)})

    await reconcile(shop, repair=True)

    assert await found() == [("DUPLICATE_CHARGE", str(order))]
    figures = (await Discrepancy.get()).local
    assert (figures["total_minor"], figures["captured"], figures["charges"]) == (2_500, 12_500, 2)


async def test_the_same_fault_is_one_finding_however_often_it_is_seen(shop: Shop) -> None:
    _, payment, _ = await business(shop)
    await _unpay(payment["id"])

    for _ in range(3):
        await reconcile(shop)

    assert await ReconciliationRun.all().count() == 3
    assert await Discrepancy.filter(kind=DiscrepancyKind.STATUS_DRIFT).count() == 1


async def _unpay(payment_id: str) -> None:
    """Remove the paid status of a payment and its order, so that only Stripe knows it."""
    identity = row_id(payment_id)
    await change("UPDATE payment SET status = 'PROCESSING', captured_minor = 0 WHERE id = $1", identity)
    await change("UPDATE orders SET paid_minor = 0 WHERE id = (SELECT order_id FROM payment WHERE id = $1)", identity)


async def _pretend_processed(event: dict[str, object]) -> None:
    await change(
        "INSERT INTO webhook_event (id, stripe_event_id, livemode, type, source, subject, payload, state, attempt,"
        " stripe_created_at, received_at, processed_at) VALUES ($1, $2, false, 'x', 'POLL', 'x', '{}', 'PROCESSED', 1,"
        " now(), now(), now()) ON CONFLICT DO NOTHING",
        uuid4(),
        event["id"],
    )


async def stripe_refund(payment_id: str) -> str:
    refund = await Refund.get(payment_id=row_id(payment_id))
    assert refund.stripe_refund_id is not None
    return refund.stripe_refund_id
