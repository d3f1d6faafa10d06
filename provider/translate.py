"""Stripe's objects, as plain dicts, into our facts. An unknown status is `UNKNOWN`, never a crash."""

import re
from datetime import UTC, datetime
from typing import Any

from domain.errors import CardDeclined, ErrorCode
from domain.sensitive import is_sensitive
from domain.states import CaptureMethod, PaymentStatus, RefundReason, RefundStatus, RetryAdvice
from provider.facts import Actionable, Booked, ProviderBooking, ProviderDispute, ProviderPayment, ProviderRefund

Json = dict[str, Any]

NOT_THE_OBJECT = (KeyError, TypeError, ValueError, AttributeError, OverflowError)  # what translating raises
_WORD = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,100}")
_LAST_DIGITS = re.compile(r"[0-9]{1,4}", re.ASCII)

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
REFUND_REASON = {
    "duplicate": RefundReason.DUPLICATE,
    "fraudulent": RefundReason.FRAUDULENT,
    "requested_by_customer": RefundReason.REQUESTED_BY_CUSTOMER,
}
# docs.stripe.com/reports/balance-transaction-types: the second of each is of methods that are no cards.
BOOKED = {
    "charge": Booked.CHARGE,
    "payment": Booked.CHARGE,
    "refund": Booked.REFUND,
    "payment_refund": Booked.REFUND,
}
# An inquiry (warning_…) takes no money, and Stripe still refunds the charge.
NOT_CONTESTED = frozenset({"won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed"})

# docs.stripe.com/declines/codes: what the buyer may do about it. Everything else: another method.
RETRY_LATER = frozenset(
    {"processing_error", "issuer_not_available", "try_again_later", "reenter_transaction", "approve_with_id"}
)
NEVER_RETRY = frozenset(
    {"fraudulent", "lost_card", "stolen_card", "pickup_card", "merchant_blacklist", "restricted_card"}
)
CUSTOMER_MESSAGES = {
    "insufficient_funds": "The card has insufficient funds. Please use another card.",
    "expired_card": "The card has expired. Please use another card.",
    "incorrect_cvc": "The card's security code is incorrect. Please check it and try again.",
    "processing_error": "The bank could not process the card. Please try again in a moment.",
    "authentication_required": "Your bank asks you to confirm this payment.",
}


def payment_from(intent: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderPayment:
    """A PaymentIntent as we see it. Raises KeyError or TypeError if it is not one (the caller calls that UNKNOWN)."""
    charge = intent.get("latest_charge")
    expanded: Json = charge if isinstance(charge, dict) else {}
    status = PAYMENT_STATUS.get(intent["status"], PaymentStatus.UNKNOWN)
    error = intent.get("last_payment_error")
    return ProviderPayment(
        id=intent["id"],
        status=status,
        livemode=bool(intent["livemode"]),
        currency=intent["currency"].upper(),
        amount_minor=int(intent["amount"]),
        capturable_minor=int(intent.get("amount_capturable") or 0),
        captured_minor=int(intent.get("amount_received") or 0),
        capture_method=CaptureMethod.MANUAL if intent.get("capture_method") == "manual" else CaptureMethod.AUTOMATIC,
        created_at=moment(intent["created"]),
        charge_id=expanded.get("id") or (charge if isinstance(charge, str) else None),
        disputed=bool(expanded.get("disputed")),
        next_action=_next_action(intent.get("next_action")),
        last_error=decline_from(error) if isinstance(error, dict) else None,
        method=_method(expanded, intent.get("payment_method")),
        capture_before=_capture_before(expanded) if status is PaymentStatus.REQUIRES_CAPTURE else None,
        metadata=_metadata(intent),
        client_secret=intent.get("client_secret"),
        request_id=request_id,
        is_replayed=is_replayed,
    )


def refund_from(refund: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderRefund:
    """A Refund as we see it. Raises KeyError or TypeError if it is not one."""
    return ProviderRefund(
        id=refund["id"],
        status=REFUND_STATUS.get(refund["status"], RefundStatus.UNKNOWN),
        currency=refund["currency"].upper(),
        amount_minor=int(refund["amount"]),
        payment_intent_id=id_of(refund.get("payment_intent")),
        reason=REFUND_REASON.get(refund.get("reason") or "", RefundReason.OTHER),
        created_at=moment(refund["created"]),
        failure_reason=word(refund.get("failure_reason")),
        metadata=_metadata(refund),
        request_id=request_id,
        is_replayed=is_replayed,
    )


def dispute_from(dispute: Json) -> ProviderDispute:
    """A Dispute as we see it."""
    return ProviderDispute(
        id=dispute["id"],
        payment_intent_id=id_of(dispute.get("payment_intent")),
        amount_minor=int(dispute["amount"]),
        currency=dispute["currency"].upper(),
        is_open_or_lost=dispute["status"] not in NOT_CONTESTED,
        charge_id=id_of(dispute.get("charge")),
    )


def booking_from(transaction: Json) -> ProviderBooking:
    """A BalanceTransaction as we see it; only an expanded source tells whose money it is."""
    source = transaction.get("source")
    expanded: Json = source if isinstance(source, dict) else {}
    return ProviderBooking(
        id=transaction["id"],
        booked=BOOKED.get(transaction["type"], Booked.OTHER),
        currency=transaction["currency"].upper(),
        amount_minor=int(transaction["amount"]),
        is_converted=transaction.get("exchange_rate") is not None,
        source_id=id_of(source),
        payment_intent_id=id_of(expanded.get("payment_intent")),
    )


def decline_from(error: Json) -> CardDeclined:
    """A card error as we tell it: Stripe's codes, and a sentence that a buyer may read."""
    code, decline_code = word(error.get("code")), word(error.get("decline_code"))
    advice_code = word(error.get("advice_code"))
    reason = decline_code or code or "card_declined"
    if code in ("authentication_required", "payment_intent_authentication_failure"):
        reason = "authentication_required"
    return CardDeclined(
        decline_code=decline_code or code,
        advice_code=advice_code,
        network_decline_code=word(error.get("network_decline_code")),
        customer_message=CUSTOMER_MESSAGES.get(reason, "The card was declined. Please use another payment method."),
        retry=_retry_advice(reason, advice_code),
        code=_decline_error_code(reason),
    )


def _decline_error_code(reason: str) -> ErrorCode:
    return ErrorCode.AUTHENTICATION_REQUIRED if reason == "authentication_required" else ErrorCode.CARD_DECLINED


def _retry_advice(reason: str, advice: str | None) -> RetryAdvice:
    if reason == "authentication_required":
        return RetryAdvice.REAUTHENTICATE_ON_SESSION
    if advice == "do_not_try_again" or reason in NEVER_RETRY:
        return RetryAdvice.DO_NOT_RETRY
    if advice == "try_again_later" or reason in RETRY_LATER:
        return RetryAdvice.RETRY_SAME_METHOD_LATER
    return RetryAdvice.USE_ANOTHER_METHOD


def _next_action(action: Json | None) -> Actionable | None:
    if not action:
        return None
    kind = word(action.get("type")) or "unknown"
    detail = action.get(kind)
    detail = detail if isinstance(detail, dict) else {}
    expires = detail.get("expires_at") or detail.get("expires_after")
    return Actionable(
        type=kind,
        redirect_url=detail.get("url") or detail.get("hosted_voucher_url") or detail.get("stripe_js"),
        expires_at=moment(expires) if isinstance(expires, int) else None,
    )


def _method(charge: Json, method: object) -> dict[str, Any] | None:
    """What a receipt shows of the method. Never a number, a fingerprint or a billing address."""
    details = charge.get("payment_method_details")
    if not isinstance(details, dict):
        details = method if isinstance(method, dict) else None
    if details is None:
        return None
    kind = word(details.get("type")) or "unknown"
    card = details.get("card")
    if kind != "card" or not isinstance(card, dict):
        return {"type": kind, "label": kind.replace("_", " ")}
    wallet, last4 = card.get("wallet"), str(card.get("last4") or "")
    return {
        "type": "card",
        "brand": word(card.get("brand")) or "unknown",
        "last4": last4 if _LAST_DIGITS.fullmatch(last4) else "",
        "exp_month": int(card.get("exp_month") or 0),
        "exp_year": int(card.get("exp_year") or 0),
        "funding": word(card.get("funding")),
        "country": word(card.get("country")),
        "wallet": word(wallet.get("type")) if isinstance(wallet, dict) else None,
    }


def _capture_before(charge: Json) -> datetime | None:
    """Until when a card's authorisation holds. Stripe: docs.stripe.com/payments/place-a-hold-on-a-payment-method."""
    details = charge.get("payment_method_details")
    card = details.get("card") if isinstance(details, dict) else None
    until = card.get("capture_before") if isinstance(card, dict) else None
    return moment(until) if isinstance(until, int) else None


def payment_if_readable(intent: Json) -> ProviderPayment | None:
    """The payment that an object of Stripe's is, where it is a hint and no answer: None for one that cannot be read."""
    try:
        return payment_from(intent)
    except NOT_THE_OBJECT:
        return None


def end_if_readable(intent: Json) -> tuple[PaymentStatus, int, str | None] | None:
    """The status, the captured amount and the charge that a PaymentIntent tells of, and nothing else of it; None for
    one that cannot be read."""
    received, status = intent.get("amount_received"), intent.get("status")
    if type(received) is not int or not isinstance(status, str):
        return None
    return PAYMENT_STATUS.get(status, PaymentStatus.UNKNOWN), received, id_of(intent.get("latest_charge"))


def _metadata(thing: Json) -> dict[str, str]:
    metadata = thing.get("metadata")
    return {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}


def id_of(thing: object) -> str | None:
    """The id of an object that may be expanded."""
    identity = thing.get("id") if isinstance(thing, dict) else thing
    return identity if isinstance(identity, str) else None


def short_text(value: object) -> str | None:
    """The value if it is text, never more of it than a column holds."""
    return value[:255] if isinstance(value, str) else None


def word(value: object) -> str | None:
    """One of Stripe's words: a code, a parameter's name, a request's id. None for anything else.

    Where Stripe writes a word we keep, log and answer it; a text there could hold what must not be kept.
    """
    return value if isinstance(value, str) and _WORD.fullmatch(value) and not is_sensitive(value) else None


def moment(seconds: int) -> datetime:
    """The moment so many seconds after 1970. Raises ValueError beyond the year 9999, and TypeError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("not a moment") from None
