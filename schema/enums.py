"""The enums of the domain, with a sentence for the type and for every value."""

from collections.abc import Mapping
from enum import EnumMeta

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from domain.errors import ErrorCode
from domain.states import (
    ActorKind,
    CancellationReason,
    CancelReason,
    CaptureMethod,
    CustomerSessionComponent,
    DiscrepancyKind,
    DiscrepancyState,
    EventSource,
    OperationKind,
    OperationState,
    OrderPaymentStatus,
    PaymentAction,
    PaymentStatus,
    ProviderEffect,
    RefundReason,
    RefundStatus,
    RetryAdvice,
    ReviewOutcome,
    SetupFutureUsage,
    SetupIntentStatus,
    WebhookState,
)
from resolvers.payment_queries import PaymentSort


def _say(enum: EnumMeta, description: str, values: Mapping[str, str]) -> None:
    """Make an enum known to the schema. Every value must have its sentence, and nothing else."""
    assert list(values) == list(enum.__members__), f"{enum.__name__} is not described as it stands"
    strawberry.enum(enum, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # set above
    for value in definition.values:
        value.description = values[value.name]


_say(
    PaymentStatus,
    "Where a payment stands: Stripe's lifecycle, and two honest words of our own.",
    {
        "INITIATED": "Accepted here; Stripe has not answered yet.",
        "REQUIRES_PAYMENT_METHOD": "Waits for a payment method; also after a decline.",
        "REQUIRES_CONFIRMATION": "Has a payment method and waits to be confirmed.",
        "REQUIRES_ACTION": "The payer has to do something: authenticate, visit the bank, pay a voucher.",
        "PROCESSING": "The bank is working on it; may take days for some methods.",
        "REQUIRES_CAPTURE": "The money is held and waits to be taken.",
        "SUCCEEDED": "The money was taken. Final.",
        "CANCELED": "Given up, nothing is held. Final.",
        "UNKNOWN": "Stripe was asked and nobody knows yet what it did. Resolves itself; do not pay again meanwhile.",
    },
)
_say(
    RefundStatus,
    "Where a refund stands.",
    {
        "INITIATED": "Accepted and reserved here; Stripe has not answered yet.",
        "AWAITING_APPROVAL": "Reserved; waits for a second person.",
        "PENDING": "On its way.",
        "REQUIRES_ACTION": "The customer has to do something to get the money.",
        "SUCCEEDED": "Stripe gave the money back. The bank may still fail it days later.",
        "FAILED": "The money came back to us and may be refunded again.",
        "CANCELED": "Given up; the money may be refunded again.",
        "UNKNOWN": "Nobody knows yet whether Stripe did it. The amount stays reserved until somebody does.",
    },
)
_say(
    CaptureMethod,
    "When the money is taken.",
    {"AUTOMATIC": "As soon as the payment is confirmed.", "MANUAL": "Held first, taken later by capturePayment."},
)
_say(
    SetupFutureUsage,
    "Whether the payment method may be kept for later.",
    {"ON_SESSION": "For payments while the payer is there.", "OFF_SESSION": "Also for payments without the payer."},
)
_say(
    SetupIntentStatus,
    "Where a setup stands: Stripe's own words, and two of ours.",
    {
        "INITIATED": "Written here; Stripe is about to be asked.",
        "REQUIRES_PAYMENT_METHOD": "Waits for the customer to enter a payment method, or another one.",
        "REQUIRES_CONFIRMATION": "Has a method and waits to be confirmed.",
        "REQUIRES_ACTION": "Waits for the customer: 3DS, or the amounts that a bank account was sent.",
        "PROCESSING": "Stripe is at it.",
        "SUCCEEDED": "The method is kept.",
        "CANCELED": "Over, and nothing is kept.",
        "UNKNOWN": "Stripe was asked and nobody knows yet what it did. It resolves itself.",
    },
)
_say(
    CustomerSessionComponent,
    "A part of Stripe's in which a customer's session shows what they keep, and lets them change it.",
    {
        "PAYMENT_ELEMENT": "The Payment Element of a page: kept methods are shown, kept and removed.",
        "MOBILE_PAYMENT_ELEMENT": "The same in an app, the mobile Payment Element.",
        "CUSTOMER_SHEET": "The sheet of an app in which a customer keeps their methods, without a payment.",
    },
)
_say(
    OrderPaymentStatus,
    "How far an order is paid; always derived from its payments.",
    {
        "UNPAID": "Nothing was taken.",
        "PENDING": "A payment is on its way.",
        "ACTION_REQUIRED": "A payment waits for the payer.",
        "AUTHORIZED": "The money is held.",
        "PARTIALLY_PAID": "Less than the total was taken.",
        "PAID": "The total was taken.",
        "OVERPAID": "More than the total was taken.",
        "PARTIALLY_REFUNDED": "Part of what was taken was given back.",
        "REFUNDED": "All that was taken was given back.",
        "DISPUTED": "A payer contests a charge.",
    },
)
_say(
    OperationKind,
    "The mutations that take an idempotency key. A key is good for one of them.",
    {
        "REGISTER_ORDER": "registerOrder.",
        "CREATE_PAYMENT": "createPayment.",
        "CREATE_OFF_SESSION_PAYMENT": "createOffSessionPayment.",
        "CONFIRM_PAYMENT": "confirmPayment.",
        "CAPTURE_PAYMENT": "capturePayment.",
        "CANCEL_PAYMENT": "cancelPayment.",
        "REFUND_PAYMENT": "refundPayment.",
        "APPROVE_REFUND": "approveRefund.",
        "CANCEL_REFUND": "cancelRefund.",
        "CREATE_SETUP_INTENT": "createSetupIntent.",
        "SET_DEFAULT_PAYMENT_METHOD": "setDefaultPaymentMethod.",
        "DETACH_PAYMENT_METHOD": "detachPaymentMethod.",
        "SUBMIT_DISPUTE_EVIDENCE": "submitDisputeEvidence.",
        "REDACT_CUSTOMER": "redactCustomer.",
    },
)
_say(
    OperationState,
    "How far an operation has come.",
    {
        "IN_PROGRESS": "Somebody is working on it.",
        "SUCCEEDED": "It did what was asked. Final.",
        "FAILED": "It did not; `error` says why. Final.",
        "UNRESOLVED": "Not decided yet; it is tried or looked up again by itself.",
        "NEEDS_REVIEW": "Stripe cannot tell what became of it. It is looked up every hour; a person may settle it.",
    },
)
_say(
    ReviewOutcome,
    "What a person found out about an operation that Stripe could not tell the end of.",
    {
        "HAPPENED": "It happened: `stripeId` names what it made at Stripe.",
        "DID_NOT_HAPPEN": "It did not, and never will: what it reserved is released.",
        "LOOK_AGAIN": "Stripe should be able to tell now: it is looked up at once.",
    },
)
_say(
    ProviderEffect,
    "What is known about money at Stripe.",
    {"NONE": "Nothing moved.", "APPLIED": "It happened.", "UNKNOWN": "Nobody knows yet."},
)
_say(
    PaymentAction,
    "What may be asked of a payment now.",
    {
        "CONFIRM": "confirmPayment.",
        "CAPTURE": "capturePayment.",
        "CANCEL": "cancelPayment.",
        "REFUND": "refundPayment.",
        "SYNC": "syncPayment.",
    },
)
_say(
    RefundReason,
    "Why money is given back.",
    {
        "DUPLICATE": "The charge was made twice.",
        "FRAUDULENT": "The charge was not the payer's.",
        "REQUESTED_BY_CUSTOMER": "The customer asked for it.",
        "OTHER": "Something else; say it in the note.",
    },
)
_say(
    CancelReason,
    "Why a payment is given up.",
    {
        "DUPLICATE": "The payment was made twice.",
        "FRAUDULENT": "The payment was not the payer's.",
        "REQUESTED_BY_CUSTOMER": "The customer asked for it.",
        "ABANDONED": "The payer went away.",
    },
)
_say(
    CancellationReason,
    "Why a payment was given up: what somebody said, or Stripe's own reason.",
    {
        "DUPLICATE": "The payment was made twice.",
        "FRAUDULENT": "The payment was not the payer's.",
        "REQUESTED_BY_CUSTOMER": "The customer asked for it.",
        "ABANDONED": "The payer went away.",
        "AUTOMATIC": "Stripe gave it up by itself.",
        "EXPIRED": "Held money was not taken in time.",
        "OTHER": "Something else, at Stripe.",
    },
)
_say(
    ActorKind,
    "Who did something.",
    {
        "CUSTOMER": "A buyer.",
        "STAFF": "A person who works here.",
        "SERVICE": "Another program of the shop's.",
        "STRIPE_WEBHOOK": "Stripe told us.",
        "RECONCILER": "Found when the books were compared.",
        "SYSTEM": "Paygraph itself.",
    },
)
_say(
    WebhookState,
    "How far we are with an event of Stripe's.",
    {
        "RECEIVED": "Stored, not yet applied.",
        "PROCESSING": "Being applied.",
        "PROCESSED": "Applied, once.",
        "IGNORED": "Not for us, or of a kind that we do not need.",
        "FAILED": "Could not be applied; it is tried again.",
        "DEAD": "Tried too often. Somebody should look, and replay it.",
    },
)
_say(
    EventSource,
    "How an event of Stripe's first reached us.",
    {
        "WEBHOOK": "Stripe sent it.",
        "POLL": "It was new in Stripe's list of events, which is read every minute.",
        "SWEEP": "It was found when all that Stripe keeps of that list was read, once a day.",
    },
)
_say(
    RetryAdvice,
    "What to do after a decline.",
    {
        "DO_NOT_RETRY": "Trying again will not help, and may be held against you.",
        "RETRY_SAME_METHOD_LATER": "The same method may work later.",
        "USE_ANOTHER_METHOD": "Ask for another payment method.",
        "REAUTHENTICATE_ON_SESSION": "The payer has to come back and authenticate.",
    },
)
_say(
    PaymentSort,
    "The order of a list of payments; ids decide between equals.",
    {
        "CREATED_AT_DESC": "Newest first.",
        "CREATED_AT_ASC": "Oldest first.",
        "UPDATED_AT_DESC": "Last changed first.",
        "AMOUNT_DESC": "Largest amount first, in minor units whatever the currency.",
        "AMOUNT_ASC": "Smallest amount first, in minor units whatever the currency.",
    },
)
_say(
    ErrorCode,
    "Why something was refused.",
    {
        "VALIDATION_FAILED": "The input is wrong; `path` says where.",
        "NOT_FOUND": "There is no such thing, or not for you.",
        "FORBIDDEN": "Your token lacks a scope.",
        "RATE_LIMITED": "Too many requests; later.",
        "IDEMPOTENCY_KEY_REUSED": "The key belongs to an earlier call with another input.",
        "OPERATION_IN_PROGRESS": "It is still being done; send the same call again a little later.",
        "IDEMPOTENCY_KEY_EXPIRED": "The key is too old to be replayed, and will never run again.",
        "AMOUNT_MISMATCH": "You expect another amount than the order owes, or line items do not come to the total.",
        "CURRENCY_MISMATCH": "You speak of another currency than the order or payment.",
        "AMOUNT_TOO_SMALL": "Below what can be charged in this currency.",
        "AMOUNT_TOO_LARGE": "Above what can be charged in this currency.",
        "ORDER_ALREADY_PAID": "The order owes nothing.",
        "ACTIVE_PAYMENT_EXISTS": "The order has an open payment; the payload shows it.",
        "INVALID_STATE": "Not in this state.",
        "AMOUNT_EXCEEDS_PAYABLE": "More than the order's open payments leave of what is due.",
        "AMOUNT_EXCEEDS_CAPTURABLE": "More than is held.",
        "AMOUNT_EXCEEDS_REFUNDABLE": "More than is left to refund.",
        "REFUND_LIMIT_EXCEEDED": "More than you may refund.",
        "CHARGE_DISPUTED": "The payer contests the charge, so the bank decides.",
        "CARD_DECLINED": "The bank said no.",
        "AUTHENTICATION_REQUIRED": "The bank wants the payer to authenticate.",
        "PAYMENT_METHOD_UNUSABLE": "The payment method is gone or cannot be used for this.",
        "PROVIDER_UNAVAILABLE": "Stripe cannot be reached; nothing happened.",
        "PROVIDER_REJECTED": "Stripe refused the request; nothing happened.",
        "OUTCOME_UNKNOWN": "Stripe was asked and nobody knows yet what it did. It resolves itself.",
        "SENSITIVE_DATA_REFUSED": "This looks like a card number or a secret, which must never come here.",
        "CURRENCY_NOT_ENABLED": "This currency is not taken here.",
    },
)
_say(
    DiscrepancyKind,
    "How Stripe and our rows may differ, or our rows among themselves.",
    {
        "MISSING_LOCALLY": "Stripe has a payment of ours, or money, or something unreadable, that we have no row of.",
        "MISSING_AT_PROVIDER": "We have a payment that Stripe does not have.",
        "STATUS_DRIFT": "A payment's status differs, or cannot be read at Stripe.",
        "AMOUNT_DRIFT": "A payment's amount, or how much of it is held or taken, differs.",
        "CURRENCY_DRIFT": "A payment's currency differs.",
        "REFUND_DRIFT": "A refund is missing on one side, or its amount, currency or status differs.",
        "UNRESOLVED_OPERATION": "Nobody has known for more than an hour what became of an operation.",
        "WEBHOOK_GAP": "An event of Stripe's is not in the inbox, was given up, or has been lying there.",
        "LEDGER_IMBALANCE": "An order's sums are not its payments'.",
        "DUPLICATE_CHARGE": "More was taken for an order, and kept, than it owes: two payments of it, as a rule.",
        "DISPUTE_DRIFT": "How much of a payment is contested differs.",
        "BALANCE_DRIFT": "What Stripe booked for a charge or a refund is not its amount, or is of no row of ours.",
        "METADATA_DRIFT": "Our ids in the metadata at Stripe were changed or removed.",
        "EXPIRING_AUTHORIZATION": "Held money will be released within a day unless it is captured.",
        "BROKEN_CHAIN": "An order's audit chain does not hold.",
        "UNAPPLIED_FUNDS": "A customer's transfer pays nothing: it was too much, too late, or for what was given up.",
        "SETUP_DRIFT": "A setup's status differs, it cannot be read at Stripe, or we have no row of it.",
    },
)
_say(
    DiscrepancyState,
    "What became of a discrepancy.",
    {
        "OPEN": "It is there, and somebody should look.",
        "REPAIRED": "The two sides agree again.",
        "ACCEPTED": "Somebody looked at it and said why it stays.",
    },
)

__all__ = [
    "ActorKind",
    "CancelReason",
    "CancellationReason",
    "CaptureMethod",
    "CustomerSessionComponent",
    "DiscrepancyKind",
    "DiscrepancyState",
    "ErrorCode",
    "EventSource",
    "OperationKind",
    "OperationState",
    "OrderPaymentStatus",
    "PaymentAction",
    "PaymentSort",
    "PaymentStatus",
    "ProviderEffect",
    "RefundReason",
    "RefundStatus",
    "RetryAdvice",
    "ReviewOutcome",
    "SetupFutureUsage",
    "SetupIntentStatus",
    "WebhookState",
]
