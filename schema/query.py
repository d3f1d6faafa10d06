"""The queries. Each field is a signature, a sentence and a binding."""

from typing import Annotated

import strawberry

import models
from domain.caller import Scope
from resolvers import (
    confirmation,
    customers,
    nodes,
    operations,
    orders,
    payment_queries,
    reconciliation,
    refunds,
    viewer,
    webhook_events,
)
from resolvers.nodes import Row
from resolvers.reading.pagination import Paging
from schema.directives import Auth, Cost
from schema.enums import DiscrepancyState, OperationKind, OperationState, PaymentSort, RefundStatus, WebhookState
from schema.fields import After, Before, First, Info, Last, field, field_with, projection, root_field
from schema.inputs import PaymentFilter
from schema.scalars import IdempotencyKey
from schema.types.actors import Viewer
from schema.types.confirmation import PaymentConfirmation, SetupConfirmation
from schema.types.connections import Connection
from schema.types.events import PaymentEvent
from schema.types.node import Node
from schema.types.operations import Operation
from schema.types.orders import Customer, Order
from schema.types.payments import Payment
from schema.types.reconciliation import Discrepancy, ReconciliationRun, SystemIntegrity
from schema.types.refunds import Refund
from schema.types.saved_methods import SavedPaymentMethod
from schema.types.setup_intents import SetupIntent
from schema.types.webhook_events import WebhookEvent

PAGE = 20
ASKS_STRIPE = Cost(weight=10)
OPEN = [DiscrepancyState.OPEN]
UNDECIDED = [OperationState.UNRESOLVED, OperationState.NEEDS_REVIEW]

Id = Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
NoId = Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")]


@strawberry.type(
    description="Everything that can be asked. Asking moves no money. What you may not see is null, beside an error: it"
    " takes nothing from the rest of the answer."
)
class Query:
    """Reads. Every field may be null, so that an error of one leaves the others."""

    @field
    async def node(self, info: Info, id: Id) -> Node | None:
        """Anything by its id; null for what does not exist or is not yours."""
        return as_node(await nodes.node(info.context, id=id))

    @field
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Up to 100 ids.")],
    ) -> list[Node | None] | None:
        """Several at once, in the order of their ids, with null for what does not exist or is not yours."""
        return [as_node(row) for row in await nodes.nodes(info.context, ids=ids)]

    @field
    async def viewer(self, info: Info) -> Viewer | None:
        """Who you are here, and what you may do; null where nobody is signed in."""
        return Viewer.of(viewer.viewer(info.context))

    @root_field(models.Order)
    async def order(
        self,
        info: Info,
        id: NoId = None,
        external_id: Annotated[
            str | None, strawberry.argument(description="The shop's own id of the order, instead of ours.")
        ] = None,
    ) -> Order | None:
        """One order, by our id or by the shop's."""
        row = await orders.order(
            info.context, id=id, external_id=external_id, projection=projection(info, models.Order)
        )
        return Order.of(row) if row is not None else None

    @root_field(models.Payment)
    async def payment(
        self,
        info: Info,
        id: Id,
        max_staleness_ms: Annotated[
            int | None,
            strawberry.argument(
                description="Ask Stripe first if the payment is not final and was last compared longer ago than this. A"
                " document asks about five payments; what could not be asked is as old as its `lastSyncedAt`.",
                directives=[ASKS_STRIPE],
            ),
        ] = None,
    ) -> Payment | None:
        """One payment."""
        row = await payment_queries.payment(
            info.context, id=id, max_staleness_ms=max_staleness_ms, projection=projection(info, models.Payment)
        )
        return Payment.of(row) if row is not None else None

    @field_with(Auth(scopes=[Scope.PAYMENTS_PAY.value, Scope.PAYMENTS_WRITE.value]), ASKS_STRIPE)
    async def payment_confirmation(
        self,
        info: Info,
        payment_id: Annotated[strawberry.ID, strawberry.argument(description="The payment.")],
    ) -> PaymentConfirmation | None:
        """What the payer needs to go on with a payment; null when there is nothing to confirm, and for others.

        A document may ask about five payments and setups.
        """
        return PaymentConfirmation.of(await confirmation.payment_confirmation(info.context, payment_id=payment_id))

    @field_with(Auth(scopes=[Scope.PAYMENTS_PAY.value, Scope.PAYMENTS_WRITE.value]), ASKS_STRIPE)
    async def setup_confirmation(
        self,
        info: Info,
        setup_intent_id: Annotated[strawberry.ID, strawberry.argument(description="The setup.")],
    ) -> SetupConfirmation | None:
        """What the customer needs to go on with a setup; null when there is nothing to confirm, and for others.

        A document may ask about five payments and setups.
        """
        found = await confirmation.setup_confirmation(info.context, setup_intent_id=setup_intent_id)
        return SetupConfirmation.of(found)

    @root_field(models.Payment, Cost(weight=1, multiplier="first"))
    async def payments(
        self,
        info: Info,
        filter: Annotated[
            PaymentFilter | None, strawberry.argument(description="Which ones; all of yours without it.")
        ] = None,
        sort: Annotated[PaymentSort, strawberry.argument(description="In which order.")] = PaymentSort.CREATED_AT_DESC,
        first: First = PAGE,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Payment] | None:
        """Payments: all of them for the staff, their own for buyers."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAGE)
        given = filter.given() if filter is not None else None
        return Connection.of(
            await payment_queries.payment_page(
                info.context, filter=given, sort=sort, paging=paging, projection=projection(info, models.Payment)
            )
        )

    @field
    async def refund(self, info: Info, id: Id) -> Refund | None:
        """One refund."""
        row = await refunds.refund(info.context, id=id)
        return Refund.of(row) if row is not None else None

    @field
    async def refunds(
        self,
        info: Info,
        status: Annotated[list[RefundStatus] | None, strawberry.argument(description="In one of these states.")] = None,
        first: First = PAGE,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Refund] | None:
        """Refunds, newest first: all of them for the staff, their own for buyers."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAGE)
        return Connection.of(await refunds.refund_page(info.context, status=status, paging=paging))

    @field
    async def customer(
        self,
        info: Info,
        id: NoId = None,
        external_id: Annotated[
            str | None, strawberry.argument(description="The shop's own id of the person, instead of ours.")
        ] = None,
    ) -> Customer | None:
        """One customer, by our id or by the shop's: any for the staff, themselves for buyers."""
        row = await customers.customer(info.context, id=id, external_id=external_id)
        return Customer.of(row) if row is not None else None

    @field
    async def operation(
        self,
        info: Info,
        key: Annotated[IdempotencyKey, strawberry.argument(description="The key that you used.")],
        kind: Annotated[OperationKind, strawberry.argument(description="The mutation that you used it for.")],
    ) -> Operation | None:
        """What happened to my key? Never executes anything; null for a key that you did not use."""
        row = await operations.operation(info.context, key=key, kind=kind)
        return Operation.of(row) if row is not None else None

    @field_with(Auth(scopes=[Scope.OPS_READ.value]))
    async def open_operations(
        self,
        info: Info,
        state: Annotated[
            list[OperationState] | None, strawberry.argument(description="In one of these states; null for all.")
        ] = UNDECIDED,
        first: First = PAGE,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Operation] | None:
        """Operations of everybody that are not decided yet, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAGE)
        return Connection.of(await operations.open_operation_page(info.context, state=state, paging=paging))

    @field_with(Auth(scopes=[Scope.OPS_READ.value]))
    async def webhook_events(
        self,
        info: Info,
        state: Annotated[list[WebhookState] | None, strawberry.argument(description="In one of these states.")] = None,
        type: Annotated[list[str] | None, strawberry.argument(description="Of one of these types of Stripe's.")] = None,
        first: First = PAGE,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[WebhookEvent] | None:
        """The inbox of Stripe's events, last received first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAGE)
        return Connection.of(
            await webhook_events.webhook_event_page(info.context, state=state, type=type, paging=paging)
        )

    @field_with(Auth(scopes=[Scope.FINANCE_READ.value]))
    async def reconciliation_runs(
        self, info: Info, first: First = reconciliation.RUNS
    ) -> list[ReconciliationRun] | None:
        """The latest comparisons of everything with Stripe, newest first."""
        found = await reconciliation.reconciliation_runs(info.context, first=first)
        return [ReconciliationRun.of(row) for row in found]

    @field_with(Auth(scopes=[Scope.FINANCE_READ.value]))
    async def discrepancies(
        self,
        info: Info,
        state: Annotated[
            list[DiscrepancyState] | None, strawberry.argument(description="In one of these states; null for all.")
        ] = OPEN,
        first: First = PAGE,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Discrepancy] | None:
        """What differs between Stripe and our rows, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=PAGE)
        return Connection.of(await reconciliation.discrepancy_page(info.context, state=state, paging=paging))

    @field_with(Auth(scopes=[Scope.FINANCE_READ.value]))
    async def integrity(self, info: Info) -> SystemIntegrity | None:
        """Whether everything is in order, in one look. Asks no one outside."""
        return SystemIntegrity.of(await reconciliation.system_integrity(info.context))


def as_node(row: Row | None) -> Node | None:
    """Return the row as its type."""
    if row is None:
        return None
    if isinstance(row, models.Payment):
        return Payment.of(row)
    if isinstance(row, models.Order):
        return Order.of(row)
    if isinstance(row, models.Refund):
        return Refund.of(row)
    if isinstance(row, models.Customer):
        return Customer.of(row)
    if isinstance(row, models.SavedPaymentMethod):
        return SavedPaymentMethod.of(row)
    if isinstance(row, models.SetupIntent):
        return SetupIntent.of(row)
    if isinstance(row, models.Operation):
        return Operation.of(row)
    if isinstance(row, models.PaymentEvent):
        return PaymentEvent.of(row)
    if isinstance(row, models.ReconciliationRun):
        return ReconciliationRun.of(row)
    if isinstance(row, models.Discrepancy):
        return Discrepancy.of(row)
    return WebhookEvent.of(row)
