"""Card features for authorizations: incremental, overcapture, multicapture and extended.

Source: docs.stripe.com/payments/flexible-acquiring. Each is requested with
`payment_method_options[card][request_…]=if_available`, needs manual capture and a card brand that supports it, and is
then shown by the charge.
"""

from typing import Any

Json = dict[str, Any]

DAY = 86_400
HOLD_SECONDS = 7 * DAY
EXTENDED_HOLD_SECONDS = 30 * DAY
OVERCAPTURE_PERCENT = 20  # brands allow 15 % to 30 %, by country and merchant category
BRANDS = {
    "extended_authorization": ("visa", "mastercard", "amex", "discover"),
    "incremental_authorization": ("visa", "mastercard", "discover"),
    "multicapture": ("visa", "mastercard", "amex", "discover", "diners", "unionpay", "jcb"),
    "overcapture": ("visa", "mastercard", "amex", "discover"),
}


def features(intent: Json, brand: str, amount: int) -> Json:
    """Return the features as the charge of this intent shows them."""
    card_options = intent["payment_method_options"].get("card", {})

    def status(name: str, yes: str = "available", no: str = "unavailable") -> str:
        is_requested = card_options.get(f"request_{name}") == "if_available"
        return yes if is_requested and is_manual(intent, "card") and brand in BRANDS[name] else no

    return {
        "extended_authorization": {"status": status("extended_authorization", "enabled", "disabled")},
        "incremental_authorization": {"status": status("incremental_authorization")},
        "multicapture": {"status": status("multicapture")},
        "overcapture": overcapture(amount, status("overcapture")),
    }


def is_manual(intent: Json, kind: str) -> bool:
    """Return True if a payment by this type is held until it is captured: its own option goes before the intent's."""
    own = (intent["payment_method_options"] or {}).get(kind, {}).get("capture_method")
    return bool((own or intent["capture_method"]) == "manual")


def overcapture(amount: int, status: str) -> Json:
    """Return the maximum capture of an authorized amount."""
    more = amount * OVERCAPTURE_PERCENT // 100 if status == "available" else 0
    return {"maximum_amount_capturable": amount + more, "status": status}


def may(charge: Json, feature: str) -> bool:
    """Return True if the charge has this feature."""
    card = charge["payment_method_details"].get("card", {})
    return bool(card.get(feature, {}).get("status") in ("available", "enabled"))


def hold_seconds(charge: Json) -> int:
    """Return the lifetime of the authorization, in seconds."""
    return EXTENDED_HOLD_SECONDS if may(charge, "extended_authorization") else HOLD_SECONDS
