"""The writer of setups: nothing else sets a setup's status. Answers, webhooks and refreshes all use it."""

from collections.abc import Mapping
from typing import Any, Final

import structlog

from database.row_writer import set_fields
from database.statements import Insert, Update, fetch
from database.unit_of_work import UnitOfWork
from domain.errors import DomainError
from domain.states import SETUP_FINAL, SetupIntentStatus
from models import Customer, SetupIntent, Version
from provider import ProviderSetup
from services.audit.customer_trail import CustomerChange, record_customer_change
from services.audit.failed_attempts import failed_request, is_same
from services.audit.trail import Cause
from services.money.state.customer_state import keep_method
from services.money.state.next_action import storable_action
from services.money.state.stale import StaleSnapshot, synced_after

log = structlog.get_logger(__name__)

SYNCED: Final = "UPDATE setup_intent SET last_synced_at = $2 WHERE id = $1"


async def begin_setup(work: UnitOfWork, customer: Customer, setup: SetupIntent, cause: Cause) -> None:
    """Write a new setup that Stripe does not know yet. The caller holds the customer's lock."""
    change = CustomerChange("setup_intent.initiated", before={}, after=setup.facts(), subject_id=setup.id)
    await record_customer_change(work, customer, change, cause, Insert(setup))


async def apply_provider_setup(
    work: UnitOfWork,
    customer: Customer,
    setup: SetupIntent,
    seen: ProviderSetup,
    *,
    since: Version,
    cause: Cause,
) -> None:
    """Write what Stripe has just said of a setup as it is, and the method that came of it.

    The caller holds the customer's lock. `since` is the setup's revision when Stripe was asked. Raises StaleSnapshot
    if the row has changed since: the answer may be older than the row. A snapshot of another setup changes nothing, nor
    does one of another customer's, whatever its metadata says.
    """
    if setup.stripe_setup_intent_id not in (None, seen.id) or _is_anothers(setup, customer, seen):
        log.error("setup.orphan_intent", setup=str(setup.id), intent=seen.id)
        return
    if setup.revision != since:
        raise StaleSnapshot
    if seen.status is SetupIntentStatus.UNKNOWN:
        log.error("setup.status_not_known_to_us", setup=str(setup.id), intent=seen.id)
    answered = cause.answered_by(seen.request_id)
    changes = await _find_differences(work, customer, setup, seen, answered)
    if changes:
        await _change(work, customer, setup, changes, _event_type(changes), answered)
        return
    setup.last_synced_at = synced_after(setup.last_synced_at)
    await fetch(SYNCED, setup.id, setup.last_synced_at)


def _is_anothers(setup: SetupIntent, customer: Customer, seen: ProviderSetup) -> bool:
    """Return True if a setup that is not known by its id is another customer's at Stripe: its secret is not ours."""
    is_named_only = setup.stripe_setup_intent_id is None and customer.stripe_customer_id is not None
    return is_named_only and seen.customer_id not in (None, customer.stripe_customer_id)


async def mark_setup_unknown(work: UnitOfWork, customer: Customer, setup: SetupIntent, cause: Cause) -> None:
    """Mark a setup of which nobody knows whether Stripe has it. The caller holds the customer's lock."""
    if setup.status is SetupIntentStatus.INITIATED:
        changes = {"status": SetupIntentStatus.UNKNOWN}
        await _change(work, customer, setup, changes, "setup_intent.unknown", cause)


async def abandon_setup(
    work: UnitOfWork, customer: Customer, setup: SetupIntent, error: DomainError, cause: Cause
) -> None:
    """Cancel a setup that Stripe refused to create. The caller holds the customer's lock."""
    if setup.stripe_setup_intent_id is None and setup.status not in SETUP_FINAL:
        last_error = error.to_record() | {"request_id": failed_request(cause)}
        changes = {"status": SetupIntentStatus.CANCELED, "last_error": last_error}
        await _change(work, customer, setup, changes, "setup_intent.refused", cause)


async def _find_differences(
    work: UnitOfWork, customer: Customer, setup: SetupIntent, seen: ProviderSetup, cause: Cause
) -> dict[str, Any]:
    """Return the fields of the row that this snapshot changes, and record the method that the customer keeps by it."""
    is_kept = seen.status is SetupIntentStatus.SUCCEEDED
    found = {
        "status": seen.status,
        "stripe_setup_intent_id": seen.id,
        "method_id": await _keep(work, customer, setup, seen, cause) if is_kept else setup.method_id,
        "next_action": storable_action(seen.next_action) if seen.next_action is not None else None,
        "last_error": _last_error(setup, seen, cause),
    }
    return {name: value for name, value in found.items() if getattr(setup, name) != value}


async def _keep(work: UnitOfWork, customer: Customer, setup: SetupIntent, seen: ProviderSetup, cause: Cause) -> Any:
    """Record the method that was set up, if it is in the hands of the customer; return our id of it."""
    method = seen.method
    if method is None or customer.stripe_customer_id is None or method.customer_id != customer.stripe_customer_id:
        return setup.method_id  # it was detached since
    return (await keep_method(work, customer, method, cause, usage=setup.usage)).id


def _last_error(setup: SetupIntent, seen: ProviderSetup, cause: Cause) -> dict[str, Any] | None:
    """Return the record of the last attempt's failure; one that is known keeps the request with which it came."""
    if seen.last_error is None or is_same(setup.last_error, seen.last_error):
        return setup.last_error if seen.last_error is not None else None
    return seen.last_error.to_record() | {"request_id": failed_request(cause)}


def _event_type(changes: Mapping[str, Any]) -> str:
    if changes.get("last_error"):
        return "setup_intent.failed"
    status = changes.get("status")
    return f"setup_intent.{status.value.lower()}" if status is not None else "setup_intent.updated"


async def _change(
    work: UnitOfWork,
    customer: Customer,
    setup: SetupIntent,
    changes: Mapping[str, Any],
    kind: str,
    cause: Cause,
) -> None:
    before = setup.facts()
    set_fields(setup, changes)
    setup.version += 1
    setup.last_synced_at = synced_after(setup.last_synced_at)
    change = CustomerChange(kind, before=before, after=setup.facts(), subject_id=setup.id)
    written = Update(setup, (*changes, "version", "last_synced_at"))
    await record_customer_change(work, customer, change, cause, written)
