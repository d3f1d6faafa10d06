"""Vouchers, codes and microdeposits that nobody pays or verifies in time, and the order that is paid otherwise then."""

import httpx
import pytest

from tests.api.delayed.ways import (
    BOLETO,
    CURRENCIES,
    KONBINI,
    MICRODEPOSITS,
    MULTIBANCO,
    OXXO,
    PIX,
    asked,
    begin_on,
    begun,
    intent,
    pass_days,
    shown,
    unpaid,
)
from tests.support.shop import Client, Shop, key, token

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

ENDS = {"pix": (PIX, 1.0), "boleto": (BOLETO, 3.0), "oxxo": (OXXO, 3.0), "konbini": (KONBINI, 3.0)}
ENDS |= {"multibanco": (MULTIBANCO, 7.0), "microdeposits": (MICRODEPOSITS, 10.0)}
VOUCHERS = [name for name in ENDS if name != "microdeposits"]
GERMAN = """query L($id: ID!) { payment(id: $id) {
  lastError { ... on CardDeclinedError { customerMessage(locale: "de") retry } } order { id } } }"""
FAILED = "query F($id: ID!) { payment(id: $id) { failedAt order { id } timeline { nodes { type toStatus } } } }"


@pytest.mark.parametrize("name", ENDS)
async def test_what_nobody_pays_in_time_says_so_and_is_never_paid(shop: Shop, name: str) -> None:
    way, days = ENDS[name]
    payment = await begun(shop, way)

    await pass_days(shop, days - 0.01)
    before = await shown(shop.staff, payment["id"])
    await pass_days(shop, 0.01)

    after = await shown(shop.staff, payment["id"])
    said = (await shop.buyer.ask(GERMAN, id=payment["id"]))["payment"]["lastError"]
    told = (await shop.buyer.ask(FAILED, id=payment["id"]))["payment"]
    assert unpaid(before)
    assert unpaid(after)
    assert (before["status"], before["order"]["paymentStatus"]) == ("REQUIRES_ACTION", "ACTION_REQUIRED")
    assert (after["status"], after["order"]["paymentStatus"]) == ("REQUIRES_PAYMENT_METHOD", "UNPAID")
    assert (after["payBefore"], after["allowedActions"]) == (None, ["CONFIRM", "CANCEL", "SYNC"])
    if name == "microdeposits":
        assert after["lastError"]["declineCode"] == "payment_method_microdeposit_verification_timeout"
        assert said["customerMessage"].startswith("Das Bankkonto konnte nicht bestätigt werden.")
    else:
        assert after["lastError"]["declineCode"] == "payment_intent_payment_attempt_expired"
        assert said["customerMessage"].startswith("Die Zeit für diese Zahlung ist abgelaufen.")
        assert said["retry"] == "RETRY_SAME_METHOD_LATER"
    assert told["failedAt"] is not None
    assert [event["type"] for event in told["timeline"]["nodes"]].count("payment.declined") == 1
    assert await asked(shop.buyer, payment["id"]) is None


@pytest.mark.parametrize("name", ENDS)
async def test_what_is_paid_in_time_is_paid_then_and_not_before(shop: Shop, name: str) -> None:
    way, days = ENDS[name]
    payment = await begun(shop, way)
    await pass_days(shop, days / 2)

    before = await shown(shop.staff, payment["id"])
    await shop.stripe(f"payment_intents/{intent(shop)['id']}/complete", {})
    await shop.deliver()
    between = await shown(shop.staff, payment["id"])
    await pass_days(shop, 4)

    after = await shown(shop.staff, payment["id"])
    assert unpaid(before)
    assert (between["status"], unpaid(between)) == (
        ("PROCESSING", True) if name == "microdeposits" else ("SUCCEEDED", False)
    )
    assert (after["status"], after["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")
    assert after["order"]["amountPaid"] == {"amount": 10_000}
    assert after["paidAt"] == after["order"]["paidAt"] != None  # noqa: E711 - one chain says both
    assert (after["payBefore"], after["lastError"]) == (None, None)


@pytest.mark.parametrize("name", VOUCHERS)
async def test_an_expired_payment_takes_another_attempt(shop: Shop, name: str) -> None:
    """The same voucher anew, and a card: the payment stays, and is paid once."""
    way, days = ENDS[name]
    payment = await begun(shop, way)
    await pass_days(shop, days)
    given = {"paymentId": payment["id"], "returnUrl": "https://shop.example/back"}

    anew = await shop.buyer.do("confirmPayment", input=given | {"paymentMethodId": way.method}, key=key())
    paid = await shop.buyer.do("confirmPayment", input=given | {"paymentMethodId": "pm_card_visa"}, key=key())
    await pass_days(shop, days)

    after = await shown(shop.staff, payment["id"])
    assert (anew["errors"], anew["payment"]["status"]) == ([], "REQUIRES_ACTION")
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")
    assert after["order"]["paymentStatus"] == "PAID"
    assert after["order"]["amountPaid"] == {"amount": 10_000}


async def test_an_order_whose_voucher_expired_can_have_another_payment(shop: Shop) -> None:
    payment = await begun(shop, BOLETO)
    order_id = (await shop.buyer.ask(FAILED, id=payment["id"]))["payment"]["order"]["id"]
    await pass_days(shop, 3)

    in_the_way = await begin_on(shop, order_id, PIX)
    canceled = await shop.buyer.do(
        "cancelPayment", input={"paymentId": payment["id"], "reason": "ABANDONED"}, key=key()
    )
    another = await begin_on(shop, order_id, PIX)

    assert [error["code"] for error in in_the_way["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]
    assert (canceled["errors"], canceled["payment"]["status"]) == ([], "CANCELED")
    assert (another["errors"], another["payment"]["status"]) == ([], "REQUIRES_ACTION")
    assert another["confirmation"]["nextAction"]["code"]["data"]


async def test_a_voucher_that_was_given_up_can_no_longer_be_paid(shop: Shop) -> None:
    payment = await begun(shop, BOLETO)
    page = (await asked(shop.buyer, payment["id"]) or {})["redirectUrl"]

    await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())

    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.sandbox.asgi)) as browser:
        gone = await browser.get(page)
    await pass_days(shop, 3)
    after = await shown(shop.staff, payment["id"])
    assert gone.status_code == 404
    assert (after["status"], after["order"]["paymentStatus"], unpaid(after)) == ("CANCELED", "UNPAID", True)
    assert await asked(shop.buyer, payment["id"]) is None


@pytest.mark.parametrize("sums", ["10,11", "SM33CC"])
async def test_a_bank_account_that_cannot_be_verified_is_another_methods_turn(shop: Shop, sums: str) -> None:
    payment = await begun(shop, MICRODEPOSITS)
    given = {"amounts[]": sums.split(",")} if "," in sums else {"descriptor_code": sums}
    async with httpx.AsyncClient(transport=shop.sandbox.transport(), base_url="http://stripe") as browser:
        await browser.post(
            f"/v1/payment_intents/{intent(shop)['id']}/verify_microdeposits",
            data=given | {"client_secret": intent(shop)["client_secret"]},
            headers={"Authorization": "Bearer pk_test_browser"},
        )

    await shop.deliver()

    after = await shown(shop.buyer, payment["id"])
    assert (after["status"], unpaid(after)) == ("REQUIRES_PAYMENT_METHOD", True)
    assert after["lastError"]["customerMessage"].startswith("The bank account could not be verified.")
    assert after["lastError"]["retry"] == "USE_ANOTHER_METHOD"


async def test_a_clerk_who_only_reads_sees_until_when_a_voucher_can_be_paid(shop: Shop) -> None:
    payment = await begun(shop, OXXO)
    clerk = Client(shop.http, token("reader", "payments:read"))

    seen = await shown(clerk, payment["id"])

    assert seen["payBefore"] is not None, "the clerk is not told"
    assert seen["payBefore"] == (await asked(shop.buyer, payment["id"]) or {})["expiresAt"]
