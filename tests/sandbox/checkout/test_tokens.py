"""Confirmation tokens and customer sessions: what a payer's page and a server say to one another."""

from typing import Any

import pytest
import stripe

from tests.sandbox.checkout.test_setups_and_mandates import SEPA
from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import Json, StripeAccount

BACK = "https://shop.test/back"
PLACE: Json = {"name": "Ann", "address": {"line1": "1 Street", "country": "DE"}}
HOUR = 3_600.0


async def _token(account: StripeAccount, method: str | None = "pm_card_visa", **given: Any) -> Any:
    named = {"payment_method": method} if method else {}
    return await account.v1.test_helpers.confirmation_tokens.create_async({**named, **given})


async def test_a_token_carries_what_the_page_knows(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    intent = await account.intent(None, customer=customer.id)
    token = await _token(account, return_url=BACK, shipping=PLACE, setup_future_usage="off_session")

    paid = await account.v1.payment_intents.confirm_async(intent.id, {"confirmation_token": token.id})

    assert (paid.status, paid.shipping.name, paid.setup_future_usage) == ("succeeded", "Ann", "off_session")
    assert [event["data"]["object"]["customer"] for event in account.events("payment_method.attached")] == [customer.id]
    assert problems(token.to_dict()) == []


async def test_a_token_confirms_an_intent_as_it_is_made(account: StripeAccount) -> None:
    token = await _token(account, "pm_card_authenticationRequired", return_url=BACK)

    waiting = await account.intent(None, confirm=True, confirmation_token=token.id)

    assert (waiting.status, waiting.next_action.redirect_to_url.return_url) == ("requires_action", BACK)
    assert (await account.v1.confirmation_tokens.retrieve_async(token.id)).payment_intent == waiting.id


async def test_a_token_sets_a_method_up(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    token = await _token(account, None, payment_method_data=SEPA, return_url=BACK)
    setup = await account.v1.setup_intents.create_async({"customer": customer.id})

    done = await account.v1.setup_intents.confirm_async(setup.id, {"confirmation_token": token.id})

    spent = await account.v1.confirmation_tokens.retrieve_async(token.id)
    assert (done.status, spent.setup_intent, spent.payment_intent) == ("succeeded", setup.id, None)
    assert spent.mandate_data.customer_acceptance.type == "online"
    assert problems(spent.to_dict()) == []


async def test_a_token_is_used_once_even_when_the_card_is_declined(account: StripeAccount) -> None:
    intent, token = await account.intent(None), await _token(account, "pm_card_chargeDeclined")
    given = {"confirmation_token": token.id}

    with pytest.raises(stripe.CardError):
        await account.v1.payment_intents.confirm_async(intent.id, given)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id, given)

    assert caught.value.param == "confirmation_token"
    assert f"already used to confirm {intent.id}" in str(caught.value.user_message)


async def test_a_token_ends_after_half_a_day(account: StripeAccount) -> None:
    intent, token = await account.intent(None), await _token(account)
    account.sandbox.advance(12 * HOUR)

    with pytest.raises(stripe.InvalidRequestError, match="has expired"):
        await account.v1.payment_intents.confirm_async(intent.id, {"confirmation_token": token.id})

    assert token.expires_at == token.created + 12 * HOUR


@pytest.mark.parametrize(
    "beside",
    [{"payment_method": "pm_card_visa"}, {"payment_method_data": {"type": "card", "card": {"token": "tok_visa"}}}],
)
async def test_a_token_stands_alone(account: StripeAccount, beside: Json) -> None:
    intent, token = await account.intent(None), await _token(account)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id, {"confirmation_token": token.id, **beside})

    assert caught.value.param == "confirmation_token"
    assert (await account.v1.confirmation_tokens.retrieve_async(token.id)).payment_intent is None


async def test_a_browser_makes_a_token_of_its_input(account: StripeAccount) -> None:
    payer = account.browser
    payer.headers["Authorization"] = "Bearer pk_test_x"
    form = {
        "payment_method_data[type]": "card",
        "payment_method_data[card][token]": "tok_applePay",
        "payment_method_data[billing_details][email]": "ann@shop.test",
        "return_url": BACK,
        "client_context[mode]": "payment",
    }

    made = (await payer.post("/v1/confirmation_tokens", data=form)).json()
    empty = await payer.post("/v1/confirmation_tokens", data={"return_url": BACK})

    preview = made["payment_method_preview"]
    assert (preview["card"]["wallet"]["type"], preview["billing_details"]["email"]) == ("apple_pay", "ann@shop.test")
    assert empty.status_code == 400
    paid = await account.intent(None, confirm=True, confirmation_token=made["id"])
    assert paid.status == "succeeded"


async def test_a_browser_names_a_saved_method_only_in_its_customers_session(account: StripeAccount) -> None:
    customer, other = [await account.v1.customers.create_async({}) for _ in range(2)]
    saved = await account.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    secrets = [
        (
            await account.v1.customer_sessions.create_async(
                {"customer": owner.id, "components": {"payment_element": {"enabled": True}}}
            )
        ).client_secret
        for owner in (customer, other)
    ]
    payer = account.browser
    payer.headers["Authorization"] = "Bearer pk_test_x"

    async def status(**more: str) -> int:
        form = {"payment_method": saved.id, **more}
        return (await payer.post("/v1/confirmation_tokens", data=form)).status_code

    answers = [await status()] + [await status(customer_session_client_secret=secret) for secret in secrets]
    account.sandbox.advance(HOUR)

    assert answers == [400, 200, 400]
    assert await status(customer_session_client_secret=secrets[0]) == 400


async def test_a_session_has_the_features_of_each_component(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    given: Json = {
        "payment_element": {
            "enabled": True,
            "features": {
                "payment_method_allow_redisplay_filters": ["always", "limited"],
                "payment_method_redisplay": "enabled",
                "payment_method_save": "enabled",
                "payment_method_save_usage": "off_session",
            },
        },
        "mobile_payment_element": {"enabled": True, "features": {"payment_method_remove": "enabled"}},
        "customer_sheet": {"enabled": True},
    }

    session = await account.v1.customer_sessions.create_async({"customer": customer.id, "components": given})

    shown = session.components
    assert shown.payment_element.features.payment_method_save_usage == "off_session"
    assert shown.payment_element.features.payment_method_allow_redisplay_filters == ["always", "limited"]
    assert shown.mobile_payment_element.features.payment_method_remove == "enabled"
    assert shown.customer_sheet.features.payment_method_remove == "disabled"
    assert (shown.pricing_table.enabled, session.expires_at) == (False, session.created + 1_800)
    assert problems(session.to_dict()) == []


@pytest.mark.parametrize(
    ("components", "param"),
    [
        ({"payment_element": {"enabled": True, "features": {"payment_method_save": "yes"}}}, "[payment_method_save]"),
        (
            {"customer_sheet": {"enabled": True, "features": {"payment_method_save": "enabled"}}},
            "[payment_method_save]",
        ),
        ({"payment_element": {"features": {"payment_method_save": "enabled"}}}, "[enabled]"),
        ({"colour_sheet": {"enabled": True}}, "[colour_sheet]"),
    ],
)
async def test_a_session_of_other_features_is_refused(account: StripeAccount, components: Json, param: str) -> None:
    customer = await account.v1.customers.create_async({})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.customer_sessions.create_async({"customer": customer.id, "components": components})

    assert str(caught.value.param).endswith(param)
