"""Refunds, and pages of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain import caller
from domain.ids import Kind
from resolvers.access import sees_all_payments, visible_actor, visible_failure_reason
from resolvers.reading.pagination import Page
from schema.directives import PART_OF_A_ROW
from schema.enums import RefundReason, RefundStatus
from schema.fields import Info, field
from schema.scalars import Metadata
from schema.types.actors import Actor
from schema.types.connections import Connection
from schema.types.money import Money
from schema.types.node import Node

if TYPE_CHECKING:
    from schema.types.payments import Payment

LazyPayment = Annotated["Payment", strawberry.lazy("schema.types.payments")]


@strawberry.type(description="Money of one payment on its way back.")
class Refund(Node):
    """Wraps a refund's row."""

    kind_of_id = Kind.REFUND
    row: strawberry.Private[models.Refund]

    @classmethod
    def of(cls, row: models.Refund) -> "Refund":
        return cls(row=row)

    @field
    async def payment(self, info: Info) -> LazyPayment:
        """The payment that is given back."""
        from schema.types.payments import Payment

        row = await info.context.loaders.payment.load(self.row.payment_id)
        assert row is not None, "a refund without its payment"
        return Payment.of(row)

    @field
    def amount(self) -> Money:
        """How much is given back."""
        return Money.of(self.row.amount)

    @field
    def status(self) -> RefundStatus:
        """Where the refund stands."""
        return self.row.status

    @field
    def reason(self) -> RefundReason:
        """Why money is given back."""
        return self.row.reason

    @field
    def note(self, info: Info) -> str | None:
        """What the staff wrote about it; the staff alone read it."""
        return self.row.note if sees_all_payments(info.context.caller) else None

    @field
    def failure_reason(self, info: Info) -> str | None:
        """Stripe's reason when the refund failed; to buyers, `unknown` for a card that was lost or stolen."""
        return visible_failure_reason(info.context, self.row.failure_reason)

    @field
    def requested_by(self, info: Info) -> Actor | None:
        """Who asked for it; null where nobody wrote it down."""
        stored = self.row.requested_by
        return Actor.of(visible_actor(info.context, caller.Actor.from_record(stored))) if stored else None

    @field
    def stripe_refund_id(self) -> str | None:
        """Stripe's id of the refund; null until Stripe has answered."""
        return self.row.stripe_refund_id

    @field
    def metadata(self) -> Metadata:
        """What the client that asked for the refund wanted kept with it."""
        return Metadata(dict(self.row.metadata))

    @field
    def created_at(self) -> datetime:
        """When the refund was accepted."""
        return self.row.created_at

    @field
    def updated_at(self) -> datetime:
        """When the refund last changed."""
        return self.row.updated_at


@strawberry.type(description="A refund and its place in the list.", directives=PART_OF_A_ROW)
class RefundEdge:
    """One row of a page."""

    cursor: str = strawberry.field(description="The place of the refund in this list.")
    node: Refund = strawberry.field(description="The refund.")


@strawberry.type(description="A page of refunds.", directives=PART_OF_A_ROW)
class RefundConnection(Connection):
    """Wraps a page."""

    page: strawberry.Private[Page[models.Refund]]

    @classmethod
    def of(cls, page: Page[models.Refund]) -> "RefundConnection":
        return cls(page=page)

    @field
    def edges(self) -> list[RefundEdge]:
        """The refunds with their cursors."""
        return [RefundEdge(cursor=self.page.cursor(row), node=Refund.of(row)) for row in self.page.rows]

    @field
    def nodes(self) -> list[Refund]:
        """The refunds alone."""
        return [Refund.of(row) for row in self.page.rows]
