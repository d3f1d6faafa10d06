"""Methods other than cards: the payer's next actions, by the fields of Stripe's own library."""

from typing import Any

import pytest
import stripe

from sandbox.customers.kinds import KINDS
from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import DAY, Json, StripeAccount

BACK = "https://shop.test/back"
ASKED = {
    "redirect_to_url": ("affirm", "afterpay_clearpay", "bancontact", "eps", "ideal", "klarna", "p24", "twint"),
    "alipay_handle_redirect": ("alipay",),
    "boleto_display_details": ("boleto",),
    "cashapp_handle_redirect_or_display_qr_code": ("cashapp",),
    "display_bank_transfer_instructions": ("customer_balance",),
    "konbini_display_details": ("konbini",),
    "multibanco_display_details": ("multibanco",),
    "oxxo_display_details": ("oxxo",),
    "paynow_display_qr_code": ("paynow",),
    "pix_display_qr_code": ("pix",),
    "promptpay_display_qr_code": ("promptpay",),
    "swish_handle_redirect_or_display_qr_code": ("swish",),
    "wechat_pay_display_qr_code": ("wechat_pay",),
}
PAGES = {
    "redirect_to_url": "url",
    "alipay_handle_redirect": "url",
    "boleto_display_details": "hosted_voucher_url",
    "konbini_display_details": "hosted_voucher_url",
    "multibanco_display_details": "hosted_voucher_url",
    "oxxo_display_details": "hosted_voucher_url",
}


async def _waiting(account: StripeAccount, kind: str, currency: str | None = None, **more: Any) -> Json:
    """Create an intent that waits for its payer, as plain JSON."""
    known = KINDS[kind]
    given: Json = {"currency": currency or known.currencies[0], "automatic_payment_methods": {"enabled": True}} | more
    if known.needs_customer:
        given["customer"] = (await account.v1.customers.create_async({})).id
    intent = await account.intent(None, **given)
    answer = await account.http.post(
        f"/v1/payment_intents/{intent.id}/confirm",
        data={"payment_method_data[type]": kind, "return_url": BACK},
    )
    assert answer.status_code == 200, answer.text
    waiting: Json = answer.json()
    return waiting


@pytest.mark.parametrize(("action", "kind"), [(action, kind) for action, kinds in ASKED.items() for kind in kinds])
async def test_a_payer_is_asked_as_stripe_asks(account: StripeAccount, action: str, kind: str) -> None:
    waiting = await _waiting(account, kind)

    asked = waiting["next_action"]
    assert (waiting["status"], set(asked)) == ("requires_action", {"type", action})
    page = asked[action][PAGES.get(action, "hosted_instructions_url")]
    assert page.startswith(f"http://shop.test/_sandbox/3ds/{waiting['id']}")
    assert (await account.browser.get(page)).status_code == 200
    assert problems(waiting) == []
    assert [event["type"] for event in account.events()][-1] == "payment_intent.requires_action"


def test_every_kind_of_action_is_asked() -> None:
    asked = {kind for kinds in ASKED.values() for kind in kinds}

    assert asked == {name for name, kind in KINDS.items() if kind.action}


@pytest.mark.parametrize("kind", sorted(name for name, kind in KINDS.items() if kind.action))
async def test_the_payer_pays_and_is_paid_back(account: StripeAccount, kind: str) -> None:
    waiting = await _waiting(account, kind)

    await account.lever("POST", f"payment_intents/{waiting['id']}/complete")

    paid = (await account.http.get(f"/v1/payment_intents/{waiting['id']}?expand[]=latest_charge")).json()
    refund = (await account.http.post("/v1/refunds", data={"payment_intent": waiting["id"]})).json()
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 10_000)
    assert paid["latest_charge"]["payment_method_details"]["type"] == kind
    assert problems(paid) == []
    assert (refund["amount"], refund["destination_details"]["type"]) == (10_000, KINDS[kind].refund)
    assert problems(refund) == []


async def test_a_payer_who_fails_may_try_again(account: StripeAccount) -> None:
    waiting = await _waiting(account, "ideal")

    await account.lever("POST", f"payment_intents/{waiting['id']}/fail")

    after = await account.again(await account.v1.payment_intents.retrieve_async(waiting["id"]))
    assert (after.status, after.latest_charge) == ("requires_payment_method", None)
    assert after.last_payment_error.code == "payment_intent_payment_attempt_failed"


@pytest.mark.parametrize(("kind", "days"), [("boleto", 3), ("konbini", 3), ("multibanco", 7), ("oxxo", 3), ("pix", 1)])
async def test_what_is_not_paid_in_time_is_paid_no_more(account: StripeAccount, kind: str, days: int) -> None:
    waiting = await _waiting(account, kind)
    told = waiting["next_action"][waiting["next_action"]["type"]]
    until = told.get("expires_at") or told.get("expires_after")

    account.sandbox.advance(days * DAY + 1)

    after = await account.v1.payment_intents.retrieve_async(waiting["id"])
    assert 0 <= until - days * DAY - waiting["created"] < 5  # from the confirmation on, which was a moment later
    assert after.last_payment_error.code == "payment_intent_payment_attempt_expired"
    assert after.status == "requires_payment_method"


@pytest.mark.parametrize("currency", ["usd", "eur", "gbp", "jpy", "mxn"])
async def test_a_bank_transfer_names_an_account_of_the_currency(account: StripeAccount, currency: str) -> None:
    waiting = await _waiting(account, "customer_balance", currency)

    told = waiting["next_action"]["display_bank_transfer_instructions"]
    assert (told["amount_remaining"], told["currency"]) == (10_000, currency)
    assert told["financial_addresses"][0]["type"] in ("aba", "iban", "sort_code", "zengin", "spei")
    assert problems(waiting) == []


async def test_a_bank_account_is_verified_by_small_sums(account: StripeAccount) -> None:
    waiting = await account.pay("pm_usBankAccount_microdeposits")

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.verify_microdeposits_async(waiting.id, {"descriptor_code": "SM99ZZ"})
    verified = await account.v1.payment_intents.verify_microdeposits_async(waiting.id, {"descriptor_code": "SM11AA"})
    account.sandbox.advance(4 * DAY)

    told = waiting.next_action.verify_with_microdeposits
    assert told.hosted_verification_url.endswith(f"/_sandbox/3ds/{waiting.id}")
    assert told.microdeposit_type == "descriptor_code"
    assert 0 <= told.arrival_date - waiting.created - 2 * DAY < 5  # from the confirmation on, a moment later
    assert caught.value.code == "payment_method_microdeposit_verification_descriptor_code_mismatch"
    assert (verified.status, (await account.again(waiting)).status) == ("processing", "succeeded")


@pytest.mark.parametrize(
    ("wrong", "most"), [({"amounts[]": ["1", "2"]}, 3), ({"descriptor_code": "SM99ZZ"}, 10)], ids=["amounts", "code"]
)
async def test_a_bank_account_is_not_verified_by_guessing(account: StripeAccount, wrong: Json, most: int) -> None:
    waiting = await account.pay("pm_usBankAccount_microdeposits")

    statuses = []
    for _ in range(most):
        await account.http.post(f"/v1/payment_intents/{waiting.id}/verify_microdeposits", data=wrong)
        statuses.append((await account.again(waiting)).status)

    after = await account.again(waiting)
    assert statuses == ["requires_action"] * (most - 1) + ["requires_payment_method"]
    assert after.last_payment_error.code == "payment_method_microdeposit_verification_attempts_exceeded"


async def test_a_bank_account_that_nobody_verifies_is_given_up_after_ten_days(account: StripeAccount) -> None:
    waiting = await account.pay("pm_usBankAccount_microdeposits")

    account.sandbox.advance(10 * DAY - 60)
    before = await account.again(waiting)
    account.sandbox.advance(60)

    after = await account.again(waiting)
    assert (before.status, after.status) == ("requires_action", "requires_payment_method")
    assert after.last_payment_error.code == "payment_method_microdeposit_verification_timeout"


@pytest.mark.parametrize(
    ("given", "status"),
    [({"amounts": [32, 45]}, "processing"), ({"descriptor_code": "SM33CC"}, "requires_payment_method")],
)
async def test_the_test_sums_of_stripes_documentation(account: StripeAccount, given: Json, status: str) -> None:
    waiting = await account.pay("pm_usBankAccount_microdeposits")

    response = await account.http.post(
        f"/v1/payment_intents/{waiting.id}/verify_microdeposits",
        data={"amounts[]": given["amounts"]} if "amounts" in given else given,
    )

    assert (response.status_code == 200) is (status == "processing")
    assert (await account.again(waiting)).status == status


async def test_a_captcha_is_an_action_of_no_known_shape(account: StripeAccount) -> None:
    await account.lever("POST", "settings", {"challenges": "always"})

    waiting = await account.pay()

    asked = waiting.next_action.use_stripe_sdk.to_dict()
    assert (waiting.status, waiting.next_action.type) == ("requires_action", "use_stripe_sdk")
    assert asked == {"type": "intent_confirmation_challenge", "stripe_js": {"captcha_vendor_name": "hcaptcha"}}
    await account.lever("POST", f"payment_intents/{waiting.id}/complete")
    assert (await account.again(waiting)).status == "succeeded"


async def test_a_kind_that_sends_the_payer_away_needs_the_way_back(account: StripeAccount) -> None:
    intent = await account.v1.payment_intents.create_async(
        {"amount": 10_000, "currency": "eur", "allowed_payment_method_types": ["ideal"]}
    )

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id, {"payment_method_data": {"type": "ideal"}})

    assert caught.value.param == "return_url"


async def test_only_kinds_that_fit_pay(account: StripeAccount) -> None:
    excluded = await account.intent(None, excluded_payment_method_types=["us_bank_account"])
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.confirm_async(excluded.id, {"payment_method": "pm_usBankAccount_success"})
    allowed = await account.v1.payment_intents.create_async(
        {"amount": 10_000, "currency": "usd", "allowed_payment_method_types": ["card", "ideal", "paypal"]}
    )
    with pytest.raises(stripe.InvalidRequestError) as attached:
        await account.v1.payment_intents.update_async(allowed.id, {"payment_method": "pm_usBankAccount_success"})

    assert "us_bank_account" not in excluded.payment_method_types
    assert caught.value.code == attached.value.code == "payment_intent_incompatible_payment_method"
    assert "The PaymentMethod provided (us_bank_account) is not allowed" in str(caught.value.user_message)
    assert (allowed.payment_method_types, allowed.automatic_payment_methods) == (["card"], None)
