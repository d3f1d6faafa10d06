"""The endpoints: a function for each address, with its parameters."""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import thin
from sandbox.account import account, balance, payouts
from sandbox.customers import (
    cash,
    confirmation_tokens,
    customer_records,
    customers,
    deposits,
    granted_tokens,
    payment_methods,
    tokens,
)
from sandbox.errors import invalid, not_supported
from sandbox.http import requests, searching
from sandbox.http.listing import list_parameters, page
from sandbox.http.params import Takes
from sandbox.http.stripe_names import CALLS, PARAMETERS, ROOTS, SECOND_VERSION
from sandbox.ledger import Ledger
from sandbox.payments import bank_transfers, captures, changes, charges, disputes, intents, line_items, options, refunds
from sandbox.setups import setups

Json = dict[str, Any]
# Source: docs.stripe.com/changelog/endive/2026-09-30; `allowed_payment_method_types` is its successor.
GONE, GONE_SINCE = {"payment_method_types"}, "2026-09-30"
Ids = dict[str, str]
Act = Callable[[Ledger, Ids, Json], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `browser` says that it answers a publishable key; about an intent, with its client secret.

    `check` is a further check of the parameters before anything is executed.
    """

    method: str
    path: str
    pattern: re.Pattern[str]
    act: Act
    takes: Takes = requests.NOTHING
    browser: bool = False
    check: Callable[[Json], None] = lambda params: None

    def read(self, raw: Json, version: str) -> Json:
        """Parse the parameters of a request in this version of the API. Raises StripeError."""
        for name in GONE & set(raw) if version >= GONE_SINCE else ():
            raise invalid(f"`{name}` is no longer supported.", param=name, code=f"{name}_no_longer_supported")
        params = self.takes.read(raw, frozenset(PARAMETERS.get(f"{self.method} {self.path}", "").split()))
        self.check(params)
        return params


def find(method: str, path: str) -> tuple[Route, Ids]:
    """Return the route of a request. Raises Stripe's 404, or an error that names what the offline Stripe lacks."""
    for route in _BY_ROOT.get((method, _root(path)), ()):
        match = route.pattern.fullmatch(path)
        if match is not None:
            return route, match.groupdict()
    version, _, root = path.strip("/").partition("/")
    root = root.partition("/")[0]
    if (
        any(_CALL[call].fullmatch(f"{method} {path}") for call in CALLS)
        or (version == "v1" and root in ROOTS)
        or (version == "v2" and root in SECOND_VERSION)
    ):
        raise not_supported(f"{method} {path}")
    raise invalid(
        f"Unrecognized request URL ({method}: {path}). Look at the API reference for what there is.", status=404
    )


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _root(path: str) -> str:
    return "/".join(path.split("/", 3)[:3])


def _route(call: str, act: Act, takes: Takes = requests.NOTHING, **more: Any) -> Route:
    method, _, path = call.partition(" ")
    return Route(method, path, _pattern(path), act, takes, **more)


def _new(act: Callable[[Ledger, Json], Json]) -> Act:
    return lambda ledger, _, params: act(ledger, params)


def _one(act: Callable[[Ledger, str, Json], Json]) -> Act:
    return lambda ledger, ids, params: act(ledger, ids["id"], params)


def _by_id(act: Callable[[Ledger, str], Json]) -> Act:
    return lambda ledger, ids, _: act(ledger, ids["id"])


def _get(kind: str) -> Act:
    intent = kind in ("payment_intent", "setup_intent")
    return lambda ledger, ids, _: ledger.need(kind, ids["id"], param="intent" if intent else "id")


def _read(kind: str, url: str = "") -> tuple[Route, Route]:
    """Make the routes that read objects one by one and in lists."""
    url = url or f"/v1/{kind}s"
    return (
        _route(f"GET {url}/{{id}}", _get(kind)),
        _route(f"GET {url}", lambda ledger, _, params: page(ledger.store, kind, url, params), list_parameters(kind)),
    )


def _list(kind: str) -> Route:
    return _read(kind)[1]


def _records(kind: str, name: str) -> tuple[Route, Route]:
    """Make the routes that read the records of a customer."""
    url = f"/v1/customers/{{id}}/{name}"
    return (
        _route(
            f"GET {url}/{{other}}",
            lambda ledger, ids, _: customer_records.one(ledger, kind, ids["id"], ids["other"]),
        ),
        _route(
            f"GET {url}",
            lambda ledger, ids, p: customer_records.several(ledger, kind, ids["id"], name, p),
            list_parameters(kind, without=("customer",)),
        ),
    )


def _search(kind: str) -> Route:
    url = f"/v1/{kind}s/search"
    return _route(f"GET {url}", lambda ledger, _, p: searching.search(ledger.store, kind, url, p), requests.SEARCH)


def _refunds_of_charge(ledger: Ledger, ids: Ids, params: Json) -> Json:
    ledger.need("charge", ids["id"])
    return page(ledger.store, "refund", f"/v1/charges/{ids['id']}/refunds", params | {"charge": ids["id"]})


PI, SI, CH, RE, DU = "/v1/payment_intents", "/v1/setup_intents", "/v1/charges", "/v1/refunds", "/v1/disputes"
PM, CUS, WE = "/v1/payment_methods", "/v1/customers", "/v1/webhook_endpoints"
ROUTES = (
    _route(f"POST {PI}", _new(intents.create), requests.NEW_INTENT, check=intents.check_new),
    _search("payment_intent"),
    _route(f"GET {PI}/{{id}}", _get("payment_intent"), Takes(requests.BROWSER), browser=True),
    _route(f"POST {PI}/{{id}}", _one(changes.update), requests.CHANGED_INTENT, check=options.check_types),
    _route(
        f"POST {PI}/{{id}}/confirm",
        _one(intents.confirm),
        requests.CONFIRMED_INTENT,
        check=options.check_types,
        browser=True,
    ),
    _route(f"GET {PI}/{{id}}/amount_details_line_items", _one(line_items.page), requests.LINE_ITEMS),
    _route(f"POST {PI}/{{id}}/capture", _one(captures.capture), requests.CAPTURE),
    _route(f"POST {PI}/{{id}}/increment_authorization", _one(captures.increment), requests.INCREMENT),
    _route(f"POST {PI}/{{id}}/verify_microdeposits", _one(deposits.verify), requests.DEPOSITS, browser=True),
    _route(f"POST {PI}/{{id}}/apply_customer_balance", _one(bank_transfers.apply_balance), requests.APPLIED),
    _route(f"POST {PI}/{{id}}/cancel", _one(captures.cancel), requests.CANCEL),
    _list("payment_intent"),
    _route(f"POST {SI}", _new(setups.create), requests.NEW_SETUP, check=setups.check_new),
    _route(f"GET {SI}/{{id}}", _get("setup_intent"), Takes(requests.BROWSER), browser=True),
    _route(f"POST {SI}/{{id}}", _one(setups.update), requests.CHANGED_SETUP, check=options.check_types),
    _route(
        f"POST {SI}/{{id}}/confirm",
        _one(setups.confirm),
        requests.CONFIRMED_SETUP,
        check=options.check_types,
        browser=True,
    ),
    _route(f"POST {SI}/{{id}}/verify_microdeposits", _one(deposits.verify), requests.DEPOSITS, browser=True),
    _route(f"POST {SI}/{{id}}/cancel", _one(setups.cancel), requests.CANCELED_SETUP),
    _list("setup_intent"),
    _list("setup_attempt"),
    _route("GET /v1/mandates/{id}", _get("mandate")),
    _search("charge"),
    *_read("charge"),
    _route(f"POST {CH}/{{id}}", _one(charges.update), requests.CHANGED_CHARGE),
    _route(f"POST {CH}/{{id}}/capture", _one(charges.capture), requests.CAPTURED_CHARGE),
    _route(f"GET {CH}/{{id}}/refunds", _refunds_of_charge, list_parameters("refund", without=("charge",))),
    _route(f"POST {RE}", _new(refunds.create), requests.NEW_REFUND),
    _route(f"POST {RE}/{{id}}", _one(refunds.update), requests.METADATA),
    _route(f"POST {RE}/{{id}}/cancel", _by_id(refunds.cancel)),
    *_read("refund"),
    _route(f"POST {CUS}", _new(customers.create), requests.NEW_CUSTOMER),
    _search("customer"),
    _route(f"GET {CUS}/{{id}}", _by_id(customers.retrieve)),
    _route(f"POST {CUS}/{{id}}", _one(customers.update), requests.CHANGED_CUSTOMER),
    _route(f"DELETE {CUS}/{{id}}", _by_id(customers.delete)),
    _route(
        f"GET {CUS}/{{id}}/payment_methods",
        _one(payment_methods.of_customer),
        list_parameters("payment_method", without=("customer",)),
    ),
    _route(
        f"GET {CUS}/{{id}}/payment_methods/{{method}}",
        lambda ledger, ids, _: payment_methods.one_of_customer(ledger, ids["id"], ids["method"]),
    ),
    _list("customer"),
    *_records("customer_balance_transaction", "balance_transactions"),
    _route(f"POST {CUS}/{{id}}/balance_transactions", _one(customer_records.add_to_balance), requests.BALANCE_MOVE),
    _route(
        f"POST {CUS}/{{id}}/balance_transactions/{{other}}",
        lambda ledger, ids, p: customer_records.note_on_balance(ledger, ids["id"], ids["other"], p),
        requests.BALANCE_NOTE,
    ),
    *_records("tax_id", "tax_ids"),
    _route(f"POST {CUS}/{{id}}/tax_ids", _one(customer_records.add_tax_id), requests.TAX_ID),
    _route(
        f"DELETE {CUS}/{{id}}/tax_ids/{{other}}",
        lambda ledger, ids, _: customer_records.delete_tax_id(ledger, ids["id"], ids["other"]),
    ),
    *_records("customer_cash_balance_transaction", "cash_balance_transactions"),
    _route(f"GET {CUS}/{{id}}/cash_balance", _by_id(cash.retrieve)),
    _route(f"POST {CUS}/{{id}}/cash_balance", _one(cash.set_up), requests.CASH),
    _route(f"POST {PM}", _new(payment_methods.create), requests.NEW_METHOD, browser=True),
    _route(f"GET {PM}/{{id}}", _by_id(payment_methods.retrieve)),
    _route(f"POST {PM}/{{id}}", _one(payment_methods.update), requests.CHANGED_METHOD),
    _route(f"POST {PM}/{{id}}/attach", _one(payment_methods.attach), requests.ATTACHED),
    _route(f"POST {PM}/{{id}}/detach", _by_id(payment_methods.detach)),
    _list("payment_method"),
    _route(f"POST {DU}/{{id}}", _one(disputes.update), requests.EVIDENCE),
    _route(f"POST {DU}/{{id}}/close", _by_id(disputes.accept)),
    *_read("dispute"),
    *_read("event"),
    *_read("balance_transaction"),
    _route("GET /v1/balance", lambda ledger, _ids, _: balance.retrieve(ledger)),
    _route("POST /v1/payouts", _new(payouts.create), requests.PAYOUT),
    _route("POST /v1/payouts/{id}", _one(payouts.update), requests.METADATA),
    _route("POST /v1/payouts/{id}/cancel", _by_id(payouts.cancel)),
    _route("POST /v1/payouts/{id}/reverse", _one(payouts.reverse), requests.METADATA),
    *_read("payout"),
    *_read("review"),
    _route("POST /v1/reviews/{id}/approve", _by_id(account.approve_review)),
    *_read("radar.early_fraud_warning", "/v1/radar/early_fraud_warnings"),
    _route("POST /v1/ephemeral_keys", _new(tokens.create_key), requests.KEY),
    _route("DELETE /v1/ephemeral_keys/{id}", _by_id(tokens.delete_key)),
    _route("POST /v1/customer_sessions", _new(tokens.create_session), requests.SESSION),
    _route("POST /v1/test_helpers/confirmation_tokens", _new(confirmation_tokens.create), requests.TOKEN),
    _route(
        "POST /v1/confirmation_tokens",
        _new(confirmation_tokens.create_in_browser),
        requests.BROWSER_TOKEN,
        browser=True,
    ),
    _route(
        "POST /v1/test_helpers/shared_payment/granted_tokens",
        _new(granted_tokens.create),
        requests.GRANT,
    ),
    _route("POST /v1/test_helpers/shared_payment/granted_tokens/{id}/revoke", _by_id(granted_tokens.revoke)),
    _route("GET /v1/shared_payment/granted_tokens/{id}", _by_id(granted_tokens.retrieve)),
    _route("POST /v1/test_helpers/customers/{id}/fund_cash_balance", _one(bank_transfers.fund), requests.FUNDING),
    _route("GET /v1/confirmation_tokens/{id}", _get("confirmation_token")),
    _route(f"POST {WE}", _new(account.create_endpoint), requests.NEW_ENDPOINT),
    _route(f"POST {WE}/{{id}}", _one(account.update_endpoint), requests.CHANGED_ENDPOINT),
    _route(f"DELETE {WE}/{{id}}", _by_id(account.delete_endpoint)),
    *_read("webhook_endpoint"),
    _route("GET /v2/core/events/{id}", _by_id(thin.retrieve)),
)
_CALL = {call: _pattern(call) for call in CALLS}
_BY_ROOT: dict[tuple[str, str], list[Route]] = defaultdict(list)
for _each in ROUTES:
    _BY_ROOT[_each.method, _root(_each.path)].append(_each)
