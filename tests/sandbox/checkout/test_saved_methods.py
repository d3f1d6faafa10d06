"""Saved methods: the default, the card updater, expiry, payments without the payer, and the way back."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import pytest
import stripe

from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import CARD, Json, StripeAccount

YEAR = 366 * 86_400.0


async def _customer(account: StripeAccount, method: str | None = None) -> tuple[Any, Any]:
    """Make a customer who has saved a method."""
    customer = await account.v1.customers.create_async({"email": "ann@shop.test"})
    saved = method and await account.v1.payment_methods.attach_async(method, {"customer": customer.id})
    return customer, saved


def _error(refused: stripe.StripeError) -> Json:
    error: Json = cast(Json, refused.json_body)["error"]
    return error


async def _off_session(account: StripeAccount, customer: Any, method: Any, **more: Any) -> Any:
    return await account.v1.payment_intents.create_async(
        {
            "amount": 10_000,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": method.id,
            "off_session": True,
            "confirm": True,
            **CARD,
            **more,
        }
    )


async def test_a_customer_has_a_default_method_until_it_is_detached(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_visa")
    settings = {"invoice_settings": {"default_payment_method": saved.id}}

    chosen = await account.v1.customers.update_async(customer.id, settings)
    shown = await account.v1.customers.retrieve_async(
        customer.id, {"expand": ["invoice_settings.default_payment_method"]}
    )
    await account.v1.payment_methods.detach_async(saved.id)

    after = await account.v1.customers.retrieve_async(customer.id)
    changes = [event["data"]["previous_attributes"] for event in account.events("customer.updated")]
    assert chosen.invoice_settings.default_payment_method == saved.id
    assert shown.invoice_settings.default_payment_method.card.last4 == "4242"
    assert (after.invoice_settings.default_payment_method, problems(after.to_dict())) == (None, [])
    assert changes == [
        {"invoice_settings": {"default_payment_method": None}},
        {"invoice_settings": {"default_payment_method": saved.id}},
    ]


async def test_a_default_method_is_one_of_the_customers_own(account: StripeAccount) -> None:
    (customer, _), (_, others) = await _customer(account), await _customer(account, "pm_card_visa")

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.customers.update_async(
            customer.id, {"invoice_settings": {"default_payment_method": others.id}}
        )

    assert (caught.value.code, caught.value.param) == (
        "resource_missing",
        "invoice_settings[default_payment_method]",
    )


async def test_a_customer_is_made_once_under_a_key(account: StripeAccount) -> None:
    made = [
        await account.v1.customers.create_async({"email": "ann@shop.test"}, {"idempotency_key": "ann"})
        for _ in range(2)
    ]

    assert made[0].id == made[1].id
    assert len(account.sandbox.snapshot().customers) == len(account.events("customer.created")) == 1


async def test_a_bank_renews_a_saved_card(account: StripeAccount) -> None:
    _, saved = await _customer(account, "pm_card_visa")

    await account.lever("POST", f"payment_methods/{saved.id}", {"exp_month": 3, "exp_year": 2040, "last4": "1881"})

    after = await account.v1.payment_methods.retrieve_async(saved.id)
    [event] = account.events("payment_method.automatically_updated")
    assert (after.card.exp_month, after.card.exp_year, after.card.last4) == (3, 2040, "1881")
    assert event["data"]["previous_attributes"] == {"card": {"exp_month": 12, "exp_year": 2034, "last4": "4242"}}
    assert event["request"] == {"id": None, "idempotency_key": None}


async def test_an_expired_card_is_declined_until_its_expiry_is_changed(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_visa")
    await account.lever("POST", f"payment_methods/{saved.id}", {"exp_month": 1, "exp_year": 2020})

    with pytest.raises(stripe.CardError) as caught:
        await _off_session(account, customer, saved)
    changed = await account.v1.payment_methods.update_async(
        saved.id, {"card": {"exp_month": 1, "exp_year": 2040}, "allow_redisplay": "always"}
    )

    assert (caught.value.code, changed.allow_redisplay) == ("expired_card", "always")
    assert (await _off_session(account, customer, saved)).status == "succeeded"


async def test_a_card_expires_by_the_clock(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_visa")
    await account.lever("POST", "advance", {"seconds": 20 * YEAR})

    with pytest.raises(stripe.CardError) as caught:
        await _off_session(account, customer, saved)

    assert caught.value.code == "expired_card"


async def test_a_saved_card_is_declined_once_its_bank_says_so(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_visa")
    behaves = {"behaves": "pm_card_chargeDeclinedInsufficientFunds"}
    await account.lever("POST", f"payment_methods/{saved.id}", behaves)

    with pytest.raises(stripe.CardError) as caught:
        await _off_session(account, customer, saved)

    assert _error(caught.value)["decline_code"] == "insufficient_funds"
    assert account.events("payment_method.automatically_updated") == []


async def test_a_bank_that_wants_the_payer_is_asked_again_with_the_payer(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_authenticationRequired")

    with pytest.raises(stripe.CardError) as caught:
        await _off_session(account, customer, saved)
    error = _error(caught.value)
    intent = await account.v1.payment_intents.retrieve_async(error["payment_intent"]["id"])
    back = await account.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": intent.last_payment_error.payment_method.id}
    )
    await account.lever("POST", f"payment_intents/{intent.id}/complete")

    assert (caught.value.http_status, error["code"], error["decline_code"]) == (
        402,
        "authentication_required",
        "authentication_required",
    )
    assert (error["payment_method"]["id"], error["charge"]) == (saved.id, intent.latest_charge)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert (back.status, (await account.again(intent)).status) == ("requires_action", "succeeded")


async def test_a_decline_is_repeated_under_its_key_with_the_intent_that_was_made(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_authenticationRequired")
    paid_with = {"customer": customer.id, "payment_method": saved.id, "off_session": True, "confirm": True}

    declines = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            await account.v1.payment_intents.create_async(
                {"amount": 10_000, "currency": "usd", **paid_with}, {"idempotency_key": "renewal"}
            )
        declines.append(
            (_error(caught.value)["payment_intent"], (caught.value.headers or {}).get("idempotent-replayed"))
        )

    (first, is_new), (second, replayed) = declines
    assert (first["id"], is_new, replayed) == (second["id"], None, "true")
    assert (first["status"], problems(first)) == ("requires_payment_method", [])
    assert len(account.sandbox.snapshot().payment_intents) == len(account.sandbox.snapshot().charges) == 1


async def test_a_payer_who_is_away_is_said_at_a_confirmation_and_needs_no_page(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_visa")
    given = {"customer": customer.id, "payment_method": saved.id, "automatic_payment_methods": {"enabled": True}}

    with pytest.raises(stripe.InvalidRequestError) as unconfirmed:
        await account.intent(None, **given, off_session=True)
    with pytest.raises(stripe.InvalidRequestError) as no_page:
        await account.intent(None, **given, confirm=True)
    paid = await account.intent(None, **given, confirm=True, off_session=True)

    assert (unconfirmed.value.param, no_page.value.param) == ("off_session", "return_url")
    assert paid.status == "succeeded"


async def test_a_card_that_is_set_up_is_not_asked_for_without_its_payer(account: StripeAccount) -> None:
    customer, saved = await _customer(account, "pm_card_authenticationRequiredSetupForOffSession")

    alone = await _off_session(account, customer, saved)
    present = await account.pay(saved.id, customer=customer.id)

    assert (alone.status, present.status) == ("succeeded", "requires_action")


async def test_an_action_may_be_an_error(account: StripeAccount) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await account.intent("pm_card_authenticationRequired", confirm=True, error_on_requires_action=True)

    assert caught.value.code == "authentication_required"
    assert _error(caught.value)["payment_intent"]["status"] == "requires_payment_method"


@pytest.mark.parametrize("usage", ["on_session", "off_session"])
@pytest.mark.parametrize("of_type", [False, True])
async def test_a_method_that_is_kept_belongs_to_the_customer_after_the_payment(
    account: StripeAccount, usage: str, of_type: bool
) -> None:
    customer, _ = await _customer(account)
    given: dict[str, Any] = {"setup_future_usage": usage}
    given = {"payment_method_options": {"card": given}} if of_type else given

    paid = await account.pay(customer=customer.id, **given)

    assert [event["data"]["object"]["id"] for event in account.events("payment_method.attached")] == [
        paid.payment_method
    ]
    assert (await account.pay(paid.payment_method, customer=customer.id)).status == "succeeded"


async def test_a_method_without_a_customer_is_kept_only_where_that_was_asked(account: StripeAccount) -> None:
    customer, _ = await _customer(account)
    once, kept = await account.pay(), await account.pay(setup_future_usage="off_session")

    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await account.v1.payment_methods.attach_async(once.payment_method, {"customer": customer.id})
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await account.pay(kept.payment_method)
    saved = await account.v1.payment_methods.attach_async(kept.payment_method, {"customer": customer.id})

    assert saved.customer == customer.id


async def test_none_of_one_type_is_kept(account: StripeAccount) -> None:
    customer, _ = await _customer(account)

    await account.pay(
        customer=customer.id,
        setup_future_usage="off_session",
        payment_method_options={"card": {"setup_future_usage": "none"}},
    )

    assert account.events("payment_method.attached") == []


async def test_a_customer_is_deleted_while_a_payer_is_asked(account: StripeAccount) -> None:
    customer, _ = await _customer(account)
    waiting = await account.pay(
        "pm_card_authenticationRequired", customer=customer.id, setup_future_usage="off_session"
    )
    await account.http.delete(f"/v1/customers/{customer.id}")

    await account.lever("POST", f"payment_intents/{waiting.id}/complete")

    assert (await account.again(waiting)).status == "succeeded"


@pytest.mark.parametrize("when", ["create", "update", "confirm"])
async def test_a_method_of_another_customer_is_refused_at_once(account: StripeAccount, when: str) -> None:
    (customer, _), (_, others) = await _customer(account), await _customer(account, "pm_card_visa")
    intent = await account.intent(None, customer=customer.id)
    given = {"payment_method": others.id}

    acts: Mapping[str, Callable[[], Awaitable[Any]]] = {
        "create": lambda: account.intent(None, customer=customer.id, **given),
        "update": lambda: account.v1.payment_intents.update_async(intent.id, given),
        "confirm": lambda: account.v1.payment_intents.confirm_async(intent.id, given),
    }
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await acts[when]()

    assert (caught.value.code, caught.value.param) == ("resource_missing", "payment_method")
    with pytest.raises(stripe.InvalidRequestError, match="include the Customer"):
        await account.intent(None, **given)


@pytest.mark.parametrize(("name", "wallet"), [("pm_card_applePay", "apple_pay"), ("pm_card_googlePay", "google_pay")])
async def test_a_wallet_is_named_by_its_card(account: StripeAccount, name: str, wallet: str) -> None:
    paid = await account.pay(name)

    method = await account.v1.payment_methods.retrieve_async(paid.payment_method)
    assert (method.card.wallet.type, paid.latest_charge.payment_method_details.card.wallet.type) == (wallet, wallet)
    assert problems(method.to_dict()) == []


@pytest.mark.parametrize("shown", ["always", "limited", "unspecified"])
async def test_saved_methods_are_listed_by_what_may_be_shown(account: StripeAccount, shown: str) -> None:
    customer, _ = await _customer(account)
    for allow in ("always", "limited", "unspecified"):
        method = await account.v1.payment_methods.create_async(
            {"type": "card", "card": {"token": "tok_visa"}, "allow_redisplay": allow}
        )
        await account.v1.payment_methods.attach_async(method.id, {"customer": customer.id})

    listed = await account.v1.customers.payment_methods.list_async(customer.id, {"allow_redisplay": shown})

    assert [method.allow_redisplay for method in listed.data] == [shown]
