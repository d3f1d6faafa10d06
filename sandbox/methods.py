"""Test payment methods, and what becomes of a payment with each. Source: docs.stripe.com/testing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestMethod:
    """How a test method behaves."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    type: str = "card"
    decline: tuple[str, str] | None = None  # Stripe's code and decline code
    needs_action: bool = False
    declines_after_action: bool = False
    refund: str = "succeeded"  # or "fails_later", "pending"
    dispute: str | None = None  # the dispute's first status
    settles: str | None = None  # a bank debit: "succeeded" or "failed", days later


DECLINED = ("card_declined", "generic_decline")
_FUNDS = ("card_declined", "insufficient_funds")
METHODS: dict[str, TestMethod] = {
    "pm_card_visa": TestMethod(),
    "pm_card_visa_debit": TestMethod(last4="5556", funding="debit"),
    "pm_card_mastercard": TestMethod("mastercard", "4444"),
    "pm_card_mastercard_debit": TestMethod("mastercard", "8210", "debit"),
    "pm_card_amex": TestMethod("amex", "8431"),
    "pm_card_discover": TestMethod("discover", "9424"),
    "pm_card_diners": TestMethod("diners", "3237"),
    "pm_card_jcb": TestMethod("jcb", "0505"),
    "pm_card_unionpay": TestMethod("unionpay", "0005"),
    "pm_card_chargeCustomerFail": TestMethod(last4="0341", decline=DECLINED),
    "pm_card_visa_chargeDeclined": TestMethod(last4="0002", decline=DECLINED),
    "pm_card_chargeDeclined": TestMethod(last4="0002", decline=DECLINED),
    "pm_card_visa_chargeDeclinedInsufficientFunds": TestMethod(last4="9995", decline=_FUNDS),
    "pm_card_chargeDeclinedInsufficientFunds": TestMethod(last4="9995", decline=_FUNDS),
    "pm_card_visa_chargeDeclinedLostCard": TestMethod(last4="9987", decline=("card_declined", "lost_card")),
    "pm_card_visa_chargeDeclinedStolenCard": TestMethod(last4="9979", decline=("card_declined", "stolen_card")),
    "pm_card_visa_chargeDeclinedFraudulent": TestMethod(last4="0019", decline=("card_declined", "fraudulent")),
    "pm_card_chargeDeclinedFraudulent": TestMethod(last4="0019", decline=("card_declined", "fraudulent")),
    "pm_card_chargeDeclinedExpiredCard": TestMethod(last4="0069", decline=("expired_card", "expired_card")),
    "pm_card_chargeDeclinedIncorrectCvc": TestMethod(last4="0127", decline=("incorrect_cvc", "incorrect_cvc")),
    "pm_card_chargeDeclinedProcessingError": TestMethod(last4="0119", decline=("processing_error", "processing_error")),
    "pm_card_threeDSecure2Required": TestMethod(last4="3220", needs_action=True),
    "pm_card_authenticationRequired": TestMethod(last4="3184", needs_action=True),
    "pm_card_threeDSecureRequiredChargeDeclined": TestMethod(
        last4="1629", needs_action=True, declines_after_action=True
    ),
    "pm_card_refundFail": TestMethod(last4="5126", refund="fails_later"),
    "pm_card_pendingRefund": TestMethod(last4="7726", refund="pending"),
    "pm_card_createDispute": TestMethod(last4="0259", dispute="needs_response"),
    "pm_card_createDisputeInquiry": TestMethod(last4="1976", dispute="warning_needs_response"),
    "pm_usBankAccount_success": TestMethod(type="us_bank_account", last4="6789", settles="succeeded"),
    "pm_usBankAccount_insufficientFunds": TestMethod(type="us_bank_account", last4="2222", settles="failed"),
}
MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
ADVICE = {
    "insufficient_funds": "try_again_later",
    "processing_error": "try_again_later",
    "lost_card": "do_not_try_again",
    "stolen_card": "do_not_try_again",
    "fraudulent": "do_not_try_again",
}
