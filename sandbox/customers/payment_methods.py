"""Payment methods: made from test tokens only, saved by customers, used once when no customer saves them."""

import re
from typing import Any

from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import METHODS, TestMethod
from sandbox.errors import StripeError, invalid, missing
from sandbox.http.listing import page
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.objects import NO_ADDRESS, NO_BILLING
from sandbox.store import new_id

Json = dict[str, Any]

TAX_ID = "000.000.000-00"  # of a payer in Brazil, where one is required
TOKEN = re.compile(r"tok_(\w{1,80})")


def create(ledger: Ledger, params: Json) -> Json:
    """Create a payment method from a test token (`card[token]=tok_visa`), or of a type that needs no number."""
    name = _test_name(params)
    method = _make(ledger, name, METHODS[name])
    method["allow_redisplay"] = params.get("allow_redisplay", "unspecified")
    method[params["type"]] |= {k: v for k, v in params.get(params["type"], {}).items() if k in method[params["type"]]}
    billing = params.get("billing_details") or {}
    method["billing_details"] = NO_BILLING | billing | {"address": billing.get("address") or NO_ADDRESS}
    method["metadata"] = merged({}, params.get("metadata"))
    return ledger.store.save(method)


def chosen(ledger: Ledger, params: Json) -> Json | None:
    """Return the method that a request names or describes, if any."""
    if data := params.get("payment_method_data"):
        return create(ledger, data)
    named = params.get("payment_method")
    return find(ledger, named)[0] if named else None


def find(ledger: Ledger, name: str) -> tuple[Json, TestMethod]:
    """Return a payment method by its id or by the name of a test method, with its behaviour."""
    if name in METHODS:
        return _make(ledger, name, METHODS[name]), METHODS[name]
    method = ledger.store.get(name, "payment_method")
    if method is None:
        raise missing("PaymentMethod", name, param="payment_method")
    return method, METHODS[ledger.store.hidden(name).get("test", "pm_card_visa")]


def retrieve(ledger: Ledger, identity: str) -> Json:
    """Return one method; the name of a test method makes a new one."""
    return _by_address(ledger, identity)[0]


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change a method's metadata or billing details."""
    method = ledger.need("payment_method", identity)
    before = dict(method)
    method["metadata"] = merged(method["metadata"], params.get("metadata"))
    billing = method["billing_details"] | params.get("billing_details", {})
    method["billing_details"] = billing | {"address": billing["address"] or NO_ADDRESS}
    ledger.store.save(method)
    ledger.happened("payment_method.updated", method, before=before)
    return method


def attach(ledger: Ledger, identity: str, params: Json) -> Json:
    """Attach a method to a customer, who may then use it repeatedly."""
    method, behaviour = _by_address(ledger, identity)
    customer = ledger.need("customer", params["customer"], param="customer")
    if method["customer"] not in (None, customer["id"]):
        raise invalid("This PaymentMethod is already attached to another customer.", param="customer")
    check_unused(ledger, method)
    if behaviour.decline is not None and not behaviour.attaches:
        declined = behaviour.decline
        detail = {"type": "card_error", "code": declined.code, "decline_code": declined.reason}
        raise StripeError(402, {**detail, "message": declined.message})
    if method["customer"] is None:
        method["customer"] = customer["id"]
        ledger.store.save(method)
        ledger.happened("payment_method.attached", method)
    return method


def detach(ledger: Ledger, identity: str) -> Json:
    """Detach a method from its customer, for good."""
    method = ledger.need("payment_method", identity)
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    before = dict(method)
    method["customer"] = None
    ledger.store.save(method)
    ledger.store.hide(identity, ledger.store.hidden(identity) | {"used": True})
    ledger.happened("payment_method.detached", method, before=before)
    return method


def of_customer(ledger: Ledger, customer_id: str, params: Json) -> Json:
    """Return a page of a customer's methods."""
    ledger.need("customer", customer_id)
    url = f"/v1/customers/{customer_id}/payment_methods"
    return page(ledger.store, "payment_method", url, params | {"customer": customer_id})


def one_of_customer(ledger: Ledger, customer_id: str, identity: str) -> Json:
    """Return one method of this customer."""
    ledger.need("customer", customer_id, param="customer")
    method = ledger.need("payment_method", identity)
    if method["customer"] != customer_id:
        raise missing("PaymentMethod", identity)
    return method


def check_unused(ledger: Ledger, method: Json) -> None:
    """Raise StripeError for a method that was used and is not saved.

    Source: docs.stripe.com/payments/payment-methods.
    """
    if method["customer"] is None and ledger.store.hidden(method["id"]).get("used"):
        raise invalid(
            "The provided PaymentMethod was previously used without being attached to a customer, or was detached from"
            " one. It may not be used again; attach a PaymentMethod to a customer to use it several times.",
            param="payment_method",
        )


def _by_address(ledger: Ledger, identity: str) -> tuple[Json, TestMethod]:
    if identity not in METHODS:
        ledger.need("payment_method", identity)
    return find(ledger, identity)


def _make(ledger: Ledger, name: str, behaviour: TestMethod) -> Json:
    method = _of_kind(behaviour) | {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NO_BILLING,
        "created": ledger.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": behaviour.type,
    }
    ledger.store.add(method)
    ledger.store.hide(method["id"], {"test": name})
    return method


def _test_name(params: Json) -> str:
    kind = params["type"]
    if kind == "us_bank_account":
        return "pm_usBankAccount_microdeposits"
    if kind != "card":
        return f"pm_{kind}"
    match = TOKEN.fullmatch((params.get("card") or {}).get("token", ""))
    name = f"pm_card_{match[1]}" if match else ""
    if name not in METHODS:
        raise invalid("Invalid token id: use one of Stripe's test tokens, such as tok_visa.", param="card[token]")
    return name


def _of_kind(behaviour: TestMethod) -> Json:
    match behaviour.type:
        case "card":
            return _card(behaviour)
        case "us_bank_account":
            return _bank_account(behaviour)
    fields = dict.fromkeys(KINDS[behaviour.type].fields)
    return {behaviour.type: fields | ({"tax_id": TAX_ID} if "tax_id" in fields else {})}


def _card(behaviour: TestMethod) -> Json:
    return {
        "card": {
            "brand": behaviour.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": behaviour.cvc_check,
            },
            "country": behaviour.country,
            "display_brand": behaviour.brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"sandbox{behaviour.brand}{behaviour.last4}",
            "funding": behaviour.funding,
            "generated_from": None,
            "last4": behaviour.last4,
            "networks": {"available": [behaviour.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }
    }


def _bank_account(behaviour: TestMethod) -> Json:
    return {
        behaviour.type: {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "SANDBOX BANK",
            "financial_connections_account": None,
            "fingerprint": f"sandboxbank{behaviour.last4}",
            "last4": behaviour.last4,
            "networks": None,
            "routing_number": "110000000",
            "status_details": None,
        }
    }
