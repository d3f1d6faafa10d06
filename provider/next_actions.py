"""The payer's next action, in Stripe's many shapes. It is a hint: no shape is ever an error."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from domain.money import MAX_MINOR
from provider.objects import Actionable
from provider.words import Json, maybe_moment, word

# The members with an action's page, the most direct one first; many actions share these names of Stripe's. Left out are
# `image_url_*` (a picture and no page), `native_url` and `mobile_auth_url` (an app's own scheme).
PAGES: Final = (
    "url",  # redirect_to_url, alipay_handle_redirect
    "hosted_voucher_url",  # boleto, konbini, multibanco, oxxo
    "hosted_verification_url",  # verify_with_microdeposits
    "hosted_instructions_url",  # bank transfers, cashapp, paynow, pix, promptpay, swish, upi, wechat_pay
    "stripe_js",  # use_stripe_sdk: a URL in some of its shapes, an object for Stripe.js alone in others
)
EXPIRIES: Final = ("expires_at", "expires_after")
PICTURES: Final = ("image_url_svg", "image_url_png")
LONGEST_PAGE: Final = 5_000
LONGEST_TEXT: Final = 1_000  # the text of a Pix code has some two hundred characters
MOST_ACCOUNTS: Final = 10  # Stripe names one or two
# What an account that is paid to may have, by Stripe's names: the Bank Transfers pages of each country.
OF_AN_ACCOUNT: Final = (
    "account_holder_name",
    "account_number",
    "account_type",
    "bank_code",
    "bank_name",
    "bic",
    "branch_code",
    "branch_name",
    "clabe",
    "country",
    "iban",
    "routing_number",
    "sort_code",
    "swift_code",
)


def next_action_from(action: object, *, livemode: bool) -> Actionable | None:
    """Map the payer's next action; None where there is none. Never raises: of a new shape only the type is known.

    Source: docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action.
    """
    if not action:
        return None
    received: Json = action if isinstance(action, dict) else {}
    kind = word(received.get("type")) or "unknown"
    detail = received.get(kind)
    if not isinstance(detail, dict):
        detail = {}
    return Actionable(
        type=kind,
        redirect_url=_page(detail, PAGES, livemode=livemode),
        expires_at=maybe_moment(_expiry(detail)),
        remaining_minor=_remaining(detail),
        instructions=_instructions(kind, detail, livemode=livemode),
    )


def _page(detail: Json, names: tuple[str, ...], *, livemode: bool) -> str | None:
    pages = (detail.get(name) for name in names)
    return next((page for page in pages if is_safe_page(page, livemode=livemode)), None)


def _expiry(detail: Json) -> object:
    places = _with_code(detail)
    return next((place[name] for place in places for name in EXPIRIES if place.get(name) is not None), None)


def _with_code(detail: Json) -> list[Json]:
    """Return the places in which an action names a code and its end: itself, and a member of it."""
    code = detail.get("qr_code")
    return [detail, code] if isinstance(code, dict) else [detail]


def _remaining(detail: Json) -> int | None:
    remaining = detail.get("amount_remaining")
    return remaining if type(remaining) is int and 0 <= remaining <= MAX_MINOR else None


def _instructions(kind: str, detail: Json, *, livemode: bool) -> Mapping[str, Any]:
    """Return what the payer needs where they pay, by the way of paying, in our own words; empty for other actions."""
    if kind == "verify_with_microdeposits":
        arrives_at = maybe_moment(detail.get("arrival_date"))
        return {"microdeposits": {"type": word(detail.get("microdeposit_type")), "arrives_at": arrives_at}}
    if kind == "display_bank_transfer_instructions":
        return {"transfer": {"reference": _text(detail.get("reference")), "accounts": _accounts(detail)}}
    if kind.endswith("_display_details"):
        return {"voucher": _voucher(detail, livemode=livemode)}
    codes = [
        {"data": _text(place.get("data")), "image_url": _page(place, PICTURES, livemode=livemode)}
        for place in _with_code(detail)
    ]
    code = next((code for code in codes if any(code.values())), None)
    return {"code": code} if code is not None else {}


def _voucher(detail: Json, *, livemode: bool) -> Json:
    stores = detail.get("stores")
    each = stores.items() if isinstance(stores, dict) else ()
    return {
        "number": _text(detail.get("number")),
        "entity": _text(detail.get("entity")),
        "reference": _text(detail.get("reference")),
        "pdf_url": _page(detail, ("pdf",), livemode=livemode),
        "stores": [
            {
                "chain": chain,
                "payment_code": _text(store.get("payment_code")),
                "confirmation_number": _text(store.get("confirmation_number")),
            }
            for chain, store in each
            if word(chain) is not None and isinstance(store, dict)
        ],
    }


def _accounts(detail: Json) -> list[Json]:
    listed = detail.get("financial_addresses")
    accounts = []
    for address in listed[:MOST_ACCOUNTS] if isinstance(listed, list) else ():
        kind = word(address.get("type")) if isinstance(address, dict) else None
        account = address.get(kind) if kind is not None else None
        if isinstance(account, dict):
            accounts.append({"type": kind, **{name: _text(account.get(name)) for name in OF_AN_ACCOUNT}})
    return accounts


def _text(value: object) -> str | None:
    """Return a text as Stripe shows it to the payer; None for anything else, or what no page could show."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable() else None


def is_safe_page(page: Any, *, livemode: bool) -> bool:
    """Return True if a browser may be sent to this page: https, with a host and without a password.

    In test mode, where no money moves, http is allowed too: the offline Stripe's pages have no certificate.
    """
    if not isinstance(page, str) or not 0 < len(page) <= LONGEST_PAGE or not page.isascii() or not page.isprintable():
        return False
    try:
        parts = urlsplit(page)
        host = parts.hostname
    except ValueError:
        return False
    if " " in page or "\\" in page or not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and not livemode)
