"""Which act answers which address, and what parameters it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import balance, customers, disputes, intents, payment_methods, refunds
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.listing import list_parameters, page
from sandbox.params import (
    ADDRESS,
    BILLING,
    SHIPPING,
    Check,
    Takes,
    boolean,
    group,
    metadata,
    named,
    off_session,
    one_of,
    one_of_or_unset,
    positive,
    text,
)

Json = dict[str, Any]
Ids = dict[str, str]
Act = Callable[[Ledger, Ids, Json], Json]

NOTHING = Takes()
METADATA = Takes({"metadata": metadata})
CAPTURE_METHOD = one_of("automatic", "automatic_async", "manual")
FUTURE_USAGE = one_of_or_unset("off_session", "on_session")
MANDATE = group(customer_acceptance=group(type=named, online=group(ip_address=named, user_agent=named), offline=text))
CONFIRMATION: dict[str, Check] = {
    "capture_method": CAPTURE_METHOD,
    "error_on_requires_action": boolean,
    "mandate_data": MANDATE,
    "off_session": off_session,
    "payment_method": named,
    "receipt_email": text,
    "return_url": named,
    "setup_future_usage": FUTURE_USAGE,
    "shipping": SHIPPING,
    "use_stripe_sdk": boolean,
}
BROWSER: dict[str, Check] = {"client_secret": named, "expected_payment_method_type": text}  # what Stripe.js adds
NEW_INTENT = Takes(
    CONFIRMATION
    | {
        "amount": positive,
        "automatic_payment_methods": group(("enabled",), enabled=boolean, allow_redirects=one_of("always", "never")),
        "confirm": boolean,
        "confirmation_method": one_of("automatic"),
        "currency": named,
        "customer": named,
        "description": text,
        "metadata": metadata,
        "statement_descriptor": text,
        "statement_descriptor_suffix": text,
        "transfer_group": text,
    },
    ("amount", "currency"),
)
CHANGED_INTENT = Takes(
    {
        "customer": named,
        "description": text,
        "metadata": metadata,
        "payment_method": text,
        "receipt_email": text,
        "setup_future_usage": FUTURE_USAGE,
        "shipping": SHIPPING,
    }
)
CAPTURE = Takes({"amount_to_capture": positive, "final_capture": boolean, "metadata": metadata})
CANCEL = Takes({"cancellation_reason": one_of(*intents.CANCEL_REASONS)})
NEW_REFUND = Takes(
    {
        "amount": positive,
        "charge": named,
        "metadata": metadata,
        "payment_intent": named,
        "reason": one_of(*refunds.REASONS),
    }
)
CUSTOMER: dict[str, Check] = {
    "address": ADDRESS,
    "description": text,
    "email": text,
    "metadata": metadata,
    "name": text,
    "phone": text,
    "shipping": SHIPPING,
}
NEW_METHOD = Takes(
    {"type": named, "card": group(token=named), "billing_details": BILLING, "metadata": metadata}, ("type",)
)
EVIDENCE = group(**dict.fromkeys(disputes.EVIDENCE, text))


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `browser` says that it answers a publishable key with the intent's client secret.

    `check` says what else is wrong with the parameters before anything is executed.
    """

    method: str
    pattern: re.Pattern[str]
    act: Act
    takes: Takes = NOTHING
    browser: bool = False
    check: Callable[[Json], None] = lambda params: None


def find(method: str, path: str) -> tuple[Route, Ids]:
    """The route for a request, or Stripe's 404."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path) if route.method == method else None
        if match is not None:
            return route, match.groupdict()
    raise invalid(
        f"Unrecognized request URL ({method}: {path}). Look at the API reference for what there is.", status=404
    )


def _route(method: str, path: str, act: Act, takes: Takes = NOTHING, **more: Any) -> Route:
    return Route(method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), act, takes, **more)


def _get(kind: str) -> Act:
    return lambda ledger, ids, _: ledger.need(kind, ids["id"], param="intent" if kind == "payment_intent" else "id")


def _list(kind: str, url: str) -> Act:
    return lambda ledger, _, params: page(ledger.store, kind, url, params)


PI, RE, DU, PM, CUS = (
    f"/v1/{name}" for name in ("payment_intents", "refunds", "disputes", "payment_methods", "customers")
)
ROUTES = [
    _route("POST", PI, lambda ledger, _, p: intents.create(ledger, p), NEW_INTENT, check=intents.check_new),
    _route("POST", f"{PI}/{{id}}", lambda ledger, i, p: intents.update(ledger, i["id"], p), CHANGED_INTENT),
    _route(
        "POST",
        f"{PI}/{{id}}/confirm",
        lambda ledger, i, p: intents.confirm(ledger, i["id"], p),
        Takes(CONFIRMATION | BROWSER),
        browser=True,
    ),
    _route("POST", f"{PI}/{{id}}/capture", lambda ledger, i, p: intents.capture(ledger, i["id"], p), CAPTURE),
    _route("POST", f"{PI}/{{id}}/cancel", lambda ledger, i, p: intents.cancel(ledger, i["id"], p), CANCEL),
    _route("GET", f"{PI}/{{id}}", _get("payment_intent"), Takes(BROWSER), browser=True),
    _route("GET", PI, _list("payment_intent", PI), list_parameters("payment_intent")),
    _route("POST", RE, lambda ledger, _, p: refunds.create(ledger, p), NEW_REFUND),
    _route("POST", f"{RE}/{{id}}", lambda ledger, i, p: refunds.update(ledger, i["id"], p), METADATA),
    _route("POST", f"{RE}/{{id}}/cancel", lambda ledger, i, _: refunds.cancel(ledger, i["id"])),
    _route("POST", CUS, lambda ledger, _, p: customers.create(ledger, p), Takes(CUSTOMER | {"payment_method": named})),
    _route("POST", f"{CUS}/{{id}}", lambda ledger, i, p: customers.update(ledger, i["id"], p), Takes(CUSTOMER)),
    _route("GET", f"{CUS}/{{id}}", lambda ledger, i, _: customers.retrieve(ledger, i["id"])),
    _route("DELETE", f"{CUS}/{{id}}", lambda ledger, i, _: customers.delete(ledger, i["id"])),
    _route("GET", CUS, _list("customer", CUS), list_parameters("customer")),
    _route(
        "GET",
        f"{CUS}/{{id}}/payment_methods",
        lambda ledger, i, p: payment_methods.of_customer(ledger, i["id"], p),
        list_parameters("payment_method"),
    ),
    _route("POST", PM, lambda ledger, _, p: payment_methods.create(ledger, p), NEW_METHOD),
    _route("GET", f"{PM}/{{id}}", lambda ledger, i, _: payment_methods.retrieve(ledger, i["id"])),
    _route(
        "POST",
        f"{PM}/{{id}}",
        lambda ledger, i, p: payment_methods.update(ledger, i["id"], p),
        Takes({"metadata": metadata, "billing_details": BILLING}),
    ),
    _route(
        "POST",
        f"{PM}/{{id}}/attach",
        lambda ledger, i, p: payment_methods.attach(ledger, i["id"], p),
        Takes({"customer": named}, ("customer",)),
    ),
    _route("POST", f"{PM}/{{id}}/detach", lambda ledger, i, _: payment_methods.detach(ledger, i["id"])),
    _route("GET", PM, _list("payment_method", PM), list_parameters("payment_method")),
    _route(
        "POST",
        f"{DU}/{{id}}",
        lambda ledger, i, p: disputes.update(ledger, i["id"], p),
        Takes({"evidence": EVIDENCE, "metadata": metadata, "submit": boolean}),
    ),
    _route("POST", f"{DU}/{{id}}/close", lambda ledger, i, _: disputes.accept(ledger, i["id"])),
    _route("GET", "/v1/balance", lambda ledger, _ids, _: balance.retrieve(ledger)),
    *(
        route
        for kind in ("charge", "refund", "dispute", "event", "balance_transaction")
        for route in (
            _route("GET", f"/v1/{kind}s/{{id}}", _get(kind)),
            _route("GET", f"/v1/{kind}s", _list(kind, f"/v1/{kind}s"), list_parameters(kind)),
        )
    ),
]
