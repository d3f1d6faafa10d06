"""The fields of each type of payment method, and the test method that a description stands for."""

import re
from typing import Any

from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import BANK_NUMBERS, METHODS, TestMethod
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.objects import NO_BILLING
from sandbox.store import new_id

Json = dict[str, Any]

TAX_ID = "000.000.000-00"  # of a payer in Brazil, where one is required
TOKEN = re.compile(r"tok_(\w{1,80})")
SHORTEST_IBAN, LONGEST_IBAN = 15, 34


def test_name(params: Json) -> str:
    """Return the name of the test method that is described: by a token, a test account's number, or a type."""
    kind = params["type"]
    if kind == "us_bank_account":
        account = params.get(kind, {})
        known = BANK_NUMBERS.get(account.get("account_number", ""), "pm_usBankAccount_success")
        is_plain = known == "pm_usBankAccount_success" and not account.get("financial_connections_account")
        return "pm_usBankAccount_microdeposits" if is_plain else known
    if kind == "sepa_debit":
        return BANK_NUMBERS.get(_iban(params), "pm_success_de")
    if kind != "card":
        return f"pm_{kind}"
    match = TOKEN.fullmatch((params.get("card") or {}).get("token", ""))
    name = f"pm_card_{match[1]}" if match else ""
    if name not in METHODS:
        raise invalid("Invalid token id: use one of Stripe's test tokens, such as tok_visa.", param="card[token]")
    return name


def _iban(params: Json) -> str:
    number = (params.get("sepa_debit") or {}).get("iban", "").replace(" ", "").upper()
    if not (SHORTEST_IBAN <= len(number) <= LONGEST_IBAN and number.isalnum() and number[:2].isalpha()):
        raise invalid("The IBAN you provided is invalid.", param="sepa_debit[iban]", code="invalid_bank_account_iban")
    return str(number)


def make(ledger: Ledger, name: str) -> Json:
    """Make a payment method that behaves as this test method."""
    behaviour = METHODS[name]
    method = of_kind(behaviour) | {
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
    ledger.store.hide(method["id"], {"test": name})
    return ledger.store.add(method)


def copied(ledger: Ledger, name: str) -> Json:
    """Make a copy of a method that belongs to nobody; the name of a test method makes a new one."""
    if name in METHODS:
        return make(ledger, name)
    original = ledger.need("payment_method", name, param="payment_method")
    copy = original | {"id": new_id("pm"), "created": ledger.now, "customer": None, "metadata": {}}
    ledger.store.hide(copy["id"], {"test": ledger.store.hidden(name).get("test", "pm_card_visa")})
    return ledger.store.add(copy)


def of_kind(behaviour: TestMethod) -> Json:
    """Return the fields of a test method's type."""
    match behaviour.type:
        case "card":
            return _card(behaviour)
        case "us_bank_account":
            return _bank_account(behaviour)
        case "sepa_debit":
            return _sepa_debit(behaviour)
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
            "wallet": {behaviour.wallet: {}, "dynamic_last4": behaviour.last4, "type": behaviour.wallet}
            if behaviour.wallet
            else None,
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


def _sepa_debit(behaviour: TestMethod) -> Json:
    return {
        behaviour.type: {
            "bank_code": "37040044",
            "branch_code": None,
            "country": behaviour.country,
            "fingerprint": f"sandboxiban{behaviour.last4}",
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": behaviour.last4,
        }
    }
