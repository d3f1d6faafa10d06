"""The audit trail, as a timeline."""

from collections.abc import Hashable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain import caller
from domain.ids import Kind, encode
from domain.money import Money as DomainMoney
from resolvers.access import visible_actor
from resolvers.reading.cursors import Cursor, SortKey
from resolvers.reading.nested_pages import order_of_event
from resolvers.reading.pagination import Page
from resolvers.visibility import operation_of_event
from schema.directives import PART_OF_A_ROW
from schema.enums import PaymentStatus
from schema.fields import Info, at_hand, field
from schema.types.actors import Actor
from schema.types.connections import Connection
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
    def told(self) -> Hashable:
        """What is told, to everybody the same object; None for an event that is not followed."""
        return (self.change, self.resumes_at) if self.change is not None else None

    @field
    def sequence(self) -> int:
        """Counts the events of one order, without gaps."""
        return self.row.sequence

    @field
    def type(self) -> str:
        """What happened, such as payment.succeeded or refund.failed."""
        return self.row.type

    @field
    def actor(self, info: Info) -> Actor:
        """Who did it."""
        return Actor.of(visible_actor(info.context, caller.Actor.from_record(self.row.actor)))

    @field
    def from_status(self) -> PaymentStatus | None:
        """The payment's status before, where it changed."""
        return self.row.from_status

    @field
    def to_status(self) -> PaymentStatus | None:
        """The payment's status after, where it changed."""
        return self.row.to_status

    @field
    def amount(self) -> Money | None:
        """The amount that the event is about."""
        minor = self.row.amount_minor
        return Money.of(DomainMoney(minor, self.row.currency)) if minor is not None else None

    @field
    def error(self, info: Info) -> LazyUserError | None:
        """Why an attempt to pay failed; null for all other events."""
        from schema.errors import stored_error

        failed = self.row.after.get("failure")
        return stored_error(info, failed["error"], request_id=failed["request_id"]) if failed is not None else None

    @field
    async def operation(self, info: Info) -> LazyOperation | None:
        """The operation through which it was done, for who used its key and for payments:read."""
        from schema.types.operations import Operation

        row = await operation_of_event(info.context, self.row)
        return Operation.of(row) if row is not None else None

    @field
    def operation_id(self) -> strawberry.ID | None:
        """The operation through which it was done."""
        operation_id = self.row.operation_id
        return strawberry.ID(encode(Kind.OPERATION, operation_id)) if operation_id is not None else None

    @field
    def stripe_event_id(self) -> str | None:
        """Stripe's event that told us."""
        return self.row.stripe_event_id

    @field
    def occurred_at(self) -> datetime:
        """When it happened."""
        return self.row.occurred_at

    @field
    def recorded_at(self) -> datetime:
        """When it was written down."""
        return self.row.recorded_at

    @field
    def hash(self) -> str:
        """SHA-256 over the previous event's hash and this event."""
        return self.row.hash

    @field
    def cursor(self) -> str | None:
        """The place in paymentsFeed, to resume it there as `after`; null elsewhere."""
        if self.resumes_at is None:
            return None
        return Cursor(SortKey.RECORDED_AT, self.resumes_at, self.row.id).encode()

    @at_hand
    async def order(self, info: Info) -> Order:
        """The order whose chain the event is part of."""
        if self.change is not None:
            self._hand_over(info, self.change)
            return Order.of(self.change.order)
        return Order.of(await order_of_event(info.context, self.row))

    @at_hand
    async def payment(self, info: Info) -> LazyPayment | None:
        """The payment that changed; null for events of the order alone."""
        from schema.types.payments import Payment

        if self.row.payment_id is None:
            return None
        if self.change is not None and self.change.payment is not None:
            self._hand_over(info, self.change)
            return Payment.of(self.change.payment)
        row = await info.context.loaders.payment.load(self.row.payment_id)
        return Payment.of(row) if row is not None else None

    def _hand_over(self, info: Info, change: OrderChange) -> None:
        """Hand on the rows that were read for everybody: five hundred followers do not ask five hundred times."""
        info.context.loaders.hand_over(change.order, change.payment)


@strawberry.type(description="An event and its place in the timeline.", directives=PART_OF_A_ROW)
class PaymentEventEdge:
    """One row of a page."""

    cursor: str = strawberry.field(description="The place of the event in this timeline.")
    node: PaymentEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of a timeline.", directives=PART_OF_A_ROW)
class PaymentEventConnection(Connection):
    """Wraps a page."""

    page: strawberry.Private[Page[models.PaymentEvent]]

    @classmethod
    def of(cls, page: Page[models.PaymentEvent]) -> "PaymentEventConnection":
        return cls(page=page)

    @field
    def edges(self) -> list[PaymentEventEdge]:
        """The events with their cursors."""
        return [PaymentEventEdge(cursor=self.page.cursor(row), node=PaymentEvent.of(row)) for row in self.page.rows]

    @field
    def nodes(self) -> list[PaymentEvent]:
        """The events alone."""
        return [PaymentEvent.of(row) for row in self.page.rows]
