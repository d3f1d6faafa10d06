"""The test controls under /_sandbox: actions of time, a bank, another program or a person at the Dashboard."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import timers
from sandbox.account import account, payouts, settings
from sandbox.books import books
from sandbox.customers import customers, mandates, payment_methods
from sandbox.customers.kinds import KINDS as METHOD_KINDS
from sandbox.customers.methods import METHODS
from sandbox.errors import invalid
from sandbox.faults import KINDS, Faults
from sandbox.http import requests
from sandbox.http.params import Takes
from sandbox.http.routes import ROUTES
from sandbox.http.stripe_names import CALLS
from sandbox.ledger import Ledger
from sandbox.objects import API_VERSION
from sandbox.payments import attempts, captures, changes, charges, declines, disputes, intents, refunds
from sandbox.setups import setups

Json = dict[str, Any]
Ids = dict[str, str]


@dataclass(frozen=True, slots=True)
class Bench:
    """The ledger and the faults that the controls act on."""

    ledger: Ledger
    faults: Faults


@dataclass(frozen=True, slots=True)
class Lever:
    """One control: its address below /_sandbox/, and its action."""

    method: str
    path: str
    does: str
    pull: Callable[[Bench, Ids, Any], Any]

    def match(self, method: str, path: str) -> Ids | None:
        """Return the ids in the address, if it is this control's."""
        if method != self.method:
            return None
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path), path)
        return found.groupdict() if found else None


def find(method: str, path: str) -> tuple[Lever, Ids]:
    """Return the control at an address. Raises LookupError if there is none."""
    for lever in LEVERS:
        ids = lever.match(method, path)
        if ids is not None:
            return lever, ids
    raise LookupError("no such lever")


def as_form(body: Any) -> Any:
    """Convert JSON to the form of a request's parameters: text, lists and dicts."""
    if isinstance(body, dict):
        return {name: as_form(value) for name, value in body.items()}
    if isinstance(body, list):
        return [as_form(value) for value in body]
    if body is None:
        return ""
    return str(body).lower() if isinstance(body, bool) else str(body)


def _as_another_program(act: Callable[[Ledger, str, Json], Json], takes: Takes) -> Callable[[Bench, Ids, Any], Json]:
    """Wrap a call as another program's: without an idempotency key, and without a request of ours in its events."""
    return lambda bench, ids, body: act(bench.ledger, ids.get("id", ""), takes.read(as_form(body)))


def _new_customer(ledger: Ledger, _: str, params: Json) -> Json:
    return customers.create(ledger, params)


def _no_customer(bench: Bench, ids: Ids, _: Any) -> Json:
    return customers.delete(bench.ledger, ids["id"])


def _detached(bench: Bench, ids: Ids, _: Any) -> Json:
    return payment_methods.detach(bench.ledger, ids["id"])


def _new_intent(ledger: Ledger, _: str, params: Json) -> Json:
    intents.check_new(params)
    return intents.create(ledger, params)


def _new_refund(ledger: Ledger, _: str, params: Json) -> Json:
    return refunds.create(ledger, params)


def _put_faults(bench: Bench, _: Ids, body: Any) -> Json:
    numbers = [bench.faults.add(**rule) for rule in (body if isinstance(body, list) else [body])]
    return {"id": numbers[-1], "ids": numbers}


def _clear_faults(bench: Bench, ids: Ids, _: Any) -> Json:
    bench.faults.clear(int(ids["id"]) if ids else None)
    return {}


def _advance(bench: Bench, _: Ids, body: Any) -> Json:
    bench.ledger.store.move_clock(float(body.get("seconds", "")))
    timers.run_due(bench.ledger)
    return {"now": bench.ledger.now}


def _settle(bench: Bench, _: Ids, body: Any) -> Json:
    return {"settled": timers.settle_now(bench.ledger, body.get("id"), body.get("outcome"))}


def _change_settings(bench: Bench, _: Ids, body: Any) -> Json:
    settings.change(bench.ledger.store, body)
    return dict(settings.read(bench.ledger.store))


def _expire(bench: Bench, ids: Ids, _: Any) -> Json:
    intent = bench.ledger.need("payment_intent", ids["id"])
    if intent["status"] == "requires_capture":
        captures.expire(bench.ledger, ids["id"])
    elif intent["status"] == "requires_action":
        attempts.end_action(bench.ledger, ids["id"])
    else:
        raise invalid(f"Nothing of this PaymentIntent can expire: it has a status of {intent['status']}.")
    return bench.ledger.need("payment_intent", ids["id"])


def _answer(*, passed: bool) -> Callable[[Bench, Ids, Any], Json]:
    return lambda bench, ids, _: attempts.finish_action(bench.ledger, ids["id"], passed=passed)


def _plan_declines(bench: Bench, _: Ids, body: Any) -> Json:
    return declines.plan(bench.ledger, dict(body))


def _update_card(bench: Bench, ids: Ids, body: Any) -> Json:
    return payment_methods.update_by_bank(bench.ledger, ids["id"], dict(body))


def _send_receipt(bench: Bench, _: Ids, body: Any) -> Json:
    kind = "refund" if "refund" in body else "charge"
    return charges.send_receipt(bench.ledger, kind, str(body.get(kind)), body.get("email"))


def _move_refund(bench: Bench, ids: Ids, body: Any) -> Json:
    return refunds.move(bench.ledger, ids["id"], str(body.get("status")))


def _charge(ledger: Ledger, body: Any) -> Json:
    if "payment_intent" in body:
        charge_id = str(ledger.need("payment_intent", body["payment_intent"])["latest_charge"])
    else:
        charge_id = str(body.get("charge"))
    return ledger.need("charge", charge_id, param="charge")


def _about(act: Callable[[Ledger, Json], Json]) -> Callable[[Bench, Ids, Any], Json]:
    return lambda bench, _, body: act(bench.ledger, _charge(bench.ledger, body))


def _answer_setup(*, passed: bool) -> Callable[[Bench, Ids, Any], Json]:
    return lambda bench, ids, _: setups.finish_action(bench.ledger, ids["id"], passed=passed)


def _pay_out(bench: Bench, _: Ids, body: Any) -> Json:
    currency, status = body.get("currency", "usd"), body.get("status", "paid")
    return payouts.by_stripe(bench.ledger, int(body.get("amount", "")), currency, status)


def _new_dispute(bench: Bench, _: Ids, body: Any) -> Json:
    ledger, charge = bench.ledger, _charge(bench.ledger, body)
    debits = METHOD_KINDS[charge["payment_method_details"]["type"]].debits
    status = body.get("status", "lost" if debits else "needs_response")
    reason = body.get("reason", "debit_not_authorized" if debits else "fraudulent")
    return disputes.open_dispute(ledger, charge, status, reason=reason, amount=body.get("amount"))


def _take_back(bench: Bench, ids: Ids, body: Any) -> Json:
    charge = _charge(bench.ledger, {"payment_intent": ids["id"]})
    return disputes.take_back(bench.ledger, charge, body.get("reason", "debit_not_authorized"))


def _move_mandate(bench: Bench, ids: Ids, body: Any) -> Json:
    return mandates.move(bench.ledger, ids["id"], str(body.get("status")))


def _move_dispute(bench: Bench, ids: Ids, body: Any) -> Json:
    return disputes.move(bench.ledger, ids["id"], str(body.get("status")))


def _resend(bench: Bench, ids: Ids, _: Any) -> Json:
    store = bench.ledger.store
    event = bench.ledger.need("event", ids["id"])
    store.rows("INSERT INTO delivery (event, due) VALUES (?, ?)", event["id"], store.clock())
    return store.save(event | {"pending_webhooks": 1})


def _supported(_bench: Bench, _ids: Ids, _: Any) -> Json:
    return {
        "api_version": API_VERSION,
        "calls": [f"{route.method} {route.path}" for route in ROUTES],
        "faults": sorted(KINDS),
        "levers": {f"{lever.method} /_sandbox/{lever.path}": lever.does for lever in LEVERS},
        "not_supported": list(CALLS),
        "payment_methods": sorted(METHODS),
        "settings": {name: list(allowed) for name, allowed in settings.SETTINGS.items()},
    }


PI = "payment_intents/{id}"
LEVERS = (
    Lever("GET", "supported", "this list, and the calls, methods, settings and faults", _supported),
    Lever("GET", "faults", "the faults in force", lambda bench, _ids, _: bench.faults.all()),
    Lever("POST", "faults", "puts one fault in force, or several", _put_faults),
    Lever("DELETE", "faults", "behaves again", _clear_faults),
    Lever("DELETE", "faults/{id}", "takes one fault away", _clear_faults),
    Lever("POST", "advance", "moves the clock forward by `seconds`; what is due happens", _advance),
    Lever("POST", "settle", "lets banks decide at once: all, or `id`; `outcome` succeeded or failed", _settle),
    Lever("GET", "settings", "the kind of account", lambda bench, _ids, _: settings.read(bench.ledger.store)),
    Lever("POST", "settings", "makes it another kind of account", _change_settings),
    Lever(
        "POST",
        "declines",
        "banks decline the next `times` cards, with `decline_code`, `advice_code`, …",
        _plan_declines,
    ),
    Lever("GET", "books", "everything that Stripe holds", lambda bench, _ids, _: books(bench.ledger.store).to_json()),
    Lever(
        "POST",
        "payment_intents",
        "another program makes an intent",
        _as_another_program(_new_intent, requests.NEW_INTENT),
    ),
    Lever(
        "POST",
        PI,
        "another program changes an intent: amount, currency, …",
        _as_another_program(changes.update, requests.CHANGED_INTENT),
    ),
    Lever(
        "POST",
        f"{PI}/confirm",
        "another program confirms an intent",
        _as_another_program(intents.confirm, requests.CONFIRMED_INTENT),
    ),
    Lever(
        "POST",
        f"{PI}/capture",
        "another program captures held money",
        _as_another_program(captures.capture, requests.CAPTURE),
    ),
    Lever(
        "POST",
        f"{PI}/increment_authorization",
        "another program holds more",
        _as_another_program(captures.increment, requests.INCREMENT),
    ),
    Lever(
        "POST",
        f"{PI}/cancel",
        "another program cancels an intent",
        _as_another_program(captures.cancel, requests.CANCEL),
    ),
    Lever("POST", f"{PI}/expire", "a hold, a voucher or a code expires now", _expire),
    Lever("POST", f"{PI}/return", "a bank takes back a debit that had succeeded, for `reason`", _take_back),
    Lever("POST", f"{PI}/complete", "the payer does what the next_action asks", _answer(passed=True)),
    Lever("POST", f"{PI}/fail", "the payer cannot or will not", _answer(passed=False)),
    Lever(
        "POST", "refunds", "somebody refunds at the Dashboard", _as_another_program(_new_refund, requests.NEW_REFUND)
    ),
    Lever("POST", "refunds/{id}", "a refund goes to `status`", _move_refund),
    Lever(
        "POST",
        "customers",
        "somebody makes a customer at the Dashboard",
        _as_another_program(_new_customer, requests.NEW_CUSTOMER),
    ),
    Lever(
        "POST",
        "customers/{id}",
        "somebody changes a customer: the default method, the address, …",
        _as_another_program(customers.update, requests.CHANGED_CUSTOMER),
    ),
    Lever("DELETE", "customers/{id}", "somebody deletes a customer at the Dashboard", _no_customer),
    Lever(
        "POST",
        "payment_methods/{id}/attach",
        "another program saves a method for a `customer`",
        _as_another_program(payment_methods.attach, requests.ATTACHED),
    ),
    Lever("POST", "payment_methods/{id}/detach", "somebody detaches a method at the Dashboard", _detached),
    Lever(
        "POST",
        "payment_methods/{id}",
        "a bank updates a card: `exp_month`, `exp_year`, `last4`; it `behaves` as another test method",
        _update_card,
    ),
    Lever("POST", "receipts", "somebody sends the receipt of a `charge` or `refund`, to `email`", _send_receipt),
    Lever("POST", "disputes", "a bank contests a `charge` or `payment_intent`", _new_dispute),
    Lever("POST", "disputes/{id}", "a dispute goes to `status`", _move_dispute),
    Lever(
        "POST",
        "setup_intents/{id}/cancel",
        "another program cancels a setup",
        _as_another_program(setups.cancel, requests.CANCELED_SETUP),
    ),
    Lever("POST", "setup_intents/{id}/complete", "the payer sets a method up", _answer_setup(passed=True)),
    Lever("POST", "setup_intents/{id}/fail", "the payer cannot or will not", _answer_setup(passed=False)),
    Lever("POST", "mandates/{id}", "a mandate goes to `status`: its payer or its bank ends it", _move_mandate),
    Lever("POST", "payouts", "Stripe pays out `amount` in `currency`; `status` says how it ends", _pay_out),
    Lever("POST", "reviews", "Radar lays a `charge` or `payment_intent` before somebody", _about(account.open_review)),
    Lever("POST", "early_fraud_warnings", "a bank warns of fraud", _about(account.warn_of_fraud)),
    Lever("POST", "events/{id}/resend", "delivers an event again", _resend),
)
