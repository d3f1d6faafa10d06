"""The audit trail, as a timeline."""

from collections.abc import Hashable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain import caller
from domain.ids import Kind, encode
from resolvers.access import visible_actor
from resolvers.reading.cursors import Cursor, SortKey
from resolvers.reading.nested_pages import order_of_event
from resolvers.visibility import operation_of_event
from schema.enums import PaymentStatus
from schema.fields import Info, column, field, field_with, money, related
from schema.types.actors import Actor
from schema.types.money import Money
from schema.types.node import Node
from schema.types.orders import Order
from services.live.order_stream import OrderChange
from services.live.payment_feed import Entry

if TYPE_CHECKING:
    from schema.errors import UserError
    from schema.types.operations import Operation
    from schema.types.payments import Payment

LazyUserError = Annotated["UserError", strawberry.lazy("schema.errors")]
LazyOperation = Annotated["Operation", strawberry.lazy("schema.types.operations")]
LazyPayment = Annotated["Payment", strawberry.lazy("schema.types.payments")]


@strawberry.type(description="One change: who, what, from what to what. Never changed, never deleted.")
class PaymentEvent(Node):
    """Wraps an event's row."""

    kind_of_id = Kind.EVENT
    row: strawberry.Private[models.PaymentEvent]
    change: strawberry.Private[OrderChange | None] = None
    resumes_at: strawberry.Private[datetime | None] = None

    @classmethod
    def of(cls, row: models.PaymentEvent) -> "PaymentEvent":
        return cls(row=row)

    @classmethod
    def live(cls, change: OrderChange) -> "PaymentEvent":
        """An event that is followed, with the rows that were read for all of its followers."""
        return cls(row=change.event, change=change)

    @classmethod
    def fed(cls, entry: Entry) -> "PaymentEvent":
        """An event of the feed, which can be resumed there."""
        return cls(row=entry.change.event, change=entry.change, resumes_at=entry.resumes_at)

    @property
    def shared_key(self) -> Hashable:
        """The key of what all followers of the event get; None for an event that is not followed."""
        return (self.change, self.resumes_at) if self.change is not None else None

    sequence = column(int, "Counts the events of one order, without gaps.")

    type = column(str, "What happened, such as payment.succeeded or refund.failed.")

    @field
    def actor(self, info: Info) -> Actor:
        """Who did it."""
        return Actor.of(visible_actor(info.context, caller.Actor.from_record(self.row.actor)))

    from_status = column(PaymentStatus | None, "The payment's status before, where it changed.")

    to_status = column(PaymentStatus | None, "The payment's status after, where it changed.")

    amount = money(Money | None, "The amount that the event is about.", "amount_minor")

    @field
    def error(self, info: Info) -> LazyUserError | None:
        """Why an attempt to pay failed; null for all other events."""
        from schema.errors import stored_error

        failed = self.row.after.get("failure")
        return stored_error(info, failed["error"], request_id=failed["request_id"]) if failed is not None else None

    operation = related(
        LazyOperation | None,
        "The operation through which it was done, for who used its key and for payments:read.",
        operation_of_event,
    )

    @field
    def operation_id(self) -> strawberry.ID | None:
        """The operation through which it was done."""
        operation_id = self.row.operation_id
        return strawberry.ID(encode(Kind.OPERATION, operation_id)) if operation_id is not None else None

    stripe_event_id = column(str | None, "Stripe's event that told us.")

    occurred_at = column(datetime, "When it happened.")

    recorded_at = column(datetime, "When it was written down.")

    hash = column(str, "SHA-256 over the previous event's hash and this event.")

    @field
    def cursor(self) -> str | None:
        """The place in paymentsFeed, to resume it there as `after`; null elsewhere."""
        if self.resumes_at is None:
            return None
        return Cursor(SortKey.RECORDED_AT, self.resumes_at, self.row.id).encode()

    @field_with(preloaded=True)
    async def order(self, info: Info) -> Order:
        """The order whose chain the event is part of."""
        if self.change is not None:
            self._hand_over(info, self.change)
            return Order.of(self.change.order)
        return Order.of(await order_of_event(info.context, self.row))

    @field_with(preloaded=True)
    async def payment(self, info: Info) -> LazyPayment | None:
        """The payment that changed; null for events of the order alone."""
        from schema.types import payments

        if self.row.payment_id is None:
            return None
        if self.change is not None and self.change.payment is not None:
            self._hand_over(info, self.change)
            return payments.Payment.of(self.change.payment)
        row = await info.context.loaders.payment.load(self.row.payment_id)
        return payments.Payment.of(row) if row is not None else None

    def _hand_over(self, info: Info, change: OrderChange) -> None:
        """Hand on the rows that were read for everybody: five hundred followers do not ask five hundred times."""
        info.context.loaders.hand_over(change.order, change.payment)
