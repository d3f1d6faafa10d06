"""Declines explained to buyers: one table, so that the sentence and the advice cannot contradict each other.

Source: docs.stripe.com/declines/codes and docs.stripe.com/error-codes; advice: docs.stripe.com/declines/card.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from domain.errors import CardDeclined, DomainError, ErrorCode, ProviderProblem
from domain.states import RetryAdvice

GENERIC: Final = "generic_decline"
AUTHENTICATE: Final = "authentication_required"
# Stripe's reason for a failed refund that must be withheld, and the one that a buyer is shown in its place.
LOST_OR_STOLEN: Final = "lost_or_stolen_card"
UNKNOWN_FAILURE: Final = "unknown"
# Networks' own codes for lost, stolen, to be picked up and suspected of fraud (ISO 8583, field 39).
TELLING_NETWORK_CODES: Final = frozenset({"04", "07", "34", "35", "36", "37", "41", "43", "59", "63", "67"})


class Next(Enum):
    """The buyer's next step: the advice for programs, and the sentence for people."""

    ANOTHER = (RetryAdvice.USE_ANOTHER_METHOD, "Please use another payment method.")
    ENTER_AGAIN = (
        RetryAdvice.USE_ANOTHER_METHOD,
        "Please check what you entered and enter it again, or use another payment method.",
    )
    LATER = (RetryAdvice.RETRY_SAME_METHOD_LATER, "Please try again later.")
    # It says nothing about the card: the sentence must not reveal a hidden decline.
    NEVER = (RetryAdvice.DO_NOT_RETRY, "Please use another payment method.")
    LOOK = (RetryAdvice.DO_NOT_RETRY, "Please check whether you have paid already.")
    CONFIRM = (RetryAdvice.REAUTHENTICATE_ON_SESSION, "Please confirm this payment with your bank.")

    @property
    def retry(self) -> RetryAdvice:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Decline:
    """One reason: the text for the buyer, and the next step. A `hidden` one must not be revealed to a buyer."""

    reason: str
    next: Next
    hidden: bool = False


_PLAIN: Final = "The card was declined."
_HIDDEN: Final = Decline(_PLAIN, Next.NEVER, hidden=True)
_UNKNOWN: Final = Decline(_PLAIN, Next.ANOTHER)
_WRONG_NUMBER: Final = Decline("The card's number is incorrect.", Next.ENTER_AGAIN)
_WRONG_CVC: Final = Decline("The card's security code is incorrect.", Next.ENTER_AGAIN)
_WRONG_EXPIRY: Final = Decline("The card's expiry date is incorrect.", Next.ENTER_AGAIN)
_WRONG_ADDRESS: Final = Decline("The address does not match the card.", Next.ENTER_AGAIN)
_WRONG_PIN: Final = Decline("The PIN is incorrect.", Next.ENTER_AGAIN)
_AUTHENTICATE: Final = Decline("The bank wants this payment to be confirmed.", Next.CONFIRM)
_NO_ANSWER: Final = Decline("The bank could not process the payment.", Next.LATER)
_UNSUPPORTED: Final = Decline("The card does not support this kind of purchase.", Next.ANOTHER)
_LIMIT: Final = Decline("The card's limit is reached.", Next.ANOTHER)
_FUNDS: Final = Decline("The card has insufficient funds.", Next.ANOTHER)
_WITHDRAWN: Final = Decline(_PLAIN, Next.NEVER)

DECLINES: Final[Mapping[str, Decline]] = {
    AUTHENTICATE: _AUTHENTICATE,
    "payment_intent_authentication_failure": _AUTHENTICATE,
    "mobile_device_authentication_required": _AUTHENTICATE,
    # Stripe: the buyer must not be told; shown as a generic decline. The last four hint at a hidden reason too.
    "fraudulent": _HIDDEN,
    "lost_card": _HIDDEN,
    "merchant_blacklist": _HIDDEN,
    "stolen_card": _HIDDEN,
    "highest_risk_level": _HIDDEN,
    "pickup_card": _HIDDEN,
    "restricted_card": _HIDDEN,
    "security_violation": _HIDDEN,
    # the card's data
    "incorrect_number": _WRONG_NUMBER,
    "invalid_number": _WRONG_NUMBER,
    "incorrect_cvc": _WRONG_CVC,
    "invalid_cvc": _WRONG_CVC,
    "invalid_expiry_month": _WRONG_EXPIRY,
    "invalid_expiry_year": _WRONG_EXPIRY,
    "incorrect_address": _WRONG_ADDRESS,
    "incorrect_zip": _WRONG_ADDRESS,
    "incorrect_pin": _WRONG_PIN,
    "invalid_pin": _WRONG_PIN,
    # the card itself
    "expired_card": Decline("The card has expired.", Next.ANOTHER),
    "invalid_account": Decline("The card cannot be used.", Next.ANOTHER),
    "new_account_information_available": Decline("The card cannot be used.", Next.ANOTHER),
    "card_not_supported": _UNSUPPORTED,
    "service_not_allowed": _UNSUPPORTED,
    "transaction_not_allowed": _UNSUPPORTED,
    "not_permitted": _UNSUPPORTED,
    "currency_not_supported": Decline("The card does not support this currency.", Next.ANOTHER),
    "offline_pin_required": Decline("The card wants its PIN.", Next.ANOTHER),
    "online_or_offline_pin_required": Decline("The card wants its PIN.", Next.ANOTHER),
    "pin_try_exceeded": Decline("The PIN was entered wrongly too often.", Next.ANOTHER),
    "testmode_decline": Decline("This is a test card.", Next.ANOTHER),
    # the money
    "insufficient_funds": _FUNDS,
    "invalid_amount": Decline("The card does not allow this amount.", Next.ANOTHER),
    "card_velocity_exceeded": _LIMIT,
    "withdrawal_count_limit_exceeded": _LIMIT,
    "card_decline_rate_limit_exceeded": Decline("The card was declined too often.", Next.ANOTHER),
    "duplicate_transaction": Decline("The same amount was just paid with this card.", Next.LOOK),
    # the bank
    "approve_with_id": _NO_ANSWER,
    "issuer_not_available": _NO_ANSWER,
    "processing_error": _NO_ANSWER,
    "reenter_transaction": _NO_ANSWER,
    "try_again_later": _NO_ANSWER,
    "payment_method_provider_timeout": _NO_ANSWER,
    "do_not_try_again": _WITHDRAWN,
    "revocation_of_all_authorizations": _WITHDRAWN,
    "revocation_of_authorization": _WITHDRAWN,
    "stop_payment_order": _WITHDRAWN,
    "call_issuer": _UNKNOWN,
    "do_not_honor": _UNKNOWN,
    GENERIC: _UNKNOWN,
    "no_action_taken": _UNKNOWN,
    "card_declined": _UNKNOWN,
}
WITHHELD: Final = {"stripe_code": None, "stripe_param": None}
HIDDEN: Final = frozenset(code for code, decline in DECLINES.items() if decline.hidden)
_ADVICE: Final = {
    "do_not_try_again": Next.NEVER,
    "try_again_later": Next.LATER,
    "confirm_card_data": Next.ENTER_AGAIN,
}


def explain_decline(
    *,
    code: str | None = None,
    decline_code: str | None = None,
    advice_code: str | None = None,
    network_decline_code: str | None = None,
) -> CardDeclined:
    """Make a decline with its sentence for the buyer and its advice, both from one row of the table.

    The codes are Stripe's; a code that is not in the table is a plain decline. The network's advice replaces the
    table's, except where the payer has to authenticate or the reason is hidden from the buyer.
    """
    reason = AUTHENTICATE if code in (AUTHENTICATE, "payment_intent_authentication_failure") else decline_code or code
    row = DECLINES.get(reason or GENERIC, _UNKNOWN)
    is_fixed = row.hidden or row.next is Next.CONFIRM
    then = row.next if is_fixed else _ADVICE.get(advice_code or "", row.next)
    return CardDeclined(
        decline_code=decline_code or code,
        advice_code=advice_code,
        network_decline_code=network_decline_code,
        customer_message=f"{row.reason} {then.sentence}",
        retry=then.retry,
        code=ErrorCode.AUTHENTICATION_REQUIRED if row.next is Next.CONFIRM else ErrorCode.CARD_DECLINED,
    )


def for_buyer(error: DomainError) -> DomainError:
    """Return the error as a buyer may read it; the staff read it as it is.

    A decline whose reason must not be revealed (a stolen card, suspected fraud) looks like any other one, in every
    field; Stripe's objections to our request are removed. Every error that a buyer is shown passes through here, stored
    or new.
    """
    match error:
        case CardDeclined() if error.decline_code in HIDDEN or error.network_decline_code in TELLING_NETWORK_CODES:
            return explain_decline(decline_code=GENERIC)
        case ProviderProblem() if error.stripe_code is not None or error.stripe_param is not None:
            record = error.to_record()
            return DomainError.from_record(record | {"details": record["details"] | WITHHELD})
    return error


def searched_codes(codes: Iterable[str]) -> list[str]:
    """Return the decline codes that a buyer's search may match: to a buyer, a hidden one is a generic decline."""
    searched = set(codes) - HIDDEN
    return sorted(searched | HIDDEN if GENERIC in searched else searched)
