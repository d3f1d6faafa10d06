"""A buyer reads why a payment failed in their own language, whenever and by whomever the failure was made."""

import pytest

from domain.declines import LANGUAGES, Reason
from domain.declines.texts import catalogue
from models import Payment, PaymentFailure
from tests.support.rows import row_id
from tests.support.shop import Client, Json, Shop, key, text_of

TOLD = "query T($id: ID!) { payment(id: $id) { lastError { message ... on CardDeclinedError { customerMessage } } } }"
IN = """query L($id: ID!, $locale: String) { payment(id: $id) {
  lastError { message ... on CardDeclinedError { customerMessage(locale: $locale) retry } } } }"""
LITERAL = """query B($id: ID!) { payment(id: $id) { lastError { ... on CardDeclinedError {
  ja: customerMessage(locale: "ja") de: customerMessage(locale: "de-AT") none: customerMessage(locale: null) } } } }"""
ENGLISH = "There are insufficient funds for this payment. Please try again later."
GERMAN = "Die Deckung reicht für diese Zahlung nicht aus. Bitte versuchen Sie es später erneut."
FRENCH = "Les fonds disponibles sont insuffisants pour ce paiement. Veuillez réessayer plus tard."
JAPANESE = "残高または利用可能額が不足しています。しばらくしてからもう一度お試しください。"
BEFORE: Json = {  # as it was stored before texts were made when they are read
    "kind": "CardDeclined",
    "code": "CARD_DECLINED",
    "message": "The card has insufficient funds. Please try again later.",
    "path": None,
    "retryable": False,
    "details": {
        "decline_code": "insufficient_funds",
        "advice_code": "try_again_later",
        "network_decline_code": "51",
        "customer_message": "The card has insufficient funds. Please try again later.",
        "retry": "RETRY_SAME_METHOD_LATER",
    },
}


async def ask(client: Client, query: str, accept: str | None, **variables: object) -> Json:
    """Return the data of an operation that was sent with this Accept-Language."""
    headers = {"Authorization": f"Bearer {client.token}"} | ({"Accept-Language": accept} if accept is not None else {})
    response = await client.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    answer: Json = response.json()
    assert "errors" not in answer, answer
    data: Json = answer["data"]
    return data


async def told(client: Client, payment_id: str, accept: str | None = None) -> str:
    """Return what the reader of a payment is told of its last failure."""
    message: str = (await ask(client, TOLD, accept, id=payment_id))["payment"]["lastError"]["customerMessage"]
    return message


async def declined(shop: Shop, method: str = "pm_card_chargeDeclinedInsufficientFunds") -> str:
    payload = await shop.pay(await shop.order(), method=method)
    return str(payload["payment"]["id"])


@pytest.mark.parametrize(
    ("locale", "accept", "message"),
    [
        (None, None, ENGLISH),
        (None, "de-AT,de;q=0.9,en;q=0.8", GERMAN),
        (None, "sv, fr-CA;q=0.9, de;q=0.5", FRENCH),
        (None, "en;q=0.1, ja;q=0.2", JAPANESE),
        (None, "sv", ENGLISH),
        (None, "*", ENGLISH),
        ("fr-CH", None, FRENCH),
        ("fr-CH", "de", FRENCH),  # the argument before the header
        ("sv", "de", GERMAN),  # of a language that there is not
        ("not a locale;;", "de", GERMAN),
        ("not a locale;;", None, ENGLISH),
        ("", "de", GERMAN),
        ("x" * 10_000, "ja", JAPANESE),
    ],
)
async def test_a_decline_is_told_in_the_language_that_is_asked_for_or_accepted(
    shop: Shop, locale: str | None, accept: str | None, message: str
) -> None:
    payment_id = await declined(shop)

    error = (await ask(shop.buyer, IN, accept, id=payment_id, locale=locale))["payment"]["lastError"]

    assert error == {"message": ENGLISH, "customerMessage": message, "retry": "RETRY_SAME_METHOD_LATER"}


async def test_one_document_may_ask_for_several_languages(shop: Shop) -> None:
    payment_id = await declined(shop)

    error = (await ask(shop.buyer, LITERAL, "fr", id=payment_id))["payment"]["lastError"]

    assert error == {"ja": JAPANESE, "de": GERMAN, "none": FRENCH}


async def test_a_replay_is_told_in_the_language_of_who_asks_now(shop: Shop) -> None:
    given = {
        "orderId": await shop.order(),
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_chargeDeclinedInsufficientFunds",
        "confirm": True,
    }
    one_key = key()
    create = text_of("createPayment")

    first = (await ask(shop.buyer, create, "de", input=given, key=one_key))["createPayment"]
    calls = len(shop.sandbox.snapshot().requests)
    again = (await ask(shop.buyer, create, "ja", input=given, key=one_key))["createPayment"]

    assert [error["customerMessage"] for error in first["errors"]] == [GERMAN]
    assert [error["customerMessage"] for error in again["errors"]] == [JAPANESE]
    assert [error["message"] for error in (*first["errors"], *again["errors"])] == [ENGLISH, ENGLISH]
    assert again["replayed"] is True
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_a_failure_that_was_stored_before_is_told_in_every_language(shop: Shop) -> None:
    payment_id = await declined(shop)
    await Payment.filter(id=row_id(payment_id)).update(last_error=BEFORE)

    read = [(await ask(shop.buyer, IN, one, id=payment_id, locale=None))["payment"]["lastError"] for one in ("de", "")]

    assert read == [
        {"message": BEFORE["message"], "customerMessage": GERMAN, "retry": "RETRY_SAME_METHOD_LATER"},
        {"message": BEFORE["message"], "customerMessage": ENGLISH, "retry": "RETRY_SAME_METHOD_LATER"},
    ]


async def test_a_failure_in_the_words_of_before_is_not_taken_for_a_new_one(shop: Shop) -> None:
    payload = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example"
    )
    payment_id = payload["payment"]["id"]
    await shop.finish_3ds("fail")  # an attempt without a charge: only its error tells it from the next one
    await shop.deliver()
    row = await Payment.get(id=row_id(payment_id))
    assert row.last_error is not None
    words = "The bank wants this payment to be confirmed. Please confirm this payment with your bank."
    before = row.last_error | {"message": words, "details": row.last_error["details"] | {"customer_message": words}}
    await Payment.filter(id=row.id).update(last_error=before)
    timeline, failures = await shop.timeline(payment_id), await PaymentFailure.all().count()

    await shop.buyer.do("syncPayment", paymentId=payment_id)

    assert (await Payment.get(id=row.id)).last_error == before
    assert await shop.timeline(payment_id) == timeline
    assert await PaymentFailure.all().count() == failures == 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_stolen_card_is_told_like_any_other_decline_in_every_language(shop: Shop, language: str) -> None:
    stolen = await declined(shop, "pm_card_chargeDeclinedStolenCard")
    texts = catalogue(language)

    generic = f"{texts.reasons[Reason.DECLINED]}{texts.between}{texts.next['use_another']}"

    assert await told(shop.buyer, stolen, language) == generic
    assert await told(shop.staff, stolen, language) == generic


async def test_a_bank_debit_that_comes_back_is_not_told_as_a_cards(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_usBankAccount_insufficientFunds")
    shop.sandbox.advance(5 * 24 * 3600)
    await shop.deliver()

    assert await told(shop.buyer, payment["id"], "en") == (
        "There are insufficient funds for this payment. Please use another payment method."
    )
    assert await told(shop.buyer, payment["id"], "de") == (
        "Die Deckung reicht für diese Zahlung nicht aus. Bitte verwenden Sie eine andere Zahlungsmethode."
    )


@pytest.mark.parametrize(
    ("method", "reason"),
    [("accountClosed", "account_closed"), ("debitNotAuthorized", "consent_ended"), ("noAccount", "wrong_bank_details")],
)
async def test_each_failure_of_a_bank_account_has_its_own_words(shop: Shop, method: str, reason: str) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms(f"pm_usBankAccount_{method}")
    shop.sandbox.advance(5 * 24 * 3600)
    await shop.deliver()

    assert (await told(shop.buyer, payment["id"], "nl")).startswith(catalogue("nl").reasons[reason])


async def test_an_answer_says_that_it_depends_on_the_language_and_is_kept_by_nobody(shop: Shop) -> None:
    payment_id = await declined(shop)

    response = await shop.buyer.post(TOLD, {"id": payment_id})

    assert {name.strip() for name in response.headers["vary"].split(",")} >= {"Accept", "Accept-Language"}
    assert response.headers["cache-control"] == "no-store"


async def test_a_header_of_a_hundred_kilobytes_is_as_none(shop: Shop) -> None:
    payment_id = await declined(shop)

    assert await told(shop.buyer, payment_id, "de," * 33_000) == ENGLISH
