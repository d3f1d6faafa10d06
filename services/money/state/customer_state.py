"""The writer of customers at Stripe and of the methods that they keep: answers, webhooks and refreshes all use it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from database.row_writer import build_row, set_fields
from database.statements import Insert, Update, fetch, read, read_one
from database.unit_of_work import UnitOfWork
from domain.ids import derived_id
from domain.states import SetupFutureUsage
from models import Customer, SavedPaymentMethod, Version
from provider import ProviderCustomer, ProviderMethod
from services.audit.customer_trail import CustomerChange, record_customer_change
from services.audit.trail import Cause
from services.money.state.stale import StaleSnapshot, synced_after

log = structlog.get_logger(__name__)

SYNCED = "UPDATE customer SET last_synced_at = $2 WHERE id = $1"
KEPT = "WHERE customer_id = $1 AND detached_at IS NULL ORDER BY created_at, id"
NAMED = "WHERE customer_id = $1 AND stripe_payment_method_id = $2"


async def mark_customer_made(work: UnitOfWork, customer: Customer, seen: ProviderCustomer, cause: Cause) -> None:
    """Write the customer's id at Stripe. The caller holds the customer's lock.

    Another one than the row has is logged: one customer of ours has one at Stripe.
    """
    if customer.stripe_customer_id is not None:
        if customer.stripe_customer_id != seen.id:
            log.error("customer.made_twice", customer=str(customer.id), stripe_customer=seen.id)
        return
    await _change(work, customer, {"stripe_customer_id": seen.id}, "customer.made_at_stripe", cause, seen.request_id)


async def mark_customer_gone(work: UnitOfWork, customer: Customer, cause: Cause) -> None:
    """Forget a customer who was deleted at Stripe, with all methods: the next need makes a new one."""
    log.warning("customer.deleted_at_stripe", customer=str(customer.id), stripe_customer=customer.stripe_customer_id)
    for method in await read(SavedPaymentMethod, KEPT, customer.id):
        await detach_kept_method(work, customer, method, cause)
    changes = {
        "stripe_customer_id": None,
        "stripe_params": None,
        "stripe_params_at": None,
        "stripe_generation": customer.stripe_generation + 1,
        "default_method_id": None,
    }
    await _change(work, customer, changes, "customer.deleted_at_stripe", cause, None)


async def keep_method(
    work: UnitOfWork,
    customer: Customer,
    seen: ProviderMethod,
    cause: Cause,
    *,
    usage: SetupFutureUsage | None = None,
    fetched: bool = False,
) -> SavedPaymentMethod:
    """Record a method that the customer keeps. The caller holds the customer's lock.

    `usage` is what the customer has just agreed to, if anything: it widens what they agreed to before. Of a method that
    is known, the rest changes only by a snapshot that was `fetched` for it. A method that was detached stays so,
    because Stripe never takes one back.
    """
    row = await read_one(SavedPaymentMethod, NAMED, customer.id, seen.id)
    if row is None:
        row = build_row(
            SavedPaymentMethod,
            id=derived_id("method", str(customer.id), seen.id),
            customer_id=customer.id,
            livemode=seen.livemode,
            stripe_payment_method_id=seen.id,
            method=seen.method,
            usage=usage,
            expires_on=seen.expires_on,
        )
        change = CustomerChange("payment_method.saved", before={}, after=row.facts(), subject_id=row.id)
        await record_customer_change(work, customer, change, cause.answered_by(seen.request_id), Insert(row))
        return row
    found: dict[str, Any] = {"usage": _wider(row.usage, usage)}
    if fetched:
        found |= {"method": seen.method, "expires_on": seen.expires_on}
    changes = {name: value for name, value in found.items() if getattr(row, name) != value}
    if changes and row.detached_at is None:
        await _change_method(work, customer, row, changes, "payment_method.updated", cause)
    return row


async def detach_kept_method(work: UnitOfWork, customer: Customer, row: SavedPaymentMethod, cause: Cause) -> None:
    """Record that a method is detached, and is no default any more. The caller holds the customer's lock."""
    if row.detached_at is not None:
        return
    if customer.default_method_id == row.id:
        await set_default_method(work, customer, None, cause)
    await _change_method(work, customer, row, {"detached_at": datetime.now(UTC)}, "payment_method.detached", cause)


async def set_default_method(
    work: UnitOfWork, customer: Customer, row: SavedPaymentMethod | None, cause: Cause
) -> None:
    """Record the method that is used where none is named. The caller holds the customer's lock."""
    identity = row.id if row is not None else None
    if customer.default_method_id != identity:
        changes = {"default_method_id": identity}
        await _change(work, customer, changes, "payment_method.default_changed", cause, None)


async def apply_provider_customer(
    work: UnitOfWork,
    customer: Customer,
    seen: ProviderCustomer,
    methods: Sequence[ProviderMethod],
    *,
    since: Version,
    cause: Cause,
) -> None:
    """Merge what Stripe was just asked for into our rows. The caller holds the customer's lock.

    `since` is the customer's revision when Stripe was asked. Raises StaleSnapshot if the row has changed since.
    """
    if customer.revision != since:
        raise StaleSnapshot
    if customer.stripe_customer_id != seen.id:
        return
    if seen.is_deleted:
        await mark_customer_gone(work, customer, cause)
        return
    kept = {}
    for method in reversed(methods):  # Stripe lists the newest first
        kept[method.id] = await keep_method(work, customer, method, cause, fetched=True)
    for row in await read(SavedPaymentMethod, KEPT, customer.id):
        if row.stripe_payment_method_id not in kept:
            await detach_kept_method(work, customer, row, cause)
    await set_default_method(work, customer, kept.get(seen.default_method_id or ""), cause)
    customer.last_synced_at = synced_after(customer.last_synced_at)
    await fetch(SYNCED, customer.id, customer.last_synced_at)


def _wider(known: SetupFutureUsage | None, said: SetupFutureUsage | None) -> SetupFutureUsage | None:
    """Return the wider of two usages: who agreed to payments in their absence agreed to those in their presence too."""
    return known if said is None or known is SetupFutureUsage.OFF_SESSION else said


def _facts(customer: Customer) -> dict[str, Any]:
    method_id = customer.default_method_id
    return {
        "stripe_customer_id": customer.stripe_customer_id,
        "default_method_id": str(method_id) if method_id is not None else None,
    }


async def _change(
    work: UnitOfWork,
    customer: Customer,
    changes: Mapping[str, Any],
    kind: str,
    cause: Cause,
    stripe_request_id: str | None,
) -> None:
    before = _facts(customer)
    set_fields(customer, changes)
    change = CustomerChange(kind, before=before, after=_facts(customer))
    await record_customer_change(work, customer, change, cause.answered_by(stripe_request_id), changed=tuple(changes))


async def _change_method(
    work: UnitOfWork,
    customer: Customer,
    row: SavedPaymentMethod,
    changes: Mapping[str, Any],
    kind: str,
    cause: Cause,
) -> None:
    before = row.facts()
    set_fields(row, changes)
    row.version += 1
    change = CustomerChange(kind, before=before, after=row.facts(), subject_id=row.id)
    await record_customer_change(work, customer, change, cause, Update(row, (*changes, "version")))
