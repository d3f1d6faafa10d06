"""Payment methods: made from test tokens only, saved by customers, used once when no customer saves them."""

from datetime import UTC, datetime
from typing import Any

from sandbox.customers import granted_tokens
from sandbox.customers.method_objects import make, test_name
from sandbox.customers.methods import METHODS, TestMethod
from sandbox.errors import StripeError, invalid, missing
from sandbox.http.listing import page
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.objects import NO_ADDRESS, NO_BILLING

Json = dict[str, Any]


def create(ledger: Ledger, params: Json) -> Json:
    """Create a payment method from a test token (`card[token]=tok_visa`), or of a type that needs no number."""
    name = test_name(params)
    billing = params.get("billing_details") or {}
    if params["type"] == "sepa_debit" and not (billing.get("name") and billing.get("email")):
        member = "billing_details[email]" if billing.get("name") else "billing_details[name]"
        raise invalid(f"Missing required param: {member}.", param=member, code="parameter_missing")
    method = make(ledger, name)
    account = params.get("us_bank_account") or {}
    if account.get("account_number") and not account.get("financial_connections_account"):
        ledger.store.remember(method["id"], unverified=True)
    method["allow_redisplay"] = params.get("allow_redisplay", "unspecified")
    method[params["type"]] |= {k: v for k, v in params.get(params["type"], {}).items() if k in method[params["type"]]}
    method["billing_details"] = NO_BILLING | billing | {"address": billing.get("address") or NO_ADDRESS}
    method["metadata"] = merged({}, params.get("metadata"))
    return ledger.store.save(method)


def chosen(ledger: Ledger, params: Json) -> Json | None:
    """Return the method that a request names or describes, if any."""
    if data := params.get("payment_method_data"):
        granted = data.get("shared_payment_granted_token")
        return granted_tokens.method_of(ledger, granted) if granted else create(ledger, data)
    named = params.get("payment_method")
    return find(ledger, named)[0] if named else None


def find(ledger: Ledger, name: str) -> tuple[Json, TestMethod]:
    """Return a payment method by its id or by the name of a test method, with its behaviour."""
    if name in METHODS:
        return make(ledger, name), METHODS[name]
    method = ledger.store.get(name, "payment_method")
    if method is None:
        raise missing("PaymentMethod", name, param="payment_method")
    return method, METHODS[ledger.store.hidden(name).get("test", "pm_card_visa")]


def retrieve(ledger: Ledger, identity: str) -> Json:
    """Return one method; the name of a test method makes a new one."""
    return _by_address(ledger, identity)[0]


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change a method's metadata, billing details, redisplay, or the expiry of its card."""
    method = ledger.need("payment_method", identity)
    if method["customer"] is None:
        raise invalid(
            "You must save this PaymentMethod to a customer before you can update it.", param="payment_method"
        )
    before = dict(method)
    method |= {"allow_redisplay": params["allow_redisplay"]} if "allow_redisplay" in params else {}
    if "card" in params and method["type"] != "card":
        raise invalid(f"A PaymentMethod of type {method['type']} has no card.", param="card")
    method |= {"card": method["card"] | params["card"]} if "card" in params else {}
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
        raise invalid("The payment method you provided has already been attached to a customer.")
    if not ledger.store.hidden(method["id"]).get("for_later"):
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
    ledger.store.remember(identity, used=True, for_later=False)
    ledger.happened("payment_method.detached", method, before=before)
    customer = ledger.need("customer", before["customer"])
    if customer["invoice_settings"]["default_payment_method"] == identity:
        set_default(ledger, customer, None)
    return method


def set_default(ledger: Ledger, customer: Json, identity: str | None) -> None:
    """Make a method the customer's default, or none."""
    before = dict(customer)
    customer["invoice_settings"] = customer["invoice_settings"] | {"default_payment_method": identity}
    ledger.store.save(customer)
    ledger.happened("customer.updated", customer, before=before)


def update_by_bank(ledger: Ledger, identity: str, changes: Json) -> Json:
    """Change a saved card as its bank does: another expiry, another number. Source: docs.stripe.com/payments/cards.

    `behaves` names the test method as which it pays from now on; that alone makes no event.
    """
    method = ledger.need("payment_method", identity)
    card = {name: changes[name] for name in ("exp_month", "exp_year", "last4", "fingerprint") if name in changes}
    if (card and method["type"] != "card") or set(changes) - set(card) - {"behaves"}:
        raise invalid("A bank changes exp_month, exp_year, last4 and fingerprint of a card; `behaves` of any method.")
    if "behaves" in changes:
        if changes["behaves"] not in METHODS:
            raise missing("PaymentMethod", str(changes["behaves"]), param="behaves")
        ledger.store.remember(identity, test=changes["behaves"])
    if card:
        before = dict(method)
        method["card"] = method["card"] | card
        ledger.store.save(method)
        ledger.happened("payment_method.automatically_updated", method, before=before)
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


def check_owner(method: Json, customer: str | None, *, param: str = "payment_method") -> None:
    """Raise StripeError for a method of a customer whom the payment does not name, or of another one."""
    owner = method["customer"]
    if owner is None or owner == customer:
        return
    if customer is None:
        raise invalid(
            f"The PaymentMethod {method['id']} belongs to the Customer {owner}. Please include the Customer in the"
            " `customer` parameter on the PaymentIntent.",
            param=param,
            code="payment_intent_invalid_parameter",
        )
    raise not_of_customer(method["id"], param=param)


def not_of_customer(identity: str, *, param: str) -> StripeError:
    """Make the error for a method that the customer has not saved."""
    return invalid(
        f"The customer does not have a payment method with the ID {identity}. The payment method must be attached to"
        " the customer.",
        param=param,
        code="resource_missing",
    )


def is_expired(method: Json, now: int) -> bool:
    """Return True for a card after the last day of its last month."""
    if method["type"] != "card":
        return False
    today = datetime.fromtimestamp(now, UTC)
    return (method["card"]["exp_year"], method["card"]["exp_month"]) < (today.year, today.month)


def check_unused(ledger: Ledger, method: Json) -> None:
    """Raise StripeError for a method that was used and is not saved.

    Source: docs.stripe.com/payments/payment-methods.
    """
    if method["customer"] is None and ledger.store.hidden(method["id"]).get("used"):
        raise invalid(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared"
            " with a connected account without Customer attachment, or was detached from a Customer. It may not be used"
            " again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            param="payment_method",
        )


def _by_address(ledger: Ledger, identity: str) -> tuple[Json, TestMethod]:
    if identity not in METHODS:
        ledger.need("payment_method", identity)
    return find(ledger, identity)
