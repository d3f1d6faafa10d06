"""Acts of a bank, of other programs and at the Dashboard, by levers."""

import pytest
import stripe

from tests.sandbox.stripe_account import StripeAccount

NOBODYS = {"id": None, "idempotency_key": None}


async def test_banks_decline_with_any_code(account: StripeAccount) -> None:
    said = {"decline_code": "do_not_honor", "advice_code": "try_again_later", "network_decline_code": "05", "times": 2}
    await account.lever("POST", "declines", said)
    await account.lever("POST", "declines", {"code": "incorrect_zip", "decline_code": "incorrect_zip"})

    errors = []
    for _ in range(3):
        with pytest.raises(stripe.CardError) as caught:
            await account.pay()
        errors.append(caught.value)

    codes = [(error.code, (error.json_body or {})["error"]["decline_code"]) for error in errors]  # type: ignore[index]  # untyped
    assert codes == [("card_declined", "do_not_honor")] * 2 + [("incorrect_zip", "incorrect_zip")]
    outcome = account.sandbox.snapshot().charges[0]["outcome"]
    assert (outcome["advice_code"], outcome["network_decline_code"]) == ("try_again_later", "05")
    assert (await account.pay()).status == "succeeded"


async def test_a_bank_declines_after_it_has_seen_the_payer(account: StripeAccount) -> None:
    waiting = await account.pay("pm_card_threeDSecureRequired")
    await account.lever("POST", "declines", {"decline_code": "lost_card"})

    await account.lever("POST", f"payment_intents/{waiting.id}/complete")

    assert (await account.again(waiting)).last_payment_error.decline_code == "lost_card"


async def test_a_decline_of_other_fields_is_refused(account: StripeAccount) -> None:
    response = await account.browser.post("/_sandbox/declines", json={"colour": "red"})

    assert response.status_code == 400


async def test_somebody_keeps_customers_at_the_dashboard(account: StripeAccount) -> None:
    made = await account.lever("POST", "customers", {"email": "ann@shop.test", "metadata": {"from": "the Dashboard"}})
    method = (await account.v1.payment_methods.retrieve_async("pm_card_visa")).id
    await account.lever("POST", f"payment_methods/{method}/attach", {"customer": made["id"]})
    settings = {"invoice_settings": {"default_payment_method": method}}
    chosen = await account.lever("POST", f"customers/{made['id']}", settings)
    await account.lever("POST", f"payment_methods/{method}/detach")
    gone = await account.lever("DELETE", f"customers/{made['id']}")

    told = [(event["type"], event["request"]) for event in account.events()]
    assert chosen["invoice_settings"]["default_payment_method"] == method
    assert gone["deleted"] is True
    assert told == [
        ("customer.created", NOBODYS),
        ("payment_method.attached", NOBODYS),
        ("customer.updated", NOBODYS),
        ("payment_method.detached", NOBODYS),
        ("customer.updated", NOBODYS),
        ("customer.deleted", NOBODYS),
    ]


async def test_another_program_makes_an_intent_and_cancels_a_setup(account: StripeAccount) -> None:
    intent = await account.lever("POST", "payment_intents", {"amount": 500, "currency": "usd"})
    setup = await account.v1.setup_intents.create_async({})

    canceled = await account.lever("POST", f"setup_intents/{setup.id}/cancel", {})

    assert (intent["status"], canceled["status"]) == ("requires_payment_method", "canceled")
    assert account.events("payment_intent.created")[0]["request"] == NOBODYS


@pytest.mark.parametrize(
    ("method", "status"), [("pm_card_visa", "requires_capture"), ("pm_usBankAccount_success", "processing")]
)
async def test_only_cards_are_held_where_only_cards_are_asked_to(
    account: StripeAccount, method: str, status: str
) -> None:
    options = {"card": {"capture_method": "manual", "request_overcapture": "if_available"}}

    paid = await account.pay(method, payment_method_options=options)

    assert (paid.status, paid.capture_method) == (status, "automatic")
    if method == "pm_card_visa":
        assert paid.latest_charge.payment_method_details.card.overcapture.status == "available"


async def test_older_versions_name_the_types_of_methods(account: StripeAccount) -> None:
    given = {"amount": "1000", "currency": "usd", "payment_method_types[0]": "card"}

    new = await account.http.post("/v1/payment_intents", data=given)
    old = await account.http.post("/v1/payment_intents", data=given, headers={"Stripe-Version": "2025-03-31.basil"})

    assert new.json()["error"]["code"] == "payment_method_types_no_longer_supported"
    assert old.json()["payment_method_types"] == ["card"]
