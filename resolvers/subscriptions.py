"""Subscriptions: who may follow what, asked again before each event."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from tortoise.expressions import Q

from domain.caller import Caller, Scope
from domain.errors import ErrorCode, Forbidden, NotFound, Refused
from domain.ids import Kind, row_id
from models import Order, Payment, PaymentEvent
from resolvers.access import require, signed_in
from resolvers.context import RequestContext
from resolvers.reading.cursors import Cursor, SortKey
from resolvers.reading.filters import PaymentFilterInput, condition, find_searched
from resolvers.reading.search import Reader
from resolvers.visibility import Visibility, as_paid_by, lookup
from services.live.order_stream import OrderChange, read_newest_sequence
from services.live.payment_feed import Entry, FeedFilter


class TokenExpired(Forbidden):
    """The caller's token has ended while they were subscribed."""

    def __init__(self) -> None:
        super().__init__("The token has expired. Subscribe again with a new one.")


async def order_changes(
    context: RequestContext, *, order_id: str, after_sequence: int | None
) -> AsyncGenerator[OrderChange, None]:
    """Stream the events of an order and its payments: the newest first, or all after `after_sequence`.

    Who sees only their own payments of it is not told of others, nor of when it was another's. Raises
    AuthenticationRequired, Forbidden, NotFound, Refused.
    """
    sees = await lookup(context)
    identity = row_id(order_id, Kind.ORDER)
    order = await Order.get_or_none(id=identity) if identity is not None else None
    if order is None or not sees.includes_order(order):
        raise NotFound(("orderId",))
    events = Q(order_id=order.id)
    theirs = sees.condition()
    if not sees.everything and theirs is not None:
        own = await Payment.filter(theirs, order_id=order.id).values_list("id", flat=True)
        events &= Q(sequence__in=await _alone(order, sees)) | Q(payment_id__in=list(own))
    after = await _place(order, after_sequence, events, sees)
    context.live.start_listening()

    def shows(change: OrderChange) -> bool:
        if not sees.includes_order(change.order):
            raise NotFound(("orderId",))
        if change.payment is None:
            return sees.includes_order_event(change.order, change.event.after)
        return sees.includes_payment(change.payment)

    return _shown(context, order, after, shows, sees)


async def payment_changes(
    context: RequestContext, *, payment_id: str, after_sequence: int | None
) -> AsyncGenerator[OrderChange, None]:
    """Stream the events of a payment: the newest first, or all after `after_sequence`.

    A customer whose order has become another's sees of the order what the payment tells.

    Raises AuthenticationRequired, Forbidden, NotFound, Refused.
    """
    sees = await lookup(context)
    identity = row_id(payment_id, Kind.PAYMENT)
    payment = await Payment.get_or_none(id=identity) if identity is not None else None
    if payment is None or not sees.includes_payment(payment):
        raise NotFound(("paymentId",))
    order = await Order.get(id=payment.order_id)
    after = await _place(order, after_sequence, Q(payment_id=payment.id), sees)
    context.live.start_listening()

    def shows(change: OrderChange) -> bool:
        if change.payment is None or change.payment.id != identity:
            return False
        if not sees.includes_payment(change.payment):
            raise NotFound(("paymentId",))
        return True

    return _shown(context, order, after, shows, sees)


async def feed_changes(
    context: RequestContext, *, filter: PaymentFilterInput | None, after: str | None
) -> AsyncGenerator[Entry, None]:
    """Stream the events of all payments that match, from now on or from a cursor on, for the staff.

    Raises AuthenticationRequired, Forbidden, Refused.
    """
    caller = require(context, Scope.PAYMENTS_READ)
    since = Cursor.decode(after, SortKey.RECORDED_AT, argument="after").value if after is not None else None
    assert since is None or isinstance(since, datetime)
    feed_filter = None
    if filter is not None:
        reader = Reader(None, is_staff=True, shows_people=True)
        searched = await find_searched(filter, reader)
        feed_filter = FeedFilter(repr((filter, searched)), condition(filter, searched, reader))
    context.live.start_listening()

    async def permitted() -> AsyncGenerator[Entry, None]:
        async with aclosing(context.live.feed.follow(since=since, feed_filter=feed_filter)) as entries:
            async for entry in entries:
                _still_signed_in(caller)
                yield entry

    return permitted()


async def _shown(
    context: RequestContext, order: Order, after: int, shows: Callable[[OrderChange], bool], sees: Visibility
) -> AsyncGenerator[OrderChange, None]:
    """The order's changes that `shows` shows, for as long as the token lasts."""
    caller = signed_in(context)
    async with aclosing(context.live.orders.follow(order, after=after)) as changes:
        async for change in changes:
            _still_signed_in(caller)
            if shows(change):
                yield _as_seen_by(sees, change)


def _as_seen_by(sees: Visibility, change: OrderChange) -> OrderChange:
    """The change itself, which is answered once for all who are given it; or another one, without a foreign order."""
    if change.payment is None or sees.includes_order(change.order):
        return change
    return replace(change, order=as_paid_by(change.order, change.payment))


async def _alone(order: Order, sees: Visibility) -> list[int]:
    """The sequences of the order's events that are about no payment, and that the caller may see; they are few."""
    alone = await PaymentEvent.filter(order_id=order.id, payment_id__isnull=True).values("sequence", "after")
    return [event["sequence"] for event in alone if sees.includes_order_event(order, event["after"])]


async def _place(order: Order, after_sequence: int | None, events: Q, sees: Visibility) -> int:
    """The sequence after which to begin: right before the newest of these events, unless it is given."""
    if after_sequence is None:
        return max(await read_newest_sequence(events) - 1, 0)
    newest = order.last_sequence if sees.includes_order(order) else await read_newest_sequence(events)
    if not 0 <= after_sequence <= newest:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`afterSequence` must be the sequence of an event that you saw, or 0 for all.",
            ("afterSequence",),
        )
    return after_sequence


def _still_signed_in(caller: Caller) -> None:
    if caller.ends_at is not None and caller.ends_at <= datetime.now(UTC):
        raise TokenExpired
