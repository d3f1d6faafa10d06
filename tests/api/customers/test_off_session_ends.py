"""The way back of a payment whose bank wants its payer, bank debits, lost answers, and several at once."""

import asyncio

import httpx
import pytest

from tests.support.customers import (
    at_stripe,
    charges_of,
    customers_at_stripe,
    intents,
    kept,
    pay_off_session,
    saved,
    set_up_at_stripe,
    with_default,
)
from tests.support.shop import Json, Shop, errors_of, key

ALWAYS_ASKS = "pm_card_authenticationRequired"
BACK = "https://shop.example/back"
NAMED = ["input", "savedPaymentMethodId"]
LAST_ERROR = "query P($id: ID!) { payment(id: $id) { lastError { code } } }"


# -- the way back ------------------------------------------------------------------------------------------------------


async def test_a_bank_that_wants_the_payer_gets_them_on_the_same_payment(shop: Shop) -> None:
    """Away, AUTHENTICATION_REQUIRED; back, the buyer confirms with the same card, proves who they are, and has paid."""
    method, card = await set_up_at_stripe(shop, ALWAYS_ASKS)
    order_id = await shop.order()

    away = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"])
    payment_id = away["payment"]["id"]
    waiting = (await shop.staff.ask(LAST_ERROR, id=payment_id))["payment"]
    told = await shop.confirmation(payment_id)
    asked = len(shop.sandbox.snapshot().requests)
    nowhere = await shop.buyer.do("confirmPayment", input={"paymentId": payment_id, "paymentMethodId": card}, key=key())
    unasked = len(shop.sandbox.snapshot().requests) == asked
    same_card = {"savedPaymentMethodId": method["id"], "returnUrl": BACK}
    back = await shop.buyer.do("confirmPayment", input={"paymentId": payment_id, **same_card}, key=key())
    await shop.finish_3ds("complete")
    await shop.deliver()

    [error] = away["errors"]
    intent = intents(shop)[-1]
    assert (error["code"], error["retry"]) == ("AUTHENTICATION_REQUIRED", "REAUTHENTICATE_ON_SESSION")
    assert (away["operation"]["state"], away["payment"]["status"]) == ("FAILED", "REQUIRES_PAYMENT_METHOD")
    assert waiting["lastError"] == {"code": "AUTHENTICATION_REQUIRED"}
    assert told is not None
    assert told["clientSecret"] == intent["client_secret"]
    assert (errors_of(nowhere), unasked) == ([("VALIDATION_FAILED", ["input", "returnUrl"])], True)
    assert (back["errors"], back["payment"]["status"]) == ([], "REQUIRES_ACTION")
    paid = await shop.payment(payment_id)
    assert (paid["status"], paid["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")
    assert charges_of(shop, intent) == ["failed", "succeeded"]


async def test_the_payer_comes_back_with_stripes_own_library(shop: Shop) -> None:
    method, card = await set_up_at_stripe(shop, ALWAYS_ASKS)
    away = await pay_off_session(shop, await shop.order(), savedPaymentMethodId=method["id"])

    status = await shop.browser_confirms(card)
    await shop.finish_3ds("complete")
    await shop.deliver()

    paid = await shop.payment(away["payment"]["id"])
    assert (status, paid["status"], paid["order"]["paymentStatus"]) == (200, "SUCCEEDED", "PAID")
    assert charges_of(shop, intents(shop)[-1]) == ["failed", "succeeded"]


async def test_an_answer_that_waits_for_the_payer_is_no_success(shop: Shop) -> None:
    """Stripe may also answer that an action is required, without an error: the payer is away all the same."""
    await with_default(shop)
    order_id = await shop.order()

    async def requires_action(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if (request.method, request.url.path) != ("POST", "/v1/payment_intents"):
            return response
        waits = {"status": "requires_action", "amount_received": 0, "latest_charge": None}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        return httpx.Response(200, json=response.json() | waits | {"next_action": action})

    shop.between.answered = requires_action
    payload = await pay_off_session(shop, order_id)

    assert [error["code"] for error in payload["errors"]] == ["AUTHENTICATION_REQUIRED"]
    assert (payload["operation"]["state"], payload["payment"]["status"]) == ("FAILED", "REQUIRES_ACTION")


# -- bank debits -------------------------------------------------------------------------------------------------------

MANDATE: Json = {
    "mandate_data[customer_acceptance][type]": "online",
    "mandate_data[customer_acceptance][online][ip_address]": "203.0.113.7",
    "mandate_data[customer_acceptance][online][user_agent]": "Browser",
}
EUROS: Json = {"expectedAmount": {"amount": 10_000, "currency": "EUR"}}


@pytest.mark.shop_settings(currencies="USD,EUR")
async def test_a_bank_debit_is_under_way_for_days(shop: Shop) -> None:
    method, _ = await set_up_at_stripe(shop, "pm_success_de", **MANDATE)
    order_id = await shop.order(currency="EUR")

    payload = await pay_off_session(shop, order_id, savedPaymentMethodId=method["id"], **EUROS)
    shop.sandbox.advance(6 * 86_400)
    await shop.deliver()

    after = await shop.payment(payload["payment"]["id"])
    assert (payload["errors"], payload["payment"]["status"]) == ([], "PROCESSING")
    assert (payload["operation"]["state"], payload["payment"]["order"]["paymentStatus"]) == ("SUCCEEDED", "PENDING")
    assert (after["status"], after["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")


@pytest.mark.shop_settings(currencies="USD,EUR")
async def test_a_bank_debit_without_its_payers_mandate_is_refused_by_name(shop: Shop) -> None:
    await saved(shop)
    [made] = customers_at_stripe(shop)
    await at_stripe(shop, "POST", "/v1/payment_methods/pm_success_de/attach", customer=made["id"])
    await shop.deliver()
    method = next(one for one in await kept(shop) if one["snapshot"]["type"] == "sepa_debit")

    payload = await pay_off_session(shop, await shop.order(currency="EUR"), savedPaymentMethodId=method["id"], **EUROS)

    assert errors_of(payload) == [("PAYMENT_METHOD_UNUSABLE", NAMED)]
    assert payload["payment"]["status"] == "CANCELED"


# -- lost answers, and two at once -------------------------------------------------------------------------------------


@pytest.mark.shop_settings(sticky_error_seconds=0.5, unknown_grace_seconds=0.2)
@pytest.mark.parametrize("behaves", ["pm_card_visa", "pm_card_chargeDeclined", ALWAYS_ASKS])
@pytest.mark.parametrize("kind", ["drop_after", "error_500_after", "drop_before", "timeout_after"])
async def test_a_card_is_charged_once_whatever_is_lost(shop: Shop, kind: str, behaves: str) -> None:
    await with_default(shop)
    await shop.stripe(f"payment_methods/{intents(shop)[0]['payment_method']}", {"behaves": behaves})
    order_id, one_key = await shop.order(), key()
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/payment_intents")

    await pay_off_session(shop, order_id, with_key=one_key)
    payload = await pay_off_session(shop, order_id, with_key=one_key)

    end = {"pm_card_visa": [], "pm_card_chargeDeclined": ["CARD_DECLINED"], ALWAYS_ASKS: ["AUTHENTICATION_REQUIRED"]}
    assert [error["code"] for error in payload["errors"]] == end[behaves]
    assert payload["operation"]["state"] == ("FAILED" if end[behaves] else "SUCCEEDED")
    assert payload["payment"]["status"] == ("REQUIRES_PAYMENT_METHOD" if end[behaves] else "SUCCEEDED")
    assert len(intents(shop)) == 2
    assert charges_of(shop, intents(shop)[-1]) == ["failed" if end[behaves] else "succeeded"]


async def test_two_at_once_are_one_payment(shop: Shop) -> None:
    await with_default(shop)
    for _ in range(5):
        order_id = await shop.order()
        before = len(intents(shop))

        payloads = await asyncio.gather(*(pay_off_session(shop, order_id) for _ in range(3)))

        codes = {error["code"] for payload in payloads for error in payload["errors"]}
        assert sum(not payload["errors"] for payload in payloads) == 1
        assert codes <= {"ACTIVE_PAYMENT_EXISTS", "ORDER_ALREADY_PAID", "OPERATION_IN_PROGRESS"}
        assert len(intents(shop)) == before + 1


async def test_one_key_many_times_is_one_payment(shop: Shop) -> None:
    await with_default(shop)
    order_id, one_key = await shop.order(), key()

    payloads = await asyncio.gather(*(pay_off_session(shop, order_id, with_key=one_key) for _ in range(10)))

    done = [payload for payload in payloads if not payload["errors"]]
    assert {payload["payment"]["id"] for payload in done} == {done[0]["payment"]["id"]}
    assert [payload["replayed"] for payload in done].count(False) == 1
    assert len(intents(shop)) == 2


async def test_the_service_and_the_buyer_at_once_pay_once(shop: Shop) -> None:
    await with_default(shop)
    for _ in range(5):
        order_id = await shop.order()
        before = len(intents(shop))

        payloads = await asyncio.gather(pay_off_session(shop, order_id), shop.pay(order_id))

        assert sum(not payload["errors"] for payload in payloads) == 1
        assert len(intents(shop)) == before + 1


async def test_a_key_is_good_for_one_input(shop: Shop) -> None:
    method = await with_default(shop)
    order_id, one_key = await shop.order(), key()
    await pay_off_session(shop, order_id, with_key=one_key)

    payload = await pay_off_session(shop, order_id, with_key=one_key, savedPaymentMethodId=method["id"])

    assert [error["code"] for error in payload["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert payload["errors"][0]["mismatchedPaths"] == ["savedPaymentMethodId"]
