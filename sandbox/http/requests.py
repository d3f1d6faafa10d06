"""The parameters of each endpoint."""

from typing import Any

from sandbox.customers import tokens
from sandbox.customers.kinds import KINDS
from sandbox.http.params import (
    ADDRESS,
    BILLING,
    SHIPPING,
    Check,
    Takes,
    anything,
    boolean,
    each,
    email,
    group,
    integer,
    integers,
    metadata,
    named,
    natural,
    off_session,
    one_of,
    one_of_or_unset,
    page_size,
    positive,
    text,
    words,
)
from sandbox.payments import descriptors, disputes
from sandbox.payments.captures import CANCEL_REASONS
from sandbox.payments.line_items import DETAILS
from sandbox.payments.options import FUTURE_USAGE, TYPES
from sandbox.payments.refunds import REASONS
from sandbox.setups.setups import CANCEL_REASONS as SETUP_CANCEL_REASONS

NOTHING = Takes()
METADATA = Takes({"metadata": metadata})
CAPTURE_METHOD = one_of("automatic", "automatic_async", "manual")
ONLINE = group(infer_from_client=boolean, ip_address=named, user_agent=named)
ACCEPTANCE = group(("type",), accepted_at=natural, offline=text, online=ONLINE, type=one_of("offline", "online"))
MANDATE = group(("customer_acceptance",), customer_acceptance=ACCEPTANCE)
BANK_ACCOUNT = group(
    account_holder_type=text,
    account_number=named,
    account_type=text,
    financial_connections_account=named,
    routing_number=named,
)
METHOD: dict[str, Check] = {
    "allow_redisplay": one_of("always", "limited", "unspecified"),
    "billing_details": BILLING,
    "metadata": metadata,
    "type": one_of(*KINDS),
    **{kind: group(**dict.fromkeys(known.fields, text)) for kind, known in KINDS.items()},
    "card": group(token=named),
    "sepa_debit": group(("iban",), iban=named),
    "us_bank_account": BANK_ACCOUNT,
}


def method_data(value: Any, name: str) -> Any:
    """Check a described method: its type and fields, or the token by which an agent shares one."""
    if isinstance(value, dict) and "shared_payment_granted_token" in value:
        return GRANTED(value, name)
    return METHOD_DATA(value, name)


METHOD_DATA = group(("type",), **METHOD)
GRANTED = group(billing_details=BILLING, metadata=metadata, shared_payment_granted_token=named)
DESCRIPTORS: dict[str, Check] = {
    "statement_descriptor": descriptors.static,
    "statement_descriptor_suffix": descriptors.suffix,
}
PAYING: dict[str, Check] = {"payment_method_data": method_data, **TYPES}
CONFIRMATION: dict[str, Check] = {
    **PAYING,
    **DETAILS,
    "confirmation_token": named,
    "capture_method": CAPTURE_METHOD,
    "error_on_requires_action": boolean,
    "mandate": named,
    "mandate_data": MANDATE,
    "off_session": off_session,
    "payment_method": named,
    "receipt_email": email,
    "return_url": named,
    "setup_future_usage": FUTURE_USAGE,
    "shipping": SHIPPING,
    "use_stripe_sdk": boolean,
}
BROWSER: dict[str, Check] = {"client_secret": named, "expected_payment_method_type": text}  # added by Stripe.js
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
        **DESCRIPTORS,
        "transfer_group": text,
    },
    ("amount", "currency"),
)
CHANGED_INTENT = Takes(
    PAYING
    | DETAILS
    | DESCRIPTORS
    | {
        "amount": positive,
        "capture_method": CAPTURE_METHOD,
        "currency": named,
        "customer": named,
        "description": text,
        "metadata": metadata,
        "payment_method": text,
        "receipt_email": email,
        "setup_future_usage": FUTURE_USAGE,
        "shipping": SHIPPING,
        "transfer_group": text,
    }
)
CONFIRMED_INTENT = Takes(CONFIRMATION | BROWSER)
CAPTURE = Takes(DETAILS | DESCRIPTORS | {"amount_to_capture": natural, "final_capture": boolean, "metadata": metadata})
INCREMENT = Takes(
    DETAILS
    | {
        "amount": positive,
        "description": text,
        "metadata": metadata,
        "statement_descriptor": descriptors.static,
    },
    ("amount",),
)
DEPOSITS = Takes({"amounts": integers, "descriptor_code": named, **BROWSER})
CANCEL = Takes({"cancellation_reason": one_of(*CANCEL_REASONS)})
NEW_REFUND = Takes(
    {
        "amount": positive,
        "charge": named,
        "instructions_email": text,
        "metadata": metadata,
        "payment_intent": named,
        "reason": one_of(*REASONS),
    }
)
CUSTOMER: dict[str, Check] = {
    "address": ADDRESS,
    "description": text,
    "email": email,
    "metadata": metadata,
    "invoice_settings": group(default_payment_method=text, footer=text),
    "name": text,
    "phone": text,
    "preferred_locales": words,
    "shipping": SHIPPING,
}
NEW_CUSTOMER, CHANGED_CUSTOMER = Takes(CUSTOMER | {"payment_method": named}), Takes(CUSTOMER)
NEW_METHOD = Takes(METHOD, ("type",))
CHANGED_METHOD = Takes(
    {
        "allow_redisplay": METHOD["allow_redisplay"],
        "billing_details": BILLING,
        "card": group(exp_month=positive, exp_year=positive),
        "metadata": metadata,
    }
)
ATTACHED = Takes({"customer": named}, ("customer",))
EVIDENCE = Takes({"evidence": group(**dict.fromkeys(disputes.EVIDENCE, text)), "metadata": metadata, "submit": boolean})
SEARCH = Takes({"limit": page_size, "page": named, "query": named}, ("query",))
CHANGED_CHARGE = Takes(
    {
        "customer": named,
        "description": text,
        "fraud_details": group(user_report=one_of("fraudulent", "safe")),
        "metadata": metadata,
        "receipt_email": email,
        "shipping": SHIPPING,
        "transfer_group": text,
    }
)
CAPTURED_CHARGE = Takes(DESCRIPTORS | {"amount": positive, "receipt_email": email})
LINE_ITEMS = Takes({"limit": page_size, "starting_after": named, "ending_before": named})
SETUP_OPTIONS = group(
    card=group(network=text, request_three_d_secure=one_of("any", "automatic", "challenge")),
    sepa_debit=group(),
    us_bank_account=group(verification_method=one_of("automatic", "instant", "microdeposits")),
)
SETUP: dict[str, Check] = {
    "customer": named,
    "description": text,
    "flow_directions": words,
    "metadata": metadata,
    "payment_method": named,
    "payment_method_data": METHOD_DATA,
    **TYPES,
    "payment_method_options": SETUP_OPTIONS,
}
CONFIRMED_SETUP = Takes(
    {
        "confirmation_token": named,
        "mandate_data": MANDATE,
        "payment_method": named,
        "payment_method_data": METHOD_DATA,
        "payment_method_options": SETUP_OPTIONS,
        "return_url": named,
        "use_stripe_sdk": boolean,
        **BROWSER,
    }
)
NEW_SETUP = Takes(
    SETUP
    | {
        "automatic_payment_methods": group(("enabled",), enabled=boolean, allow_redirects=one_of("always", "never")),
        "confirm": boolean,
        "confirmation_token": named,
        "mandate_data": MANDATE,
        "return_url": named,
        "usage": one_of("off_session", "on_session"),
        "use_stripe_sdk": boolean,
    }
)
CHANGED_SETUP = Takes(SETUP)
CANCELED_SETUP = Takes({"cancellation_reason": one_of(*SETUP_CANCEL_REASONS)})
KEY = Takes({"customer": named}, ("customer",))
SWITCH = one_of("disabled", "enabled")
REDISPLAY = one_of("always", "limited", "unspecified")
FEATURE_CHECKS: dict[str, Check] = {
    "payment_method_allow_redisplay_filters": each(REDISPLAY),
    "payment_method_redisplay": SWITCH,
    "payment_method_redisplay_limit": natural,
    "payment_method_remove": SWITCH,
    "payment_method_save": SWITCH,
    "payment_method_save_allow_redisplay_override": REDISPLAY,
    "payment_method_save_usage": one_of_or_unset("off_session", "on_session"),
}
COMPONENTS = group(
    **dict.fromkeys(tokens.PLAIN, group(("enabled",), enabled=boolean)),
    **{
        name: group(
            ("enabled",), enabled=boolean, features=group(**{feature: FEATURE_CHECKS[feature] for feature in features})
        )
        for name, features in tokens.FEATURES.items()
    },
)
SESSION = Takes({"components": COMPONENTS, "customer": named}, ("components",))
TOKEN = Takes(
    {
        "payment_method": named,
        "payment_method_data": METHOD_DATA,
        "return_url": named,
        "setup_future_usage": FUTURE_USAGE,
        "shipping": SHIPPING,
    }
)
BROWSER_TOKEN = Takes(  # what Stripe.js sends: an endpoint of its own
    {**TOKEN.fields, "client_context": anything, "customer_session_client_secret": named, "mandate_data": MANDATE}
)
LIMITS = group(("currency", "expires_at", "max_amount"), currency=named, expires_at=natural, max_amount=positive)
GRANT = Takes(
    {
        "customer": named,
        "payment_method": named,
        "seller_details": group(external_id=text, network_id=text),
        "shared_metadata": metadata,
        "usage_limits": LIMITS,
    },
    ("payment_method", "usage_limits"),
)
ENDPOINT: dict[str, Check] = {
    "description": text,
    "enabled_events": words,
    "metadata": metadata,
    "url": named,
}
BALANCE_MOVE = Takes(
    {"amount": integer, "currency": named, "description": text, "metadata": metadata}, ("amount", "currency")
)
BALANCE_NOTE = Takes({"description": text, "metadata": metadata})
TAX_ID = Takes({"type": named, "value": named}, ("type", "value"))
FUNDING = Takes({"amount": positive, "currency": named, "reference": text}, ("amount", "currency"))
APPLIED = Takes({"amount": positive, "currency": named})
CASH = Takes({"settings": group(reconciliation_mode=one_of("automatic", "manual", "merchant_default"))})
PAYOUT = Takes(
    {
        "amount": positive,
        "currency": named,
        "description": text,
        "metadata": metadata,
        "method": one_of("standard"),
        "statement_descriptor": text,
    },
    ("amount", "currency"),
)
NEW_ENDPOINT = Takes(ENDPOINT | {"api_version": text}, ("enabled_events", "url"))
CHANGED_ENDPOINT = Takes(ENDPOINT | {"disabled": boolean})
