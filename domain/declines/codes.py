"""The table of Stripe's codes that a payment can end with: what the buyer is told of each, and what to do next.

One row gives both, so that they cannot contradict each other. Sources: docs.stripe.com/declines/codes for cards and for
local payment methods, docs.stripe.com/declines/network-codes and the pages of the bank debits for debits,
docs.stripe.com/error-codes for what the API answers about a method. Codes about the shop's own requests are not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from domain.states import RetryAdvice

GENERIC: Final = "generic_decline"
AUTHENTICATE: Final = "authentication_required"
UNUSABLE: Final = "payment_method_unexpected_state"  # of a method that was detached, or cannot be used so
LOST_OR_STOLEN: Final = "lost_or_stolen_card"  # of a payment method, and a reason for which a refund fails


class Reason(StrEnum):
    """The reasons that a buyer can be told: names of texts in the catalogues. Only those of cards speak of a card."""

    DECLINED = "declined"
    # what was entered
    WRONG_CARD_NUMBER = "wrong_card_number"
    WRONG_SECURITY_CODE = "wrong_security_code"
    WRONG_EXPIRY_DATE = "wrong_expiry_date"
    WRONG_PIN = "wrong_pin"
    WRONG_ADDRESS = "wrong_address"
    WRONG_DETAILS = "wrong_details"
    WRONG_BANK_DETAILS = "wrong_bank_details"
    WRONG_ACCOUNT_HOLDER = "wrong_account_holder"
    WRONG_VERIFICATION = "wrong_verification"
    WRONG_CONFIRMATION_NUMBER = "wrong_confirmation_number"
    # the card
    EXPIRED_CARD = "expired_card"
    CARD_UNUSABLE = "card_unusable"
    TEST_CARD = "test_card"
    PIN_REQUIRED = "pin_required"
    TOO_MANY_PINS = "too_many_pins"
    DECLINED_TOO_OFTEN = "declined_too_often"
    PURCHASE_NOT_SUPPORTED = "purchase_not_supported"
    # the bank account
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_UNUSABLE = "account_unusable"
    ACCOUNT_UNVERIFIED = "account_unverified"
    # any method
    EXPIRED_METHOD = "expired_method"
    METHOD_UNUSABLE = "method_unusable"
    METHOD_UNAVAILABLE = "method_unavailable"
    PROVIDER_ACCOUNT_UNUSABLE = "provider_account_unusable"
    CONSENT_ENDED = "consent_ended"
    RECURRING_NOT_SUPPORTED = "recurring_not_supported"
    # the money
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIMIT_REACHED = "limit_reached"
    AMOUNT_NOT_ALLOWED = "amount_not_allowed"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    DUPLICATE = "duplicate"
    # the attempt
    CONFIRMATION_NEEDED = "confirmation_needed"
    NOT_APPROVED = "not_approved"
    TIME_RAN_OUT = "time_ran_out"
    NOT_PROCESSED = "not_processed"


class Next(Enum):
    """The next step: the advice for programs, and the name of the buyer's text in the catalogues."""

    ANOTHER = (RetryAdvice.USE_ANOTHER_METHOD, "use_another")
    # Details that were corrected are another payment method to Stripe, with an id of its own.
    ENTER_AGAIN = (RetryAdvice.USE_ANOTHER_METHOD, "enter_again")
    AGAIN = (RetryAdvice.RETRY_SAME_METHOD_LATER, "try_again")
    LATER = (RetryAdvice.RETRY_SAME_METHOD_LATER, "try_later")
    # Its text is that of any decline: it must not reveal a hidden one.
    NEVER = (RetryAdvice.DO_NOT_RETRY, "use_another")
    LOOK = (RetryAdvice.DO_NOT_RETRY, "check_paid")
    CONFIRM = (RetryAdvice.REAUTHENTICATE_ON_SESSION, "confirm")

    @property
    def retry(self) -> RetryAdvice:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Decline:
    """One row: the reason, and the next step. A `hidden` one must not be revealed to a buyer."""

    reason: Reason
    next: Next
    hidden: bool = False


UNLISTED: Final = Decline(Reason.DECLINED, Next.ANOTHER)

TABLE: Final[Mapping[Decline, tuple[str, ...]]] = {
    Decline(Reason.CONFIRMATION_NEEDED, Next.CONFIRM): (
        AUTHENTICATE,
        "authentication_failure",
        "authentication_not_handled",
        "mobile_device_authentication_required",
        "payment_intent_action_required",
        "payment_intent_authentication_failure",
        "setup_intent_authentication_failure",
    ),
    # Stripe says of four that the buyer must not be told, and that they are shown as a generic decline. The others hint
    # at the same reasons, at the buyer's standing with the bank or the law, or at a death.
    Decline(Reason.DECLINED, Next.NEVER, hidden=True): (
        "fraudulent",
        "lost_card",
        "merchant_blacklist",
        "stolen_card",
        "compliance_violation",
        "highest_risk_level",
        LOST_OR_STOLEN,
        "partner_high_risk_customer",
        "pickup_card",
        "recipient_deceased",
        "restricted_card",
        "security_violation",
    ),
    UNLISTED: (
        GENERIC,
        "call_issuer",
        "card_declined",
        "debit_disputed",
        "do_not_honor",
        "no_action_taken",
        "partner_action_not_supported",
        "partner_generic_decline",
        "partner_payment_not_found",
        "payment_disputed",
        "payment_intent_payment_attempt_failed",
        "payment_method_provider_decline",
        "refer_to_customer",
        "setup_attempt_failed",
        "transaction_not_approved",
    ),
    Decline(Reason.DECLINED, Next.NEVER): (
        "do_not_try_again",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stop_payment_order",
    ),
    # what was entered
    Decline(Reason.WRONG_CARD_NUMBER, Next.ENTER_AGAIN): ("incorrect_number", "invalid_number"),
    Decline(Reason.WRONG_SECURITY_CODE, Next.ENTER_AGAIN): ("incorrect_cvc", "invalid_cvc"),
    Decline(Reason.WRONG_EXPIRY_DATE, Next.ENTER_AGAIN): ("invalid_expiry_month", "invalid_expiry_year"),
    Decline(Reason.WRONG_PIN, Next.ENTER_AGAIN): ("incorrect_pin", "invalid_pin"),
    Decline(Reason.WRONG_ADDRESS, Next.ENTER_AGAIN): (
        "incorrect_address",
        "incorrect_postal_code",
        "incorrect_zip",
        "payment_method_billing_details_address_missing",
        "postal_code_invalid",
    ),
    Decline(Reason.WRONG_DETAILS, Next.ENTER_AGAIN): (
        "email_invalid",
        "invalid_characters",
        "invalid_payment_information",
        "payment_method_invalid_parameter",
        "tax_id_invalid",
    ),
    Decline(Reason.WRONG_BANK_DETAILS, Next.ENTER_AGAIN): (
        "account_number_invalid",
        "bank_account_invalid_details",
        "branch_does_not_exist",
        "clearing_code_unsupported",
        "invalid_account_number",
        "no_account",
        "payment_method_microdeposit_failed",
        "routing_number_invalid",
    ),
    Decline(Reason.WRONG_ACCOUNT_HOLDER, Next.ENTER_AGAIN): (
        "account_holder_name_verification_failed",
        "incorrect_account_holder_name",
    ),
    Decline(Reason.WRONG_VERIFICATION, Next.ENTER_AGAIN): (
        "payment_method_microdeposit_verification_amounts_invalid",
        "payment_method_microdeposit_verification_amounts_mismatch",
        "payment_method_microdeposit_verification_descriptor_code_mismatch",
    ),
    Decline(Reason.WRONG_CONFIRMATION_NUMBER, Next.ENTER_AGAIN): (
        "payment_intent_konbini_rejected_confirmation_number",
    ),
    # the card
    Decline(Reason.EXPIRED_CARD, Next.ANOTHER): ("expired_card",),
    Decline(Reason.CARD_UNUSABLE, Next.ANOTHER): (
        "card_already_activated",
        "invalid_account",
        "invalid_track_data",
        "new_account_information_available",
        "token_card_network_invalid",
    ),
    Decline(Reason.TEST_CARD, Next.ANOTHER): ("testmode_decline",),
    Decline(Reason.PIN_REQUIRED, Next.ANOTHER): ("offline_pin_required", "online_or_offline_pin_required"),
    Decline(Reason.TOO_MANY_PINS, Next.ANOTHER): ("pin_try_exceeded",),
    Decline(Reason.DECLINED_TOO_OFTEN, Next.ANOTHER): ("card_decline_rate_limit_exceeded",),
    Decline(Reason.PURCHASE_NOT_SUPPORTED, Next.ANOTHER): (
        "card_not_supported",
        "not_permitted",
        "service_not_allowed",
        "transaction_not_allowed",
    ),
    # the bank account
    Decline(Reason.ACCOUNT_CLOSED, Next.ANOTHER): ("account_closed", "bank_account_closed"),
    Decline(Reason.ACCOUNT_UNUSABLE, Next.ANOTHER): (
        "bank_account_declined",
        "bank_account_frozen",
        "bank_account_restricted",
        "bank_account_unusable",
        "bank_ownership_changed",
        "financial_connections_account_inactive",
        "financial_connections_account_unavailable_account_numbers",
        "payment_method_bank_account_blocked",
        "tokenized_account_number_deactivated",
    ),
    Decline(Reason.ACCOUNT_UNVERIFIED, Next.ANOTHER): (
        "bank_account_unverified",
        "bank_account_verification_failed",
        "payment_method_microdeposit_verification_attempts_exceeded",
        "payment_method_microdeposit_verification_timeout",
    ),
    # any method
    Decline(Reason.EXPIRED_METHOD, Next.ANOTHER): ("expired_payment_information", "expired_payment_method"),
    Decline(Reason.METHOD_UNUSABLE, Next.ANOTHER): (
        "invalid_source_usage",
        "payment_intent_incompatible_payment_method",
        "payment_method_invalid_parameter_testmode",
        "payment_method_restricted",
        UNUSABLE,
        "resource_missing",
        "three_d_secure_authentication_not_supported",
        "token_already_used",
        "token_in_use",
    ),
    Decline(Reason.METHOD_UNAVAILABLE, Next.ANOTHER): (
        "invalid_business_account",
        "payment_method_unactivated",
        "payment_method_unsupported_type",
        "sepa_unsupported_account",
    ),
    Decline(Reason.METHOD_UNAVAILABLE, Next.AGAIN): ("payment_method_not_available",),
    Decline(Reason.PROVIDER_ACCOUNT_UNUSABLE, Next.ANOTHER): ("invalid_customer_account",),
    Decline(Reason.CONSENT_ENDED, Next.ANOTHER): (
        "authorization_revoked",
        "billing_invalid_mandate",
        "debit_authorization_not_match",
        "debit_not_authorized",
        "india_recurring_payment_mandate_canceled",
        "invalid_authorization",
        "invalid_billing_agreement",
        "payment_intent_mandate_invalid",
        "setup_intent_mandate_invalid",
    ),
    Decline(Reason.RECURRING_NOT_SUPPORTED, Next.ANOTHER): ("recurring_not_supported_by_bank",),
    # the money
    Decline(Reason.INSUFFICIENT_FUNDS, Next.ANOTHER): ("insufficient_funds",),
    Decline(Reason.LIMIT_REACHED, Next.ANOTHER): (
        "card_velocity_exceeded",
        "payment_limit_exceeded",
        "withdrawal_count_limit_exceeded",
    ),
    Decline(Reason.AMOUNT_NOT_ALLOWED, Next.ANOTHER): ("invalid_amount",),
    Decline(Reason.CURRENCY_NOT_SUPPORTED, Next.ANOTHER): (
        "bank_account_bad_routing_numbers",
        "currency_not_supported",
        "invalid_currency",
        "payment_method_currency_mismatch",
    ),
    Decline(Reason.DUPLICATE, Next.LOOK): ("duplicate_transaction",),
    # the attempt
    Decline(Reason.NOT_APPROVED, Next.AGAIN): ("payment_method_customer_decline",),
    Decline(Reason.TIME_RAN_OUT, Next.AGAIN): (
        "payment_intent_payment_attempt_expired",
        "setup_intent_setup_attempt_expired",
    ),
    Decline(Reason.NOT_PROCESSED, Next.LATER): (
        "acss_debit_session_incomplete",
        "approve_with_id",
        "financial_connections_account_pending_account_numbers",
        "generic_could_not_process",
        "issuer_not_available",
        "payment_method_microdeposit_processing_error",
        "payment_method_provider_timeout",
        "processing_error",
        "reenter_transaction",
        "three_d_secure_authentication_upstream_error",
        "try_again_later",
    ),
}
DECLINES: Final[Mapping[str, Decline]] = {code: row for row, codes in TABLE.items() for code in codes}
HIDDEN: Final = frozenset(code for code, row in DECLINES.items() if row.hidden)
