"""Parameters of a confirmation at Stripe: what pays, and the page that its payer returns to."""

from collections.abc import Mapping
from typing import Any

from database.statements import read_one
from domain.commands import ConfirmPayment, CreatePayment
from domain.errors import ErrorCode, Refused
from models import Operation, Payment
from services.money.operations.steps import FIRST_STEP, Step

MADE = "WHERE payment_id = $1 AND kind IN ('CREATE_PAYMENT', 'CREATE_OFF_SESSION_PAYMENT')"


def token_params(command: CreatePayment | ConfirmPayment) -> dict[str, Any]:
    """Return the parameters of a token that pays, which Stripe takes at a confirmation only; empty without one."""
    if command.confirmation_token_id is not None:
        return {"confirmation_token": command.confirmation_token_id}
    if command.shared_payment_token is not None:
        return {"payment_method_data": {"shared_payment_granted_token": command.shared_payment_token}}
    return {}


async def confirm_params(command: ConfirmPayment, payment: Payment) -> dict[str, Any]:
    """Return the parameters of a new attempt at an open payment. Raises Refused when there is no page to return to.

    A page that the shop names wins over the page in a payer's token: what a request states takes precedence over its
    token. Source: docs.stripe.com/api/payment_intents/confirm#confirm_payment_intent-confirmation_token.
    """
    params = token_params(command) or {"payment_method": command.payment_method_id}
    page = command.return_url or await _read_return_page(payment, is_needed="confirmation_token" not in params)
    return params | ({"return_url": page} if page is not None else {})


async def find_return_page(payment: Payment) -> str | None:
    """Return the return page that createPayment named, or None."""
    return await _read_return_page(payment, is_needed=False)


async def _read_return_page(payment: Payment, *, is_needed: bool) -> str | None:
    """Return the page that createPayment named; None where it named none, and none is needed.

    A payment whose methods never redirect needs none, nor does a token of the payer's, which may bring its own.
    """
    made = await read_one(Operation, MADE, payment.id)
    params: Mapping[str, Any] = made.params if made is not None else {}
    page: str | None = params.get(Step.CONFIRM, params).get("return_url")
    created: Mapping[str, Any] = params.get(FIRST_STEP[made.kind], {}) if made is not None else {}
    methods = created.get("automatic_payment_methods", {})
    if page is None and is_needed and methods.get("allow_redirects") == "always":
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`returnUrl` is missing: this payment takes methods that lead the payer to another page and back, and "
            "createPayment named no page to come back to.",
            ("input", "returnUrl"),
        )
    return page
