"""One seeded fault of each kind in a population; each is one finding and no more."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import asyncpg

from database.connection import parse_url
from domain.ids import new_id
from domain.states import DiscrepancyKind as Kind
from sandbox.ledger import Ledger
from sandbox.payments.disputes import open_dispute
from sandbox.setups import setups
from sandbox.store import Store
from tests.reconcile.population import EVERY, Json, Pattern, SeededPayment, pattern, remember

INSERT_ORDER = """INSERT INTO orders (id, external_id, total_minor, currency, paid_minor, refunded_minor,
  payment_status, metadata, version, last_sequence, last_hash, created_at, updated_at)
  SELECT $1::uuid, $1::text, total_minor, currency, 0, 0, 'UNPAID', '{}', 1, 0, '', created_at, updated_at
  FROM orders WHERE id = $2"""
INSERT_PAYMENT = """INSERT INTO payment (id, order_id, livemode, status, capture_method, currency, amount_minor,
  capturable_minor, captured_minor, refunded_minor, refund_pending_minor, disputed_minor, stripe_payment_intent_id,
  stripe_charge_id, metadata, version, created_at, updated_at)
  SELECT $1, $2, livemode, $3, capture_method, currency, amount_minor, 0, $4, 0, 0, 0, $5, $6, '{}', 1, created_at,
  updated_at FROM payment WHERE id = $7"""
INSERT_OPERATION = """INSERT INTO operation (id, principal, kind, key, fingerprint, leaves, actor, request_id, state,
  effect, step, generation, params, due, attempt, order_id, payment_id, created_at, updated_at, expires_at)
  VALUES ($1, 'clerk', 'CAPTURE_PAYMENT', 'key', '', '{}', '{}', '', 'UNRESOLVED', 'UNKNOWN', 'capture', 1, '{}',
  now() + interval '1 hour', 9, $2, $3, now() - interval '2 hours', now(), now() + interval '1 day')"""


@dataclass(frozen=True, slots=True)
class Ground:
    """Both sides, open for changes. `spare` is a payment that does not exist yet."""

    database: "asyncpg.Connection[asyncpg.Record]"
    store: Store
    known: Pattern
    spare: SeededPayment

    async def change(self, statement: str, *values: Any) -> None:
        await self.database.execute(statement, *values)

    def edit(self, one: SeededPayment, prefix: str, **changes: Any) -> Json:
        """Change Stripe's object of a payment."""
        thing = self.store.get(one.stripe(prefix), self.known.texts[prefix][0])
        assert thing is not None
        return self.store.save(thing | changes)


async def missing_locally(ground: Ground, _: SeededPayment) -> str:
    """A payment was captured with our metadata, and we have no row."""
    remember(ground.store, ground.known.of(ground.spare, "pi", "ch", "txn"))
    return ground.spare.stripe("pi")


async def missing_at_provider(ground: Ground, one: SeededPayment) -> str:
    order_id = uuid4()
    await ground.change(INSERT_ORDER, order_id, one.order_id)
    waiting = ("REQUIRES_PAYMENT_METHOD", 0, "pi_of_nobody", None)
    await ground.change(INSERT_PAYMENT, new_id(), order_id, *waiting, one.payment_id)
    return "pi_of_nobody"


async def status_drift(ground: Ground, one: SeededPayment) -> str:
    """The paid status of a payment and of its order is lost."""
    await ground.change("UPDATE payment SET status = 'PROCESSING', captured_minor = 0 WHERE id = $1", one.payment_id)
    await ground.change("UPDATE orders SET paid_minor = 0 WHERE id = $1", one.order_id)
    return one.stripe("pi")


async def amount_drift(ground: Ground, one: SeededPayment) -> str:
    await ground.change("UPDATE payment SET amount_minor = amount_minor + 1 WHERE id = $1", one.payment_id)
    return one.stripe("pi")


async def currency_drift(ground: Ground, one: SeededPayment) -> str:
    """The order does not count money in another currency."""
    await ground.change("UPDATE orders SET paid_minor = 0, refunded_minor = 0 WHERE id = $1", one.order_id)
    await ground.change("UPDATE payment SET currency = 'EUR' WHERE id = $1", one.payment_id)
    return one.stripe("pi")


async def refund_drift(ground: Ground, one: SeededPayment) -> str:
    """A person refunded at the Dashboard, and the event was lost."""
    remember(ground.store, ground.known.of(one, "re", "trr"))
    return one.stripe("re")


async def unresolved_operation(ground: Ground, one: SeededPayment) -> str:
    operation = new_id()
    await ground.change(INSERT_OPERATION, operation, one.order_id, one.payment_id)
    return str(operation)


async def webhook_gap(ground: Ground, one: SeededPayment) -> str:
    await ground.change("DELETE FROM webhook_event WHERE stripe_event_id = $1", one.stripe("evt"))
    return one.stripe("evt")


async def ledger_imbalance(ground: Ground, one: SeededPayment) -> str:
    await ground.change("UPDATE orders SET paid_minor = paid_minor + 1 WHERE id = $1", one.order_id)
    return str(one.order_id)


async def duplicate_charge(ground: Ground, one: SeededPayment) -> str:
    """An order has a second payment, known to both sides."""
    second = SeededPayment(ground.spare.number + 1)
    remember(ground.store, ground.known.of(second, "pi", "ch", "txn"))
    ours = {"order_id": str(one.order_id), "payment_id": str(second.payment_id)}
    ground.edit(second, "pi", metadata=ours, amount=one.amount, amount_received=one.amount)
    ground.edit(second, "txn", amount=one.amount)
    paid = ("SUCCEEDED", one.amount, second.stripe("pi"), second.stripe("ch"))
    await ground.change(INSERT_PAYMENT, second.payment_id, one.order_id, *paid, one.payment_id)
    await ground.change("UPDATE orders SET paid_minor = paid_minor * 2 WHERE id = $1", one.order_id)
    return str(one.order_id)


async def dispute_drift(ground: Ground, one: SeededPayment) -> str:
    """A bank withdrew money, our row does not say so, and the inbox says that the events are applied."""
    charge = ground.edit(one, "ch")
    dispute = open_dispute(Ledger(ground.store, webhooks=False, at=ground.known.created), charge, "needs_response")
    about = "kind = 'event' AND json_extract(json, '$.data.object.id') = ?"
    ground.store.rows(f"DELETE FROM object WHERE {about}", dispute["id"])
    return one.stripe("pi")


async def balance_drift(ground: Ground, one: SeededPayment) -> str:
    ground.edit(one, "txn", amount=one.amount - 1)
    return one.stripe("txn")


async def metadata_drift(ground: Ground, one: SeededPayment) -> str:
    ground.edit(one, "pi", metadata={"order_id": str(uuid4()), "payment_id": str(one.payment_id)})
    return one.stripe("pi")


async def expiring_authorization(ground: Ground, one: SeededPayment) -> str:
    """An authorized payment was never captured."""
    ground.edit(one, "pi", status="requires_capture", amount_capturable=one.amount, amount_received=0)
    ground.store.rows("DELETE FROM object WHERE id = ?", one.stripe("txn"))
    held = "status = 'REQUIRES_CAPTURE', captured_minor = 0, capturable_minor = amount_minor, capture_before = $1"
    soon = datetime.now(UTC) + timedelta(hours=3)
    await ground.change(f"UPDATE payment SET {held} WHERE id = $2", soon, one.payment_id)
    await ground.change("UPDATE orders SET paid_minor = 0, payment_status = 'AUTHORIZED' WHERE id = $1", one.order_id)
    return one.stripe("pi")


async def broken_chain(ground: Ground, one: SeededPayment) -> str:
    """The database's owner changed the audit trail."""
    await ground.change("ALTER TABLE payment_event DISABLE TRIGGER USER")
    await ground.change("UPDATE payment_event SET amount_minor = 1 WHERE order_id = $1", one.order_id)
    await ground.change("ALTER TABLE payment_event ENABLE TRIGGER USER")
    return str(one.order_id)


async def unapplied_funds(ground: Ground, one: SeededPayment) -> str:
    """A customer transferred more than they owed; our inbox has the event."""
    customer_id, event_id = one.stripe("cus"), one.stripe("evt_funds")
    moved = {"id": one.stripe("ccsbtxn"), "object": "customer_cash_balance_transaction", "customer": customer_id}
    kind, text = ground.known.texts["evt"]
    event = json.loads(text) | {"id": event_id, "type": f"{moved['object']}.created", "data": {"object": moved}}
    customer = {"id": customer_id, "object": "customer", "created": ground.known.created}
    rows = ((event_id, kind, event), (customer_id, "customer", customer))
    remember(ground.store, [(identity, of, ground.known.created, json.dumps(thing)) for identity, of, thing in rows])
    ground.store.hide(customer_id, {"cash": {"usd": 500}})
    ours = """INSERT INTO customer (id, external_id, stripe_customer_id, created_at, updated_at)
      VALUES ($1, $2, $2, now(), now())"""
    await ground.change(ours, new_id(), customer_id)
    copied = "stripe_event_id, type, subject"
    others = "livemode, source, payload, state, attempt, tries, received_at, processed_at, stripe_created_at"
    await ground.change(
        f"INSERT INTO webhook_event (id, {copied}, {others}) SELECT $1, $2, $3, $4, {others} FROM webhook_event"
        " WHERE stripe_event_id = $5",
        *(new_id(), event_id, event["type"], moved["id"], one.stripe("evt")),
    )
    return f"{customer_id} USD"


async def setup_drift(ground: Ground, _: SeededPayment) -> str:
    """A setup was begun with our metadata, and we have neither its row nor its event."""
    ledger = Ledger(ground.store, webhooks=False, at=ground.known.created)
    setup = setups.create(ledger, {"metadata": {"setup_intent_id": str(uuid4())}})
    about = "kind = 'event' AND json_extract(json, '$.data.object.id') = ?"
    ground.store.rows(f"DELETE FROM object WHERE {about}", setup["id"])
    return str(setup["id"])


FAULTS: Final[dict[Kind, Callable[[Ground, SeededPayment], Awaitable[str]]]] = {
    Kind.MISSING_LOCALLY: missing_locally,
    Kind.MISSING_AT_PROVIDER: missing_at_provider,
    Kind.STATUS_DRIFT: status_drift,
    Kind.AMOUNT_DRIFT: amount_drift,
    Kind.CURRENCY_DRIFT: currency_drift,
    Kind.REFUND_DRIFT: refund_drift,
    Kind.DUPLICATE_CHARGE: duplicate_charge,
    Kind.UNRESOLVED_OPERATION: unresolved_operation,
    Kind.EXPIRING_AUTHORIZATION: expiring_authorization,
    Kind.WEBHOOK_GAP: webhook_gap,
    Kind.BROKEN_CHAIN: broken_chain,
    Kind.METADATA_DRIFT: metadata_drift,
    # Beyond the twelve promised kinds:
    Kind.DISPUTE_DRIFT: dispute_drift,
    Kind.BALANCE_DRIFT: balance_drift,
    Kind.LEDGER_IMBALANCE: ledger_imbalance,
    Kind.UNAPPLIED_FUNDS: unapplied_funds,
    Kind.SETUP_DRIFT: setup_drift,
}
TWELVE: Final = tuple(FAULTS)[:12]
assert set(FAULTS) == set(Kind), "a kind of finding has no fault of its own"


async def seed_faults(
    population: Sequence[SeededPayment], database_url: str, store: Store, *kinds: Kind
) -> list[tuple[str, str]]:
    """Seed a fault of each of these kinds, far from each other; returns the kind and subject of each, sorted."""
    planted = []
    async with _ground(len(population), database_url, store) as ground:
        for place, kind in enumerate(kinds):
            one = population[place * len(population) // len(kinds) // EVERY * EVERY + 1 + place % (EVERY - 1)]
            planted.append((kind.value, await FAULTS[kind](ground, one)))
    return sorted(planted)


@asynccontextmanager
async def _ground(count: int, database_url: str, store: Store) -> AsyncIterator[Ground]:
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        yield Ground(connection, store, await pattern(datetime.now(UTC)), SeededPayment(count + 1))
    finally:
        await connection.close()
