"""The types of methods that may pay an intent, and the options of each: `payment_method_types`, `…_options`."""

from typing import Any

from sandbox.customers import kinds
from sandbox.customers.kinds import DAY, KINDS
from sandbox.errors import invalid
from sandbox.http.params import Check, boolean, group, natural, one_of, one_of_or_unset, text, words
from sandbox.http.stripe_names import ALLOWED_TYPES, EXCLUDED_TYPES

Json = dict[str, Any]

FUTURE_USAGE = one_of_or_unset("none", "off_session", "on_session")
IF_AVAILABLE = one_of("if_available", "never")
SHOWN: Json = {  # shown of every allowed type, also without a request for it
    "card": {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "us_bank_account": {"verification_method": "automatic"},
    "sepa_debit": {},
    "boleto": {"expires_after_days": 3},
    "oxxo": {"expires_after_days": 3},
    "pix": {"amount_includes_iof": "never", "expires_after_seconds": 86_400, "expires_at": None},
    "konbini": {
        "confirmation_number": None,
        "expires_after_days": None,
        "expires_at": None,
        "product_description": None,
    },
    "wechat_pay": {"app_id": None, "client": "web"},
    "customer_balance": {"funding_type": None},
    "klarna": {"preferred_locale": None},
    "bancontact": {"preferred_language": "en"},
    "afterpay_clearpay": {"reference": None},
    "swish": {"reference": None},
}
DAYS: Json = {"boleto": (0, 60), "konbini": (0, 60), "oxxo": (1, 7)}  # in which a voucher can be paid
SECONDS = (10, 14 * DAY)  # in which a PIX code can


def _between(least: int, most: int) -> Check:
    def check(value: Any, name: str) -> int:
        number = natural(value, name)
        if not least <= number <= most:
            raise invalid(f"{name} must be between {least} and {most}.", param=name)
        return number

    return check


_EXPIRY: dict[str, dict[str, Check]] = {
    "boleto": {"expires_after_days": _between(*DAYS["boleto"])},
    "oxxo": {"expires_after_days": _between(*DAYS["oxxo"])},
    "konbini": {"expires_after_days": _between(*DAYS["konbini"]), "product_description": text},
    "pix": {"expires_after_seconds": _between(*SECONDS)},
    "wechat_pay": {"app_id": text, "client": one_of("android", "ios", "web")},
    "swish": {"reference": text},
    "klarna": {"preferred_locale": text},
    "bancontact": {"preferred_language": one_of("de", "en", "fr", "nl")},
    "us_bank_account": {"verification_method": one_of("automatic", "instant", "microdeposits")},
    "customer_balance": {
        "funding_type": one_of("bank_transfer"),
        "bank_transfer": group(
            type=one_of(*(f"{area}_bank_transfer" for area in ("eu", "gb", "jp", "mx", "us"))),
            eu_bank_transfer=group(country=text),
        ),
    },
}
CARD: dict[str, Check] = {
    "capture_method": one_of_or_unset("manual"),
    "moto": boolean,
    "network": text,
    "request_extended_authorization": IF_AVAILABLE,
    "request_incremental_authorization": IF_AVAILABLE,
    "request_multicapture": IF_AVAILABLE,
    "request_overcapture": IF_AVAILABLE,
    "request_three_d_secure": one_of("any", "automatic", "challenge"),
    "setup_future_usage": FUTURE_USAGE,
}
OPTIONS = group(
    card=group(**CARD),
    **{name: group(setup_future_usage=FUTURE_USAGE, **_EXPIRY.get(name, {})) for name in KINDS if name != "card"},
)


def types(value: Any, name: str) -> list[str] | None:
    """Check a list of types that this Stripe has; the empty string unsets them."""
    if value == "":
        return None
    listed = words(value, name)
    for kind in listed:
        if kind not in KINDS:
            raise invalid(f"The payment method type {kind!r} is not supported by the offline Stripe.", param=name)
    return listed


def _named(known: frozenset[str]) -> Check:
    """Make the check for a list of types of Stripe's, also those that this Stripe has not; "" unsets them."""

    def check(value: Any, name: str) -> list[str] | None:
        if value == "":
            return None
        listed = words(value, name)
        for kind in listed:
            if kind not in known:
                raise invalid(f"Invalid {name}: {kind!r} is no type of payment method that can be named.", param=name)
        return listed

    return check


TYPES: dict[str, Check] = {
    "allowed_payment_method_types": _named(ALLOWED_TYPES),
    "excluded_payment_method_types": _named(EXCLUDED_TYPES),
    "payment_method_options": OPTIONS,
    "payment_method_types": types,  # in API versions before `allowed_payment_method_types`
}
# Source: docs.stripe.com/changelog/dahlia/2026-07-29/allowed-payment-method-types-parameter.
NOT_BESIDE_ALLOWED = ("automatic_payment_methods", "excluded_payment_method_types", "payment_method_types")


def check_types(params: Json) -> None:
    """Check that an intent's types are said in one way, or left to Stripe. Raises StripeError."""
    for one, others in (
        ("payment_method_types", ("automatic_payment_methods",)),
        ("allowed_payment_method_types", NOT_BESIDE_ALLOWED),
    ):
        for other in others if params.get(one) else ():
            if params.get(other):
                raise invalid(f"You may only specify one of these parameters: {other}, {one}.", param=one)


def write_named(intent: Json, params: Json) -> None:
    """Write the types that an intent names. Those that it allows take the place of Stripe's own choice."""
    for name in ("allowed_payment_method_types", "excluded_payment_method_types"):
        if name in params:
            intent[name] = params[name]
    if params.get("allowed_payment_method_types"):
        intent |= {"automatic_payment_methods": None, "excluded_payment_method_types": None}


def check_type(intent: Json, kind: str) -> None:
    """Check that a method of this type may pay the intent. Raises StripeError."""
    allowed = intent["payment_method_types"]
    if kind not in allowed:
        raise invalid(
            f"The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a PaymentMethod"
            f" of one of the following types: {', '.join(allowed)}. Alternatively, update the allowed"
            f' payment_method_types for this PaymentIntent to include "{kind}".',
            param="payment_method",
            code="payment_intent_incompatible_payment_method",
        )


def apply(intent: Json, params: Json) -> None:
    """Write the allowed types and their options on the intent."""
    write_named(intent, params)
    if params.get("payment_method_types"):
        intent |= {"payment_method_types": params["payment_method_types"], "automatic_payment_methods": None}
    elif (
        intent["automatic_payment_methods"]
        or not intent["payment_method_types"]
        or "allowed_payment_method_types" in params
    ):
        intent["payment_method_types"] = _automatic(intent)
    for kind in intent["payment_method_types"]:
        if not kinds.takes(kind, intent["currency"]):
            raise invalid(
                f"The payment method type {kind} cannot be used with the currency {intent['currency']}.",
                param="currency",
            )
    old, new = intent["payment_method_options"], params.get("payment_method_options", {})
    intent["payment_method_options"] = {
        kind: SHOWN.get(kind, {}) | old.get(kind, {}) | new.get(kind, {}) for kind in intent["payment_method_types"]
    }


def expires(intent: Json, kind: str) -> int | None:
    """Return the seconds in which the payer can pay by this type: as the intent says, or as the type has it."""
    chosen = (intent["payment_method_options"] or {}).get(kind, {})
    if chosen.get("expires_after_seconds") is not None:
        return int(chosen["expires_after_seconds"])
    if chosen.get("expires_after_days") is not None:
        return max(int(chosen["expires_after_days"]) * DAY, 1)
    return KINDS[kind].expires


def kept_for(intent: Json, kind: str) -> str | None:
    """Return the later use that a method of this type is kept for: on_session, off_session, or none."""
    own = (intent["payment_method_options"] or {}).get(kind, {}).get("setup_future_usage")
    usage = own or intent["setup_future_usage"]
    return None if usage == "none" else usage


def _automatic(intent: Json) -> list[str]:
    """List the types that fit the intent, of those that it allows or, if it names none, of the account's."""
    automatic, allowed = intent["automatic_payment_methods"], intent["allowed_payment_method_types"]
    if automatic is None and allowed is None:
        offered = ["card"]
    else:
        redirects = automatic is None or automatic["allow_redirects"] == "always"
        offered = kinds.unasked(intent["currency"], redirects=redirects, customer=bool(intent["customer"]))
    excluded = intent["excluded_payment_method_types"] or ()
    found = [kind for kind in offered if (allowed is None or kind in allowed) and kind not in excluded]
    if not found:
        raise invalid("No payment method type is left that may pay this PaymentIntent.", param="currency")
    return found
