"""A population of payments that both sides agree on, inserted into PostgreSQL and the offline Stripe's file."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import httpx

from database.connection import parse_url
from domain.ids import new_id
from models import PaymentEvent
from sandbox import Sandbox
from sandbox.store import Store
from services.audit.trail import chain_hash

Json = dict[str, Any]

AMOUNT, REFUNDED = 7_654_321, 4_321  # of the pattern; the first stands for each payment's own amount
EVERY = 10  # one payment in so many was refunded in part
AT_ONCE = 5_000
AGE = timedelta(minutes=30)


@dataclass(frozen=True)
class SeededPayment:
    """One payment of the population, by its number."""

    number: int

    @cached_property
    def order_id(self) -> UUID:
        return new_id()

    @cached_property
    def payment_id(self) -> UUID:
        return new_id()

    @property
    def amount(self) -> int:
        return 10_000 + self.number % 90_000

    @property
    def is_refunded(self) -> bool:
        return self.number % EVERY == 0

    def stripe(self, prefix: str) -> str:
        """Return its id at Stripe: pi, ch, txn, evt, re, or trr for the balance transaction of its refund."""
        return f"{prefix}_crowd{self.number:07}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Stripe's objects of one payment, as JSON by prefix with placeholders for the ids and the amount."""

    texts: Mapping[str, tuple[str, str]]
    marks: tuple[str, str]
    created: int

    def of(self, one: SeededPayment, *prefixes: str) -> Iterator[tuple[str, str, int, str]]:
        """Return rows of the store: id, kind, created, JSON."""
        for prefix in prefixes:
            kind, text = self.texts[prefix]
            if not one.is_refunded:
                text = text.replace(f'"amount_refunded": {REFUNDED}', '"amount_refunded": 0')
            text = text.replace(str(AMOUNT), str(one.amount))  # before the ids: one in some thousand has these digits
            for other in self.texts:
                text = text.replace(f"<{other}>", one.stripe(other))
            text = text.replace(self.marks[0], str(one.order_id)).replace(self.marks[1], str(one.payment_id))
            yield one.stripe(prefix), kind, self.created, text


async def pattern(now: datetime) -> Pattern:
    """Let the offline Stripe capture and refund once, and keep the objects as a pattern."""
    sandbox = Sandbox(None, webhook_url="http://nobody/", webhook_secret="whsec_nobody")
    marks = str(uuid4()), str(uuid4())
    given = {
        "amount": str(AMOUNT),
        "currency": "usd",
        "confirm": "true",
        "payment_method": "pm_card_visa",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "metadata[order_id]": marks[0],
        "metadata[payment_id]": marks[1],
    }
    headers = {"Authorization": "Bearer sk_test_population"}
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url="http://stripe", headers=headers) as http:
        paid = await http.post("/v1/payment_intents", data=given)
        sandbox.settle()
        back = await http.post("/v1/refunds", data={"payment_intent": paid.json()["id"], "amount": str(REFUNDED)})
    assert (paid.status_code, back.status_code) == (200, 200)
    books = sandbox.snapshot()
    await sandbox.close()
    [succeeded] = [event for event in books.events if event["type"] == "payment_intent.succeeded"]
    booking, of_refund = books.balance_transactions
    things = {
        "pi": books.payment_intents[0],
        "ch": books.charges[0],
        "txn": booking,
        "evt": succeeded,
        "re": books.refunds[0],
        "trr": of_refund,
    }
    created = int((now - AGE).timestamp())
    texts = {}
    for prefix, thing in things.items():
        text = re.sub(r'"created": \d+', f'"created": {created}', json.dumps(thing))
        for other, known in things.items():
            text = text.replace(known["id"], f"<{other}>")
        texts[prefix] = (str(thing["object"]), text)
    return Pattern(texts, marks, created)


async def populate(count: int, database_url: str, store: Store, *, first: int = 0) -> list[SeededPayment]:
    """Create so many payments, each paid half an hour ago, on both sides."""
    now = datetime.now(UTC)
    population = [SeededPayment(number) for number in range(first, first + count)]
    known = await pattern(now)
    with store.transaction():
        for one in population:
            remember(store, known.of(one, "pi", "ch", "txn", "evt", *(("re", "trr") if one.is_refunded else ())))
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        for start in range(0, count, AT_ONCE):
            for table, columns, records in _rows(population[start : start + AT_ONCE], now - AGE):
                await connection.copy_records_to_table(table, columns=columns, records=records)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return population


def remember(store: Store, objects: Iterable[tuple[str, str, int, str]]) -> None:
    """Insert objects into Stripe's file as they are."""
    store._connection.executemany("INSERT INTO object (id, kind, created, json) VALUES (?, ?, ?, ?)", objects)


def _rows(
    population: Sequence[SeededPayment], then: datetime
) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """Yield our tables in the order of their references, each with its columns and rows."""
    events = [_event(one, then) for one in population]
    refunded = [one for one in population if one.is_refunded]
    for table, rows in (
        ("orders", [_order(one, event["hash"], then) for one, event in zip(population, events, strict=True)]),
        ("payment", [_payment(one, then) for one in population]),
        ("refund", [_refund(one, then) for one in refunded]),
        ("payment_event", events),
        ("webhook_event", [_received(one, then) for one in population]),
    ):
        if rows:
            yield table, list(rows[0]), [tuple(row.values()) for row in rows]


def _event(one: SeededPayment, then: datetime) -> Json:
    said = {
        "id": new_id(),
        "order_id": one.order_id,
        "payment_id": one.payment_id,
        "refund_id": None,
        "sequence": 1,
        "type": "payment.succeeded",
        "from_status": None,
        "to_status": "SUCCEEDED",
        "amount_minor": one.amount,
        "currency": "USD",
        "operation_id": None,
        "stripe_event_id": None,
        "stripe_request_id": None,
        "occurred_at": then,
        "recorded_at": then,
        "previous_hash": "",
    }
    facts: Json = {"actor": {}, "before": {}, "after": {}}
    event = cast(PaymentEvent, SimpleNamespace(**said, **facts))  # a model would need an open database
    return {**said, **dict.fromkeys(facts, "{}"), "hash": chain_hash(event)}


def _order(one: SeededPayment, head: str, then: datetime) -> Json:
    return {
        "id": one.order_id,
        "external_id": str(one.order_id),
        "currency": "USD",
        "total_minor": one.amount,
        "paid_minor": one.amount,
        "refunded_minor": REFUNDED if one.is_refunded else 0,
        "payment_status": "PAID",
        "metadata": "{}",
        "version": 1,
        "last_sequence": 1,
        "last_hash": head,
        "created_at": then,
        "updated_at": then,
    }


def _payment(one: SeededPayment, then: datetime) -> Json:
    return {
        "id": one.payment_id,
        "order_id": one.order_id,
        "livemode": False,
        "status": "SUCCEEDED",
        "capture_method": "AUTOMATIC",
        "currency": "USD",
        "amount_minor": one.amount,
        "capturable_minor": 0,
        "captured_minor": one.amount,
        "refunded_minor": REFUNDED if one.is_refunded else 0,
        "refund_pending_minor": 0,
        "disputed_minor": 0,
        "stripe_payment_intent_id": one.stripe("pi"),
        "stripe_charge_id": one.stripe("ch"),
        "metadata": "{}",
        "version": 1,
        "created_at": then,
        "updated_at": then,
    }


def _refund(one: SeededPayment, then: datetime) -> Json:
    return {
        "id": new_id(),
        "payment_id": one.payment_id,
        "livemode": False,
        "amount_minor": REFUNDED,
        "currency": "USD",
        "status": "SUCCEEDED",
        "reason": "OTHER",
        "requested_by": "{}",
        "stripe_refund_id": one.stripe("re"),
        "metadata": "{}",
        "created_at": then,
        "updated_at": then,
    }


def _received(one: SeededPayment, then: datetime) -> Json:
    return {
        "id": new_id(),
        "stripe_event_id": one.stripe("evt"),
        "livemode": False,
        "type": "payment_intent.succeeded",
        "source": "WEBHOOK",
        "subject": one.stripe("pi"),
        "payload": "{}",
        "state": "PROCESSED",
        "attempt": 1,
        "stripe_created_at": then,
        "received_at": then,
    }
