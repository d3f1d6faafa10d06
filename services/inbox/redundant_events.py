"""Redundant events: an event that brings nothing beyond our row needs no request to Stripe."""

from collections.abc import Sequence
from typing import Any

from domain.states import PaymentStatus
from provider import StripeEvent
from provider.mapping import end_if_readable

CREATED = "payment_intent.created"
MADE = "SELECT 1 FROM payment WHERE stripe_payment_intent_id = $1 AND livemode = $2 AND status <> $3"
SETUP_CREATED = "setup_intent.created"
SETUP_MADE = "SELECT 1 FROM setup_intent WHERE stripe_setup_intent_id = $1 AND livemode = $2"
ENDED_THUS = """
SELECT 1 FROM payment WHERE stripe_payment_intent_id = $1 AND livemode = $2
  AND status = $3 AND captured_minor = $4 AND stripe_charge_id IS NOT DISTINCT FROM $5
"""
ENDED = frozenset({"payment_intent.succeeded", "payment_intent.canceled"})


def already_applied(event: StripeEvent) -> tuple[str, Sequence[Any]] | None:
    """Return the query, with its values, that finds a row on which this event is already applied; None for other types.

    The row knows it from Stripe's own answer. Only facts that can never change again count: an intent id that is
    stored, and an end with the same charge and amount.
    """
    if event.type == CREATED:
        return MADE, [event.subject, event.livemode, PaymentStatus.UNKNOWN.value]
    if event.type == SETUP_CREATED:
        return SETUP_MADE, [event.subject, event.livemode]
    if event.type not in ENDED:
        return None
    end = end_if_readable(event.object)
    if end is None:  # the request to Stripe will report the defect
        return None
    status, captured_minor, charge_id = end
    return ENDED_THUS, [event.subject, event.livemode, status.value, captured_minor, charge_id]
