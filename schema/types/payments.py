"""Payments, and pages of them."""

from datetime import datetime

import strawberry

import models
from domain.caller import Scope
from domain.ids import Kind
from resolvers.access import permitted_actions
from resolvers.reading.nested_pages import EVENTS_BELOW, order_of, refunds_of, superseded_by, timeline
from resolvers.reading.pagination import Page, Paging
from resolvers.reading.projection import Relation
from resolvers.visibility import visible_customer
from schema.directives import PART_OF_A_ROW, Auth
from schema.enums import CaptureMethod, PaymentAction, PaymentStatus
from schema.errors import UserError, stored_error
from schema.fields import THROUGH, After, Before, First, Info, Last, field, field_with, shown_with, through
from schema.scalars import Metadata
from schema.types.connections import Connection
from schema.types.events import PaymentEventConnection
from schema.types.money import Money
from schema.types.node import Node
from schema.types.orders import Customer, Order
from schema.types.payment_methods import PaymentMethodSnapshot, snapshot
from schema.types.refunds import Refund

DASHBOARD = "https://dashboard.stripe.com"


@strawberry.type(description="One attempt of an order to be paid: money asked for, held, taken, given back.")
class Payment(Node):
    """Wraps a payment's row. A field has one value wherever the payment stands: what only some answers may tell the
    payer is in `PaymentConfirmation`.
    """

    kind_of_id = Kind.PAYMENT
    row: strawberry.Private[models.Payment]

    @classmethod
    def of(cls, row: models.Payment) -> "Payment":
        return cls(row=row)

    def _money(self, minor: int) -> Money:
        return Money.of(self.row.money(minor))

    @shown_with(Relation.ORDER_OF_PAYMENT, order_of)
    def order(self, row: models.Order) -> Order:
        """The order that is paid. For a buyer whose it is no longer: only what this payment tells of it."""
        return Order.of(row)

    @field
    async def customer(self, info: Info) -> Customer | None:
        """Who pays; null where the order names nobody, or for a view token."""
        row = await visible_customer(info.context, self.row.customer_id)
        return Customer.of(row) if row is not None else None

    @field
    def status(self) -> PaymentStatus:
        """Stripe's lifecycle, and our two honest extras: INITIATED and UNKNOWN."""
        return self.row.status

    @field
    def capture_method(self) -> CaptureMethod:
        """Whether the money is taken at once or held first."""
        return self.row.capture_method

    @field
    def amount(self) -> Money:
        """What was asked for."""
        return Money.of(self.row.amount)

    @field
    def provider_amount(self) -> Money | None:
        """What Stripe has it for, where another program made an other amount or currency of it; null as it is asked."""
        amount = self.row.provider_amount
        return Money.of(amount) if amount is not None else None

    @field
    def amount_capturable(self) -> Money:
        """What is held and may be taken."""
        return self._money(self.row.capturable_minor)

    @field
    def capture_before(self) -> datetime | None:
        """When held money is released by itself unless it is captured; null while nothing is held."""
        return self.row.capture_before

    @field
    def amount_captured(self) -> Money:
        """What was taken."""
        return self._money(self.row.captured_minor)

    @field
    def amount_refunded(self) -> Money:
        """What was given back."""
        return self._money(self.row.refunded_minor)

    @field
    def amount_refund_pending(self) -> Money:
        """What is reserved by refunds that are not decided yet."""
        return self._money(self.row.refund_pending_minor)

    @field
    def amount_refundable(self) -> Money:
        """What may still be given back: taken, less given back, less reserved."""
        return Money.of(self.row.refundable)

    @field
    def amount_disputed(self) -> Money:
        """What the payer contests."""
        return self._money(self.row.disputed_minor)

    @field
    def allowed_actions(self, info: Info) -> list[PaymentAction]:
        """What you may ask of the payment now."""
        return list(permitted_actions(info.context, self.row.actions, self.row.status))

    @field
    def last_error(self, info: Info) -> UserError | None:
        """Why the last attempt failed; null once one succeeds."""
        stored = self.row.last_error
        return stored_error(info, stored, request_id=stored.get("request_id")) if stored is not None else None

    @field
    def failed_at(self) -> datetime | None:
        """When the last attempt failed, whatever came afterwards; null while none has. The timeline tells of each."""
        return self.row.failed_at

    @field
    def payment_method(self) -> PaymentMethodSnapshot | None:
        """The method as it was when it was used; null before there is one."""
        return snapshot(self.row.method) if self.row.method is not None else None

    @shown_with(Relation.REFUNDS_OF_PAYMENT, refunds_of)
    def refunds(self, rows: list[models.Refund]) -> list[Refund]:
        """The payment's refunds, oldest first."""
        return [Refund.of(row) for row in rows]

    @field
    async def timeline(
        self,
        info: Info,
        first: First = EVENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> PaymentEventConnection:
        """What happened to the payment, oldest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=EVENTS_BELOW)
        return PaymentEventConnection.of(await timeline(info.context, self.row.id, paging))

    @field
    async def supersedes(self, info: Info) -> "Payment | None":
        """The order's payment before this one; null where that was another customer's."""
        row = await superseded_by(info.context, self.row)
        return Payment.of(row) if row is not None else None

    @field_with(Auth(scopes=[Scope.PAYMENTS_READ.value]))
    def stripe_payment_intent_id(self, info: Info) -> str | None:
        """Stripe's id of the payment, for the staff; null until Stripe has answered."""
        return self.row.stripe_payment_intent_id if _reads(info) else None

    @field_with(Auth(scopes=[Scope.PAYMENTS_READ.value]))
    def stripe_dashboard_url(self, info: Info) -> str | None:
        """The payment's page in Stripe's Dashboard, for the staff."""
        intent = self.row.stripe_payment_intent_id
        if intent is None or not _reads(info):
            return None
        return f"{DASHBOARD}/{'' if self.row.livemode else 'test/'}payments/{intent}"

    @field
    def livemode(self) -> bool:
        """Whether this is real money."""
        return self.row.livemode

    @field
    def metadata(self) -> Metadata:
        """What the client that made the payment wanted kept with it."""
        return Metadata(dict(self.row.metadata))

    @field
    def version(self) -> int:
        """Grows with every persisted change."""
        return self.row.version

    @field
    def last_synced_at(self) -> datetime | None:
        """When the payment was last compared with Stripe."""
        return self.row.last_synced_at

    @field
    def created_at(self) -> datetime:
        """When the payment was accepted."""
        return self.row.created_at

    @field
    def updated_at(self) -> datetime:
        """When the payment last changed."""
        return self.row.updated_at


def _reads(info: Info) -> bool:
    caller = info.context.caller
    return caller is not None and caller.can(Scope.PAYMENTS_READ)


@strawberry.type(description="A payment and its place in the list.", directives=PART_OF_A_ROW)
class PaymentEdge:
    """One row of a page."""

    cursor: str = strawberry.field(description="The place of the payment in this list.")
    node: Payment = strawberry.field(description="The payment.", metadata={THROUGH: True})


@strawberry.type(description="A page of payments.", directives=PART_OF_A_ROW)
class PaymentConnection(Connection):
    """Wraps a page."""

    page: strawberry.Private[Page[models.Payment]]

    @classmethod
    def of(cls, page: Page[models.Payment]) -> "PaymentConnection":
        return cls(page=page)

    @through
    def edges(self) -> list[PaymentEdge]:
        """The payments with their cursors."""
        return [PaymentEdge(cursor=self.page.cursor(row), node=Payment.of(row)) for row in self.page.rows]

    @through
    def nodes(self) -> list[Payment]:
        """The payments alone."""
        return [Payment.of(row) for row in self.page.rows]
