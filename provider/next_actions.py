"""The payer's next action, in Stripe's many shapes. It is a hint: no shape is ever an error."""

from typing import Any, Final
from urllib.parse import urlsplit

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
LONGEST_PAGE: Final = 5_000


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
    pages = (detail.get(name) for name in PAGES)
    return Actionable(
        type=kind,
        redirect_url=next((page for page in pages if is_safe_page(page, livemode=livemode)), None),
        expires_at=maybe_moment(_expiry(detail)),
    )


def _expiry(detail: Json) -> object:
    code = detail.get("qr_code")
    places: list[Json] = [detail, code] if isinstance(code, dict) else [detail]
    return next((place[name] for place in places for name in EXPIRIES if place.get(name) is not None), None)


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
