"""Payments while the customer is away, with a method that they keep: once, and the way back for the bank's sake."""

from urllib.parse import parse_qs

import httpx
import pytest

from models import Operation, Payment, PaymentEvent
from tests.support.customers import (
    at_stripe,
    charges_of,
    customers_at_stripe,
    intents,
    kept,
    pay_off_session,
    saved,
    with_default,
)
from tests.support.shop import Shop, errors_of, key

BACK = "https://shop.example/back"
NAMED = ["input", "savedPaymentMethodId"]
PAID_AWAY = "query P($id: ID!) { payment(id: $id) { offSession status lastError { code } } }"


# -- paying ------------------------------------------------------------------------------------------------------------


async def test_a_saved_method_pays_by_one_request_while_its_customer_is_away(shop: Shop) -> None:
    method, order_id = await saved(shop), await shop.order()
    sent: list[httpx.Request] = []
    shop.between.instead = sent.append

    payload = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"], metadata={"invoice": "7"})

    [request] = sent
    given = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
    first, intent = intents(shop)
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert (payload["operation"]["kind"], payload["operation"]["state"]) == ("CREATE_OFF_SESSION_PAYMENT", "SUCCEEDED")
    assert (request.method, request.url.path) == ("POST", "/v1/payment_intents")
    assert (given["off_session"], given["confirm"]) == ("true", "true")
    assert (given["customer"], given["payment_method"]) == (first["customer"], first["payment_method"])
    assert (intent["status"], intent["metadata"]["invoice"]) == ("succeeded", "7")


async def test_without_a_name_the_default_pays(shop: Shop) -> None:
    await with_default(shop, "pm_card_mastercard")
    await saved(shop)

    payload = await pay_off_session(shop, await shop.order())

    assert payload["errors"] == []
    assert payload["payment"]["paymentMethod"]["brand"] == "mastercard"


async def test_stripe_is_told_that_the_payer_is_away(shop: Shop) -> None:
    """A card that is set up for it pays without its holder, and asks them when they are there."""
    method = await saved(shop)
    [intent] = intents(shop)
    behaves = {"behaves": "pm_card_authenticationRequiredSetupForOffSession"}
    await shop.stripe(f"payment_methods/{intent['payment_method']}", behaves)

    away = await pay_off_session(shop, await shop.order(), savedPaymentMethodId=method["id"])
    there = await shop.pay(await shop.order(), method=None, savedPaymentMethodId=method["id"])  # type: ignore[arg-type]

    assert (away["errors"], away["payment"]["status"]) == ([], "SUCCEEDED")
    assert there["payment"]["status"] == "REQUIRES_ACTION"


async def test_a_card_that_was_authenticated_when_it_was_set_up_pays_later(shop: Shop) -> None:
    await shop.pay(
        await shop.order(),
        method="pm_card_authenticationRequiredOnSetup",
        setupFutureUsage="OFF_SESSION",
        returnUrl=BACK,
    )
    await shop.finish_3ds("complete")
    await shop.deliver()
    [method] = await kept(shop)

    payload = await pay_off_session(shop, await shop.order(), savedPaymentMethodId=method["id"])

    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")


async def test_that_the_payer_was_away_is_readable_and_in_the_trail(shop: Shop) -> None:
    await with_default(shop)
    order_id = await shop.order()

    payload = await pay_off_session(shop, order_id)

    away = (await shop.staff.ask(PAID_AWAY, id=payload["payment"]["id"]))["payment"]
    there = (await shop.staff.ask(PAID_AWAY, id=(await shop.paid())["id"]))["payment"]
    initiated = await PaymentEvent.filter(type="payment.initiated").order_by("id").values_list("after")
    [row] = await Payment.filter(off_session=True)
    assert (away["offSession"], there["offSession"]) == (True, False)
    assert [after.get("off_session") for (after,) in initiated] == [None, True, None]
    assert row.metadata == {}


async def test_a_held_payment_of_an_order_that_says_so(shop: Shop) -> None:
    await with_default(shop)
    order_id = await shop.order(captureMethod="MANUAL")

    payload = await pay_off_session(shop, order_id)

    assert (payload["errors"], payload["payment"]["status"]) == ([], "REQUIRES_CAPTURE")


async def test_a_repetition_asks_for_nothing_that_has_changed_since(shop: Shop) -> None:
    """The customer keeps no default any more, and the order is paid: the key's answer stays the same."""
    method = await with_default(shop)
    order_id, one_key = await shop.order(), key()
    first = await pay_off_session(shop, order_id, with_key=one_key)
    await shop.buyer.do("detachPaymentMethod", id=method["id"], key=key())
    sent = len(shop.sandbox.snapshot().requests)

    again = await pay_off_session(shop, order_id, with_key=one_key)

    assert (again["replayed"], again["errors"]) == (True, [])
    assert again["payment"]["id"] == first["payment"]["id"]
    assert len(shop.sandbox.snapshot().requests) == sent


# -- refused before Stripe is asked ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["buyer", "stranger"])
async def test_no_buyer_pays_for_somebody_who_is_away(shop: Shop, who: str) -> None:
    method, order_id = await saved(shop), await shop.order()
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}

    payload = await getattr(shop, who).do(
        "createOffSessionPayment", input=given | {"savedPaymentMethodId": method["id"]}, key=key()
    )

    assert [error["code"] for error in payload["errors"]] == ["FORBIDDEN"]
    assert await Operation.filter(kind="CREATE_OFF_SESSION_PAYMENT").count() == 0
    assert len(intents(shop)) == 1


async def _order_of_nobody(shop: Shop) -> str:
    given = {"externalId": "nobodys", "total": {"amount": 10_000, "currency": "USD"}}
    return str((await shop.staff.do("registerOrder", input=given, key=key()))["order"]["id"])


async def test_an_order_that_names_nobody_is_not_paid(shop: Shop) -> None:
    method, order_id = await saved(shop), await _order_of_nobody(shop)

    payload = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"])

    assert errors_of(payload) == [("VALIDATION_FAILED", ["input", "orderId"])]
    assert len(intents(shop)) == 1


async def test_a_customer_without_a_default_is_not_charged(shop: Shop) -> None:
    """They keep a method, but have not said which one is to be used: none is guessed."""
    await saved(shop)

    payload = await pay_off_session(shop, await shop.order())

    assert errors_of(payload) == [("PAYMENT_METHOD_UNUSABLE", NAMED)]
    assert len(intents(shop)) == 1


async def test_a_strangers_order_is_not_paid_with_somebody_elses_method(shop: Shop) -> None:
    method, order_id = await saved(shop), await shop.order(customer="stranger")

    payload = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"])

    assert errors_of(payload) == [("NOT_FOUND", NAMED)]
    assert len(intents(shop)) == 1


async def test_who_agreed_to_payments_in_their_presence_is_not_charged_in_their_absence(shop: Shop) -> None:
    """Stripe would try it. The customer's word counts, and they may widen it."""
    await shop.pay(await shop.order(), setupFutureUsage="ON_SESSION")
    [method] = await kept(shop)

    refused = await pay_off_session(shop, await shop.order(), savedPaymentMethodId=method["id"])
    await shop.pay(
        await shop.order(),
        method=None,  # type: ignore[arg-type]
        savedPaymentMethodId=method["id"],
        setupFutureUsage="OFF_SESSION",
    )
    after = await pay_off_session(shop, await shop.order(), savedPaymentMethodId=method["id"])

    assert errors_of(refused) == [("PAYMENT_METHOD_UNUSABLE", NAMED)]
    assert "only while they are there" in refused["errors"][0]["message"]
    assert (after["errors"], len(intents(shop))) == ([], 3)


async def test_a_method_that_was_detached_here_is_refused(shop: Shop) -> None:
    method = await with_default(shop)
    await shop.buyer.do("detachPaymentMethod", id=method["id"], key=key())

    named = await pay_off_session(shop, await shop.order(), savedPaymentMethodId=method["id"])
    default = await pay_off_session(shop, await shop.order())

    assert errors_of(named) == errors_of(default) == [("PAYMENT_METHOD_UNUSABLE", NAMED)]
    assert len(intents(shop)) == 1


# -- refused by Stripe -------------------------------------------------------------------------------------------------


async def test_scenario_54_a_method_that_was_detached_at_stripe_leaves_the_order_free(shop: Shop) -> None:
    method = await with_default(shop)
    [intent] = intents(shop)
    await at_stripe(shop, "POST", f"/v1/payment_methods/{intent['payment_method']}/detach")
    order_id = await shop.order()

    payload = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"])
    paid = await shop.pay(order_id)

    assert errors_of(payload) == [("PAYMENT_METHOD_UNUSABLE", NAMED)]
    assert payload["payment"]["status"] == "CANCELED"
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")


async def test_scenario_54_a_customer_who_was_deleted_at_stripe_leaves_the_order_free(shop: Shop) -> None:
    await with_default(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(shop, "DELETE", f"/v1/customers/{made['id']}")
    order_id = await shop.order()

    first = await pay_off_session(shop, order_id)
    second = await pay_off_session(shop, order_id)
    paid = await shop.pay(order_id)

    assert [error["code"] for error in first["errors"]] == ["PROVIDER_REJECTED"]
    assert errors_of(second) == [("PAYMENT_METHOD_UNUSABLE", NAMED)]
    assert paid["errors"] == []


async def test_a_decline_leaves_the_payment_to_its_buyer(shop: Shop) -> None:
    method = await with_default(shop)
    await shop.stripe(
        f"payment_methods/{intents(shop)[0]['payment_method']}", {"behaves": "pm_card_chargeDeclinedInsufficientFunds"}
    )
    order_id, one_key = await shop.order(), key()

    payload = await pay_off_session(shop, order_id, with_key=one_key)
    again = await pay_off_session(shop, order_id, with_key=one_key)
    another = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"])
    paid = await shop.buyer.do(
        "confirmPayment",
        input={"paymentId": payload["payment"]["id"], "paymentMethodId": "pm_card_mastercard", "returnUrl": BACK},
        key=key(),
    )

    [error] = payload["errors"]
    assert (error["code"], error["declineCode"], error["retry"]) == (
        "CARD_DECLINED",
        "insufficient_funds",
        "RETRY_SAME_METHOD_LATER",
    )
    assert payload["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert (again["replayed"], errors_of(again)) == (True, errors_of(payload))
    assert errors_of(another) == [("ACTIVE_PAYMENT_EXISTS", ["input", "orderId"])]
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")
    assert charges_of(shop, intents(shop)[-1]) == ["failed", "succeeded"]
