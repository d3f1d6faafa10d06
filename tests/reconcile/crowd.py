"""Many payments that both sides know alike, put straight into PostgreSQL and into the offline Stripe's file."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from tortoise.models import Model

from domain.ids import new_id
from domain.states import EventSource, OrderPaymentStatus, PaymentStatus, RefundReason, RefundStatus, WebhookState
from models import Order, Payment, PaymentEvent, Refund, WebhookEvent
from models.database import parse_url
from sandbox import Sandbox
from sandbox.store import Store
from services.audit import chain_hash

Json = dict[str, Any]

AMOUNT, REFUNDED = 7_654_321, 4_321  # of the pattern; the first stands for each payment's own amount
EVERY = 10  # one payment in so many was refunded in part
AT_ONCE = 5_000
AGE = timedelta(minutes=30)


@dataclass(frozen=True)
class One:
    """One payment of the crowd, by its number."""

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
        """Its id at Stripe: pi, ch, txn, evt, re, or trr for the balance transaction of its refund."""
        return f"{prefix}_crowd{self.number:07}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What Stripe has of one payment, as JSON by prefix in which the ids and the amount are still to be put."""

    texts: Mapping[str, tuple[str, str]]
    marks: tuple[str, str]
    created: int

    def of(self, one: One, *prefixes: str) -> Iterator[tuple[str, str, int, str]]:
        """Rows of the store: id, kind, created, JSON."""
        for prefix in prefixes:
            kind, text = self.texts[prefix]
            for other in self.texts:
                text = text.replace(f"<{other}>", one.stripe(other))
            text = text.replace(self.marks[0], str(one.order_id)).replace(self.marks[1], str(one.payment_id))
            if not one.is_refunded:
                text = text.replace(f'"amount_refunded": {REFUNDED}', '"amount_refunded": 0')
            yield one.stripe(prefix), kind, self.created, text.replace(str(AMOUNT), str(one.amount))


async def pattern(now: datetime) -> Pattern:
    """Let the offline Stripe take money and give some back, once, and keep what it made of it."""
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
    headers = {"Authorization": "Bearer sk_test_crowd"}
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


async def gather(count: int, database_url: str, store: Store, *, first: int = 0) -> list[One]:
    """Make so many payments, each paid half an hour ago, on both sides."""
    now = datetime.now(UTC)
    crowd = [One(number) for number in range(first, first + count)]
    known = await pattern(now)
    with store.transaction():
        for one in crowd:
            remember(store, known.of(one, "pi", "ch", "txn", "evt", *(("re", "trr") if one.is_refunded else ())))
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        for start in range(0, count, AT_ONCE):
            for table, columns, records in _rows(crowd[start : start + AT_ONCE], now - AGE):
                await connection.copy_records_to_table(table, columns=columns, records=records)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return crowd


def remember(store: Store, objects: Iterable[tuple[str, str, int, str]]) -> None:
    """Put objects into Stripe's file as they are."""
    store._connection.executemany("INSERT INTO object (id, kind, created, json) VALUES (?, ?, ?, ?)", objects)


def _rows(crowd: Sequence[One], then: datetime) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """The tables of our side in the order of their references, each with its columns and rows."""
    event = PaymentEvent(
        type="payment.succeeded",
        sequence=1,
        to_status=PaymentStatus.SUCCEEDED,
        currency="USD",
        occurred_at=then,
        recorded_at=then,
        previous_hash="",
    )
    hashes = {}
    events = []
    for one in crowd:
        said = {"id": new_id(), "order_id": one.order_id, "payment_id": one.payment_id, "amount_minor": one.amount}
        event.hash = hashes[one] = chain_hash(event.update_from_dict(said))
        events.append({**said, "hash": event.hash})
    order = Order(currency="USD", payment_status=OrderPaymentStatus.PAID, last_sequence=1)
    payment = Payment(livemode=False, currency="USD", status=PaymentStatus.SUCCEEDED)
    refund = Refund(livemode=False, currency="USD", status=RefundStatus.SUCCEEDED, reason=RefundReason.OTHER)
    received = WebhookEvent(
        livemode=False,
        type="payment_intent.succeeded",
        source=EventSource.WEBHOOK,
        payload={},
        state=WebhookState.PROCESSED,
        stripe_created_at=then,
    )
    made = {"created_at": then, "updated_at": then}
    refunds = [one for one in crowd if one.is_refunded]
    yield _table(order, [_order(one, hashes[one]) | made for one in crowd])
    yield _table(payment, [_payment(one) | made for one in crowd])
    yield _table(refund, [_refund(one) | made for one in refunds])
    yield _table(event, events)
    yield _table(received, [_received(one) | {"received_at": then} for one in crowd])


def _order(one: One, head: str) -> Json:
    back = REFUNDED if one.is_refunded else 0
    sums = {"total_minor": one.amount, "paid_minor": one.amount, "refunded_minor": back}
    return {"id": one.order_id, "external_id": str(one.order_id), "last_hash": head, **sums}


def _payment(one: One) -> Json:
    back = REFUNDED if one.is_refunded else 0
    ids = {"stripe_payment_intent_id": one.stripe("pi"), "stripe_charge_id": one.stripe("ch")}
    sums = {"amount_minor": one.amount, "captured_minor": one.amount, "refunded_minor": back}
    return {"id": one.payment_id, "order_id": one.order_id, **ids, **sums}


def _refund(one: One) -> Json:
    return {
        "id": new_id(),
        "payment_id": one.payment_id,
        "amount_minor": REFUNDED,
        "stripe_refund_id": one.stripe("re"),
    }


def _received(one: One) -> Json:
    return {"id": new_id(), "stripe_event_id": one.stripe("evt"), "subject": one.stripe("pi")}


def _table(same: Model, rows: Sequence[Json]) -> tuple[str, list[str], list[tuple[Any, ...]]]:
    """Rows of one table: what is the same in all of them, and what each says otherwise."""
    meta, own = same._meta, rows[0].keys()
    common = {
        name: meta.fields_map[name].to_db_value(getattr(same, name), same)
        for name in meta.fields_db_projection
        if name not in own
    }
    names = [*common, *own]
    return meta.db_table, names, [(*common.values(), *(row[name] for name in own)) for row in rows]
