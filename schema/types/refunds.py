"""Refunds, and pages of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain import caller
from domain.ids import Kind
from resolvers.access import sees_all_payments, visible_actor, visible_failure_reason
from resolvers.reading.nested_pages import payment_of_refund
from schema.enums import RefundReason, RefundStatus
from schema.fields import Info, column, money, reading, related
from schema.scalars import Metadata
from schema.types.actors import Actor
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

    payment = related(LazyPayment, "The payment that is given back.", payment_of_refund, reads=["payment_id"])

    amount = money(Money, "How much is given back.", "amount_minor")

    status = column(RefundStatus, "Where the refund stands.")

    reason = column(RefundReason, "Why money is given back.")

    @reading("note")
    def note(self, info: Info) -> str | None:
        """What the staff wrote about it; the staff alone read it."""
        return self.row.note if sees_all_payments(info.context.caller) else None

    @reading("failure_reason")
    def failure_reason(self, info: Info) -> str | None:
        """Stripe's reason when the refund failed; to buyers, `unknown` for a card that was lost or stolen."""
        return visible_failure_reason(info.context, self.row.failure_reason)

    @reading("requested_by")
    def requested_by(self, info: Info) -> Actor | None:
        """Who asked for it; null where nobody wrote it down."""
        stored = self.row.requested_by
        return Actor.of(visible_actor(info.context, caller.Actor.from_record(stored))) if stored else None

    stripe_refund_id = column(str | None, "Stripe's id of the refund; null until Stripe has answered.")

    metadata = column(Metadata, "What the client that asked for the refund wanted kept with it.")

    created_at = column(datetime, "When the refund was accepted.")

    updated_at = column(datetime, "When the refund last changed.")
