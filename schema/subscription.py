"""The subscriptions. Each field is a signature, a sentence and a binding."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import strawberry

from domain.caller import Scope
from resolvers import subscriptions
from schema.directives import Auth
from schema.fields import Info, subscription, subscription_with
from schema.inputs import PaymentFilter
from schema.types.events import PaymentEvent

Followed = TypeVar("Followed")
AfterSequence = Annotated[
    int | None,
    strawberry.argument(
        description="The `sequence` of the last event that you saw: all after it follow, without a gap. Without it the"
        " newest event comes first, so that you know how things stand."
    ),
]


@strawberry.type(
    description="What happens, as it happens: every event in order and once. `payment` and `order` of an event are at"
    " least as new as the event."
)
class Subscription:
    """Streams."""

    @subscription
    async def payment_updated(
        self,
        info: Info,
        payment_id: Annotated[strawberry.ID, strawberry.argument(description="The payment.")],
        after_sequence: AfterSequence = None,
    ) -> AsyncGenerator[PaymentEvent, None]:
        """The events of one payment."""
        changes = await subscriptions.payment_changes(
            info.context, payment_id=payment_id, after_sequence=after_sequence
        )
        return _wrapped(changes, PaymentEvent.live)

    @subscription
    async def order_payment_updated(
        self,
        info: Info,
        order_id: Annotated[strawberry.ID, strawberry.argument(description="The order.")],
        after_sequence: AfterSequence = None,
    ) -> AsyncGenerator[PaymentEvent, None]:
        """The events of one order and of its payments."""
        changes = await subscriptions.order_changes(info.context, order_id=order_id, after_sequence=after_sequence)
        return _wrapped(changes, PaymentEvent.live)

    @subscription_with(Auth(scopes=[Scope.PAYMENTS_READ.value]))
    async def payments_feed(
        self,
        info: Info,
        filter: Annotated[
            PaymentFilter | None,
            strawberry.argument(description="Of which payments, as they are when the event comes; of all without it."),
        ] = None,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The `cursor` of the last event that you saw. Nothing after it is left out; what was"
                " recorded in the minutes before it may come again. Without it, the feed begins now."
            ),
        ] = None,
    ) -> AsyncGenerator[PaymentEvent, None]:
        """The events of all payments, about as they are recorded; those of one order in their sequence."""
        given = filter.given() if filter is not None else None
        return _wrapped(await subscriptions.feed_changes(info.context, filter=given, after=after), PaymentEvent.fed)


async def _wrapped(
    followed: AsyncGenerator[Followed, None], wrap: Callable[[Followed], PaymentEvent]
) -> AsyncGenerator[PaymentEvent, None]:
    async with aclosing(followed):
        async for found in followed:
            yield wrap(found)
