"""Which act answers which address, and what parameters it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import balance, captures, changes, customers, deposits, disputes, intents, payment_methods, refunds
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.listing import list_parameters, page
from sandbox.params import Takes
from sandbox.requests import (
    ATTACHED,
    BROWSER,
    CANCEL,
    CAPTURE,
    CHANGED_CUSTOMER,
    CHANGED_INTENT,
    CHANGED_METHOD,
    CONFIRMED_INTENT,
    DEPOSITS,
    EVIDENCE,
    INCREMENT,
    METADATA,
    NEW_CUSTOMER,
    NEW_INTENT,
    NEW_METHOD,
    NEW_REFUND,
    NOTHING,
)

Json = dict[str, Any]
Ids = dict[str, str]
Act = Callable[[Ledger, Ids, Json], Json]


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
    _route("POST", f"{PI}/{{id}}", lambda ledger, i, p: changes.update(ledger, i["id"], p), CHANGED_INTENT),
    _route(
        "POST",
        f"{PI}/{{id}}/confirm",
        lambda ledger, i, p: intents.confirm(ledger, i["id"], p),
        CONFIRMED_INTENT,
        browser=True,
    ),
    _route("POST", f"{PI}/{{id}}/capture", lambda ledger, i, p: captures.capture(ledger, i["id"], p), CAPTURE),
    _route(
        "POST",
        f"{PI}/{{id}}/increment_authorization",
        lambda ledger, i, p: captures.increment(ledger, i["id"], p),
        INCREMENT,
    ),
    _route(
        "POST",
        f"{PI}/{{id}}/verify_microdeposits",
        lambda ledger, i, p: deposits.verify(ledger, i["id"], p),
        DEPOSITS,
    ),
    _route("POST", f"{PI}/{{id}}/cancel", lambda ledger, i, p: captures.cancel(ledger, i["id"], p), CANCEL),
    _route("GET", f"{PI}/{{id}}", _get("payment_intent"), Takes(BROWSER), browser=True),
    _route("GET", PI, _list("payment_intent", PI), list_parameters("payment_intent")),
    _route("POST", RE, lambda ledger, _, p: refunds.create(ledger, p), NEW_REFUND),
    _route("POST", f"{RE}/{{id}}", lambda ledger, i, p: refunds.update(ledger, i["id"], p), METADATA),
    _route("POST", f"{RE}/{{id}}/cancel", lambda ledger, i, _: refunds.cancel(ledger, i["id"])),
    _route("POST", CUS, lambda ledger, _, p: customers.create(ledger, p), NEW_CUSTOMER),
    _route("POST", f"{CUS}/{{id}}", lambda ledger, i, p: customers.update(ledger, i["id"], p), CHANGED_CUSTOMER),
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
        CHANGED_METHOD,
    ),
    _route(
        "POST",
        f"{PM}/{{id}}/attach",
        lambda ledger, i, p: payment_methods.attach(ledger, i["id"], p),
        ATTACHED,
    ),
    _route("POST", f"{PM}/{{id}}/detach", lambda ledger, i, _: payment_methods.detach(ledger, i["id"])),
    _route("GET", PM, _list("payment_method", PM), list_parameters("payment_method")),
    _route(
        "POST",
        f"{DU}/{{id}}",
        lambda ledger, i, p: disputes.update(ledger, i["id"], p),
        EVIDENCE,
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
