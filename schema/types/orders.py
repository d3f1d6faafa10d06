"""Orders and customers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain.ids import Kind
from resolvers.reading.nested_pages import payments_below
from resolvers.reading.pagination import Paging
from resolvers.reading.projection import PAYMENTS_BELOW, Relation
from resolvers.visibility import visible_customer
from schema.directives import PII
from schema.enums import CaptureMethod, OrderPaymentStatus
from schema.fields import After, Before, First, Info, Last, field, field_with, read_with
from schema.scalars import Metadata
from schema.types.money import Money
from schema.types.node import Node

if TYPE_CHECKING:
    from schema.types.payments import PaymentConnection

LazyPaymentConnection = Annotated["PaymentConnection", strawberry.lazy("schema.types.payments")]


@strawberry.type(description="The person who pays, known by the shop's own id.")
class Customer(Node):
    """Wraps a customer's row."""

    kind_of_id = Kind.CUSTOMER
    row: strawberry.Private[models.Customer]

    @classmethod
    def of(cls, row: models.Customer) -> "Customer":
        return cls(row=row)

    @field
    def external_id(self) -> str | None:
        """The shop's own id; the subject of the customer's token."""
        return self.row.external_id

    @field_with(PII)
    def email(self) -> str | None:
        """Where to write to them."""
        return self.row.email

    @field
    async def payments(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> LazyPaymentConnection:
        """Their payments, newest first."""
        from schema.types.payments import PaymentConnection

        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return PaymentConnection.of(await payments_below(info.context, "customer_id", self.row, paging))


@strawberry.type(description="What a shop wants to be paid, and how much of it has been.")
class Order(Node):
    """Wraps an order's row."""

    kind_of_id = Kind.ORDER
    row: strawberry.Private[models.Order]

    @classmethod
    def of(cls, row: models.Order) -> "Order":
        return cls(row=row)

    @field
    def external_id(self) -> str | None:
        """The shop's own id of the order."""
        return self.row.external_id

    @field
    def total(self) -> Money:
        """What the order costs."""
        return Money.of(self.row.total)

    @field
    def amount_paid(self) -> Money:
        """What was taken, over all payments; refunds do not lessen it."""
        return Money.of(self.row.paid)

    @field
    def amount_refunded(self) -> Money:
        """What was given back, over all payments."""
        return Money.of(self.row.refunded)

    @field
    def amount_due(self) -> Money:
        """What is still to be taken; a refund does not make an order owe again."""
        return Money.of(self.row.due)

    @field
    def payment_status(self) -> OrderPaymentStatus:
        """How far the order is paid."""
        return self.row.payment_status

    @field
    def capture_method(self) -> CaptureMethod:
        """Whether the shop takes the money of this order at once or has it held first."""
        return self.row.capture_method

    @field
    async def customer(self, info: Info) -> Customer | None:
        """Who pays; null where the order names nobody, or for a view token."""
        row = await visible_customer(info.context, self.row.customer_id)
        return Customer.of(row) if row is not None else None

    @read_with(Relation.PAYMENTS_OF_ORDER)
    async def payments(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> LazyPaymentConnection:
        """The attempts to pay this order, newest first."""
        from schema.types.payments import PaymentConnection

        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return PaymentConnection.of(await payments_below(info.context, "order_id", self.row, paging))

    @field
    def description(self) -> str | None:
        """What it is about, as the shop said it."""
        return self.row.description

    @field
    def metadata(self) -> Metadata:
        """What the service that registered the order wanted kept with it."""
        return Metadata(dict(self.row.metadata))

    @field
    def version(self) -> int:
        """Grows with every change of the order or of its payments."""
        return self.row.version

    @field
    def created_at(self) -> datetime:
        """When the order was registered."""
        return self.row.created_at
