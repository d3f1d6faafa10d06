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
# Stripe has no test names for the other types; their methods are made by `payment_method_data[type]`.
METHODS |= {
    f"pm_{name}": TestMethod(brand="", last4="", type=name, action=Action.ALWAYS)
    for name, kind in KINDS.items()
    if kind.action
}
METHODS |= {f"pm_card_chargeDeclined{name}": method for name, method in _DECLINING.items()}
METHODS |= {f"pm_card_visa_chargeDeclined{name}": method for name, method in _DECLINING.items()}
