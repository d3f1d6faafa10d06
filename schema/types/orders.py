"""Orders and customers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain.caller import Scope
from domain.checkout.line_items import read_line_items
from domain.ids import Kind
from resolvers.customers import default_method
from resolvers.reading.nested_pages import (
    EVENTS_BELOW,
    methods_of,
    orders_of,
    payable,
    payments_below,
    setup_intents_of,
    timeline_of_order,
)
from resolvers.reading.pagination import Paging
from resolvers.reading.relations import PAYMENTS_BELOW, PAYMENTS_OF_ORDER
from resolvers.visibility import customer_of, shows_person
from schema.directives import PII, Auth
from schema.enums import CaptureMethod, OrderPaymentStatus
from schema.fields import After, Before, First, Info, Last, column, field_with, money, reading, related
from schema.scalars import Metadata
from schema.types.connections import Connection
from schema.types.descriptions import LineItem, Shipping
from schema.types.money import Money
from schema.types.node import Node
from schema.types.saved_methods import SavedPaymentMethod

if TYPE_CHECKING:
    from schema.types.events import PaymentEvent
    from schema.types.payments import Payment
    from schema.types.setup_intents import SetupIntent

LazyEvent = Annotated["PaymentEvent", strawberry.lazy("schema.types.events")]
LazyPayment = Annotated["Payment", strawberry.lazy("schema.types.payments")]
LazyOrder = Annotated["Order", strawberry.lazy("schema.types.orders")]
LazySetup = Annotated["SetupIntent", strawberry.lazy("schema.types.setup_intents")]


@strawberry.type(description="The person who pays, known by the shop's own id.")
class Customer(Node):
    """Wraps a customer's row."""

    kind_of_id = Kind.CUSTOMER
    row: strawberry.Private[models.Customer]

    @classmethod
    def of(cls, row: models.Customer) -> "Customer":
        return cls(row=row)

    external_id = column(str | None, "The shop's own id; the subject of the customer's token.")

    email = column(str | None, "Where to write to them.", PII)

    name = column(str | None, "What they are called.", PII)

    phone = column(str | None, "Their telephone number.", PII)

    @field_with(Auth(scopes=[Scope.PAYMENTS_READ.value]), reads=["stripe_customer_id"])
    def stripe_customer_id(self, info: Info) -> str | None:
        """Stripe's id of the customer, for the staff; null until one is needed to keep a payment method."""
        caller = info.context.caller
        return self.row.stripe_customer_id if caller is not None and caller.can(Scope.PAYMENTS_READ) else None

    default_payment_method = related(
        SavedPaymentMethod | None,
        "The kept method that is used where none is named; null where there is none.",
        default_method,
        reads=["default_method_id"],
    )

    @reading("id")
    async def payment_methods(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[SavedPaymentMethod]:
        """The payment methods that they keep for later, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return Connection.of(await methods_of(info.context, self.row, paging))

    @reading("id")
    async def setup_intents(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LazySetup]:
        """Their ways to keep a payment method without paying, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return Connection.of(await setup_intents_of(info.context, self.row, paging))

    @reading("id")
    async def orders(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LazyOrder]:
        """Their orders, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return Connection.of(await orders_of(info.context, self.row, paging))

    @reading("id")
    async def payments(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LazyPayment]:
        """Their payments, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return Connection.of(await payments_below(info.context, self.row, paging))


@strawberry.type(description="What a shop wants to be paid, and how much of it has been.")
class Order(Node):
    """Wraps an order's row."""

    kind_of_id = Kind.ORDER
    row: strawberry.Private[models.Order]

    @classmethod
    def of(cls, row: models.Order) -> "Order":
        return cls(row=row)

    external_id = column(str | None, "The shop's own id of the order.")

    total = money(Money, "What the order costs.", "total_minor")

    amount_paid = money(Money, "What was taken, over all payments; refunds do not lessen it.", "paid_minor")

    amount_refunded = money(Money, "What was given back, over all payments.", "refunded_minor")

    amount_due = money(Money, "What is still to be taken; a refund does not make an order owe again.", "due_minor")

    @field_with(reads=["id", "total_minor", "paid_minor", "currency"])
    async def amount_payable(self, info: Info) -> Money:
        """What a new payment would ask for: what is due, less what open payments ask for already."""
        return Money.of(await payable(info.context, self.row))

    payment_status = column(OrderPaymentStatus, "How far the order is paid.")

    capture_method = column(
        CaptureMethod, "Whether the shop takes the money of this order at once or has it held first."
    )

    allow_partial_payments = column(bool, "Whether it may be paid by several payments, also several at once.")

    customer = related(
        Customer | None,
        "Who pays; null where the order names nobody, or for a view token.",
        customer_of,
        reads=["customer_id"],
    )

    @field_with(reads=["id"], relation=PAYMENTS_OF_ORDER)
    async def payments(
        self,
        info: Info,
        first: First = PAYMENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LazyPayment]:
        """The attempts to pay this order, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAYMENTS_BELOW)
        return Connection.of(await payments_below(info.context, self.row, paging))

    @reading("id")
    async def timeline(
        self,
        info: Info,
        first: First = EVENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LazyEvent]:
        """What happened to the order and its payments, oldest first: all for the staff, for a buyer what was theirs."""
        paging = Paging(first=first, after=after, last=last, before=before, default=EVENTS_BELOW)
        return Connection.of(await timeline_of_order(info.context, self.row.id, paging))

    paid_at = column(
        datetime | None,
        "When the last of the money that pays the order was taken; null while it owes anything. Refunds and disputes"
        " leave it.",
    )

    description = column(str | None, "What it is about, as the shop said it.")

    metadata = column(Metadata, "What the service that registered the order wanted kept with it.")

    statement_descriptor_suffix = column(
        str | None, "The end of the text on the payer's card statement, as the shop said it."
    )

    @field_with(reads=["customer_id", "line_items"])
    async def line_items(self, info: Info) -> list[LineItem] | None:
        """What the order consists of, as the shop said it: for whose it is and for payments:read. Null for a view
        token.
        """
        if not await shows_person(info.context, self.row):
            return None
        return [LineItem.of(item) for item in read_line_items(self.row.line_items)]

    @field_with(PII, reads=["customer_id", "shipping"])
    async def shipping(self, info: Info) -> Shipping | None:
        """Who the order is shipped to, and where: for whose it is and for payments:read."""
        stored = self.row.shipping
        return Shipping.of(stored) if stored is not None and await shows_person(info.context, self.row) else None

    @field_with(reads=["excluded_payment_method_types"])
    def excluded_payment_method_types(self) -> list[str]:
        """Types of payment methods that may not pay it, as the shop said; the installation may offer fewer."""
        return self.row.excluded_payment_method_types or []

    version = column(int, "Grows with every change of the order or of its payments.")

    created_at = column(datetime, "When the order was registered.")

    updated_at = column(datetime, "When the order or one of its payments last changed.")
