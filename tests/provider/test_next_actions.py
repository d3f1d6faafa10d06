"""The payer's next action in each form that Stripe documents, and in an undocumented one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.states import PaymentStatus
from provider.mapping import payment_from
from provider.next_actions import next_action_from
from provider.objects import Actionable
from tests.provider.stripe_says import intent

UNTIL = 1_800_000_000
WHEN = datetime.fromtimestamp(UNTIL, UTC)
PAGE = "https://payments.stripe.com/page/test_1"
PICTURES = {"image_url_png": "https://qr.stripe.com/1.png", "image_url_svg": "https://qr.stripe.com/1.svg"}
QR = {"data": "00020101", **PICTURES}
CODE = {"expires_at": UNTIL, **PICTURES}

# Fields as in docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action.
SHAPES: dict[str, tuple[dict[str, Any], str | None, datetime | None]] = {
    "alipay_handle_redirect": ({"url": PAGE, "native_url": "alipays://x", "return_url": None}, PAGE, None),
    "blik_authorize": ({}, None, None),
    "boleto_display_details": ({"expires_at": UNTIL, "hosted_voucher_url": PAGE, "pdf": PAGE + "/pdf"}, PAGE, WHEN),
    "card_await_notification": ({"charge_attempt_at": UNTIL, "customer_approval_required": True}, None, None),
    "cashapp_handle_redirect_or_display_qr_code": (
        {"hosted_instructions_url": PAGE, "mobile_auth_url": "https://cash.app/x", "qr_code": CODE},
        PAGE,
        WHEN,
    ),
    "display_bank_transfer_instructions": (
        {"type": "us_bank_transfer", "hosted_instructions_url": PAGE, "reference": "R", "amount_remaining": 5},
        PAGE,
        None,
    ),
    "klarna_display_qr_code": ({"expires_at": UNTIL, **QR}, None, WHEN),
    "konbini_display_details": ({"expires_at": UNTIL, "hosted_voucher_url": PAGE, "stores": {}}, PAGE, WHEN),
    "multibanco_display_details": ({"expires_at": UNTIL, "hosted_voucher_url": PAGE, "entity": "1"}, PAGE, WHEN),
    "oxxo_display_details": ({"expires_after": UNTIL, "hosted_voucher_url": PAGE, "number": "1"}, PAGE, WHEN),
    "paynow_display_qr_code": ({"hosted_instructions_url": PAGE, **QR}, PAGE, None),
    "pix_display_qr_code": ({"expires_at": UNTIL, "hosted_instructions_url": PAGE, **QR}, PAGE, WHEN),
    "promptpay_display_qr_code": ({"hosted_instructions_url": PAGE, **QR}, PAGE, None),
    "redirect_to_url": ({"url": PAGE, "return_url": "https://shop.example/"}, PAGE, None),
    "swish_handle_redirect_or_display_qr_code": (
        {"hosted_instructions_url": PAGE, "mobile_auth_url": "swish://x", "qr_code": {**CODE, "data": "1"}},
        PAGE,
        WHEN,
    ),
    "upi_handle_redirect_or_display_qr_code": ({"hosted_instructions_url": PAGE, "qr_code": CODE}, PAGE, WHEN),
    "use_stripe_sdk": ({"type": "intent_confirmation_challenge", "stripe_js": {"site_key": "k"}}, None, None),
    "verify_with_microdeposits": (
        {"arrival_date": UNTIL, "hosted_verification_url": PAGE, "microdeposit_type": "amounts"},
        PAGE,
        None,
    ),
    "wechat_pay_display_qr_code": ({"hosted_instructions_url": PAGE, "image_data_url": "data:x", **QR}, PAGE, None),
    "wechat_pay_redirect_to_android_app": ({"app_id": "1", "timestamp": "1"}, None, None),
    "wechat_pay_redirect_to_ios_app": ({"native_url": "weixin://x"}, None, None),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_each_documented_shape_gives_its_page_and_its_end(kind: str) -> None:
    detail, page, until = SHAPES[kind]

    payment = payment_from(intent(status="requires_action", next_action={"type": kind, kind: detail}))

    assert payment.next_action is not None
    assert (payment.next_action.type, payment.next_action.redirect_url, payment.next_action.expires_at) == (
        kind,
        page,
        until,
    )
    assert payment.status is PaymentStatus.REQUIRES_ACTION


NOTHING: dict[str, Any] = {"number": None, "entity": None, "reference": None, "pdf_url": None, "stores": []}
IBAN = {"account_holder_name": "A Shop", "bic": "SOGEDEFF", "country": "DE", "iban": "DE11", "bank_address": {}}
# What the payer needs where they pay, by the way of paying.
INSTRUCTIONS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "boleto": (
        "boleto_display_details",
        {"number": "34191.79001 01043", "pdf": PAGE},
        {"voucher": NOTHING | {"number": "34191.79001 01043", "pdf_url": PAGE}},
    ),
    "multibanco": (
        "multibanco_display_details",
        {"entity": "11249", "reference": "123456789"},
        {"voucher": NOTHING | {"entity": "11249", "reference": "123456789"}},
    ),
    "konbini": (
        "konbini_display_details",
        {"stores": {"lawson": {"payment_code": "1", "confirmation_number": 2}, "seicomart": None, "a b": {}}},
        {"voucher": NOTHING | {"stores": [{"chain": "lawson", "payment_code": "1", "confirmation_number": None}]}},
    ),
    "pix": ("pix_display_qr_code", QR, {"code": {"data": "00020101", "image_url": PICTURES["image_url_svg"]}}),
    "cashapp": (
        "cashapp_handle_redirect_or_display_qr_code",
        {"qr_code": CODE},
        {"code": {"data": None, "image_url": PICTURES["image_url_svg"]}},
    ),
    "microdeposits": (
        "verify_with_microdeposits",
        {"arrival_date": UNTIL, "microdeposit_type": "descriptor_code"},
        {"microdeposits": {"type": "descriptor_code", "arrives_at": WHEN}},
    ),
    "a page": ("redirect_to_url", {"url": PAGE}, {}),
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_the_payer_learns_what_they_need_where_they_pay(name: str) -> None:
    kind, detail, expected = INSTRUCTIONS[name]

    found = next_action_from({"type": kind, kind: detail}, livemode=True)

    assert found is not None
    assert found.instructions == expected
    assert all(str(text) not in repr(found) for text in detail.values() if isinstance(text, str) and text != PAGE)


def test_a_transfer_names_the_accounts_and_what_remains() -> None:
    detail = {
        "amount_remaining": 6_000,
        "reference": "ABC",
        "financial_addresses": [{"type": "iban", "iban": IBAN}, {"type": "swift"}, "DE11", {"type": "iban", "iban": 1}],
    }
    kind = "display_bank_transfer_instructions"

    found = next_action_from({"type": kind, kind: detail}, livemode=True)

    assert found is not None
    [account] = found.instructions["transfer"]["accounts"]
    said = {name: value for name, value in account.items() if value is not None}
    assert said == {"type": "iban", "account_holder_name": "A Shop", "bic": "SOGEDEFF", "country": "DE", "iban": "DE11"}
    assert (found.instructions["transfer"]["reference"], found.remaining_minor) == ("ABC", 6_000)


@pytest.mark.parametrize("remaining", [-1, 2**60, 5.5, "6000", True, None])
def test_a_remaining_amount_that_is_none_is_not_shown(remaining: object) -> None:
    kind = "display_bank_transfer_instructions"

    found = next_action_from({"type": kind, kind: {"amount_remaining": remaining}}, livemode=True)

    assert found is not None
    assert found.remaining_minor is None


@pytest.mark.parametrize("text", ["", "x" * 1_001, "a\nb", 7, ["a"]])
def test_a_number_that_no_page_could_show_is_none(text: object) -> None:
    found = next_action_from({"type": "oxxo_display_details", "oxxo_display_details": {"number": text}}, livemode=True)

    assert found is not None
    assert found.instructions == {"voucher": NOTHING}


@pytest.mark.parametrize(
    "page",
    [
        "http://payments.stripe.com/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "weixin://x",
        "https://user:password@bank.example/",
        "https:///x",
        "https://[::1",
        "https://bank.example/a b",
        "https://bank.example\\@evil.example",
        "https://bank.example/\n",
        "https://bänk.example/",
        "//bank.example",
        "https://bank.example/" + "x" * 5_000,
        "",
        7,
        {"url": "https://bank.example"},
    ],
    ids=range(16),
)
def test_a_page_that_no_browser_should_be_sent_to_is_no_page(page: object) -> None:
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": page}}

    assert next_action_from(action, livemode=True) == Actionable("redirect_to_url", None, None)


@pytest.mark.parametrize("until", ["1800000000", 1e30, 10**30, -(10**30), True, None, [UNTIL], {}])
def test_an_end_that_is_no_moment_is_no_end(until: object) -> None:
    action = {"type": "oxxo_display_details", "oxxo_display_details": {"expires_after": until}}

    found = next_action_from(action, livemode=True)
    assert found is not None
    assert (found.type, found.redirect_url, found.expires_at) == ("oxxo_display_details", None, None)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["url", "stripe_js", "hosted_voucher_url", "hosted_instructions_url", "expires_at", "expires_after", "qr_code"]
NAMES += ["amount_remaining", "financial_addresses", "stores", "number", "data", "pdf"]
LIKELY = st.fixed_dictionaries(
    {"type": st.sampled_from([*SHAPES, "invented_tomorrow"])},
    optional={kind: ANYTHING | st.dictionaries(st.sampled_from(NAMES), ANYTHING) for kind in SHAPES},
)
HINTS = ["next_action", "last_payment_error", "latest_charge", "payment_method", "metadata", "capture_method"]


@given(LIKELY | ANYTHING)
def test_no_shape_of_a_next_action_is_an_error(action: Any) -> None:
    found = next_action_from(action, livemode=True)

    assert found is None or (found.redirect_url or "https://").startswith("https://")


@given(st.dictionaries(st.sampled_from(HINTS), ANYTHING))
def test_no_shape_of_any_hint_keeps_a_payment_from_being_read(hints: dict[str, Any]) -> None:
    payment = payment_from(intent(status="requires_action", **hints))

    assert (payment.status, payment.amount_minor) == (PaymentStatus.REQUIRES_ACTION, 1_099)


@given(ANYTHING, ANYTHING)
def test_no_shape_of_a_charges_details_keeps_a_payment_from_being_read(details: Any, card: Any) -> None:
    for described in (details, {"type": "card", "card": card}, {"type": "card", "card": {"exp_month": card}}):
        charge = {"id": "ch_1", "payment_method_details": described}

        assert payment_from(intent(status="requires_capture", latest_charge=charge)).charge_id == "ch_1"
