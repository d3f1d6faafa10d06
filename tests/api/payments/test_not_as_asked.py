"""Stripe's state is recorded as it is, also where it differs from our request; it is flagged, and refunded."""

from structlog.testing import capture_logs

from domain.states import DiscrepancyKind
from models import Discrepancy
from tests.support.as_stripe_says import held_by_card, intent_id, money, nothing_is_dead, reconciled, sync
from tests.support.shop import Shop, key


async def test_more_than_was_asked_for_is_recorded_and_can_be_given_back(shop: Shop) -> None:
    payment = await shop.prepared()
    intent = intent_id(shop)
    await shop.stripe(f"payment_intents/{intent}", {"amount": 12_000})
    with capture_logs() as logs:
        await shop.browser_confirms("pm_card_visa")
        await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["status"], after["amount"]["amount"]) == ("SUCCEEDED", 10_000)
    assert after["providerAmount"] == {"amount": 12_000, "currency": "USD"}
    assert after["amountCaptured"] == {"amount": 12_000, "currency": "USD"}
    assert (after["order"]["paymentStatus"], after["order"]["amountPaid"]["amount"]) == ("OVERPAID", 12_000)
    assert "payment.not_as_asked" in {line["event"] for line in logs if line["log_level"] == "error"}
    (finding,) = await Discrepancy.filter(state="OPEN")
    assert (finding.kind, finding.subject, finding.run_id) == (DiscrepancyKind.AMOUNT_DRIFT, intent, None)
    integrity = await shop.staff.ask("{ integrity { healthy openDiscrepancies } }")
    assert integrity["integrity"] == {"healthy": False, "openDiscrepancies": 1}
    await nothing_is_dead(shop)

    refund = await shop.refund(payment["id"], 12_000)

    assert refund["errors"] == []
    assert (await money(shop, payment["id"]))["order"]["paymentStatus"] == "REFUNDED"
    assert [found.id for found in await reconciled(shop, repair=True)][:1] == [finding.id]


async def test_a_payment_that_another_program_has_changed_is_not_confirmed_by_us(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 12_000})
    await sync(shop, payment["id"])

    payload = await shop.buyer.do(
        "confirmPayment",
        paymentId=payment["id"],
        paymentMethodId="pm_card_visa",
        returnUrl="https://shop.example/",
        key=key(),
    )

    assert [error["code"] for error in payload["errors"]] == ["INVALID_STATE"]
    assert "CONFIRM" not in payload["errors"][0]["allowedActions"]
    assert shop.sandbox.snapshot().charges == []


async def test_more_that_is_held_is_taken_only_as_far_as_it_was_asked_for(shop: Shop) -> None:
    payment = await held_by_card(shop, "request_incremental_authorization")
    await shop.stripe(f"payment_intents/{intent_id(shop)}/increment_authorization", {"amount": 12_000})
    await shop.deliver()
    await sync(shop, payment["id"])
    before = await money(shop, payment["id"])

    too_much = await shop.staff.do(
        "capturePayment",
        input={"paymentId": payment["id"], "amount": {"amount": 12_000, "currency": "USD"}},
        key=key(),
    )
    payload = await shop.staff.do("capturePayment", input={"paymentId": payment["id"]}, key=key())

    assert (before["amountCapturable"]["amount"], before["status"]) == (12_000, "REQUIRES_CAPTURE")
    assert [error["code"] for error in too_much["errors"]] == ["AMOUNT_EXCEEDS_CAPTURABLE"]
    assert payload["errors"] == []
    assert (await money(shop, payment["id"]))["amountCaptured"]["amount"] == 10_000


async def test_what_another_program_takes_of_what_it_held_more_is_recorded(shop: Shop) -> None:
    payment = await held_by_card(shop, "request_incremental_authorization")
    intent = intent_id(shop)
    await shop.stripe(f"payment_intents/{intent}/increment_authorization", {"amount": 12_000})
    await shop.stripe(f"payment_intents/{intent}/capture", {"amount_to_capture": 12_000})

    await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["amountCaptured"]["amount"], after["order"]["paymentStatus"]) == (12_000, "OVERPAID")
    await nothing_is_dead(shop)


async def test_what_another_program_takes_above_what_was_held_is_recorded(shop: Shop) -> None:
    payment = await held_by_card(shop, "request_overcapture")
    await shop.stripe(f"payment_intents/{intent_id(shop)}/capture", {"amount_to_capture": 11_000})

    await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["amountCaptured"]["amount"], after["order"]["paymentStatus"]) == (11_000, "OVERPAID")
    await nothing_is_dead(shop)
    assert (await shop.refund(payment["id"], 11_000))["errors"] == []


async def test_a_hold_of_less_than_the_order_owes_is_no_authorization(shop: Shop) -> None:
    """A shop ships on AUTHORIZED."""
    payload = await shop.staff.do(
        "createPayment",
        input={
            "orderId": await shop.order(),
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 50})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    after = await money(shop, payload["payment"]["id"])
    assert (after["status"], after["amountCapturable"]["amount"]) == ("REQUIRES_CAPTURE", 50)
    assert after["order"]["paymentStatus"] == "PENDING"


async def test_money_in_another_currency_is_never_taken_for_ours(shop: Shop) -> None:
    payment = await shop.prepared()
    intent = intent_id(shop)
    await shop.stripe(f"payment_intents/{intent}", {"currency": "jpy"})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    after = await money(shop, payment["id"])
    assert after["amount"] == {"amount": 10_000, "currency": "USD"}
    assert after["providerAmount"] == after["amountCaptured"] == {"amount": 10_000, "currency": "JPY"}
    assert after["amountRefundable"] == {"amount": 10_000, "currency": "JPY"}
    assert (after["order"]["paymentStatus"], after["order"]["amountPaid"]) == (
        "UNPAID",
        {"amount": 0, "currency": "USD"},
    )
    assert after["order"]["amountDue"]["amount"] == 10_000
    assert {found.kind for found in await Discrepancy.filter(state="OPEN")} == {DiscrepancyKind.CURRENCY_DRIFT}
    await nothing_is_dead(shop)
    assert {found.kind for found in await reconciled(shop)} == {DiscrepancyKind.CURRENCY_DRIFT}

    in_dollars = await shop.refund(payment["id"], 5_000)
    given = {"paymentId": payment["id"], "amount": {"amount": 4_000, "currency": "JPY"}, "reason": "OTHER"}
    part = await shop.staff.do("refundPayment", input=given, key=key())
    rest = await shop.refund(payment["id"])
    await shop.deliver()

    assert [error["code"] for error in in_dollars["errors"]] == ["CURRENCY_MISMATCH"]
    assert (part["errors"], rest["errors"]) == ([], [])
    after = await money(shop, payment["id"])
    assert [refund["amount"] for refund in after["refunds"]] == [
        {"amount": 4_000, "currency": "JPY"},
        {"amount": 6_000, "currency": "JPY"},
    ]
    assert after["amountRefunded"] == {"amount": 10_000, "currency": "JPY"}
    assert after["order"]["amountRefunded"]["amount"] == 0
    assert {found.kind for found in await reconciled(shop)} == {DiscrepancyKind.CURRENCY_DRIFT}


async def test_an_accepted_difference_is_no_news_the_next_night(shop: Shop) -> None:
    await shop.prepared()
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 12_000})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()
    (finding,) = (await shop.staff.ask("{ discrepancies { edges { node { id } } } }"))["discrepancies"]["edges"]
    resolve = """mutation R($id: ID!) { resolveDiscrepancy(id: $id, resolution: "the other program was right") {
      errors { code message } } }"""
    assert (await shop.staff.ask(resolve, id=finding["node"]["id"]))["resolveDiscrepancy"]["errors"] == []

    assert [found.kind for found in await reconciled(shop) if found.kind is DiscrepancyKind.AMOUNT_DRIFT] == []
