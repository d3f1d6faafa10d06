"""Operations: what became of an idempotency key."""

from datetime import datetime
from typing import Annotated

import strawberry

import models
from domain.errors import DomainError
from domain.ids import Kind
from schema.enums import OperationKind, OperationState, ProviderEffect
from schema.errors import UserError, user_error
from schema.fields import Info, field
from schema.node import Node
from schema.orders import Order
from schema.payments import Payment
from schema.refunds import Refund
from schema.scalars import IdempotencyKey

OperationResult = Annotated[
    Order | Payment | Refund,
    strawberry.union("OperationResult", description="What an operation made or changed."),
]


@strawberry.type(description="What became of one idempotency key of one caller.")
class Operation(Node):
    """Wraps an operation's row."""

    kind_of_id = Kind.OPERATION
    row: strawberry.Private[models.Operation]

    @classmethod
    def of(cls, row: models.Operation) -> "Operation":
        return cls(row=row)

    @field
    def key(self) -> IdempotencyKey:
        """The key; only its owner ever reads it."""
        return IdempotencyKey(self.row.key)

    @field
    def kind(self) -> OperationKind:
        """The mutation."""
        return self.row.kind

    @field
    def state(self) -> OperationState:
        """How far it has come."""
        return self.row.state

    @field
    def effect(self) -> ProviderEffect:
        """What is known about money at Stripe."""
        return self.row.effect

    @field
    def attempts(self) -> int:
        """How often it was taken up: by the call itself, a retry, or the janitor."""
        return self.row.attempt

    @field
    def created_at(self) -> datetime:
        """When the key was first used."""
        return self.row.created_at

    @field
    def finished_at(self) -> datetime | None:
        """When it was decided; null until then."""
        return self.row.finished_at

    @field
    def expires_at(self) -> datetime:
        """The key replays until then. Afterwards it can still be looked up, but is never run again."""
        return self.row.expires_at

    @field
    async def result(self, info: Info) -> OperationResult | None:
        """What it made or changed, as that stands now."""
        loaders, row = info.context.loaders, self.row
        if row.refund_id is not None:
            refund = await loaders.refund.load(row.refund_id)
            return Refund.of(refund) if refund is not None else None
        if row.payment_id is not None:
            payment = await loaders.payment.load(row.payment_id)
            return Payment.of(payment) if payment is not None else None
        order = await loaders.order.load(row.order_id) if row.order_id is not None else None
        return Order.of(order) if order is not None else None

    @field
    def error(self, info: Info) -> UserError | None:
        """Why it failed; null unless it did."""
        stored = self.row.error
        if stored is None:
            return None
        return user_error(DomainError.from_record(stored), request_id=info.context.request_id)

    @field
    def request_fingerprint(self) -> str:
        """SHA-256 of the normalised input, in hex: the same request has the same one."""
        return self.row.fingerprint
