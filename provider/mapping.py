"""Stripe's objects, as plain dicts, mapped to our snapshots. An unknown status is `UNKNOWN`, never a crash."""

from datetime import datetime
from typing import Any

from domain.currencies import CURRENCIES
from domain.declines import explain_decline
from domain.errors import CardDeclined
from domain.money import MAX_MINOR
from domain.sensitive import without_secrets
from domain.states import (
    CancellationReason,
    CaptureMethod,
    PaymentStatus,
    RefundReason,
    RefundStatus,
    SetupIntentStatus,
)
from provider.customer_mapping import method_from, snapshot_of
from provider.next_actions import is_safe_page, next_action_from
from provider.objects import (
    BalanceTransactionKind,
    ProviderBalanceTransaction,
    ProviderDispute,
    ProviderMethod,
    ProviderPayment,
    ProviderRefund,
    ProviderSetup,
)
from provider.words import Json, descriptor, id_of, maybe_moment, moment, word

NOT_THE_OBJECT = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # errors of mapping any other JSON
LONGEST_RECEIPT_URL = 2048

PAYMENT_STATUS = {
    "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT_METHOD,
    "requires_confirmation": PaymentStatus.REQUIRES_CONFIRMATION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.REQUIRES_CAPTURE,
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.CANCELED,
}
REFUND_STATUS = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.REQUIRES_ACTION,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}
SETUP_STATUS = {
    "requires_payment_method": SetupIntentStatus.REQUIRES_PAYMENT_METHOD,
    "requires_confirmation": SetupIntentStatus.REQUIRES_CONFIRMATION,
    "requires_action": SetupIntentStatus.REQUIRES_ACTION,
    "processing": SetupIntentStatus.PROCESSING,
    "succeeded": SetupIntentStatus.SUCCEEDED,
    "canceled": SetupIntentStatus.CANCELED,
}
REFUND_REASON = {
    "duplicate": RefundReason.DUPLICATE,
    "fraudulent": RefundReason.FRAUDULENT,
    "requested_by_customer": RefundReason.REQUESTED_BY_CUSTOMER,
}
CANCELLATION_REASON = {
    "duplicate": CancellationReason.DUPLICATE,
    "fraudulent": CancellationReason.FRAUDULENT,
    "requested_by_customer": CancellationReason.REQUESTED_BY_CUSTOMER,
    "abandoned": CancellationReason.ABANDONED,
    "automatic": CancellationReason.AUTOMATIC,
    "expired": CancellationReason.EXPIRED,
}
# docs.stripe.com/reports/balance-transaction-types: the second of each pair is for methods other than cards.
BALANCE_TRANSACTION_KIND = {
    "charge": BalanceTransactionKind.CHARGE,
    "payment": BalanceTransactionKind.CHARGE,
    "refund": BalanceTransactionKind.REFUND,
    "payment_refund": BalanceTransactionKind.REFUND,
}
# An inquiry (warning_…) takes no money, and Stripe still refunds the charge.
NOT_CONTESTED = frozenset({"won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed"})


def payment_from(intent: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderPayment:
    """Map a PaymentIntent. Raises KeyError, TypeError or ValueError for any other JSON."""
    charge = intent.get("latest_charge")
    expanded: Json = charge if isinstance(charge, dict) else {}
    status = PAYMENT_STATUS.get(intent["status"], PaymentStatus.UNKNOWN)
    error = intent.get("last_payment_error")
    return ProviderPayment(
        id=intent["id"],
        status=status,
        livemode=bool(intent["livemode"]),
        currency=_currency(intent),
        amount_minor=_minor(intent["amount"]),
        capturable_minor=_minor(intent.get("amount_capturable") or 0),
        captured_minor=_minor(intent.get("amount_received") or 0),
        capture_method=CaptureMethod.MANUAL if intent.get("capture_method") == "manual" else CaptureMethod.AUTOMATIC,
        created_at=moment(intent["created"]),
        charge_id=id_of(charge),
        disputed=bool(expanded.get("disputed")),
        next_action=next_action_from(intent.get("next_action"), livemode=bool(intent["livemode"])),
        last_error=decline_from(error) if isinstance(error, dict) else None,
        failed_charge_id=id_of(error.get("charge")) if isinstance(error, dict) else None,
        failed_method=_method({}, error.get("payment_method")) if isinstance(error, dict) else None,
        method=_method(expanded, intent.get("payment_method")),
        kept_method=_kept_method(intent),
        capture_before=_capture_before(expanded) if status is PaymentStatus.REQUIRES_CAPTURE else None,
        captured_at=_captured_at(intent, expanded),
        canceled_at=maybe_moment(intent.get("canceled_at")),
        cancel_reason=_cancel_reason(intent),
        receipt_url=_receipt_url(expanded.get("receipt_url"), livemode=bool(intent["livemode"])),
        statement_descriptor=descriptor(expanded.get("calculated_statement_descriptor")),
        metadata=_metadata(intent),
        client_secret=intent.get("client_secret"),
        request_id=request_id,
        is_replayed=is_replayed,
    )


def refund_from(refund: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderRefund:
    """Map a Refund. Raises KeyError, TypeError or ValueError for any other JSON."""
    return ProviderRefund(
        id=refund["id"],
        status=REFUND_STATUS.get(refund["status"], RefundStatus.UNKNOWN),
        currency=_currency(refund),
        amount_minor=_minor(refund["amount"]),
        payment_intent_id=id_of(refund.get("payment_intent")),
        reason=REFUND_REASON.get(refund.get("reason") or "", RefundReason.OTHER),
        created_at=moment(refund["created"]),
        failure_reason=word(refund.get("failure_reason")),
        metadata=_metadata(refund),
        request_id=request_id,
        is_replayed=is_replayed,
        is_release=_is_release(refund),
    )


def _is_release(refund: Json) -> bool:
    """Return True for a released part of a hold, by partial capture, cancellation or expiry: it is no refund.

    Stripe made a Refund of it until 2025-03-31.basil, and still does where another program captures with an older
    version. It moves no money. Most have no balance transaction. Where one has, Stripe had booked all of the hold and
    takes the rest back; only the charge's own balance transaction tells that from a real refund, which may be a
    `reversal` as well when it comes within hours. Source: docs.stripe.com/changelog and docs.stripe.com/refunds.
    """
    if refund.get("reason") == "expired_uncaptured_charge":
        return True
    details = refund.get("destination_details")
    card = details.get("card") if isinstance(details, dict) else None
    kind = card.get("type") if isinstance(card, dict) else None
    if refund.get("status") != "succeeded" or kind not in (None, "reversal") or "refund_id" in _metadata(refund):
        return False
    if refund.get("balance_transaction") is None:
        return True
    charge = refund.get("charge")
    released = _released(charge)
    return released > 0 and refund["amount"] == released and _books_whole_hold(charge)


def _released(charge: object) -> int:
    """Return the amount that was held and not taken, of an expanded charge that was captured."""
    if not isinstance(charge, dict) or charge.get("captured") is not True:
        return 0
    return _minor(charge["amount"]) - _minor(charge["amount_captured"])


def _books_whole_hold(charge: object) -> bool:
    booked = charge.get("balance_transaction") if isinstance(charge, dict) else None
    return isinstance(charge, dict) and isinstance(booked, dict) and booked.get("amount") == charge.get("amount")


def setup_from(setup: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderSetup:
    """Map a SetupIntent. Raises KeyError, TypeError or ValueError for any other JSON."""
    if setup["object"] != "setup_intent":
        raise ValueError("not a setup")
    error, method = setup.get("last_setup_error"), setup.get("payment_method")
    return ProviderSetup(
        id=setup["id"],
        status=SETUP_STATUS.get(setup["status"], SetupIntentStatus.UNKNOWN),
        livemode=bool(setup["livemode"]),
        created_at=moment(setup["created"]),
        customer_id=id_of(setup.get("customer")),
        method=method_from(method) if isinstance(method, dict) else None,
        next_action=next_action_from(setup.get("next_action"), livemode=bool(setup["livemode"])),
        last_error=decline_from(error) if isinstance(error, dict) else None,
        metadata=_metadata(setup),
        client_secret=setup.get("client_secret"),
        request_id=request_id,
        is_replayed=is_replayed,
    )


def dispute_from(dispute: Json) -> ProviderDispute:
    """Map a Dispute. Raises KeyError, TypeError or ValueError for any other JSON."""
    return ProviderDispute(
        id=dispute["id"],
        payment_intent_id=id_of(dispute.get("payment_intent")),
        amount_minor=_minor(dispute["amount"]),
        currency=_currency(dispute),
        is_open_or_lost=dispute["status"] not in NOT_CONTESTED,
        charge_id=id_of(dispute.get("charge")),
    )


def balance_transaction_from(transaction: Json) -> ProviderBalanceTransaction:
    """Map a BalanceTransaction; only an expanded source shows which payment it belongs to."""
    source = transaction.get("source")
    expanded: Json = source if isinstance(source, dict) else {}
    amount = int(transaction["amount"])
    if (released := _released(expanded)) and amount == expanded["amount"]:
        amount -= released  # all of the hold was booked; the rest is taken back by a balance transaction of its own
    return ProviderBalanceTransaction(
        id=transaction["id"],
        kind=BALANCE_TRANSACTION_KIND.get(transaction["type"], BalanceTransactionKind.OTHER),
        currency=transaction["currency"].upper(),
        amount_minor=amount,
        is_converted=transaction.get("exchange_rate") is not None,
        source_id=id_of(source),
        payment_intent_id=id_of(expanded.get("payment_intent")),
    )


def decline_from(error: Json) -> CardDeclined:
    """Map a card error to Stripe's codes and a sentence that a buyer may read. Never raises."""
    return explain_decline(
        code=word(error.get("code")),
        decline_code=word(error.get("decline_code")),
        advice_code=word(error.get("advice_code")),
        network_decline_code=word(error.get("network_decline_code")),
    )


def _method(charge: Json, method: object) -> dict[str, Any] | None:
    """Return the payment method as a receipt shows it. Never a number, a fingerprint or a billing address."""
    details = charge.get("payment_method_details")
    if isinstance(details, dict):
        return snapshot_of(details)
    return snapshot_of(method) if isinstance(method, dict) else None


def _kept_method(intent: Json) -> ProviderMethod | None:
    """Return the method that the payer agreed to keep, once their customer has it; it is a hint: None if unreadable."""
    method = intent.get("payment_method")
    if intent.get("setup_future_usage") is None or not isinstance(method, dict) or not method.get("customer"):
        return None
    try:
        return method_from(method)
    except NOT_THE_OBJECT:
        return None


def _capture_before(charge: Json) -> datetime | None:
    """Return the end of a card's authorisation. Source: docs.stripe.com/payments/place-a-hold-on-a-payment-method."""
    details = charge.get("payment_method_details")
    card = details.get("card") if isinstance(details, dict) else None
    return maybe_moment(card.get("capture_before")) if isinstance(card, dict) else None


def _captured_at(intent: Json, charge: Json) -> datetime | None:
    """Return the moment at which Stripe took the money of an expanded charge; None where Stripe does not tell.

    A charge is booked when its money is taken. Without its booking only a card that was not held tells the moment: it
    is charged at once.
    """
    if not intent.get("amount_received"):
        return None
    booked, details = charge.get("balance_transaction"), charge.get("payment_method_details")
    if isinstance(booked, dict):
        return maybe_moment(booked.get("created"))
    is_card = isinstance(details, dict) and details.get("type") == "card"
    return maybe_moment(charge.get("created")) if is_card and intent.get("capture_method") != "manual" else None


def _cancel_reason(intent: Json) -> CancellationReason | None:
    reason = intent.get("cancellation_reason")
    return CANCELLATION_REASON.get(str(reason), CancellationReason.OTHER) if reason is not None else None


def _receipt_url(url: object, *, livemode: bool) -> str | None:
    """Return the address of a charge's receipt, if a browser may be sent there."""
    if not isinstance(url, str) or len(url) > LONGEST_RECEIPT_URL or not is_safe_page(url, livemode=livemode):
        return None
    return url if without_secrets(url) == url else None


def payment_if_readable(intent: Json) -> ProviderPayment | None:
    """Map a PaymentIntent that is only a hint; None if it cannot be read."""
    try:
        return payment_from(intent)
    except NOT_THE_OBJECT:
        return None


def end_if_readable(intent: Json) -> tuple[PaymentStatus, int, str | None] | None:
    """Return only the status, the captured amount and the charge of a PaymentIntent; None if they cannot be read."""
    received, status = intent.get("amount_received"), intent.get("status")
    if type(received) is not int or not isinstance(status, str):
        return None
    return PAYMENT_STATUS.get(status, PaymentStatus.UNKNOWN), received, id_of(intent.get("latest_charge"))


def _minor(value: object) -> int:
    """Return an amount in minor units. Raises TypeError and ValueError for a value beyond our columns and clients."""
    if type(value) is not int:
        raise TypeError("an amount is a whole number")
    if not 0 <= value <= MAX_MINOR:
        raise ValueError("an amount is not negative, and exact in JSON")
    return value


def _currency(thing: Json) -> str:
    """Return the currency in upper case. Raises ValueError for one without a known minor unit."""
    code = str(thing["currency"]).upper()
    if code not in CURRENCIES:
        raise ValueError("not a currency that is known here")
    return code


def _metadata(thing: Json) -> dict[str, str]:
    metadata = thing.get("metadata")
    return {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}
