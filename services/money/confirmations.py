"""Parameters of a confirmation at Stripe: what pays, and the page that its payer returns to."""

from collections.abc import Mapping
from typing import Any

from database.statements import read_one
from domain.commands import ConfirmPayment, CreatePayment
from domain.errors import ErrorCode, Refused
from models import Operation, Payment, SavedPaymentMethod
from services.money.customers import find_saved_method
from services.money.operations.refusals import SAVED
from services.money.operations.steps import FIRST_STEP, METHOD_ID, PAYMENT_MAKERS, Step
from services.money.state import locking

MADE = f"WHERE payment_id = $1 AND kind IN ({PAYMENT_MAKERS})"


def token_params(command: CreatePayment | ConfirmPayment) -> dict[str, Any]:
    """Return the parameters of a token that pays, which Stripe takes at a confirmation only; empty without one."""
    if command.confirmation_token_id is not None:
        return {"confirmation_token": command.confirmation_token_id}
    if command.shared_payment_token is not None:
        return {"payment_method_data": {"shared_payment_granted_token": command.shared_payment_token}}
    return {}


async def confirm_params(command: ConfirmPayment, payment: Payment) -> dict[str, Any]:
    """Return the parameters of a new attempt at an open payment, for its operation.

    A page that the shop names wins over the page in a payer's token: what a request states takes precedence over its
    token. Source: docs.stripe.com/api/payment_intents/confirm#confirm_payment_intent-confirmation_token.

    Raises Refused when there is no page to return to, and the errors of `find_saved_method`.
    """
    saved = await _find_kept(command, payment) if command.saved_payment_method_id is not None else None
    method = saved.stripe_payment_method_id if saved is not None else command.payment_method_id
    params = token_params(command) or {"payment_method": method}
    page = command.return_url or await _read_return_page(payment, is_needed="confirmation_token" not in params)
    about = {METHOD_ID: str(saved.id)} if saved is not None else {}
    return {Step.CONFIRM: params | ({"return_url": page} if page is not None else {}), **about}


async def _find_kept(command: ConfirmPayment, payment: Payment) -> SavedPaymentMethod:
    """Return the method that the payment's customer keeps. Stripe is not asked.

    At Stripe the payment must be the customer's since it was made, for it takes no customer at a confirmation. Raises
    NotFound and Refused(PAYMENT_METHOD_UNUSABLE).
    """
    saved = await find_saved_method(command.saved_payment_method_id, payment.customer_id, path=SAVED)
    customer, made = await locking.read_customer(payment.customer_id), await _read_creation(payment)
    if made is not None and _created(made).get("customer") != customer.stripe_customer_id:
        message = "This payment was begun before its customer kept this method. Begin another one to pay with it."
        raise Refused(ErrorCode.PAYMENT_METHOD_UNUSABLE, message, SAVED)
    return saved


async def _read_creation(payment: Payment) -> Operation | None:
    """Read the operation that made a payment; None for one that was adopted from Stripe."""
    return await read_one(Operation, MADE, payment.id)


def _created(made: Operation) -> Mapping[str, Any]:
    """Return the parameters with which a payment was made at Stripe."""
    created: Mapping[str, Any] = made.params.get(FIRST_STEP[made.kind], {})
    return created


async def find_return_page(payment: Payment) -> str | None:
    """Return the return page that createPayment named, or None."""
    return await _read_return_page(payment, is_needed=False)


async def _read_return_page(payment: Payment, *, is_needed: bool) -> str | None:
    """Return the page that createPayment named; None where it named none, and none is needed.

    A payment whose methods never redirect needs none, nor does a token of the payer's, which may bring its own. Where
    the installation lists the allowed types, Stripe asks for a page if the method needs one.
    """
    made = await _read_creation(payment)
    params: Mapping[str, Any] = made.params if made is not None else {}
    page: str | None = params.get(Step.CONFIRM, params).get("return_url")
    methods = _created(made).get("automatic_payment_methods", {}) if made is not None else {}
    if page is None and is_needed and methods.get("allow_redirects") == "always":
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`returnUrl` is missing: this payment takes methods that lead the payer to another page and back, and "
            "createPayment named no page to come back to.",
            ("input", "returnUrl"),
        )
    return page
