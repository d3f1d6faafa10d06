"""A payer who chose a voucher, a code, a transfer or a debit finds again what to do: days later, on another device.

Only they do: what they pay by is stored nowhere, and nobody else is told.
"""

from typing import Any

import pytest

from database.statements import query_rows
from tests.api.access.test_secrets import _everything_stored
from tests.api.delayed.ways import (
    ACH,
    BACK,
    BOLETO,
    CURRENCIES,
    DAY,
    KONBINI,
    MICRODEPOSITS,
    MULTIBANCO,
    OXXO,
    PIX,
    SEPA,
    TRANSFER,
    Way,
    asked,
    begin,
    begun,
    intent,
    shown,
    token_of,
    unpaid,
)
from tests.support.shop import Client, Json, Shop, key, token

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

NOTHING: Json = {"number": None, "entity": None, "reference": None, "pdfUrl": None, "stores": []}


def _microdeposits(detail: Json) -> Json:
    return {"microdeposits": {"type": detail["microdeposit_type"], "arrivesAt": "2026"}}


def _transfer(detail: Json) -> Json:
    [address] = detail["financial_addresses"]
    account = {name: address["iban"][name] for name in ("iban", "bic")} | {"type": "iban", "accountNumber": None}
    account |= {"routingNumber": None, "sortCode": None, "accountHolderName": address["iban"]["account_holder_name"]}
    return {
        "bankTransfer": {"reference": detail["reference"], "accounts": [account]},
        "amountRemaining": {"amount": 10_000, "currency": "EUR"},
    }


def _pix(detail: Json) -> Json:
    return {"code": {"data": detail["data"], "imageUrl": detail["image_url_svg"]}}


def _boleto(detail: Json) -> Json:
    return {"voucher": NOTHING | {"number": detail["number"], "pdfUrl": detail["pdf"]}}


def _oxxo(detail: Json) -> Json:
    return {"voucher": NOTHING | {"number": detail["number"]}}


def _konbini(detail: Json) -> Json:
    stores = [
        {"chain": chain, "paymentCode": code["payment_code"], "confirmationNumber": code["confirmation_number"]}
        for chain, code in detail["stores"].items()
    ]
    return {"voucher": NOTHING | {"stores": stores}}


def _multibanco(detail: Json) -> Json:
    return {"voucher": NOTHING | {"entity": detail["entity"], "reference": detail["reference"]}}


# The way, Stripe's page for it, what the payer is told beside the page, and the text that only they may know.
WAITING: dict[str, tuple[Way, str, Any, str]] = {
    "microdeposits": (MICRODEPOSITS, "hosted_verification_url", _microdeposits, "hosted_verification_url"),
    "transfer": (TRANSFER, "hosted_instructions_url", _transfer, "reference"),
    "pix": (PIX, "hosted_instructions_url", _pix, "data"),
    "boleto": (BOLETO, "hosted_voucher_url", _boleto, "number"),
    "oxxo": (OXXO, "hosted_voucher_url", _oxxo, "number"),
    "konbini": (KONBINI, "hosted_voucher_url", _konbini, "stores"),
    "multibanco": (MULTIBANCO, "hosted_voucher_url", _multibanco, "reference"),
}
ALL: Json = {
    "amountRemaining": None,
    "voucher": None,
    "code": None,
    "microdeposits": None,
    "bankTransfer": None,
}


def _other_device(shop: Shop) -> Client:
    return Client(shop.http, token("buyer", "payments:pay"))


@pytest.mark.parametrize("name", WAITING)
async def test_the_payer_finds_again_what_to_do_on_another_device(shop: Shop, name: str) -> None:
    way, page, told, _ = WAITING[name]
    payload = await begin(shop, way)
    await shop.deliver()
    detail = intent(shop)["next_action"][intent(shop)["next_action"]["type"]]
    shop.sandbox.advance(0.9 * DAY)

    again = await asked(_other_device(shop), payload["payment"]["id"])

    at_once = payload["confirmation"]["nextAction"]
    assert payload["errors"] == []
    assert again is not None
    assert again == at_once
    assert again["redirectUrl"] == detail[page]
    if again["microdeposits"] is not None:
        again["microdeposits"]["arrivesAt"] = again["microdeposits"]["arrivesAt"][:4]
    assert {field: again[field] for field in ALL} == ALL | told(detail)


@pytest.mark.parametrize("name", WAITING)
async def test_nobody_else_is_told_and_it_is_stored_nowhere(shop: Shop, name: str, database_url: str) -> None:
    way, _, _, secret = WAITING[name]
    payload = await begin(shop, way)
    await shop.deliver()
    payment_id = payload["payment"]["id"]
    detail = intent(shop)["next_action"][intent(shop)["next_action"]["type"]]
    hidden = "15500000000" if secret == "stores" else str(detail[secret])

    others = {
        "a stranger": await asked(shop.stranger, payment_id),
        "a clerk who only reads": await _without_answer(shop, token("clerk", "payments:read"), payment_id),
        "a view token": await _without_answer(shop, payload["viewToken"], payment_id),
    }
    stored = await _everything_stored(database_url)

    assert others == dict.fromkeys(others)
    if secret != "hosted_verification_url":  # a page of Stripe's, which the payer's next look needs
        assert hidden not in stored
    assert "next_action" not in str(await query_rows("SELECT payload FROM webhook_event"))


async def _without_answer(shop: Shop, bearer: str, payment_id: str) -> Json | None:
    """Ask as somebody who is not even allowed to ask; returns what they are told."""
    query = "query A($id: ID!) { paymentConfirmation(paymentId: $id) { nextAction { redirectUrl } } }"
    answer: Json = (await Client(shop.http, bearer).post(query, {"id": payment_id})).json()
    found: Json | None = (answer.get("data") or {}).get("paymentConfirmation")
    return found


@pytest.mark.parametrize("name", [*WAITING, "sepa", "ach"])
async def test_a_dashboard_sees_the_method_and_how_long_it_may_take_and_nothing_paid(shop: Shop, name: str) -> None:
    way = WAITING[name][0] if name in WAITING else {"sepa": SEPA, "ach": ACH}[name]

    payment = await begun(shop, way)

    action = intent(shop)["next_action"]
    has_end = action is not None and any(action[action["type"]].get(end) for end in ("expires_at", "expires_after"))
    status, order = ("REQUIRES_ACTION", "ACTION_REQUIRED") if name in WAITING else ("PROCESSING", "PENDING")
    actions = ["CONFIRM", "CANCEL", "SYNC"] if name in WAITING else ["SYNC"]
    assert unpaid(payment)
    assert (payment["status"], payment["order"]["paymentStatus"], payment["allowedActions"]) == (status, order, actions)
    assert payment["paymentMethod"] == {"type": _type_of(shop)}
    assert (payment["payBefore"] is not None) is has_end
    assert payment["amountRemaining"] == ({"amount": 10_000} if name == "transfer" else None)


def _type_of(shop: Shop) -> str:
    methods = {method["id"]: method["type"] for method in shop.sandbox.snapshot().payment_methods}
    return str(methods[intent(shop)["payment_method"]])


async def test_a_debit_in_processing_asks_nothing_of_its_payer(shop: Shop) -> None:
    payment = await begun(shop, SEPA)

    assert await asked(shop.buyer, payment["id"]) is None


async def test_without_stripe_the_page_is_still_found(shop: Shop) -> None:
    payload = await begin(shop, BOLETO)
    await shop.deliver()
    shop.sandbox.fault(kind="refuse_connection", path="/v1/.*", times=1_000)
    query = """query A($id: ID!) { paymentConfirmation(paymentId: $id) {
      nextAction { type redirectUrl expiresAt voucher { number } } } }"""

    answer = (await shop.buyer.post(query, {"id": payload["payment"]["id"]})).json()

    at_once = payload["confirmation"]["nextAction"]
    found = answer["data"]["paymentConfirmation"]["nextAction"]
    assert found == {name: at_once[name] for name in ("type", "redirectUrl", "expiresAt")} | {"voucher": None}
    assert [error["path"][-1] for error in answer["errors"]] == ["voucher"]


async def test_a_confirmation_is_asked_of_stripe_once_and_only_for_what_is_not_stored(shop: Shop) -> None:
    payload = await begin(shop, BOLETO)
    payment_id = payload["payment"]["id"]
    page_only = "query A($id: ID!) { paymentConfirmation(paymentId: $id) { nextAction { redirectUrl expiresAt } } }"
    before = len(shop.sandbox.snapshot().requests)

    await shop.buyer.ask(page_only, id=payment_id)
    between = len(shop.sandbox.snapshot().requests)
    await asked(shop.buyer, payment_id)

    assert between == before
    assert len(shop.sandbox.snapshot().requests) == before + 1


@pytest.mark.parametrize("way", [BOLETO, PIX, MICRODEPOSITS, TRANSFER], ids=lambda way: way.method)
async def test_confirm_payment_takes_the_method_of_a_payment_that_was_prepared(shop: Shop, way: Way) -> None:
    """And a repeated key shows the payment, and confirms nothing again."""
    order_id = await shop.order(way.amount, way.currency)
    if way.needs_customer:
        await shop.buyer.ask("mutation { createCustomerSession(components: [PAYMENT_ELEMENT]) { errors { code } } }")
    expected = {"amount": way.amount, "currency": way.currency}
    prepared = await shop.buyer.do("createPayment", input={"orderId": order_id, "expectedAmount": expected}, key=key())
    given = {"paymentId": prepared["payment"]["id"], "paymentMethodId": way.method, "returnUrl": "https://shop.example"}
    with_key = key()

    payload = await shop.buyer.do("confirmPayment", input=given, key=with_key)
    again = await shop.buyer.do("confirmPayment", input=given, key=with_key)

    assert (payload["errors"], payload["payment"]["status"]) == ([], "REQUIRES_ACTION")
    assert payload["confirmation"]["nextAction"]["redirectUrl"].endswith(f"/_sandbox/3ds/{intent(shop)['id']}")
    assert (again["replayed"], again["confirmation"]) == (True, payload["confirmation"])
    assert unpaid(await shown(shop.staff, prepared["payment"]["id"]))
    assert [event["type"] for event in shop.sandbox.snapshot().events].count("payment_intent.requires_action") == 1


@pytest.mark.parametrize("name", ["sepa", "ach"])
async def test_a_debit_without_the_payers_agreement_is_refused_by_name(shop: Shop, name: str) -> None:
    """A method's id alone says nothing of a mandate; a confirmation token carries it."""
    way = {"sepa": SEPA, "ach": ACH}[name]
    shop.sandbox.set_up(ach_mandates="required")  # as at Stripe
    order_id = await shop.order(way.amount, way.currency)
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": way.amount, "currency": way.currency}}
    given |= {"confirm": True, "paymentMethodId": way.method}

    payload = await shop.buyer.do("createPayment", input=given, key=key())

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("PAYMENT_METHOD_UNUSABLE", ["input", "paymentMethodId"])
    assert "confirmationTokenId" in error["message"]
    assert payload["payment"]["status"] == "REQUIRES_CONFIRMATION"
    assert shop.sandbox.snapshot().charges == []
    with_token = {"paymentId": payload["payment"]["id"], "confirmationTokenId": await token_of(shop, way.method)}
    agreed = await shop.buyer.do("confirmPayment", input=with_token | {"returnUrl": BACK}, key=key())
    assert (agreed["errors"], agreed["payment"]["status"]) == ([], "PROCESSING")
