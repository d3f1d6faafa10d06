"""Which act answers which address, and what parameters it takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import intents, objects, refunds
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.listing import page

Json = dict[str, Any]
Act = Callable[[Ledger, dict[str, str], Json], Json]

CREATE_INTENT = frozenset(
    "amount currency automatic_payment_methods capture_method confirm customer description error_on_requires_action "
    "metadata off_session payment_method payment_method_types receipt_email return_url setup_future_usage".split()
)
CONFIRM = frozenset(
    "payment_method return_url off_session error_on_requires_action use_stripe_sdk client_secret".split()
)
ANY: frozenset[str] = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `takes` are the parameters it knows beside `expand`."""

    method: str
    pattern: re.Pattern[str]
    act: Act
    takes: frozenset[str]


def _get(kind: str) -> Act:
    return lambda ledger, ids, _: ledger.need(kind, ids["id"])


def _list(kind: str, url: str) -> Act:
    return lambda ledger, _, params: page(ledger.store, kind, url, params)


def _create_customer(ledger: Ledger, _: dict[str, str], params: Json) -> Json:
    return ledger.store.add(objects.customer(ledger.now, params))


def _update_customer(ledger: Ledger, ids: dict[str, str], params: Json) -> Json:
    customer = ledger.need("customer", ids["id"])
    customer["metadata"] |= params.pop("metadata", {})
    return ledger.store.save(customer | params)


def _delete_customer(ledger: Ledger, ids: dict[str, str], _: Json) -> Json:
    customer = ledger.need("customer", ids["id"])
    ledger.store.rows("DELETE FROM object WHERE id = ?", customer["id"])
    ledger.happened("customer.deleted", customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


def _attach(ledger: Ledger, ids: dict[str, str], params: Json) -> Json:
    method, _ = ledger.method(ids["id"])
    method["customer"] = ledger.need("customer", params.get("customer", ""), param="customer")["id"]
    ledger.happened("payment_method.attached", method)
    return ledger.store.save(method)


def _detach(ledger: Ledger, ids: dict[str, str], _: Json) -> Json:
    method, _behaviour = ledger.method(ids["id"])
    method["customer"] = None
    ledger.happened("payment_method.detached", method)
    return ledger.store.save(method)


def _create_method(ledger: Ledger, _: dict[str, str], params: Json) -> Json:
    token = (params.get("card") or {}).get("token", "")
    if params.get("type") != "card" or not re.fullmatch(r"tok_\w+", token):
        raise invalid("Send a test token: card[token]=tok_visa. Card numbers are refused.", param="card")
    return ledger.method(token.replace("tok_", "pm_card_"))[0]


def _route(method: str, path: str, act: Act, takes: frozenset[str] = frozenset()) -> Route:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return Route(method, re.compile(pattern), act, takes)


PI = "/v1/payment_intents"
METADATA = frozenset({"metadata", "description"})
ROUTES = [
    _route("POST", PI, lambda ledger, _, params: intents.create(ledger, params), CREATE_INTENT),
    _route("POST", f"{PI}/{{id}}", lambda ledger, ids, params: intents.update(ledger, ids["id"], params), METADATA),
    _route("POST", f"{PI}/{{id}}/confirm", lambda ledger, ids, p: intents.confirm(ledger, ids["id"], p), CONFIRM),
    _route(
        "POST",
        f"{PI}/{{id}}/capture",
        lambda ledger, ids, params: intents.capture(ledger, ids["id"], params),
        frozenset({"amount_to_capture", "final_capture", "metadata"}),
    ),
    _route(
        "POST",
        f"{PI}/{{id}}/cancel",
        lambda ledger, ids, params: intents.cancel(ledger, ids["id"], params),
        frozenset({"cancellation_reason"}),
    ),
    _route(
        "POST",
        "/v1/refunds",
        lambda ledger, _, params: refunds.create(ledger, params),
        frozenset({"amount", "charge", "metadata", "payment_intent", "reason"}),
    ),
    _route("POST", "/v1/refunds/{id}", lambda ledger, ids, p: refunds.update(ledger, ids["id"], p), METADATA),
    _route("POST", "/v1/refunds/{id}/cancel", lambda ledger, ids, _: refunds.cancel(ledger, ids["id"])),
    _route("POST", "/v1/customers", _create_customer, frozenset({"description", "email", "metadata", "name", "phone"})),
    _route("POST", "/v1/customers/{id}", _update_customer, frozenset({"description", "email", "metadata", "name"})),
    _route("DELETE", "/v1/customers/{id}", _delete_customer),
    _route("POST", "/v1/payment_methods", _create_method, frozenset({"type", "card"})),
    _route("POST", "/v1/payment_methods/{id}/attach", _attach, frozenset({"customer"})),
    _route("POST", "/v1/payment_methods/{id}/detach", _detach),
    _route(
        "POST",
        "/v1/disputes/{id}/close",
        lambda ledger, ids, _: intents.close_dispute(ledger, ids["id"], "lost"),
    ),
]
for _kind, _url in (
    ("payment_intent", PI),
    ("charge", "/v1/charges"),
    ("refund", "/v1/refunds"),
    ("dispute", "/v1/disputes"),
    ("event", "/v1/events"),
    ("balance_transaction", "/v1/balance_transactions"),
    ("customer", "/v1/customers"),
    ("payment_method", "/v1/payment_methods"),
):
    ROUTES.append(_route("GET", _url, _list(_kind, _url), ANY))
    ROUTES.append(_route("GET", f"{_url}/{{id}}", _get(_kind), frozenset({"client_secret"})))


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a request, or Stripe's 404."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path) if route.method == method else None
        if match is not None:
            return route, match.groupdict()
    raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)


def run(ledger: Ledger, route: Route, ids: dict[str, str], params: Json) -> Json:
    """Carry a request out. Raises StripeError."""
    if route.takes is not ANY:
        for name in params:
            if name not in route.takes:
                raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
    return route.act(ledger, ids, params)
