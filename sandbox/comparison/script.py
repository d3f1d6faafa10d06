"""The calls of a comparison, as data: what is asked, in which order, and what a later call needs of an answer."""

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
class Call:
    """One call. `{name}` in path, parameters and key is what an earlier call kept under this name.

    `keeps` maps names to where their value is in the answer, with dots. `key` is the idempotency key; two calls that
    are to have the same one say the same.
    """

    name: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    keeps: Mapping[str, str] = field(default_factory=dict)


def _paid(name: str, method: str, **more: str) -> dict[str, str]:
    given = {"amount": "10000", "currency": "usd", "confirm": "true", "payment_method": method, **METHODS, **EXPANDED}
    return given | {"metadata[comparison]": name} | more


SCRIPT: Final = (
    Call(
        "make a customer",
        "POST",
        "/v1/customers",
        {"name": "A comparison", "metadata[comparison]": "customer"},
        key="customer",
        keeps={"customer": "id"},
    ),
    # -- idempotency, and a payment from its making to its refund
    Call(
        "make a payment",
        "POST",
        PI,
        {"amount": "1099", "currency": "usd", "metadata[comparison]": "paid", "customer": "{customer}", **METHODS},
        key="paid",
        keeps={"paid": "id", "since": "created"},
    ),
    Call(
        "make it again with its key",
        "POST",
        PI,
        {"amount": "1099", "currency": "usd", "metadata[comparison]": "paid", "customer": "{customer}", **METHODS},
        key="paid",
    ),
    Call("use its key for another one", "POST", PI, {"amount": "1100", "currency": "usd", **METHODS}, key="paid"),
    Call("look at it", "GET", PI + "/{paid}", EXPANDED),
    Call("confirm with a method that is not there", "POST", PI + "/{paid}/confirm", {"payment_method": "pm_none"}),
    Call(
        "confirm it",
        "POST",
        PI + "/{paid}/confirm",
        {"payment_method": "pm_card_visa", **EXPANDED},
        key="confirm",
        keeps={"charge": "latest_charge.id"},
    ),
    Call(
        "confirm it again with its key",
        "POST",
        PI + "/{paid}/confirm",
        {"payment_method": "pm_card_visa", **EXPANDED},
        key="confirm",
    ),
    Call("confirm it once more", "POST", PI + "/{paid}/confirm", {"payment_method": "pm_card_visa"}),
    Call("cancel what is paid", "POST", PI + "/{paid}/cancel"),
    Call(
        "refund a part",
        "POST",
        RE,
        {"payment_intent": "{paid}", "amount": "300", "metadata[comparison]": "first"},
        key="refund",
        keeps={"first": "id"},
    ),
    Call(
        "refund it again with its key",
        "POST",
        RE,
        {"payment_intent": "{paid}", "amount": "300", "metadata[comparison]": "first"},
        key="refund",
    ),
    Call("refund another part", "POST", RE, {"payment_intent": "{paid}", "amount": "200"}, keeps={"second": "id"}),
    Call("refund more than is left", "POST", RE, {"payment_intent": "{paid}", "amount": "5000"}),
    Call("list its refunds", "GET", RE, {"payment_intent": "{paid}", "limit": "10"}),
    Call("look at its charge", "GET", "/v1/charges/{charge}"),
    Call("look at its booking", "GET", "/v1/balance_transactions", {"source": "{charge}"}),
    Call("list its disputes", "GET", "/v1/disputes", {"payment_intent": "{paid}"}),
    # -- declines
    Call(
        "a card that is declined",
        "POST",
        PI,
        _paid("declined", "pm_card_visa_chargeDeclined"),
        key="declined",
        keeps={"declined": "error.payment_intent.id"},
    ),
    Call(
        "the same again with its key",
        "POST",
        PI,
        _paid("declined", "pm_card_visa_chargeDeclined"),
        key="declined",
    ),
    Call("look at what was declined", "GET", PI + "/{declined}", EXPANDED),
    Call(
        "a card without funds",
        "POST",
        PI + "/{declined}/confirm",
        {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"},
    ),
    Call("a stolen card", "POST", PI + "/{declined}/confirm", {"payment_method": "pm_card_chargeDeclinedStolenCard"}),
    Call("cancel what was declined", "POST", PI + "/{declined}/cancel", {"cancellation_reason": "abandoned"}),
    Call("cancel it again", "POST", PI + "/{declined}/cancel"),
    # -- holds, and what becomes of the part that is released
    Call("hold money", "POST", PI, _paid("held", "pm_card_visa", capture_method="manual"), keeps={"held": "id"}),
    Call("capture more than is held", "POST", PI + "/{held}/capture", {"amount_to_capture": "20000"}),
    Call("capture a part", "POST", PI + "/{held}/capture", {"amount_to_capture": "6000", **EXPANDED}),
    Call("list what was released", "GET", RE, {"payment_intent": "{held}"}),
    Call("capture it again", "POST", PI + "/{held}/capture"),
    Call("refund what was released", "POST", RE, {"payment_intent": "{held}", "amount": "7000"}),
    Call(
        "hold more",
        "POST",
        PI,
        {**_paid("given up", "pm_card_visa", capture_method="manual"), **MORE},
        keeps={"given_up": "id"},
    ),
    Call(
        "hold more of it",
        "POST",
        PI + "/{given_up}/increment_authorization",
        {"amount": "12000"},
    ),
    Call("give it up", "POST", PI + "/{given_up}/cancel", EXPANDED),
    Call("list what was given up", "GET", RE, {"payment_intent": "{given_up}"}),
    Call("refund what was given up", "POST", RE, {"payment_intent": "{given_up}"}),
    # -- authentication
    Call(
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
    Call("give up what waits", "POST", PI + "/{waiting}/cancel"),
    # -- refusals
    Call("look for what is not there", "GET", PI + "/pi_none"),
    Call("refund what is not there", "POST", RE, {"payment_intent": "pi_none"}),
    Call("too little", "POST", PI, {"amount": "1", "currency": "usd", **METHODS}),
    Call("too much", "POST", PI, {"amount": "100000000000", "currency": "usd", **METHODS}),
    Call("a parameter that is not there", "POST", PI, {"amount": "1000", "currency": "usd", "colour": "red"}),
    Call("no currency", "POST", PI, {"amount": "1000"}),
    # -- lists
    Call("the newest payments", "GET", PI, {"created[gte]": "{since}", "limit": "3"}),
    Call("the payments before one", "GET", PI, {"created[gte]": "{since}", "limit": "3", "starting_after": "{held}"}),
    Call("too long a page", "GET", PI, {"limit": "101"}),
    Call("events", "GET", "/v1/events", {"created[gte]": "{since}", "types[0]": "payment_intent.succeeded"}),
)
