"""The calls of a comparison, as data: their order, their parameters, and the values that later calls need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PI, RE = "/v1/payment_intents", "/v1/refunds"
MORE: Final = {"payment_method_options[card][request_incremental_authorization]": "if_available"}
BACK: Final = "https://example.com/back"
EXPANDED: Final = {"expand[0]": "latest_charge", "expand[1]": "payment_method"}
METHODS: Final = {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
REDIRECTS: Final = {"automatic_payment_methods[enabled]": "true", "return_url": BACK}


@dataclass(frozen=True, slots=True)
class StripeCall:
    """One call. `{name}` in path, parameters and key stands for the value that an earlier call kept under this name.

    `keeps` maps names to the place of their value in the answer, with dots. `key` is the idempotency key; calls with
    equal keys share one.
    """

    name: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    keeps: Mapping[str, str] = field(default_factory=dict)


def _paid(name: str, method: str, **more: str) -> dict[str, str]:
    params = {"amount": "10000", "currency": "usd", "confirm": "true", "payment_method": method, **METHODS, **EXPANDED}
    return params | {"metadata[comparison]": name} | more


SCRIPT: Final = (
    StripeCall(
        "make a customer",
        "POST",
        "/v1/customers",
        {"name": "A comparison", "metadata[comparison]": "customer"},
        key="customer",
        keeps={"customer": "id"},
    ),
    # -- idempotency, and a payment from creation to refund
    StripeCall(
        "make a payment",
        "POST",
        PI,
        {"amount": "1099", "currency": "usd", "metadata[comparison]": "paid", "customer": "{customer}", **METHODS},
        key="paid",
        keeps={"paid": "id", "since": "created"},
    ),
    StripeCall(
        "make it again with its key",
        "POST",
        PI,
        {"amount": "1099", "currency": "usd", "metadata[comparison]": "paid", "customer": "{customer}", **METHODS},
        key="paid",
    ),
    StripeCall("use its key for another one", "POST", PI, {"amount": "1100", "currency": "usd", **METHODS}, key="paid"),
    StripeCall("look at it", "GET", PI + "/{paid}", EXPANDED),
    StripeCall(
        "confirm with a method that is not there", "POST", PI + "/{paid}/confirm", {"payment_method": "pm_none"}
    ),
    StripeCall(
        "confirm it",
        "POST",
        PI + "/{paid}/confirm",
        {"payment_method": "pm_card_visa", **EXPANDED},
        key="confirm",
        keeps={"charge": "latest_charge.id"},
    ),
    StripeCall(
        "confirm it again with its key",
        "POST",
        PI + "/{paid}/confirm",
        {"payment_method": "pm_card_visa", **EXPANDED},
        key="confirm",
    ),
    StripeCall("confirm it once more", "POST", PI + "/{paid}/confirm", {"payment_method": "pm_card_visa"}),
    StripeCall("cancel what is paid", "POST", PI + "/{paid}/cancel"),
    StripeCall(
        "refund a part",
        "POST",
        RE,
        {"payment_intent": "{paid}", "amount": "300", "metadata[comparison]": "first"},
        key="refund",
        keeps={"first": "id"},
    ),
    StripeCall(
        "refund it again with its key",
        "POST",
        RE,
        {"payment_intent": "{paid}", "amount": "300", "metadata[comparison]": "first"},
        key="refund",
    ),
    StripeCall(
        "refund another part", "POST", RE, {"payment_intent": "{paid}", "amount": "200"}, keeps={"second": "id"}
    ),
    StripeCall("refund more than is left", "POST", RE, {"payment_intent": "{paid}", "amount": "5000"}),
    StripeCall("list its refunds", "GET", RE, {"payment_intent": "{paid}", "limit": "10"}),
    StripeCall("look at its charge", "GET", "/v1/charges/{charge}"),
    StripeCall("look at its booking", "GET", "/v1/balance_transactions", {"source": "{charge}"}),
    StripeCall("list its disputes", "GET", "/v1/disputes", {"payment_intent": "{paid}"}),
    # -- declines
    StripeCall(
        "a card that is declined",
        "POST",
        PI,
        _paid("declined", "pm_card_visa_chargeDeclined"),
        key="declined",
        keeps={"declined": "error.payment_intent.id"},
    ),
    StripeCall(
        "the same again with its key",
        "POST",
        PI,
        _paid("declined", "pm_card_visa_chargeDeclined"),
        key="declined",
    ),
    StripeCall("look at what was declined", "GET", PI + "/{declined}", EXPANDED),
    StripeCall(
        "a card without funds",
        "POST",
        PI + "/{declined}/confirm",
        {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"},
    ),
    StripeCall(
        "a stolen card", "POST", PI + "/{declined}/confirm", {"payment_method": "pm_card_chargeDeclinedStolenCard"}
    ),
    StripeCall("cancel what was declined", "POST", PI + "/{declined}/cancel", {"cancellation_reason": "abandoned"}),
    StripeCall("cancel it again", "POST", PI + "/{declined}/cancel"),
    # -- authorizations, and the release of the uncaptured part
    StripeCall("hold money", "POST", PI, _paid("held", "pm_card_visa", capture_method="manual"), keeps={"held": "id"}),
    StripeCall("capture more than is held", "POST", PI + "/{held}/capture", {"amount_to_capture": "20000"}),
    StripeCall("capture a part", "POST", PI + "/{held}/capture", {"amount_to_capture": "6000", **EXPANDED}),
    StripeCall("list what was released", "GET", RE, {"payment_intent": "{held}"}),
    StripeCall("capture it again", "POST", PI + "/{held}/capture"),
    StripeCall("refund what was released", "POST", RE, {"payment_intent": "{held}", "amount": "7000"}),
    StripeCall(
        "hold more",
        "POST",
        PI,
        {**_paid("given up", "pm_card_visa", capture_method="manual"), **MORE},
        keeps={"given_up": "id"},
    ),
    StripeCall(
        "hold more of it",
        "POST",
        PI + "/{given_up}/increment_authorization",
        {"amount": "12000"},
    ),
    StripeCall("give it up", "POST", PI + "/{given_up}/cancel", EXPANDED),
    StripeCall("list what was given up", "GET", RE, {"payment_intent": "{given_up}"}),
    StripeCall("refund what was given up", "POST", RE, {"payment_intent": "{given_up}"}),
    # -- authentication
    StripeCall(
        "a card that wants its payer",
        "POST",
        PI,
        {
            "amount": "10000",
            "currency": "usd",
            "confirm": "true",
            "payment_method": "pm_card_threeDSecure2Required",
            **REDIRECTS,
        },
        keeps={"waiting": "id"},
    ),
    StripeCall("give up what waits", "POST", PI + "/{waiting}/cancel"),
    # -- refusals
    StripeCall("look for what is not there", "GET", PI + "/pi_none"),
    StripeCall("refund what is not there", "POST", RE, {"payment_intent": "pi_none"}),
    StripeCall("too little", "POST", PI, {"amount": "1", "currency": "usd", **METHODS}),
    StripeCall("too much", "POST", PI, {"amount": "100000000000", "currency": "usd", **METHODS}),
    StripeCall("a parameter that is not there", "POST", PI, {"amount": "1000", "currency": "usd", "colour": "red"}),
    StripeCall("no currency", "POST", PI, {"amount": "1000"}),
    # -- lists
    StripeCall("the newest payments", "GET", PI, {"created[gte]": "{since}", "limit": "3"}),
    StripeCall(
        "the payments before one", "GET", PI, {"created[gte]": "{since}", "limit": "3", "starting_after": "{held}"}
    ),
    StripeCall("too long a page", "GET", PI, {"limit": "101"}),
    StripeCall("events", "GET", "/v1/events", {"created[gte]": "{since}", "types[0]": "payment_intent.succeeded"}),
)
