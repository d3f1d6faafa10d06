"""Test payment methods, and the outcome of a payment with each. Source: docs.stripe.com/testing."""

from dataclasses import dataclass, replace
from enum import StrEnum

from sandbox.customers.kinds import KINDS


class Action(StrEnum):
    """The occasions on which the payer's bank demands authentication (3D Secure)."""

    NEVER = "never"
    UNTIL_SET_UP = "until_set_up"  # not again once the method was authenticated and saved
    ON_SESSION = "on_session"  # only when the payer is there
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class CardDecline:
    """A bank's refusal: Stripe's code, its decline code, its advice code, and the network's code."""

    code: str
    reason: str
    message: str = "Your card was declined."
    advice: str | None = None
    network: str | None = None
    type: str = "issuer_declined"  # "not_asked": the charge never reached a bank


@dataclass(frozen=True, slots=True)
class TestMethod:
    """The behaviour of a test method."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    country: str = "US"
    type: str = "card"
    decline: CardDecline | None = None
    action: Action = Action.NEVER
    declines_after_action: CardDecline | None = None
    refund: str = "succeeded"  # or "fails_later", "pending"
    dispute: tuple[str, str] | None = None  # the dispute's first status and reason
    settles: CardDecline | None = None  # a bank debit that is returned days later
    answers: bool = True  # False: the bank never decides about a debit
    attaches: bool = True  # False: the bank refuses to save it
    cvc_check: str = "pass"
    wallet: str = ""


GENERIC = CardDecline("card_declined", "generic_decline", advice="try_again_later", network="05")
FUNDS = CardDecline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later", network="51"
)
LOST = CardDecline("card_declined", "lost_card", advice="do_not_try_again", network="41")
STOLEN = CardDecline("card_declined", "stolen_card", advice="do_not_try_again", network="43")
FRAUDULENT = CardDecline("card_declined", "fraudulent", advice="do_not_try_again", type="blocked")
VELOCITY = CardDecline("card_declined", "card_velocity_exceeded", advice="try_again_later", network="61")
EXPIRED = CardDecline("expired_card", "expired_card", "Your card has expired.", "do_not_try_again", network="54")
WRONG_CVC = CardDecline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data", network="82"
)
PROCESSING = CardDecline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later",
    network="96",
)
AUTHENTICATE = CardDecline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NOT_AUTHENTICATED = CardDecline(
    "payment_intent_authentication_failure",
    "authentication_failed",
    "The payer could not be authenticated. Please use another payment method and try again.",
    type="not_asked",
)
NOT_PAID = CardDecline(
    "payment_intent_payment_attempt_failed", "generic_decline", "The payer did not pay.", type="not_asked"
)
TOO_LATE = CardDecline(
    "payment_intent_payment_attempt_expired",
    "generic_decline",
    "The payer did not pay in time. Confirm again to make a new attempt.",
    type="not_asked",
)
DEPOSITS_FAILED = CardDecline(
    "payment_method_microdeposit_verification_attempts_exceeded",
    "generic_decline",
    "The bank account could not be verified: too many attempts.",
    type="not_asked",
)
DEPOSITS_TOO_LATE = CardDecline(
    "payment_method_microdeposit_verification_timeout",
    "generic_decline",
    "The bank account was not verified within ten days.",
    type="not_asked",
)
NO_FUNDS_IN_BANK = CardDecline(
    "payment_intent_payment_attempt_failed",
    "insufficient_funds",
    "The customer's bank account has insufficient funds for this debit.",
)

ACCOUNT_CLOSED = CardDecline(
    "payment_intent_payment_attempt_failed", "account_closed", "The customer's bank account has been closed."
)
NO_ACCOUNT = CardDecline(
    "payment_intent_payment_attempt_failed", "no_account", "The customer's bank account could not be located."
)
NOT_AUTHORIZED = CardDecline(
    "payment_intent_payment_attempt_failed",
    "debit_not_authorized",
    "The customer has notified their bank that this payment was unauthorized.",
)

WEEKLY_LIMIT = CardDecline(
    "charge_exceeds_source_limit",
    "charge_exceeds_source_limit",
    "This payment exceeds the weekly limit.",
    type="blocked",
)
DEBIT_FAILED = CardDecline(
    "payment_intent_payment_attempt_failed", "generic_could_not_process", "The customer's bank could not be debited."
)
_PLAIN = TestMethod()
_DECLINED = replace(_PLAIN, attaches=False)
_DECLINING: dict[str, TestMethod] = {
    "": replace(_DECLINED, last4="0002", decline=GENERIC),
    "InsufficientFunds": replace(_DECLINED, last4="9995", decline=FUNDS),
    "LostCard": replace(_DECLINED, last4="9987", decline=LOST),
    "StolenCard": replace(_DECLINED, last4="9979", decline=STOLEN),
    "Fraudulent": replace(_DECLINED, last4="0019", decline=FRAUDULENT),
    "VelocityLimitExceeded": replace(_DECLINED, last4="6975", decline=VELOCITY),
    "ExpiredCard": replace(_DECLINED, last4="0069", decline=EXPIRED),
    "IncorrectCvc": replace(_DECLINED, last4="0127", decline=WRONG_CVC, cvc_check="fail"),
    "ProcessingError": replace(_DECLINED, last4="0119", decline=PROCESSING),
}
_BANK = TestMethod(brand="", type="us_bank_account", last4="6789")
_SEPA = TestMethod(brand="", type="sepa_debit", last4="3000", country="DE")
METHODS: dict[str, TestMethod] = {
    "pm_card_visa": _PLAIN,
    "pm_card_us": _PLAIN,
    "pm_card_visa_debit": replace(_PLAIN, last4="5556", funding="debit"),
    "pm_card_gb": replace(_PLAIN, last4="0000", country="GB"),
    "pm_card_de": replace(_PLAIN, last4="0016", country="DE"),
    "pm_card_mastercard": replace(_PLAIN, brand="mastercard", last4="4444"),
    "pm_card_mastercard_debit": replace(_PLAIN, brand="mastercard", last4="8210", funding="debit"),
    "pm_card_mastercard_prepaid": replace(_PLAIN, brand="mastercard", last4="5100", funding="prepaid"),
    "pm_card_amex": replace(_PLAIN, brand="amex", last4="8431"),
    "pm_card_discover": replace(_PLAIN, brand="discover", last4="9424"),
    "pm_card_diners": replace(_PLAIN, brand="diners", last4="3237"),
    "pm_card_jcb": replace(_PLAIN, brand="jcb", last4="0505"),
    "pm_card_unionpay": replace(_PLAIN, brand="unionpay", last4="0005"),
    "pm_card_chargeCustomerFail": replace(_PLAIN, last4="0341", decline=GENERIC),
    "pm_card_radarBlock": replace(_PLAIN, last4="0019", decline=FRAUDULENT),
    "pm_card_threeDSecure2Required": replace(_PLAIN, last4="3220", action=Action.ALWAYS),
    "pm_card_threeDSecureRequired": replace(_PLAIN, last4="3063", action=Action.ALWAYS),
    "pm_card_authenticationRequired": replace(_PLAIN, last4="3184", action=Action.ALWAYS),
    "pm_card_authenticationRequiredOnSetup": replace(_PLAIN, last4="3155", action=Action.UNTIL_SET_UP),
    "pm_card_authenticationRequiredSetupForOffSession": replace(_PLAIN, last4="0446", action=Action.ON_SESSION),
    "pm_card_applePay": replace(_PLAIN, wallet="apple_pay"),
    "pm_card_googlePay": replace(_PLAIN, wallet="google_pay"),
    "pm_card_threeDSecureRequiredChargeDeclined": replace(
        _PLAIN, last4="1629", action=Action.ALWAYS, declines_after_action=GENERIC
    ),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": replace(
        _PLAIN, last4="3178", action=Action.ALWAYS, declines_after_action=FUNDS
    ),
    "pm_card_refundFail": replace(_PLAIN, last4="5126", refund="fails_later"),
    "pm_card_pendingRefund": replace(_PLAIN, last4="7726", refund="pending"),
    "pm_card_createDispute": replace(_PLAIN, last4="0259", dispute=("needs_response", "fraudulent")),
    "pm_card_createDisputeProductNotReceived": replace(
        _PLAIN, last4="2685", dispute=("needs_response", "product_not_received")
    ),
    "pm_card_createDisputeInquiry": replace(_PLAIN, last4="1976", dispute=("warning_needs_response", "fraudulent")),
    "pm_usBankAccount_success": _BANK,
    "pm_usBankAccount_accountClosed": replace(_BANK, last4="1113", settles=ACCOUNT_CLOSED),
    "pm_usBankAccount_debitNotAuthorized": replace(_BANK, last4="3335", settles=NOT_AUTHORIZED),
    "pm_usBankAccount_noAccount": replace(_BANK, last4="1116", settles=NO_ACCOUNT),
    "pm_usBankAccount_microdeposits": replace(_BANK, action=Action.UNTIL_SET_UP),
    "pm_usBankAccount_insufficientFunds": replace(_BANK, last4="2222", settles=NO_FUNDS_IN_BANK),
}
METHODS |= {
    "pm_usBankAccount_dispute": replace(_BANK, last4="5559", dispute=("lost", "debit_not_authorized")),
    "pm_usBankAccount_processing": replace(_BANK, last4="0009", answers=False),
    "pm_usBankAccount_weeklyLimitExceeded": replace(_BANK, last4="7771", decline=WEEKLY_LIMIT),
    "pm_success_de": _SEPA,
    "pm_successDelayed_de": replace(_SEPA, last4="3003"),
    "pm_failed_de": replace(_SEPA, last4="3001", settles=DEBIT_FAILED),
    "pm_failedDelayed_de": replace(_SEPA, last4="3004", settles=DEBIT_FAILED),
    "pm_disputed_de": replace(_SEPA, last4="3002", dispute=("lost", "customer_initiated")),
    "pm_exceedsWeeklyVolumeLimit_de": replace(_SEPA, last4="3434", decline=WEEKLY_LIMIT),
    "pm_insufficientFunds_de": replace(_SEPA, last4="2227", settles=NO_FUNDS_IN_BANK),
}
# The numbers of Stripe's test accounts: those of bank accounts, in the United States and in Germany.
BANK_NUMBERS = {
    "000111111113": "pm_usBankAccount_accountClosed",
    "000111111116": "pm_usBankAccount_noAccount",
    "000222222227": "pm_usBankAccount_insufficientFunds",
    "000333333335": "pm_usBankAccount_debitNotAuthorized",
    "000555555559": "pm_usBankAccount_dispute",
    "000000000009": "pm_usBankAccount_processing",
    "000777777771": "pm_usBankAccount_weeklyLimitExceeded",
    "DE89370400440532013000": "pm_success_de",
    "DE08370400440532013003": "pm_successDelayed_de",
    "DE62370400440532013001": "pm_failed_de",
    "DE78370400440532013004": "pm_failedDelayed_de",
    "DE35370400440532013002": "pm_disputed_de",
    "DE65370400440000343434": "pm_exceedsWeeklyVolumeLimit_de",
    "DE65370400440002222227": "pm_insufficientFunds_de",
}
# Stripe has no test names for the other types; their methods are made by `payment_method_data[type]`.
METHODS |= {
    f"pm_{name}": TestMethod(brand="", last4="", type=name, action=Action.ALWAYS)
    for name, kind in KINDS.items()
    if kind.action
}
METHODS |= {f"pm_card_chargeDeclined{name}": method for name, method in _DECLINING.items()}
METHODS |= {f"pm_card_visa_chargeDeclined{name}": method for name, method in _DECLINING.items()}
