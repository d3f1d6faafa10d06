"""A method that cannot be used is told to its buyer in their language, fresh, replayed, and as it was stored before."""

import httpx
import pytest

from domain.declines.texts import catalogue
from models import Operation
from tests.api.payments.test_customer_messages import ask
from tests.support.customers import saved
from tests.support.shop import Json, Shop, key

PAY = """mutation P($input: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $input, idempotencyKey: $key) { replayed payment { id } errors {
    __typename code message path
    ... on PaymentMethodUnusableError { customerMessage retry en: customerMessage(locale: "en") }
  } } }"""
BECAME = """query B($key: IdempotencyKey!) { operation(key: $key, kind: CREATE_PAYMENT) {
  error { __typename ... on PaymentMethodUnusableError { customerMessage retry } } } }"""


def told(reason: str, language: str) -> str:
    """Return the buyer's text for a reason, with the advice to use another method."""
    texts = catalogue(language)
    return f"{texts.reasons[reason]}{texts.between}{texts.next['use_another']}"


async def paying(shop: Shop, **paid_with: str) -> Json:
    expected = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    return {**expected, "confirm": True, **paid_with}


async def test_a_method_that_is_gone_is_told_in_the_buyers_language(shop: Shop) -> None:
    method = await saved(shop)
    await shop.buyer.do("detachPaymentMethod", id=method["id"], key=key())
    given = await paying(shop, savedPaymentMethodId=method["id"])

    [error] = (await ask(shop.buyer, PAY, "de-AT", input=given, key=key()))["createPayment"]["errors"]

    assert (error["__typename"], error["code"]) == ("PaymentMethodUnusableError", "PAYMENT_METHOD_UNUSABLE")
    assert error["path"] == ["input", "savedPaymentMethodId"]
    assert (error["customerMessage"], error["en"]) == (told("method_unusable", "de"), told("method_unusable", "en"))
    assert error["retry"] == "USE_ANOTHER_METHOD"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("payment_intent_mandate_invalid", "consent_ended"),
        ("bank_account_unverified", "account_unverified"),
        ("payment_method_currency_mismatch", "currency_not_supported"),
        ("expired_card", "expired_card"),
    ],
)
async def test_stripes_reason_is_told_and_told_again_in_each_language(shop: Shop, code: str, reason: str) -> None:
    given, one_key = await paying(shop, paymentMethodId="pm_card_visa"), key()

    def refused(request: httpx.Request) -> httpx.Response | None:
        error = {"type": "invalid_request_error", "code": code, "message": "x"}
        return httpx.Response(400, json={"error": error}) if request.url.path.endswith("/confirm") else None

    shop.between.instead = refused
    first = (await ask(shop.buyer, PAY, "ja", input=given, key=one_key))["createPayment"]
    again = (await ask(shop.buyer, PAY, "pt-BR", input=given, key=one_key))["createPayment"]

    assert [error["customerMessage"] for error in first["errors"]] == [told(reason, "ja")]
    assert [error["customerMessage"] for error in again["errors"]] == [told(reason, "pt")]
    assert again["replayed"] is True


async def test_a_refusal_that_was_stored_before_is_told_in_every_language(shop: Shop) -> None:
    given, one_key = await paying(shop, paymentMethodId="pm_of_nobody"), key()
    await ask(shop.buyer, PAY, None, input=given, key=one_key)
    before = {
        "kind": "Refused",
        "code": "PAYMENT_METHOD_UNUSABLE",
        "message": "This payment method cannot be used.",
        "path": ["input", "paymentMethodId"],
        "retryable": False,
        "details": {},
    }
    assert await Operation.filter(key=one_key).update(error=before) == 1

    became = await ask(shop.buyer, BECAME, "fr", key=one_key)

    assert became["operation"]["error"]["customerMessage"] == told("method_unusable", "fr")
