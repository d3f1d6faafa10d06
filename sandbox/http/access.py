"""Access: API keys, requests of the payer's browser, and the refusal of card numbers."""

import base64
import binascii
import hmac
from typing import Any

from starlette.requests import Request

from sandbox.errors import StripeError, invalid
from sandbox.http.routes import Route
from sandbox.ledger import Ledger

Json = dict[str, Any]

SECRET_KEYS = ("sk_test_", "rk_test_")
LIVE_KEYS = ("sk_live_", "rk_live_", "pk_live_")
PUBLISHABLE_KEY = "pk_test_"
NOT_PARAMETERS = frozenset({"expand", "key", "_stripe_version"})  # Stripe.js sends its key in the body
HIDDEN_FROM_BROWSERS: dict[str, Json] = {
    "payment_intent": {"customer": None, "latest_charge": None, "metadata": {}},
    "setup_intent": {"customer": None, "latest_attempt": None, "metadata": {}},
}
CARD_DATA = frozenset({"number", "cvc"})


def check_key(request: Request, params: Json) -> bool:
    """Return True for a browser's request (a publishable key). Raises StripeError (401) for an invalid key."""
    key = _bearer(request.headers.get("authorization", "")) or str(params.get("key", ""))
    if not key:
        raise invalid(
            "You did not provide an API key. Send it in the Authorization header: 'Bearer sk_test_…'.",
            status=401,
        )
    if key.startswith(LIVE_KEYS):
        raise invalid("This is the offline Stripe: a live key does not belong here. Use a test key.", status=401)
    if key.startswith(PUBLISHABLE_KEY):
        return True
    if not key.startswith(SECRET_KEYS):
        raise invalid("Invalid API Key provided: it does not begin as a test key does.", status=401)
    return False


def check_route(route: Route) -> None:
    """Refuse a browser all routes but a few. Raises StripeError (401)."""
    if not route.browser:
        raise invalid(
            "This API call cannot be made with a publishable API key. Use a secret API key.",
            code="secret_key_required",
            status=401,
        )


def check_secret(ledger: Ledger, ids: dict[str, str], params: Json) -> None:
    """Refuse a browser any intent but the one whose client secret it sends. Raises StripeError."""
    if "id" not in ids:
        return
    kind = "setup_intent" if ids["id"].startswith("seti_") else "payment_intent"
    intent = ledger.need(kind, ids["id"], param="intent")
    secret = params.pop("client_secret", "")
    if not hmac.compare_digest(secret.encode(), intent["client_secret"].encode()):
        raise invalid(
            "The client_secret provided does not match any associated secret of this object.", param="client_secret"
        )


def for_browser(answer: Json) -> Json:
    """Remove the fields of an answer that a publishable key may not read."""
    for kind, hidden in HIDDEN_FROM_BROWSERS.items():
        intent = answer.get("error", {}).get(kind) if "error" in answer else answer
        if intent and intent.get("object") == kind:
            intent |= hidden
    return answer


def refuse_card_numbers(params: Json) -> None:
    """Raise StripeError for raw card data in any parameter, before it is stored anywhere, even as a digest."""
    if _has_card_data(params):
        raise StripeError(
            402,
            {
                "type": "card_error",
                "message": "Card numbers are not accepted. Use a test payment method, such as pm_card_visa.",
            },
        )


def _has_card_data(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_card_data(item) for item in value)
    if not isinstance(value, dict):
        return False
    card = value.get("card")
    if isinstance(card, dict) and CARD_DATA & set(card):
        return True
    return any(_has_card_data(item) for item in value.values())


def _bearer(header: str) -> str:
    """Return the key in an Authorization header: a bearer token or the user name of basic authentication."""
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return ""
    return ""
