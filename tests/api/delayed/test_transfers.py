"""Bank transfers: money that comes in parts, too much of it, and late, when the order was paid another way."""

import pytest

from models import PaymentEvent
from tests.api.delayed.ways import CURRENCIES, TRANSFER, asked, begun, pass_days, send_transfer, shown, unpaid
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

TIMELINE = "query T($id: ID!) { payment(id: $id) { timeline { nodes { type after } } } }"


async def _after_parts(shop: Shop, *amounts: int) -> tuple[Json, list[Json]]:
    """Begin a transfer of 10,000, and let these amounts arrive on days of their own; returns each look."""
    payment = await begun(shop, TRANSFER)
    looks = []
    for amount in amounts:
        await pass_days(shop, 1)
        await send_transfer(shop, amount)
        await shop.deliver()
        looks.append(await shown(shop.staff, payment["id"]))
    return payment, looks


async def test_a_transfer_in_parts_is_paid_when_all_is_there(shop: Shop) -> None:
    _, looks = await _after_parts(shop, 4_000, 5_999, 1)

    events = [event.type for event in await PaymentEvent.filter(payment_id__isnull=False).order_by("sequence")]
    assert [look["amountRemaining"] for look in looks] == [{"amount": 6_000}, {"amount": 1}, None]
    assert [unpaid(look) for look in looks] == [True, True, False]
    assert [look["order"]["paymentStatus"] for look in looks] == ["ACTION_REQUIRED", "ACTION_REQUIRED", "PAID"]
    assert [look["order"]["amountPaid"]["amount"] for look in looks] == [0, 0, 10_000]
    assert events[-3:] == ["payment.partially_funded", "payment.partially_funded", "payment.succeeded"]
    assert looks[-1]["paidAt"] == looks[-1]["order"]["paidAt"] is not None


async def test_the_payer_is_told_what_remains(shop: Shop) -> None:
    payment, _ = await _after_parts(shop, 4_000)

    told = await asked(shop.buyer, payment["id"])

    assert told is not None
    assert told["amountRemaining"] == {"amount": 6_000, "currency": "EUR"}
    assert told["bankTransfer"]["accounts"][0]["iban"].startswith("DE")
    assert await asked(shop.stranger, payment["id"]) is None


async def test_what_came_in_part_is_in_the_audit_trail(shop: Shop) -> None:
    await _after_parts(shop, 4_000)

    event = await PaymentEvent.filter(type="payment.partially_funded").get()

    assert (event.before["remaining_minor"], event.after["remaining_minor"]) == (10_000, 6_000)
    assert (event.after["captured_minor"], event.after["status"]) == (0, "REQUIRES_ACTION")
    assert event.stripe_event_id in [one["id"] for one in shop.sandbox.snapshot().events]


@pytest.mark.parametrize("amounts", [(10_500,), (4_000, 6_500)])
async def test_more_than_is_asked_for_pays_the_order_and_no_more(shop: Shop, amounts: tuple[int, ...]) -> None:
    _, looks = await _after_parts(shop, *amounts)

    assert (looks[-1]["status"], looks[-1]["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")
    assert (looks[-1]["amountCaptured"], looks[-1]["order"]["amountPaid"]) == ({"amount": 10_000}, {"amount": 10_000})


async def test_an_event_that_comes_late_never_raises_what_remains(shop: Shop) -> None:
    payment, _ = await _after_parts(shop, 4_000, 3_000)
    first = next(one for one in shop.sandbox.snapshot().events if one["type"] == "payment_intent.partially_funded")

    await shop.stripe(f"events/{first['id']}/resend", {})
    await shop.deliver()

    assert (await shown(shop.staff, payment["id"]))["amountRemaining"] == {"amount": 3_000}
    assert (await shop.timeline(payment["id"])).count("payment.partially_funded") == 2


async def test_a_payer_who_pays_by_card_instead_has_their_transfer_back_and_pays_once(shop: Shop) -> None:
    payment, _ = await _after_parts(shop, 4_000)
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": "https://shop.example/back"}

    payload = await shop.buyer.do("confirmPayment", input=given, key=key())
    await shop.deliver()

    after = await shown(shop.staff, payment["id"])
    assert (payload["errors"], after["status"], after["amountRemaining"]) == ([], "SUCCEEDED", None)
    assert after["order"]["amountPaid"] == {"amount": 10_000}
    assert len(shop.sandbox.snapshot().charges) == 1


async def test_a_transfer_without_a_customer_at_stripe_is_refused_by_name(shop: Shop) -> None:
    order_id = await shop.order(10_000, "EUR")
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "EUR"}, "confirm": True}

    payload = await shop.buyer.do("createPayment", input=given | {"paymentMethodId": TRANSFER.method}, key=key())

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("PAYMENT_METHOD_UNUSABLE", ["input", "paymentMethodId"])
    assert shop.sandbox.snapshot().payment_intents == []
