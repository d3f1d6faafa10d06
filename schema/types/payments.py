"""Payments, and pages of them."""

from datetime import datetime

import strawberry

import models
from domain.caller import Scope
from domain.ids import Kind
from resolvers.access import permitted_actions
from resolvers.reading.nested_pages import EVENTS_BELOW, order_of, refunds_of, superseded_by, timeline
from resolvers.reading.pagination import Paging
from resolvers.reading.relations import ORDER_OF_PAYMENT, REFUNDS_OF_PAYMENT
from resolvers.visibility import customer_of, shows_person
from schema.directives import PII, Auth
from schema.enums import CancellationReason, CaptureMethod, PaymentAction, PaymentStatus, SetupFutureUsage
from schema.errors import UserError, stored_error
from schema.fields import After, Before, First, Info, Last, column, field_with, money, reading, related
from schema.scalars import Metadata
from schema.types.connections import Connection
from schema.types.events import PaymentEvent
from schema.types.money import Money
from schema.types.node import Node
from schema.types.orders import Customer, Order
from schema.types.payment_methods import PaymentMethodSnapshot, snapshot
from schema.types.refunds import Refund

DASHBOARD = "https://dashboard.stripe.com"


@strawberry.type(description="One attempt of an order to be paid: money asked for, held, taken, given back.")
class Payment(Node):
    """Wraps a payment's row.

    A field has one value wherever the payment stands: the parts that only some answers may tell the payer are in
    `PaymentConfirmation`.
    """

    kind_of_id = Kind.PAYMENT
    row: strawberry.Private[models.Payment]

    @classmethod
    def of(cls, row: models.Payment) -> "Payment":
        return cls(row=row)

    order = related(
        Order,
        "The order that is paid. For a buyer whose it is no longer: only what this payment tells of it.",
        order_of,
        relation=ORDER_OF_PAYMENT,
        reads=["order_id"],
    )

    customer = related(
        Customer | None,
        "Who pays; null where the order names nobody, or for a view token.",
        customer_of,
        reads=["customer_id"],
    )

    status = column(PaymentStatus, "Stripe's lifecycle, and our two honest extras: INITIATED and UNKNOWN.")

    capture_method = column(CaptureMethod, "Whether the money is taken at once or held first.")

    setup_future_usage = column(
        SetupFutureUsage | None, "Whether the payer agreed to keep the method for later payments; null where not."
    )

    off_session = column(
        bool,
        "Whether it was asked for while the payer was away (createOffSessionPayment); they may have come back since to"
        " confirm it.",
    )

    amount = money(Money, "What was asked for.", "amount_minor")

    provider_amount = money(
        Money | None,
        "What Stripe has it for, where another program made an other amount or currency of it; null as it is asked.",
        "provider_amount_minor",
        "held_currency",
    )

    amount_remaining = money(
        Money | None,
        "What has not arrived of a bank transfer; null where none is awaited. What did arrive is not taken, and pays"
        " nothing, before it is all there.",
        "remaining_minor",
        "held_currency",
    )

    pay_before = column(
        datetime | None,
        "Until when a voucher or a code can be paid; null where none is awaited, or where it has no end. Afterwards the"
        " payment waits for another attempt.",
    )

    amount_capturable = money(Money, "What is held and may be taken.", "capturable_minor", "held_currency")

    capture_before = column(
        datetime | None, "When held money is released by itself unless it is captured; null while nothing is held."
    )

    amount_captured = money(Money, "What was taken.", "captured_minor", "held_currency")

    captured_at = column(
        datetime | None, "When money was last taken, as Stripe booked it; null while nothing has been."
    )

    paid_at = column(
        datetime | None,
        "When the last of its money was taken; null until the payment has succeeded. Refunds and disputes leave it.",
    )

    canceled_at = column(datetime | None, "When the payment was given up; null otherwise.")

    cancel_reason = column(
        CancellationReason | None, "Why the payment was given up, if somebody or Stripe said why; null otherwise."
    )

    amount_refunded = money(Money, "What was given back.", "refunded_minor", "held_currency")

    amount_refund_pending = money(
        Money, "What is reserved by refunds that are not decided yet.", "refund_pending_minor", "held_currency"
    )

    amount_refundable = money(
        Money,
        "What may still be given back: taken, less given back, less reserved.",
        "refundable_minor",
        "held_currency",
    )

    amount_disputed = money(Money, "What the payer contests.", "disputed_minor", "held_currency")

    @reading("actions", "status")
    def allowed_actions(self, info: Info) -> list[PaymentAction]:
        """What you may ask of the payment now."""
        return list(permitted_actions(info.context, self.row.actions, self.row.status))

    @reading("last_error")
    def last_error(self, info: Info) -> UserError | None:
        """Why the last attempt failed; null once one succeeds."""
        stored = self.row.last_error
        return stored_error(info, stored, request_id=stored.get("request_id")) if stored is not None else None

    failed_at = column(
        datetime | None,
        "When the last attempt failed, whatever came afterwards; null while none has. The timeline tells of each.",
    )

    @reading("method")
    def payment_method(self) -> PaymentMethodSnapshot | None:
        """The method as it was when it was used; null before there is one."""
        return snapshot(self.row.method) if self.row.method is not None else None

    statement_descriptor = column(
        str | None, "What the payer reads on their card's statement; null before a charge, and for what is no card."
    )

    @field_with(PII, reads=["customer_id", "receipt_email"])
    async def receipt_email(self, info: Info) -> str | None:
        """Where Stripe was asked to send the receipt to: for the payer and for payments:read."""
        return self.row.receipt_email if await shows_person(info.context, self.row) else None

    @field_with(PII, reads=["customer_id", "receipt_url"])
    async def receipt_url(self, info: Info) -> str | None:
        """Stripe's receipt, which shows what was bought to whoever opens the address: for the payer and for
        payments:read. Null before a charge, and for a view token. Stripe lets an address expire within 30 days;
        syncPayment gets another.
        """
        return self.row.receipt_url if await shows_person(info.context, self.row) else None

    refunds = related(list[Refund], "The payment's refunds, oldest first.", refunds_of, relation=REFUNDS_OF_PAYMENT)

    @reading("id")
    async def timeline(
        self,
        info: Info,
        first: First = EVENTS_BELOW,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[PaymentEvent]:
        """What happened to the payment, oldest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=EVENTS_BELOW)
        return Connection.of(await timeline(info.context, self.row.id, paging))

    supersedes = related(
        "Payment | None",
        "The order's payment before this one; null where that was another customer's.",
        superseded_by,
        reads=["supersedes_id"],
    )

    @field_with(Auth(scopes=[Scope.PAYMENTS_READ.value]), reads=["stripe_payment_intent_id"])
    def stripe_payment_intent_id(self, info: Info) -> str | None:
        """Stripe's id of the payment, for the staff; null until Stripe has answered."""
        return self.row.stripe_payment_intent_id if _reads(info) else None

    @field_with(Auth(scopes=[Scope.PAYMENTS_READ.value]), reads=["stripe_payment_intent_id", "livemode"])
    def stripe_dashboard_url(self, info: Info) -> str | None:
        """The payment's page in Stripe's Dashboard, for the staff."""
        intent = self.row.stripe_payment_intent_id
        if intent is None or not _reads(info):
            return None
        return f"{DASHBOARD}/{'' if self.row.livemode else 'test/'}payments/{intent}"

    livemode = column(bool, "Whether this is real money.")

    metadata = column(Metadata, "What the client that made the payment wanted kept with it.")

    version = column(int, "Grows with every persisted change.")

    last_synced_at = column(datetime | None, "When the payment was last compared with Stripe.")

    created_at = column(datetime, "When the payment was accepted.")

    updated_at = column(datetime, "When the payment last changed.")


def _reads(info: Info) -> bool:
    caller = info.context.caller
    return caller is not None and caller.can(Scope.PAYMENTS_READ)
