"""Adopt a payment that Stripe has and our database has lost, by our ids in its metadata."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from database.row_writer import build_row
from database.statements import Insert
from database.unit_of_work import UnitOfWork, transact
from domain.caller import Actor
from domain.ids import Kind, encode
from domain.states import ActorKind, PaymentShare
from models import Order, Payment
from provider import Provider, ProviderFailure, ProviderPayment
from services.audit.trail import Cause, Change, record
from services.inbox import inbox
from services.money.state import locking
from services.money.sync import refresh_payment

log = structlog.get_logger(__name__)

BY_COMMAND: Final = Cause(actor=Actor(kind=ActorKind.SYSTEM, id=None, label="python -m cli adopt"))


class CannotAdopt(Exception):
    """This payment cannot be adopted; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A payment that Stripe has and we have lost: its id here, and its order."""

    seen: ProviderPayment
    payment_id: UUID
    order: Order


async def find_lost(intent_id: str, *, provider: Provider) -> Lost:
    """Find the lost payment of an intent at Stripe. Raises CannotAdopt and ProviderFailure."""
    try:
        seen = await provider.retrieve_payment(intent_id)
    except ProviderFailure as failure:
        if failure.is_missing_payment:
            raise CannotAdopt(f"Stripe does not know {intent_id} under this key.") from None
        raise
    payment_id, order_id = (_ours(seen, name) for name in ("payment_id", "order_id"))
    if payment_id is None:
        raise CannotAdopt(f"{intent_id} carries no ids of ours: it was not made by this application.")
    here = await Payment.get_or_none(stripe_payment_intent_id=seen.id, livemode=seen.livemode)
    here = here or await Payment.get_or_none(id=payment_id)
    if here is not None:
        raise CannotAdopt(f"{intent_id} is here already: it is {encode(Kind.PAYMENT, here.id)}.")
    order = await Order.get_or_none(id=order_id) if order_id is not None else None
    order = order or await Order.get_or_none(external_id=seen.metadata.get("order_external_id"))
    if order is None:
        raise CannotAdopt(f"The order of {intent_id} is not here: let the shop register it first, then adopt again.")
    if order.currency != seen.currency:
        raise CannotAdopt(f"{intent_id} is in {seen.currency}, and its order in {order.currency}.")
    return Lost(seen, payment_id, order)


async def adopt(lost: Lost, *, provider: Provider) -> Payment:
    """Write the payment under the id that it had, with its state, refunds and disputes from Stripe.

    Each is an event of the order's trail. The payment's events in the inbox are applied again, which records its failed
    attempts; the sweep brings the events that the inbox lacks. Beside other open payments it is written where the order
    allows several, even if together they ask for more than is due: Stripe has them all. Raises CannotAdopt and
    ProviderFailure; after a ProviderFailure the payment is here, and webhook, poll or `syncPayment` bring the rest.
    """
    seen = lost.seen

    async def write_payment(work: UnitOfWork) -> None:
        order = await locking.lock_order(lost.order.id)
        live = locking.live_payment(order)
        if live is not None and not order.allow_partial_payments:
            which = encode(Kind.PAYMENT, live.id)
            raise CannotAdopt(
                f"The order of {seen.id} has an open payment, {which}: let it end first, then adopt again."
            )
        payment = build_row(
            Payment,
            id=lost.payment_id,
            order_id=order.id,
            customer_id=order.customer_id,
            livemode=seen.livemode,
            capture_method=seen.capture_method,
            share=PaymentShare.PART if order.allow_partial_payments else PaymentShare.WHOLE,
            currency=seen.currency,
            amount_minor=seen.amount_minor,
            stripe_payment_intent_id=seen.id,
        )
        payment.order = order
        change = Change(
            "payment.adopted",
            before={},
            after=payment.facts(),
            amount=payment.amount,
            payment_id=payment.id,
            to_status=payment.status,
        )
        await record(work, order, change, BY_COMMAND.answered_by(seen.request_id), Insert(payment))

    await transact(write_payment)
    log.warning("payment.adopted", payment=str(lost.payment_id), intent=seen.id)
    payment = await refresh_payment(lost.payment_id, provider=provider, cause=BY_COMMAND)
    await inbox.replay_subject(seen.id)
    return payment


def _ours(seen: ProviderPayment, name: str) -> UUID | None:
    try:
        return UUID(seen.metadata.get(name, ""))
    except ValueError:
        return None
