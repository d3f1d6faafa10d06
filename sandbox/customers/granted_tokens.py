"""Granted tokens: a payer's method that an agent shares, within limits. Only in Stripe's preview versions.

Source: docs.stripe.com/agentic-commerce/concepts/shared-payment-tokens, …/api/shared-payment/granted-token.
A payment with a token gets a copy of the method. What is taken counts against the token's amount; once that is reached,
it is consumed.
"""

from typing import Any

from sandbox.customers.method_objects import copied
from sandbox.errors import StripeError, invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

KIND = "shared_payment.granted_token"
PARAM = "payment_method_data[shared_payment_granted_token]"
SHOWN = ("brand", "country", "display_brand", "exp_month", "exp_year", "fingerprint", "funding", "last4", "networks")


def create(ledger: Ledger, params: Json) -> Json:
    """Grant a token of a method, as an agent does; a test helper."""
    _check_version(ledger)
    limits = params["usage_limits"]
    if limits["expires_at"] <= ledger.now:
        raise invalid("expires_at must be in the future.", param="usage_limits[expires_at]")
    method = ledger.store.get(params["payment_method"], "payment_method") or copied(ledger, params["payment_method"])
    kind = method["type"]
    card = {name: method[kind][name] for name in (*SHOWN, "wallet")} if kind == "card" else {}
    billing = {name: value for name, value in method["billing_details"].items() if name != "tax_id"}
    token = {
        "id": new_id("spt"),
        "object": KIND,
        "agent_details": {"network_business_profile": None},
        "created": ledger.now,
        "deactivated_at": None,
        "deactivated_reason": None,
        "livemode": False,
        "payment_method_details": {"type": kind, "billing_details": billing, kind: card},
        "risk_details": None,
        "shared_metadata": merged({}, params.get("shared_metadata")),
        "usage_details": {"amount_captured": {"currency": limits["currency"], "value": 0}},
        "usage_limits": limits,
    }
    ledger.store.remember(str(token["id"]), method=method["id"])
    ledger.later(limits["expires_at"] - ledger.now, "expire_grant", str(token["id"]))
    return ledger.store.add(token)


def retrieve(ledger: Ledger, identity: str) -> Json:
    """Return a token, with its limits and what of them is used."""
    _check_version(ledger)
    return ledger.need(KIND, identity)


def revoke(ledger: Ledger, identity: str) -> Json:
    """Take a token back, as its agent does; a test helper."""
    _check_version(ledger)
    token = ledger.need(KIND, identity)
    if token["deactivated_at"] is not None:
        raise invalid(f"This SharedPaymentGrantedToken was already deactivated: it is {token['deactivated_reason']}.")
    return _deactivate(ledger, token, "revoked")


def expire(ledger: Ledger, identity: str) -> None:
    """End a token whose time is over."""
    token = ledger.need(KIND, identity)
    if token["deactivated_at"] is None:
        _deactivate(ledger, token, "expired")


def method_of(ledger: Ledger, identity: str) -> Json:
    """Return a copy of the method that a token shares. Raises StripeError for a token that is no longer good."""
    if not ledger.is_preview:
        raise invalid(f"Received unknown parameter: {PARAM}", param=PARAM, code="parameter_unknown")
    token = ledger.need(KIND, identity, param=PARAM)
    _check_active(token)
    method = copied(ledger, ledger.store.hidden(identity)["method"])
    ledger.store.remember(method["id"], grant=identity)
    return method


def check_limits(ledger: Ledger, method: Json, amount: int, currency: str) -> None:
    """Raise StripeError for a payment beyond the limits of the token that its method was shared by, if any."""
    identity = ledger.store.hidden(method["id"]).get("grant")
    if identity is None:
        return
    token = ledger.need(KIND, identity, param=PARAM)
    _check_active(token)
    limits = token["usage_limits"]
    if currency != limits["currency"]:
        raise _beyond(f"The SharedPaymentGrantedToken {identity} is for payments in {limits['currency']} only.")
    left = limits["max_amount"] - ledger.store.hidden(identity).get("held", 0)
    if amount > left:
        raise _beyond(f"The amount ({amount}) is greater than what the SharedPaymentGrantedToken allows ({left}).")


def hold(ledger: Ledger, method_id: str, amount: int) -> None:
    """Count an amount that a payment holds or takes against the limit of its token, if any; or release it."""
    if identity := ledger.store.hidden(method_id).get("grant"):
        ledger.store.remember(identity, held=ledger.store.hidden(identity).get("held", 0) + amount)


def take(ledger: Ledger, method_id: str, amount: int) -> None:
    """Count an amount that was taken; a token of which all is taken is consumed."""
    identity = ledger.store.hidden(method_id).get("grant")
    if identity is None or amount <= 0:
        return
    token = ledger.need(KIND, identity)
    before = dict(token)
    taken = token["usage_details"]["amount_captured"]
    token["usage_details"] = {"amount_captured": taken | {"value": taken["value"] + amount}}
    ledger.store.save(token)
    ledger.happened(f"{KIND}.used", token, before=before)
    is_all = token["usage_details"]["amount_captured"]["value"] >= token["usage_limits"]["max_amount"]
    if is_all and token["deactivated_at"] is None:
        _deactivate(ledger, token, "consumed")


def _deactivate(ledger: Ledger, token: Json, reason: str) -> Json:
    token |= {"deactivated_at": ledger.now, "deactivated_reason": reason}
    ledger.store.save(token)
    ledger.happened(f"{KIND}.deactivated", token)
    return token


def _check_active(token: Json) -> None:
    if token["deactivated_at"] is not None:
        raise _beyond(
            f"The SharedPaymentGrantedToken {token['id']} can no longer be used: {token['deactivated_reason']}."
        )


def _beyond(why: str) -> StripeError:
    return invalid(why, param=PARAM)


def _check_version(ledger: Ledger) -> None:
    if not ledger.is_preview:
        raise invalid("Unrecognized request URL: this object is only in preview versions of the API.", status=404)
