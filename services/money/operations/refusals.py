"""Stripe's definite refusals as domain errors: one table from Stripe's error codes to ours.

Source: docs.stripe.com/error-codes, for the calls that we make: create, confirm, capture, cancel and refund.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.declines import AUTHENTICATE, explain_decline
from domain.errors import (
    DomainError,
    ErrorCode,
    InvalidState,
    LimitExceeded,
    MethodUnusable,
    Path,
    ProviderProblem,
    Refused,
)
from domain.money import Money
from domain.states import ProviderEffect
from models import Payment, Refund
from provider import Outcome, ProviderFailure, granted_tokens
from provider.granted_tokens import granted_token_in
from services.money.operations.steps import METHOD_ID, Step

AMOUNT: Final = ("input", "amount")
RECEIPT: Final = ("input", "receiptEmail")
METHOD: Final = ("input", "paymentMethodId")
SAVED: Final = ("input", "savedPaymentMethodId")
TOKEN: Final = ("input", "confirmationTokenId")
SHARED_TOKEN: Final = ("input", "sharedPaymentToken")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One request that Stripe refused. `requested` is the amount to be captured or refunded, if there was one.

    `method` is the field that named what pays.
    """

    failure: ProviderFailure
    step: Step
    payment: Payment
    requested: Money | None = None
    method: Path = METHOD

    @property
    def money_moved(self) -> str:
        return "given back" if self.step is Step.REFUND else "charged"


Explain = Callable[[Refusal], DomainError]


def refusal_error(refusal: Refusal) -> DomainError:
    """Return the domain error of a definite refusal; a code without an entry is PROVIDER_REJECTED."""
    failure, step = refusal.failure, refusal.step
    if failure.outcome is Outcome.DECLINED:
        return failure.decline or explain_decline()
    if failure.is_missing_payment:
        return _missing(refusal)
    explain = BY_CODE.get(failure.code or "") or PARAMETERS.get((step is Step.REFUND, failure.param or ""))
    return explain(refusal) if explain is not None else _rejected(refusal)


def payment_error(failure: ProviderFailure, step: Step, payment: Payment, params: Mapping[str, Any]) -> DomainError:
    """Return the domain error of a refused step; `params` are the operation's, with those that were sent to Stripe."""
    sent: Mapping[str, object] = params.get(step, {})
    amount = sent.get("amount_to_capture") if step is Step.CAPTURE else None
    requested = Money(amount, payment.currency) if isinstance(amount, int) else None
    method = SAVED if METHOD_ID in params else _method_field(sent)
    return refusal_error(Refusal(failure, step, payment, requested, method))


def _method_field(params: Mapping[str, object]) -> Path:
    """Return the field that named what pays, by the parameters that were sent."""
    if "confirmation_token" in params:
        return TOKEN
    return SHARED_TOKEN if granted_token_in(params) else METHOD


def refund_error(failure: ProviderFailure, refund: Refund, payment: Payment) -> DomainError:
    """Return the domain error of a refused refund."""
    return refusal_error(Refusal(failure, Step.REFUND, payment, refund.amount))


def invalid_state(payment: Payment, message: str | None = None) -> InvalidState:
    """Make the error of a request that the payment's status does not allow."""
    return InvalidState(
        status=payment.status,
        allowed_actions=payment.actions,
        message=message or f"The payment is {payment.status.value}, so this cannot be done.",
    )


def state_error(step: Step, payment: Payment) -> InvalidState:
    """Make the error of a step that the payment's status does not allow any more."""
    if step is Step.UPDATE:
        return invalid_state(payment, f"{why_amount_stays(payment)} The order keeps its total.")
    return invalid_state(payment)


def why_amount_stays(payment: Payment) -> str:
    """Say why a payment's amount cannot change any more."""
    if payment.provider_amount_minor is not None:
        return "Another program has changed the amount of the order's payment at Stripe."
    amount = f"{payment.amount.decimal} {payment.amount.currency}"
    return f"The order's payment of {amount} is {payment.status.value}, so its amount cannot change."


def _state(refusal: Refusal) -> DomainError:
    return state_error(refusal.step, refusal.payment)


def _hold_ended(refusal: Refusal) -> DomainError:
    return invalid_state(refusal.payment, "The authorisation has ended, so the money can no longer be taken.")


def _too_much(refusal: Refusal) -> DomainError:
    """Translate `amount_too_large`, which Stripe also says of a capture or a refund above what is left."""
    payment = refusal.payment
    if refusal.step is Step.REFUND and refusal.requested is not None:
        code, available = ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE, payment.refundable
        return LimitExceeded(code, requested=refusal.requested, available=available, path=AMOUNT)
    if refusal.step is Step.CAPTURE and refusal.requested is not None:
        code, available = ErrorCode.AMOUNT_EXCEEDS_CAPTURABLE, Money(payment.capturable_minor, payment.currency)
        return LimitExceeded(code, requested=refusal.requested, available=available, path=AMOUNT)
    return Refused(ErrorCode.AMOUNT_TOO_LARGE, "The amount is above what Stripe charges in this currency or method.")


def _too_little(_: Refusal) -> DomainError:
    return Refused(ErrorCode.AMOUNT_TOO_SMALL, "The amount is below what Stripe charges in this currency.")


def _disputed(_: Refusal) -> DomainError:
    return Refused(ErrorCode.CHARGE_DISPUTED, "The charge is disputed; Stripe does not refund it now.")


def _unusable(refusal: Refusal, message: str) -> DomainError:
    return MethodUnusable(message, refusal.method, stripe_code=refusal.failure.code)


def _method(refusal: Refusal) -> DomainError:
    message = "This payment method cannot be used: it does not exist, was detached, or does not fit this payment."
    return _unusable(refusal, message)


def _method_type(refusal: Refusal) -> DomainError:
    message = (
        "Payment methods of this type do not pay this: they are not offered, or do not fit its currency or capture."
    )
    return _unusable(refusal, message)


def _token(refusal: Refusal) -> DomainError:
    message = "This token cannot be used: it does not exist, was used already, or has expired. Make a new one."
    return _unusable(refusal, message)


def _customer(refusal: Refusal) -> DomainError:
    return _problem(refusal, "Stripe does not know this customer any more. Ask again with a new key.")


def _address(_: Refusal) -> DomainError:
    return Refused(ErrorCode.VALIDATION_FAILED, "Stripe takes this for no e-mail address.", RECEIPT)


def _token_ended(refusal: Refusal) -> DomainError:
    message = "This agent's token is used up, or was taken back. Ask the agent for another one."
    return _unusable(refusal, message)


def _token_expired(refusal: Refusal) -> DomainError:
    message = "This agent's token has expired. Ask the agent for another one."
    return _unusable(refusal, message)


def _token_currency(refusal: Refusal) -> DomainError:
    message = f"This agent's token is not for payments in {refusal.payment.currency}."
    return Refused(ErrorCode.CURRENCY_MISMATCH, message, refusal.method)


def _token_limit(refusal: Refusal) -> DomainError:
    message = "What is left of this agent's token is less than what is to be paid."
    return Refused(ErrorCode.AMOUNT_TOO_LARGE, message, refusal.method)


def _mandate(refusal: Refusal) -> DomainError:
    message = (
        "The payer has not agreed to be debited by this payment method, or no longer does. A confirmation token carries"
        " their consent: send one as `confirmationTokenId`, or use another method."
    )
    return _unusable(refusal, message)


def _return_page(_: Refusal) -> DomainError:
    message = "This payment method leads the payer to another page and back: name the page to come back to."
    return Refused(ErrorCode.VALIDATION_FAILED, message, ("input", "returnUrl"))


def _authenticate(_: Refusal) -> DomainError:
    return explain_decline(code=AUTHENTICATE)


def _declined(refusal: Refusal) -> DomainError:
    return explain_decline(code=refusal.failure.code)


def _missing(refusal: Refusal) -> DomainError:
    return _problem(refusal, f"Stripe does not know this payment, and nothing was {refusal.money_moved}.")


def _rejected(refusal: Refusal) -> DomainError:
    what = "refund" if refusal.step is Step.REFUND else "request"
    return _problem(refusal, f"Stripe refused the {what}, and nothing was {refusal.money_moved}.")


def _problem(refusal: Refusal, message: str) -> DomainError:
    failure = refusal.failure
    return ProviderProblem(
        ErrorCode.PROVIDER_REJECTED,
        message,
        effect=ProviderEffect.NONE,
        stripe_request_id=failure.request_id,
        stripe_code=failure.code,
        stripe_param=failure.param,
    )


BY_CODE: Final[Mapping[str, Explain]] = {
    # amounts
    "amount_too_large": _too_much,
    "charge_exceeds_source_limit": _too_much,
    "charge_exceeds_transaction_limit": _too_much,
    "charge_already_refunded": _too_much,
    "amount_too_small": _too_little,
    # the payment's state
    "payment_intent_unexpected_state": _state,
    "intent_invalid_state": _state,
    "charge_already_captured": _state,
    "capture_unauthorized_payment": _state,
    "charge_not_refundable": _state,
    "charge_expired_for_capture": _hold_ended,
    "capture_charge_authorization_expired": _hold_ended,
    "charge_disputed": _disputed,
    "refund_disputed_payment": _disputed,
    # the payer
    "authentication_required": _authenticate,
    "payment_intent_authentication_failure": _authenticate,
    "card_declined": _declined,
    "card_decline_rate_limit_exceeded": _declined,
    "payment_intent_payment_attempt_failed": _declined,
    # the method
    "payment_intent_mandate_invalid": _mandate,
    "setup_intent_mandate_invalid": _mandate,
    "billing_invalid_mandate": _mandate,
    "debit_not_authorized": _mandate,
    "account_closed": _method,
    "no_account": _method,
    "bank_account_declined": _method,
    "bank_account_restricted": _method,
    "bank_account_unusable": _method,
    "bank_account_unverified": _method,
    "expired_card": _method,
    "sepa_unsupported_account": _method,
    "token_already_used": _token,
    "payment_intent_incompatible_payment_method": _method_type,
    "payment_method_bank_account_blocked": _method,
    "payment_method_billing_details_address_missing": _method,
    "payment_method_currency_mismatch": _method,
    "payment_method_customer_decline": _method,
    "payment_method_invalid_parameter": _method,
    "payment_method_invalid_parameter_testmode": _method,
    "payment_method_not_available": _method,
    "payment_method_provider_decline": _method,
    "payment_method_provider_timeout": _declined,
    "payment_method_unactivated": _method,
    "payment_method_unexpected_state": _method,
    "payment_method_unsupported_type": _method,
    # an agent's token
    granted_tokens.ENDED: _token_ended,
    granted_tokens.EXPIRED: _token_expired,
    granted_tokens.OTHER_CURRENCY: _token_currency,
    granted_tokens.TOO_LITTLE_LEFT: _token_limit,
}
# Where the parameter decides, not the code: (is a refund, Stripe's name of the parameter).
PARAMETERS: Final[Mapping[tuple[bool, str], Explain]] = {
    (False, "payment_method"): _method,
    (False, "confirmation_token"): _token,
    (False, granted_tokens.THE_TOKEN): _token,
    (False, "return_url"): _return_page,
    (False, "customer"): _customer,
    (False, "receipt_email"): _address,
    (True, "amount"): _too_much,
}
