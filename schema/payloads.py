"""The payloads of mutations: the row as it is now, or the errors."""

from datetime import datetime

import strawberry

from domain.errors import DomainError
from resolvers.confirmation import confirmation_of, confirmation_of_setup
from resolvers.customers import SessionResult
from resolvers.mutation_result import Result
from schema.errors import UserError, shown_error, stored_error
from schema.fields import Info, attribute, field, wrapped
from schema.types.confirmation import PaymentConfirmation, SetupConfirmation
from schema.types.operations import Operation
from schema.types.orders import Customer, Order
from schema.types.payments import Payment
from schema.types.refunds import Refund
from schema.types.setup_intents import SetupIntent


@strawberry.interface(description="What every mutation with an idempotency key answers.")
class MutationPayload:
    """Wraps a result."""

    result: strawberry.Private[Result]

    @field
    def errors(self, info: Info) -> list[UserError]:
        """Why it was refused or failed; empty when it was done."""
        error, operation = self.result.error, self.result.operation
        if error is not None and operation is not None and self.result.replayed:
            return [stored_error(info, error.to_record(), request_id=operation.request_id)]
        return _errors(error, info)

    operation = wrapped(
        Operation | None,
        "What is known of the key; null when the call was refused before it was used.",
        row="result.operation",
    )
    replayed = attribute(bool, "True when an earlier call with this key produced this answer.", "result.replayed")


@strawberry.type(description="The answer to a mutation of a payment.")
class PaymentPayload(MutationPayload):
    """`has_view_token` says that one is made for the payment's buyer."""

    has_view_token: strawberry.Private[bool] = False

    @classmethod
    def of(cls, result: Result, *, with_view_token: bool = False) -> "PaymentPayload":
        return cls(result=result, has_view_token=with_view_token)

    payment = wrapped(
        Payment | None,
        "The payment as it is now; for ACTIVE_PAYMENT_EXISTS the one that is in the way.",
        row="result.payment",
    )

    @field
    async def confirmation(self, info: Info) -> PaymentConfirmation | None:
        """What the payer needs to go on with the payment; null when there is nothing to confirm, and for others."""
        known, payment = self.result.client_secret, self.result.payment
        return PaymentConfirmation.of(await confirmation_of(info.context, payment, known_secret=known))

    @field
    def view_token(self, info: Info) -> str | None:
        """A short-lived bearer token that shows its buyer this one order and nothing else; from createPayment only."""
        payment = self.result.payment if self.has_view_token else None
        return info.context.sign_view_token(payment.order_id, payment.customer_id) if payment is not None else None


@strawberry.type(description="The answer to a mutation of an order.")
class OrderPayload(MutationPayload):
    """The order, and the payment that a new total is about."""

    @classmethod
    def of(cls, result: Result) -> "OrderPayload":
        return cls(result=result)

    order = wrapped(Order | None, "The order as it is now.", row="result.order")

    payment = wrapped(
        Payment | None,
        "The open payment whose amount follows the order's total; where the payer was quicker, the one in the way.",
        row="result.payment",
    )


@strawberry.type(description="The answer to a mutation of what a customer keeps.")
class CustomerPayload(MutationPayload):
    """Only the customer."""

    @classmethod
    def of(cls, result: Result) -> "CustomerPayload":
        return cls(result=result)

    customer = wrapped(Customer | None, "The customer as they are now.", row="result.customer")


@strawberry.type(description="The answer to the beginning of a setup.")
class SetupIntentPayload(MutationPayload):
    """The setup, and what only its customer may know."""

    @classmethod
    def of(cls, result: Result) -> "SetupIntentPayload":
        return cls(result=result)

    setup_intent = wrapped(SetupIntent | None, "The setup as it is now.", row="result.setup_intent")

    @field
    async def confirmation(self, info: Info) -> SetupConfirmation | None:
        """What the customer needs to go on with the setup; null when there is nothing to confirm, and for others."""
        known, setup = self.result.client_secret, self.result.setup_intent
        return SetupConfirmation.of(await confirmation_of_setup(info.context, setup, known_secret=known))


@strawberry.type(description="A session of a customer, which was just opened. It takes no key: it moves nothing.")
class CustomerSessionPayload:
    """Wraps a session, whose secret is in this answer alone."""

    result: strawberry.Private[SessionResult]

    customer = wrapped(Customer | None, "Whose session it is; null when it was refused.", row="result.customer")

    client_secret = attribute(
        str | None,
        "For Stripe's elements: it shows what the customer keeps. Never stored or logged; ask again for another one.",
        "result.client_secret",
    )

    expires_at = attribute(datetime | None, "Until when the secret can be used.", "result.expires_at")

    @field
    def errors(self, info: Info) -> list[UserError]:
        """Why it was refused; empty when it was opened."""
        return _errors(self.result.error, info)


@strawberry.type(description="The answer to a mutation of a refund.")
class RefundPayload(MutationPayload):
    """The refund and what it was taken from."""

    @classmethod
    def of(cls, result: Result) -> "RefundPayload":
        return cls(result=result)

    refund = wrapped(Refund | None, "The refund as it is now.", row="result.refund")

    payment = wrapped(Payment | None, "The payment as it is now.", row="result.payment")


@strawberry.type(description="The answer to a mutation that moves no money and takes no key.")
class OpsPayload:
    """The number of rows that a mutation touched."""

    affected: int = strawberry.field(description="How many things it touched, or would have.")
    error: strawberry.Private[DomainError | None] = None

    @field
    def ok(self) -> bool:
        """Whether it was done."""
        return self.error is None

    @field
    def errors(self, info: Info) -> list[UserError]:
        """Why it was refused; empty when it was done."""
        return _errors(self.error, info)


@strawberry.type(description="The answer to the settling of an operation by hand.")
class OperationPayload:
    """Only the operation."""

    result: strawberry.Private[Result]

    operation = wrapped(
        Operation | None, "The operation as it is now; null when nothing was settled.", row="result.operation"
    )

    @field
    def errors(self, info: Info) -> list[UserError]:
        """Why it was refused; empty when it was done."""
        return _errors(self.result.error, info)


def _errors(error: DomainError | None, info: Info) -> list[UserError]:
    return [shown_error(info, error)] if error is not None else []
