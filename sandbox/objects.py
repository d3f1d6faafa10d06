"""New objects with every field that Stripe always sends. API version 2026-10-28.endive."""

from typing import Any

from sandbox.methods import MESSAGES, TestMethod
from sandbox.store import new_id

Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"
NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_BILLING = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}


def payment_intent(now: int, params: Json) -> Json:
    """A new intent, from validated parameters."""
    identity = new_id("pi")
    automatic = params.get("automatic_payment_methods")
    return {
        "id": identity,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic or {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic"),
        "client_secret": f"{identity}_secret_{new_id('s', 25)[2:]}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card", "us_bank_account"],
        "payment_record": None,
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def charge(now: int, intent: Json, method: Json, behaviour: TestMethod, *, failure: tuple[str, str] | None) -> Json:
    """One attempt to take an intent's money, paid or failed."""
    outcome = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if failure else "approved_by_network",
        "reason": failure[1] if failure else None,
        "risk_level": "normal",
        "seller_message": "The bank returned a decline." if failure else "Payment complete.",
        "type": "issuer_declined" if failure else "authorized",
    }
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": NO_BILLING,
        "calculated_statement_descriptor": "PAYGRAPH",
        "captured": False,
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": failure[0] if failure else None,
        "failure_message": MESSAGES.get(failure[1], MESSAGES["generic_decline"]) if failure else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": outcome,
        "paid": failure is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": method_details(behaviour, intent["amount"]),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed" if failure else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def method_details(behaviour: TestMethod, amount: int) -> Json:
    """What a charge tells of its method."""
    if behaviour.type != "card":
        bank = {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "TEST BANK",
            "fingerprint": "FFDMA0xfhBjWSZLu",
            "last4": behaviour.last4,
            "payment_reference": None,
            "routing_number": "110000000",
        }
        return {"type": behaviour.type, behaviour.type: bank}
    return {
        "type": "card",
        "card": {
            "amount_authorized": amount,
            "authorization_code": None,
            "brand": behaviour.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "electronic_commerce_indicator": None,
            "exp_month": 12,
            "exp_year": 2034,
            "extended_authorization": {"status": "disabled"},
            "fingerprint": f"fp{behaviour.brand}{behaviour.last4}",
            "funding": behaviour.funding,
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": behaviour.last4,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": behaviour.brand,
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "transaction_link_id": None,
            "wallet": None,
        },
    }


def payment_method(now: int, name: str, behaviour: TestMethod) -> Json:
    """A payment method made from a test token; the token's behaviour goes with it in `metadata`."""
    details = method_details(behaviour, 0)[behaviour.type]
    common = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NO_BILLING,
        "created": now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {"sandbox_method": name},
        "type": behaviour.type,
    }
    if behaviour.type != "card":
        kept = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        bank = {field: details[field] for field in kept}
        return common | {
            behaviour.type: bank | {"financial_connections_account": None, "networks": None, "status_details": None}
        }
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return common | {
        "card": {field: details[field] for field in shown}
        | {
            "display_brand": behaviour.brand,
            "generated_from": None,
            "networks": {"available": [behaviour.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
        }
    }


def refund(now: int, charged: Json, amount: int, params: Json) -> Json:
    """A new refund of a charge."""
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charged["id"],
        "created": now,
        "currency": charged["currency"],
        "customer": charged["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": params.get("metadata", {}),
        "payment_intent": charged["payment_intent"],
        "payment_method": charged["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def balance_transaction(now: int, *, amount: int, fee: int, currency: str, source: str, kind: str) -> Json:
    """Money moving in or out of the account's balance."""
    categories = {"charge": "charge", "refund": "refund", "refund_failure": "refund_failure", "adjustment": "dispute"}
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + 2 * 86_400,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fees if fee else [],
        "net": amount - fee,
        "reporting_category": categories[kind],
        "source": source,
        "status": "pending",
        "type": kind,
    }


def dispute(now: int, charged: Json, status: str) -> Json:
    """A payer's bank contests a charge."""
    evidence = (
        "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
        "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
        "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
        "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
        "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
        "uncategorized_file uncategorized_text"
    )
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charged["amount_captured"],
        "balance_transactions": [],
        "charge": charged["id"],
        "created": now,
        "currency": charged["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(evidence.split()), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + 7 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": status.startswith("warning"),
        "livemode": False,
        "metadata": {},
        "payment_intent": charged["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": "fraudulent",
        "status": status,
    }


def customer(now: int, params: Json) -> Json:
    """A customer."""
    return {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": new_id("x", 8)[2:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def event(now: int, kind: str, thing: Json, *, request: str | None, key: str | None) -> Json:
    """Something that happened, with the object as it stood then."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": thing},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": request, "idempotency_key": key},
        "type": kind,
    }
