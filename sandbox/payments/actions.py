"""The payer's next step: the `next_action` of each type of method, with the fields of Stripe's.

Every page and picture is an address of the sandbox, where a person can answer for the payer.
"""

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

DAY = 86_400
QR_SECONDS = 30  # Cash App shows a new code every half minute
SWISH_SECONDS = 300
DEPOSIT_SECONDS = 2 * DAY
NOWHERE = {"city": "Nowhere", "country": "US", "line1": "1 Test Street", "line2": None, "postal_code": "00000"}
ADDRESS = NOWHERE | {"state": None}
BANK = {"account_holder_address": ADDRESS, "account_holder_name": "SANDBOX", "bank_address": ADDRESS}


def of(kind: str, intent: Json, page: str, now: int, *, expires: int | None = None, back: str | None = None) -> Json:
    """Build the next action of this type.

    `page` is where it can be answered, `back` where the payer goes from there.
    """
    if kind == "redirect_to_url":
        return {"type": kind, kind: {"return_url": back, "url": page}}
    return {"type": kind, kind: ACTIONS[kind](intent, page, now + (expires or DAY), back)}


def challenge() -> Json:
    """Build a captcha against card testing. `use_stripe_sdk` is undocumented; here `stripe_js` is an object.

    Source: stripe-android, NextActionDataParser.
    """
    sdk = {"type": "intent_confirmation_challenge", "stripe_js": {"captcha_vendor_name": "hcaptcha"}}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}


def microdeposits(page: str, now: int) -> Json:
    """Build the request to verify the microdeposits that arrived at the bank account."""
    return {
        "type": "verify_with_microdeposits",
        "verify_with_microdeposits": {
            "arrival_date": now + DEPOSIT_SECONDS,
            "hosted_verification_url": page,
            "microdeposit_type": "descriptor_code",
        },
    }


def _pictures(page: str) -> Json:
    return {"image_url_png": f"{page}?image=png", "image_url_svg": f"{page}?image=svg"}


def _alipay(_intent: Json, page: str, _until: int, back: str | None) -> Json:
    return {"native_data": None, "native_url": None, "return_url": back, "url": page}


def _boleto(_intent: Json, page: str, until: int, _back: str | None) -> Json:
    number = "34191.79001 01043.510047 91020.150008 1 99990000010000"
    return {"expires_at": until, "hosted_voucher_url": page, "number": number, "pdf": f"{page}?pdf"}


def _cashapp(_intent: Json, page: str, until: int, _back: str | None) -> Json:
    code = {"expires_at": until - DAY + QR_SECONDS, **_pictures(page)}
    return {"hosted_instructions_url": page, "mobile_auth_url": page, "qr_code": code}


def _swish(intent: Json, page: str, until: int, _back: str | None) -> Json:
    code = {"data": f"sandbox:{intent['id']}", "expires_at": until - DAY + SWISH_SECONDS, **_pictures(page)}
    return {"hosted_instructions_url": page, "mobile_auth_url": page, "qr_code": code}


def _bank_transfer(intent: Json, page: str, _until: int, _back: str | None) -> Json:
    area, addresses = TRANSFERS[intent["currency"]]
    return {
        "amount_remaining": intent["amount"],
        "currency": intent["currency"],
        "financial_addresses": addresses,
        "hosted_instructions_url": page,
        "reference": intent["id"][-12:].upper(),
        "type": f"{area}_bank_transfer",
    }


def _konbini(_intent: Json, page: str, until: int, _back: str | None) -> Json:
    store = {"confirmation_number": "15500000000", "payment_code": "000000"}
    shops = dict.fromkeys(("familymart", "lawson", "ministop", "seicomart"), store)
    return {"expires_at": until, "hosted_voucher_url": page, "stores": shops}


def _multibanco(_intent: Json, page: str, until: int, _back: str | None) -> Json:
    return {"entity": "11249", "expires_at": until, "hosted_voucher_url": page, "reference": "123456789"}


def _oxxo(_intent: Json, page: str, until: int, _back: str | None) -> Json:
    return {"expires_after": until, "hosted_voucher_url": page, "number": "12345678901234657890123456789012"}


def _code(intent: Json, page: str, _until: int, _back: str | None) -> Json:
    return {"data": f"sandbox:{intent['id']}", "hosted_instructions_url": page, **_pictures(page)}


def _pix(intent: Json, page: str, until: int, back: str | None) -> Json:
    return _code(intent, page, until, back) | {"expires_at": until}


def _wechat(intent: Json, page: str, until: int, back: str | None) -> Json:
    return _code(intent, page, until, back) | {"image_data_url": "data:image/png;base64,"}


def _iban(country: str) -> Json:
    account = BANK | {"bic": "SANDBOX0", "country": country, "iban": f"{country}00000000000000000000"}
    return {"iban": account, "supported_networks": ["sepa"], "type": "iban"}


TRANSFERS: Mapping[str, tuple[str, list[Json]]] = {
    "eur": ("eu", [_iban("DE")]),
    "gbp": (
        "gb",
        [
            {
                "sort_code": BANK | {"account_number": "00012345", "sort_code": "000000"},
                "supported_networks": ["bacs", "fps"],
                "type": "sort_code",
            }
        ],
    ),
    "jpy": (
        "jp",
        [
            {
                "supported_networks": ["zengin"],
                "type": "zengin",
                "zengin": BANK
                | {
                    "account_number": "0000000",
                    "account_type": "futsu",
                    "bank_code": "0000",
                    "bank_name": "SANDBOX",
                    "branch_code": "000",
                    "branch_name": "SANDBOX",
                },
            }
        ],
    ),
    "mxn": (
        "mx",
        [
            {
                "spei": BANK | {"bank_code": "000", "bank_name": "SANDBOX", "clabe": "000000000000000000"},
                "supported_networks": ["spei"],
                "type": "spei",
            }
        ],
    ),
    "usd": (
        "us",
        [
            {
                "aba": BANK
                | {
                    "account_number": "000000000000",
                    "account_type": "checking",
                    "bank_name": "SANDBOX",
                    "routing_number": "110000000",
                },
                "supported_networks": ["ach", "domestic_wire_us"],
                "type": "aba",
            }
        ],
    ),
}
ACTIONS: Mapping[str, Callable[[Json, str, int, str | None], Json]] = {
    "alipay_handle_redirect": _alipay,
    "boleto_display_details": _boleto,
    "cashapp_handle_redirect_or_display_qr_code": _cashapp,
    "display_bank_transfer_instructions": _bank_transfer,
    "konbini_display_details": _konbini,
    "multibanco_display_details": _multibanco,
    "oxxo_display_details": _oxxo,
    "paynow_display_qr_code": _code,
    "pix_display_qr_code": _pix,
    "promptpay_display_qr_code": _code,
    "swish_handle_redirect_or_display_qr_code": _swish,
    "wechat_pay_display_qr_code": _wechat,
}
