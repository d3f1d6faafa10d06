"""The operations that docs/clients shows for phones, in the exchanges that its Kotlin and Swift make."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.shop import Client, Json, Shop, key

DOCUMENTS: Final = (Path(__file__).parents[2] / "clients" / "mobile" / "operations.graphql").read_text()
RETURN_URL: Final = "myapp://paid"

pytestmark = pytest.mark.shop_settings(return_url_schemes="myapp")


async def send(caller: Client, operation: str, **variables: object) -> Json:
    """Send one operation of the file, as a generated client does; returns the value of its one field."""
    request = {"query": DOCUMENTS, "operationName": operation, "variables": variables}
    headers = {"Authorization": f"Bearer {caller.token}"}
    answer = (await caller.http.post("/graphql", json=request, headers=headers)).json()
    assert "errors" not in answer, answer
    [value] = answer["data"].values()
    found: Json = value
    return found


def paying(order_id: str, method: str | None = None) -> Json:
    given: Json = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "returnUrl": RETURN_URL,
    }
    return given if method is None else {**given, "paymentMethodId": method, "confirm": True}


async def test_pay_decline_try_again_and_what_became_of_it(shop: Shop) -> None:
    one_key, order_id = key(), await shop.order()

    declined = await send(shop.buyer, "Pay", input=paying(order_id, "pm_card_visa_chargeDeclined"), key=one_key)
    became = await send(shop.buyer, "WhatBecame", key=one_key, kind="CREATE_PAYMENT")
    payment_id = declined["payment"]["id"]
    given = {"paymentId": payment_id, "paymentMethodId": "pm_card_visa", "returnUrl": RETURN_URL}
    paid = await send(shop.buyer, "TryAgain", input=given, key=key())
    found = await send(shop.buyer, "Payment", id=payment_id, maxStalenessMs=2_000)

    [problem] = declined["errors"]
    assert (problem["code"], problem["retryable"]) == ("CARD_DECLINED", False)
    assert problem["customerMessage"]
    assert declined["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert (became["state"], became["error"]["code"]) == ("FAILED", "CARD_DECLINED")
    assert (paid["errors"], paid["payment"]["id"], paid["payment"]["status"]) == ([], payment_id, "SUCCEEDED")
    assert found == paid["payment"]


async def test_the_bank_wants_the_payer_and_the_app_comes_back(shop: Shop) -> None:
    waits = await send(shop.buyer, "Pay", input=paying(await shop.order(), "pm_card_threeDSecure2Required"), key=key())
    again = await send(shop.buyer, "Confirmation", id=waits["payment"]["id"])
    await shop.finish_3ds("complete")
    found = await send(shop.buyer, "Payment", id=waits["payment"]["id"], maxStalenessMs=0)

    assert waits["payment"]["status"] == "REQUIRES_ACTION"
    assert waits["confirmation"]["nextAction"]["redirectUrl"]
    assert again["nextAction"] == waits["confirmation"]["nextAction"]
    assert found["status"] == "SUCCEEDED"


async def test_the_payment_sheet_confirms_and_the_server_says_how_it_ended(shop: Shop) -> None:
    prepared = await send(shop.buyer, "Pay", input=paying(await shop.order()), key=key())
    [intent] = shop.sandbox.snapshot().payment_intents
    declined = await shop.browser_confirms("pm_card_visa_chargeDeclined")
    taken = await shop.browser_confirms("pm_card_visa")
    found = await send(shop.buyer, "Payment", id=prepared["payment"]["id"], maxStalenessMs=0)

    assert prepared["confirmation"]["clientSecret"] == intent["client_secret"]
    assert prepared["confirmation"]["publishableKey"] is None  # the offline Stripe has no sheet
    assert (declined, taken) == (402, 200)
    assert found["status"] == "SUCCEEDED"


async def test_a_card_is_kept_pays_another_order_and_is_forgotten(shop: Shop) -> None:
    before = await send(shop.buyer, "SavedMethods")
    keeping = {**paying(await shop.order(), "pm_card_visa"), "setupFutureUsage": "ON_SESSION"}
    kept = await send(shop.buyer, "Pay", input=keeping, key=key())
    [method] = (await send(shop.buyer, "SavedMethods"))["customer"]["paymentMethods"]["nodes"]
    saved = {**paying(await shop.order()), "savedPaymentMethodId": method["id"], "confirm": True}
    paid = await send(shop.buyer, "Pay", input=saved, key=key())
    forgotten = await send(shop.buyer, "ForgetMethod", id=method["id"], key=key())
    after = await send(shop.buyer, "SavedMethods")

    assert before["customer"] is None or before["customer"]["paymentMethods"]["nodes"] == []
    assert [one["payment"]["status"] for one in (kept, paid)] == ["SUCCEEDED", "SUCCEEDED"]
    assert (method["snapshot"]["brand"], method["snapshot"]["last4"]) == ("visa", "4242")
    assert forgotten == {"errors": []}
    assert after["customer"]["paymentMethods"]["nodes"] == []
    assert method["id"].startswith("method_")


async def test_the_sheet_gets_a_session_of_its_customer(shop: Shop) -> None:
    order_id = await shop.order()  # names the customer
    first = await send(shop.buyer, "CustomerSession", components=["MOBILE_PAYMENT_ELEMENT"])
    second = await send(shop.buyer, "CustomerSession", components=["MOBILE_PAYMENT_ELEMENT"])
    query = "query C($id: ID!) { order(id: $id) { customer { stripeCustomerId } } }"
    customer = (await shop.staff.ask(query, id=order_id))["order"]["customer"]

    assert (first["errors"], second["errors"]) == ([], [])
    assert first["clientSecret"]
    assert first["clientSecret"] != second["clientSecret"]
    assert customer["stripeCustomerId"].startswith("cus_")


async def test_a_key_that_never_arrived_is_unknown(shop: Shop) -> None:
    request = {"query": DOCUMENTS, "operationName": "WhatBecame", "variables": {"key": key(), "kind": "CREATE_PAYMENT"}}
    headers = {"Authorization": f"Bearer {shop.buyer.token}"}

    answer = (await shop.http.post("/graphql", json=request, headers=headers)).json()

    assert answer["data"] == {"operation": None}
