"""No card number enters, no secret leaves (scenario 46)."""

import asyncpg
import pytest

from database.connection import parse_url
from models import Order
from server.http.logs import configure_logging
from tests.support.shop import CONFIRMATION_OF, JWT_SECRET, WEBHOOK_SECRET, Shop, key

CARD = "4242424242424242"
DRESSED = [
    "4242424242424242",
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "４２４２４２４２４２４２４２４２",
    "4242424242424242 12/28",
]
REGISTER = """mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
  registerOrder(input: $input, idempotencyKey: $key) { errors { code message } order { id } } }"""


def _order(**more: object) -> dict[str, object]:
    return {"externalId": key(), "total": {"amount": 1000, "currency": "USD"}, **more}


async def _everything_stored(database_url: str) -> str:
    """Return all rows of all tables, as text."""
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await connection.fetch(f'SELECT t::text FROM "{t["tablename"]}" t') for t in tables]
    finally:
        await connection.close()
    return "\n".join(str(row[0]) for table in rows for row in table)


@pytest.mark.parametrize("number", DRESSED)
@pytest.mark.parametrize(
    "place", ["description", "metadata value", "metadata key", "external id", "email", "key", "literal"]
)
async def test_scenario_46_a_card_number_is_refused_everywhere_and_kept_nowhere(
    shop: Shop,
    database_url: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    number: str,
    place: str,
) -> None:
    query, given, one_key = REGISTER, _order(), key()
    match place:
        case "description":
            given = _order(description=f"paid with {number}")
        case "metadata value":
            given = _order(metadata={"note": number})
        case "metadata key":
            given = _order(metadata={number: "note"})
        case "external id":
            given = _order(externalId=f"order {number}")
        case "email":
            given = _order(customerExternalId="c", customerEmail=f"{number}@example.com")
        case "key":
            one_key = number
        case "literal":
            query = (
                'mutation { registerOrder(input: {externalId: "x", description: "' + number + '", total:'
                ' {amount: 1000, currency: "USD"}}, idempotencyKey: "k") { errors { code } order { id } } }'
            )
            given = {}

    variables = {"input": given, "key": one_key} if place != "literal" else {}
    response = await shop.staff.post(query, variables)

    printed = "".join(capfd.readouterr()) + caplog.text
    assert "SENSITIVE_DATA_REFUSED" in response.text
    assert number not in response.text
    assert await Order.all().count() == 0
    assert number not in await _everything_stored(database_url)
    assert number not in printed


async def test_no_secret_is_stored_logged_or_answered(
    shop: Shop, database_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    configure_logging(json=True, level="DEBUG")
    order_id = await shop.order()
    created = await shop.buyer.ask(
        """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
             createPayment(input: $input, idempotencyKey: $key) { payment { id } confirmation { clientSecret } } }""",
        input={"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}},
        key="the-idempotency-key-of-this-test",
    )
    secret = created["createPayment"]["confirmation"]["clientSecret"]
    declined = await shop.pay(await shop.order(), method="pm_card_visa_chargeDeclined")
    await shop.deliver()

    printed = "".join(capfd.readouterr()) + caplog.text
    stored = await _everything_stored(database_url)
    intents = shop.sandbox.snapshot().payment_intents
    for client_secret in [secret, *(str(intent["client_secret"]) for intent in intents)]:
        assert client_secret not in stored
        assert client_secret not in printed
    assert "client_secret" not in str(declined)
    for hidden in (
        JWT_SECRET,
        WEBHOOK_SECRET,
        "sk_test_offline",
        shop.buyer.token or "",
        "the-idempotency-key-of-this-test",
    ):
        assert hidden not in printed
    assert JWT_SECRET not in stored
    assert WEBHOOK_SECRET not in stored


async def test_the_page_of_3ds_is_told_to_its_payer_and_kept_nowhere(shop: Shop, database_url: str) -> None:
    """Stripe's address of the page contains the client secret."""
    payload = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/back"
    )
    await shop.deliver()
    payment_id = payload["payment"]["id"]

    calls = len(shop.sandbox.snapshot().requests)
    mine = await shop.confirmation(payment_id)
    asked = shop.sandbox.snapshot().requests[calls:]
    foreign = await shop.confirmation(payment_id, by=shop.stranger)
    shop.sandbox.fault(kind="drop_before", method="GET")
    unasked = (await shop.buyer.post(CONFIRMATION_OF, {"id": payment_id})).json()

    [intent] = shop.sandbox.snapshot().payment_intents
    assert intent["client_secret"] in intent["next_action"]["redirect_to_url"]["url"]
    expected = {"type": "redirect_to_url", "redirectUrl": intent["next_action"]["redirect_to_url"]["url"]}
    assert payload["confirmation"]["nextAction"] == expected
    assert mine == {"clientSecret": intent["client_secret"], "nextAction": expected}
    assert len(asked) == 1, "the secret and the page are of one look"
    assert foreign is None
    assert unasked["data"]["paymentConfirmation"] == {"clientSecret": None, "nextAction": None}
    assert {error["extensions"]["reason"] for error in unasked["errors"]} == {"PROVIDER_UNAVAILABLE"}
    assert intent["client_secret"] not in await _everything_stored(database_url)


async def test_the_schema_has_no_place_for_a_card_number(shop: Shop) -> None:
    response = await shop.http.get("/schema.graphql")

    sdl = response.text.lower()
    assert response.status_code == 200
    for word in ("cardnumber", "card_number", "cvc", "cvv", "pan:"):
        assert word not in sdl
