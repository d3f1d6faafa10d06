"""SetupIntents: attempts, bank accounts, mandates, and a payer's browser."""

from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import DAY, Json, StripeAccount

BACK = "https://shop.test/back"
AGREED: Json = {
    "customer_acceptance": {"type": "online", "online": {"ip_address": "203.0.113.7", "user_agent": "A browser"}}
}
SEPA: Json = {
    "type": "sepa_debit",
    "sepa_debit": {"iban": "DE89 3704 0044 0532 0130 00"},
    "billing_details": {"name": "Ann", "email": "ann@shop.test"},
}


async def _setup(account: StripeAccount, *, customer: bool = True, **given: Any) -> Any:
    owner = {"customer": (await account.v1.customers.create_async({})).id} if customer else {}
    return await account.v1.setup_intents.create_async({**owner, **given})


async def _confirm(account: StripeAccount, setup: Any, **given: Any) -> Any:
    return await account.v1.setup_intents.confirm_async(setup.id, {"return_url": BACK, **given})


def _types(account: StripeAccount, begin: str) -> list[str]:
    return [event["type"] for event in account.events() if event["type"].startswith(begin)]


async def test_a_setup_that_its_payer_must_confirm_ends_as_the_payer_says(account: StripeAccount) -> None:
    setup = await _setup(account)

    first = await _confirm(account, setup, payment_method="pm_card_authenticationRequired")
    await account.lever("POST", f"setup_intents/{setup.id}/fail")
    failed = await account.v1.setup_intents.retrieve_async(setup.id)
    await _confirm(account, setup, payment_method=failed.last_setup_error.payment_method.id)
    await account.lever("POST", f"setup_intents/{setup.id}/complete")
    done = await account.v1.setup_intents.retrieve_async(setup.id, {"expand": ["latest_attempt", "payment_method"]})

    attempts = (await account.v1.setup_attempts.list_async({"setup_intent": setup.id})).data
    assert (first.status, first.next_action.type) == ("requires_action", "redirect_to_url")
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"
    assert (done.status, done.payment_method.customer) == ("succeeded", setup.customer)
    assert [(attempt.status, attempt.usage) for attempt in attempts] == [
        ("succeeded", "off_session"),
        ("failed", "off_session"),
    ]
    assert done.latest_attempt.payment_method_details.card.three_d_secure.result == "authenticated"
    assert [problems(attempt.to_dict()) for attempt in attempts] == [[], []]
    assert _types(account, "setup_intent") == [
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "setup_intent.succeeded",
    ]


@pytest.mark.parametrize(("usage", "status"), [("off_session", "succeeded"), ("on_session", None)])
async def test_a_card_set_up_for_later_is_not_asked_again_without_its_payer(
    account: StripeAccount, usage: str, status: str | None
) -> None:
    setup = await _setup(account, usage=usage)
    await _confirm(account, setup, payment_method="pm_card_authenticationRequiredOnSetup")
    await account.lever("POST", f"setup_intents/{setup.id}/complete")
    done = await account.v1.setup_intents.retrieve_async(setup.id)

    answer = await account.http.post(
        "/v1/payment_intents",
        data={
            "amount": "1000",
            "currency": "usd",
            "customer": done.customer,
            "payment_method": done.payment_method,
            "off_session": "true",
            "confirm": "true",
        },
    )

    assert answer.json().get("status") == status
    assert answer.status_code == (200 if status else 402)


async def test_a_setup_in_another_state_says_so(account: StripeAccount) -> None:
    setup = await _setup(account, allowed_payment_method_types=["card"])
    await _confirm(account, setup, payment_method="pm_card_visa")

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.setup_intents.cancel_async(setup.id)

    assert caught.value.code == "setup_intent_unexpected_state"
    assert "SetupIntent could not be canceled" in str(caught.value.user_message)


async def test_a_setup_takes_only_its_types_and_its_customers_methods(account: StripeAccount) -> None:
    setup = await _setup(account, allowed_payment_method_types=["card"])
    other = await account.v1.customers.create_async({})
    theirs = await account.v1.payment_methods.attach_async("pm_card_visa", {"customer": other.id})

    with pytest.raises(stripe.InvalidRequestError) as kind:
        await _confirm(account, setup, payment_method="pm_usBankAccount_success")
    with pytest.raises(stripe.InvalidRequestError) as owner:
        await _confirm(account, setup, payment_method=theirs.id)
    with pytest.raises(stripe.InvalidRequestError) as way_back:
        await account.v1.setup_intents.confirm_async((await _setup(account)).id, {"payment_method": "pm_card_visa"})

    assert kind.value.code == "setup_intent_invalid_parameter"
    assert (owner.value.code, way_back.value.param) == ("resource_missing", "return_url")


async def test_a_bank_account_is_set_up_under_a_mandate(account: StripeAccount) -> None:
    setup = await _setup(account)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await _confirm(account, setup, payment_method_data=SEPA)

    done = await _confirm(account, setup, payment_method_data=SEPA, mandate_data=AGREED)
    mandate = await account.v1.mandates.retrieve_async(done.mandate)
    paid = await account.intent(done.payment_method, currency="eur", customer=done.customer, confirm=True)

    charge = (await account.again(paid)).latest_charge
    assert caught.value.code == "setup_intent_mandate_invalid"
    assert (done.status, mandate.type, mandate.status) == ("succeeded", "multi_use", "active")
    assert mandate.customer_acceptance.online.ip_address == "203.0.113.7"
    assert (mandate.payment_method, problems(mandate.to_dict())) == (done.payment_method, [])
    assert (paid.status, charge.payment_method_details.sepa_debit.mandate) == ("processing", mandate.id)


async def test_an_ended_mandate_pays_no_more(account: StripeAccount) -> None:
    setup = await _setup(account)
    done = await _confirm(account, setup, payment_method_data=SEPA, mandate_data=AGREED)

    await account.lever("POST", f"mandates/{done.mandate}", {"status": "inactive"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.intent(done.payment_method, currency="eur", customer=done.customer, confirm=True)

    [event] = account.events("mandate.updated")
    assert event["data"]["previous_attributes"] == {"status": "active"}
    assert caught.value.code == "payment_intent_mandate_invalid"


async def test_one_debit_has_a_mandate_of_its_own(account: StripeAccount) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.intent("pm_success_de", currency="eur", confirm=True)
    paid = await account.intent("pm_success_de", currency="eur", confirm=True, mandate_data=AGREED)

    details = (await account.again(paid)).latest_charge.payment_method_details.sepa_debit
    mandate = await account.v1.mandates.retrieve_async(details.mandate)
    page = await account.browser.get(mandate.payment_method_details.sepa_debit.url)
    assert caught.value.code == "payment_intent_mandate_invalid"
    assert (page.status_code, "is active" in page.text) == (200, True)
    assert mandate.single_use.to_dict() == {"amount": 10_000, "currency": "eur"}
    assert problems((await account.again(paid)).to_dict()) == []


async def test_an_account_that_asks_for_mandates_asks_for_those_of_us_banks_too(account: StripeAccount) -> None:
    implied = await account.pay("pm_usBankAccount_success")
    await account.lever("POST", "settings", {"ach_mandates": "required"})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.pay("pm_usBankAccount_success")
    agreed = await account.intent("pm_usBankAccount_success", confirm=True, mandate_data=AGREED)

    assert (implied.status, agreed.status) == ("processing", "processing")
    assert caught.value.code == "payment_intent_mandate_invalid"


async def test_a_bank_account_is_verified_before_it_is_kept(account: StripeAccount) -> None:
    setup = await _setup(account)
    data = {
        "type": "us_bank_account",
        "us_bank_account": {"account_number": "000123456789", "routing_number": "110000000"},
    }

    waiting = await _confirm(account, setup, payment_method_data=data, mandate_data=AGREED)
    pending = await account.v1.mandates.retrieve_async(waiting.mandate)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.setup_intents.verify_microdeposits_async(setup.id, {"amounts": [1, 2]})
    done = await account.v1.setup_intents.verify_microdeposits_async(setup.id, {"amounts": [32, 45]})
    paid = await account.intent(done.payment_method, customer=done.customer, confirm=True)

    assert waiting.next_action.type == "verify_with_microdeposits"
    assert caught.value.code == "payment_method_microdeposit_verification_amounts_mismatch"
    assert (pending.status, (await account.v1.mandates.retrieve_async(done.mandate)).status) == ("pending", "active")
    assert (done.status, paid.status) == ("succeeded", "processing")


async def test_a_bank_account_that_cannot_be_verified_is_not_kept(account: StripeAccount) -> None:
    setup = await _setup(account, payment_method="pm_usBankAccount_microdeposits")
    await _confirm(account, setup)

    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.setup_intents.verify_microdeposits_async(setup.id, {"descriptor_code": "SM33CC"})

    after = await account.v1.setup_intents.retrieve_async(setup.id)
    assert after.status == "requires_payment_method"
    assert after.last_setup_error.code == "payment_method_microdeposit_verification_attempts_exceeded"


async def test_an_account_that_was_linked_needs_no_small_sums(account: StripeAccount) -> None:
    data = {"type": "us_bank_account", "us_bank_account": {"financial_connections_account": "fca_1"}}

    done = await _confirm(account, await _setup(account), payment_method_data=data, mandate_data=AGREED)

    assert done.status == "succeeded"


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (SEPA | {"sepa_debit": {"iban": "nothing"}}, "sepa_debit[iban]"),
        (SEPA | {"billing_details": {"name": "Ann"}}, "billing_details[email]"),
        (SEPA | {"billing_details": {}}, "billing_details[name]"),
    ],
)
async def test_a_sepa_account_has_a_number_and_an_owner(account: StripeAccount, data: Json, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_methods.create_async(data)

    assert caught.value.param == param


@pytest.mark.parametrize("given", [{"allowed_payment_method_types": ["ideal"]}, {"return_url": BACK}])
async def test_a_setup_that_cannot_be_is_refused(account: StripeAccount, given: Json) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await _setup(account, **given)

    assert [caught.value.param] == list(given)
    assert account.events("setup_intent.created") == []


async def test_a_method_set_up_without_a_customer_is_attached_later(account: StripeAccount) -> None:
    done = await _confirm(account, await _setup(account, customer=False), payment_method="pm_card_visa")
    customer = await account.v1.customers.create_async({})

    saved = await account.v1.payment_methods.attach_async(done.payment_method, {"customer": customer.id})

    assert (done.customer, saved.customer) == (None, customer.id)


async def test_a_browser_sets_up_with_the_setups_secret(account: StripeAccount) -> None:
    setup = await _setup(account, metadata={"margin": "40%"})
    payer: httpx.AsyncClient = account.browser
    payer.headers["Authorization"] = "Bearer pk_test_x"
    path, secret = f"/v1/setup_intents/{setup.id}", {"client_secret": setup.client_secret}

    wrong = await payer.get(path, params={"client_secret": f"{setup.id}_secret_guessed"})
    seen = await payer.get(path, params=secret)
    done = await payer.post(
        f"{path}/confirm",
        data={
            **secret,
            "return_url": BACK,
            "payment_method_data[type]": "card",
            "payment_method_data[card][token]": "tok_visa",
            "mandate_data[customer_acceptance][type]": "online",
            "mandate_data[customer_acceptance][online][infer_from_client]": "true",
        },
    )
    canceled = await payer.post(f"{path}/cancel", data=secret)

    assert [answer.status_code for answer in (wrong, seen, done, canceled)] == [400, 200, 200, 401]
    assert (seen.json()["metadata"], seen.json()["customer"]) == ({}, None)
    assert done.json()["status"] == "succeeded"


async def test_a_mandate_ends_when_the_payer_never_agreed(account: StripeAccount) -> None:
    paid = await account.pay("pm_usBankAccount_debitNotAuthorized")

    account.sandbox.advance(5 * DAY)

    mandate = (await account.again(paid)).latest_charge.payment_method_details.us_bank_account.mandate
    assert (await account.v1.mandates.retrieve_async(mandate)).status == "inactive"
