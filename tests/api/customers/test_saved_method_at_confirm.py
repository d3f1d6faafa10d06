"""confirmPayment with a method that the payment's customer keeps: theirs alone, where Stripe knows whose it is."""

import pytest

from tests.support.customers import at_stripe, begin_setup, browser_sets_up, customers_at_stripe, kept, saved
from tests.support.shop import Client, Json, Shop, key

PATH = ["input", "savedPaymentMethodId"]


async def _confirm(shop: Shop, payment: Json, method_id: str, *, by: Client | None = None, **more: str) -> Json:
    given = {"paymentId": payment["id"], "savedPaymentMethodId": method_id, "returnUrl": "https://shop.example/"}
    return await (by or shop.buyer).do("confirmPayment", input={**given, **more}, key=key())


def _confirmations(shop: Shop) -> int:
    return sum(entry["path"].endswith("/confirm") for entry in shop.sandbox.snapshot().requests)


@pytest.mark.parametrize("who", ["buyer", "staff"])
async def test_a_kept_method_pays_an_open_payment(shop: Shop, who: str) -> None:
    method = await saved(shop, "pm_card_mastercard")
    payment = await shop.prepared()

    payload = await _confirm(shop, payment, method["id"], by=getattr(shop, who))

    first, second = shop.sandbox.snapshot().payment_intents
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert second["payment_method"] == first["payment_method"]
    assert len(await kept(shop)) == 1


async def test_a_kept_method_pays_after_a_decline(shop: Shop) -> None:
    method = await saved(shop)
    declined = await shop.pay(await shop.order(), method="pm_card_chargeDeclined", returnUrl="https://shop.example/")

    payload = await _confirm(shop, declined["payment"], method["id"])

    assert [error["code"] for error in declined["errors"]] == ["CARD_DECLINED"]
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")


@pytest.mark.parametrize("who", ["stranger", "staff"])
async def test_somebody_elses_method_is_not_found_and_stripe_is_not_asked(shop: Shop, who: str) -> None:
    method = await saved(shop)
    given = {"orderId": await shop.order(customer="stranger"), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    begun = await shop.stranger.do("createPayment", input=given, key=key())
    before = _confirmations(shop)

    payload = await _confirm(shop, begun["payment"], method["id"], by=getattr(shop, who))

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("NOT_FOUND", PATH)]
    assert _confirmations(shop) == before
    assert (await shop.payment(begun["payment"]["id"]))["status"] == "REQUIRES_PAYMENT_METHOD"


async def test_one_thing_confirms(shop: Shop) -> None:
    method = await saved(shop)
    payment = await shop.prepared()
    before = _confirmations(shop)

    for name, value in (("paymentMethodId", "pm_card_visa"), ("confirmationTokenId", "ctoken_1234567890")):
        payload = await _confirm(shop, payment, method["id"], by=shop.buyer, **{name: value})
        assert [error["code"] for error in payload["errors"]] == ["VALIDATION_FAILED"]
    nothing = await shop.buyer.do("confirmPayment", input={"paymentId": payment["id"]}, key=key())

    assert [error["code"] for error in nothing["errors"]] == ["VALIDATION_FAILED"]
    assert _confirmations(shop) == before


async def test_a_method_that_was_detached_is_refused_by_its_name(shop: Shop) -> None:
    method = await saved(shop)
    first, second = await shop.prepared(), await shop.prepared()
    intent = shop.sandbox.snapshot().payment_intents[0]
    await at_stripe(shop, "POST", f"/v1/payment_methods/{intent['payment_method']}/detach")

    before_the_webhook = await _confirm(shop, first, method["id"])
    await shop.deliver()
    after = await _confirm(shop, second, method["id"])

    for payload in (before_the_webhook, after):
        assert [(error["code"], error["path"]) for error in payload["errors"]] == [("PAYMENT_METHOD_UNUSABLE", PATH)]


async def test_a_payment_from_before_its_customer_kept_anything_is_not_paid_by_it(shop: Shop) -> None:
    """Stripe takes no customer at a confirmation, and no method of a customer without them."""
    payment = await shop.prepared()
    await begin_setup(shop)
    await browser_sets_up(shop)
    await shop.deliver()
    [method] = await kept(shop)
    before = _confirmations(shop)

    payload = await _confirm(shop, payment, method["id"])

    assert len(customers_at_stripe(shop)) == 1
    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("PAYMENT_METHOD_UNUSABLE", PATH)]
    assert _confirmations(shop) == before
    assert (await shop.payment(payment["id"]))["status"] == "REQUIRES_PAYMENT_METHOD"


async def test_the_same_key_with_another_method_is_another_request(shop: Shop) -> None:
    first, second = await saved(shop), await saved(shop, "pm_card_mastercard")
    payment, one_key = await shop.prepared(), key()
    given = {"paymentId": payment["id"], "returnUrl": "https://shop.example/"}

    paid = await shop.buyer.do("confirmPayment", input={**given, "savedPaymentMethodId": first["id"]}, key=one_key)
    other = await shop.buyer.do("confirmPayment", input={**given, "savedPaymentMethodId": second["id"]}, key=one_key)

    assert paid["errors"] == []
    assert [error["mismatchedPaths"] for error in other["errors"]] == [["savedPaymentMethodId"]]
