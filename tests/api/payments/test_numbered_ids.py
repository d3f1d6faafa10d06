"""Order numbers and subjects that resemble cards and are none, through all layers; and cards in their place."""

from datetime import timedelta
from typing import Any

import jwt
import pytest

from domain.caller import Scope
from domain.cards import contains_card_number
from models import Order
from server.access.authentication import sign_token
from tests.support.planted_secrets import all_lines
from tests.support.shop import JWT_SECRET, Shop, key

# yymmddhhmmss and a counter: one in ten of them passes for a Mastercard in every way.
[NUMBER] = [number for number in (f"26113015304512{last}" for last in range(30, 40)) if contains_card_number(number)]
CARD = "4242424242424242"
REGISTER = """
mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
  registerOrder(input: $input, idempotencyKey: $key) { errors { code message path } order { id externalId } }
}
"""


def _order(external_id: str, **more: Any) -> dict[str, Any]:
    return {"externalId": external_id, "total": {"amount": 10_000, "currency": "USD"}, **more}


async def test_an_order_with_such_a_number_is_registered_paid_and_found(shop: Shop) -> None:
    registered = await shop.staff.do(
        "registerOrder", input=_order(NUMBER, customerExternalId="buyer"), key=f"register-{NUMBER}"
    )
    paid = await shop.pay(registered["order"]["id"], with_key=NUMBER)
    by_variable = await shop.staff.ask("query O($id: String!) { order(externalId: $id) { id } }", id=NUMBER)
    by_literal = await shop.staff.ask(f'{{ order(externalId: "{NUMBER}") {{ id }} }}')
    found = await shop.staff.ask(
        "query S($text: String!) { payments(filter: { search: $text }) { nodes { id } } }", text=NUMBER
    )

    [intent] = shop.sandbox.snapshot().payment_intents
    assert registered["errors"] == []
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")
    assert by_variable["order"]["id"] == by_literal["order"]["id"] == registered["order"]["id"]
    assert [node["id"] for node in found["payments"]["nodes"]] == [paid["payment"]["id"]]
    assert intent["metadata"]["order_external_id"] == NUMBER


async def test_a_buyer_with_such_a_subject_pays(shop: Shop) -> None:
    order_id = await shop.order(customer=NUMBER)
    shop.buyer.token = _token(NUMBER)

    assert (await shop.pay(order_id))["errors"] == []


async def test_free_text_is_looked_at_as_closely_as_ever(shop: Shop) -> None:
    texts: list[dict[str, Any]] = [{"description": f"about {NUMBER}"}, {"metadata": {"number": NUMBER}}]
    for more in texts:
        payload = await shop.staff.do("registerOrder", input=_order("order-1", **more), key=key())
        assert [error["code"] for error in payload["errors"]] == ["SENSITIVE_DATA_REFUSED"]

    assert await Order.all().count() == 0


@pytest.mark.parametrize("external_id", [CARD, f"order-{CARD}", "4242-4242-4242-4242", "378282246310005"])
async def test_a_card_is_refused_as_an_order_number_with_a_word_about_ids(shop: Shop, external_id: str) -> None:
    response = await shop.staff.post(REGISTER, {"input": _order(external_id), "key": key()})

    [error] = response.json()["errors"]
    assert error["extensions"]["reason"] == "SENSITIVE_DATA_REFUSED"
    assert "An id of 14 to 19 digits may look like a card number" in error["message"]
    assert external_id not in response.text
    assert await Order.all().count() == 0


async def test_a_subject_that_is_a_card_is_refused_and_the_log_says_why(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    claims = {**jwt.decode(_token("buyer"), options={"verify_signature": False}), "sub": CARD}
    shop.buyer.token = jwt.encode(claims, JWT_SECRET, algorithm="HS256")

    with all_lines(capfd) as lines:
        response = await shop.buyer.post("{ __typename }")
        written = lines.text

    assert response.status_code == 401
    assert "callers.subject_refused" in written
    assert "`sub` has a number in it that cannot be told from a card number" in written
    assert CARD not in written


def test_a_token_is_not_signed_for_a_card_and_the_error_says_why() -> None:
    with pytest.raises(ValueError, match="cannot be told from a card number"):
        _token(CARD)


def _token(subject: str) -> str:
    return sign_token(JWT_SECRET, subject, [Scope.PAYMENTS_PAY], timedelta(hours=1), issuer=None, audience=None)
