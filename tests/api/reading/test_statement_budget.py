"""The database cost of a payment: at most 7 statements and 5 commits, background work included."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from asyncpg.connection import Connection

from models import Payment
from tests.support.inbox import apply_all, send
from tests.support.shop import Shop, open_shop, settings_for
from webhooks.handlers import HANDLED

STATEMENTS, COMMITS = 7, 5
RECEIVING, APPLYING = 1, 6  # of one webhook: lease, find, lock order and payment, note the read from Stripe, settle
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


@dataclass
class Spy:
    """Records the statements that the driver sends to PostgreSQL."""

    sent: list[str] = field(default_factory=list)

    @property
    def statements(self) -> list[str]:
        return [text for text in self.sent if text not in ("BEGIN;", "COMMIT;", "ROLLBACK;")]

    @property
    def commits(self) -> int:
        """Count the transactions, and the writes outside of them: each is a commit of its own."""
        inside, found = False, 0
        for text in self.sent:
            inside = text == "BEGIN;" or (inside and text != "COMMIT;")
            found += text == "COMMIT;" or (not inside and text.startswith(WRITES))
        return found


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    # Notifications are counted apart: the payments of 20 ms share one statement, outside of their transactions.
    async with open_shop(settings_for(database_url, tmp_path / "state", live_notifications=False)) as opened:
        yield opened


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    watching = Spy()

    def watched(right: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Connection, query: str, *given: Any, **named: Any) -> Any:
            watching.sent.append(query.strip())
            return await right(self, query, *given, **named)

        return call

    for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
        monkeypatch.setattr(Connection, name, watched(getattr(Connection, name)))
    return watching


async def deliver_what_we_listen_to(shop: Shop, seen: set[str]) -> int:
    """Post the webhooks of an endpoint that is set up as the README says, and apply them; returns their number."""
    events = [event for event in shop.sandbox.snapshot().events if event["type"] in HANDLED and event["id"] not in seen]
    for event in events:
        await send(shop, event)
    await apply_all(shop)
    return len(events)


async def test_a_payment_costs_7_statements_and_5_commits_with_its_webhooks(shop: Shop, spy: Spy) -> None:
    await shop.paid()
    await shop.deliver()
    order_id, seen = await shop.order(), {event["id"] for event in shop.sandbox.snapshot().events}
    spy.sent.clear()

    paid = await shop.pay(order_id)
    webhooks = await deliver_what_we_listen_to(shop, seen)

    assert (paid["payment"]["status"], webhooks) == ("SUCCEEDED", 2)
    looking_for_work = 1  # the inbox is empty: no work of this payment is left
    assert len(spy.statements) - looking_for_work <= STATEMENTS, "\n".join(text[:150] for text in spy.sent)
    assert spy.commits - looking_for_work <= COMMITS, "\n".join(text[:150] for text in spy.sent)


async def test_a_webhook_is_received_by_one_statement_and_applied_by_6(shop: Shop, spy: Spy) -> None:
    await shop.paid()
    await shop.deliver()
    [event] = [e for e in shop.sandbox.snapshot().events if e["type"] == "payment_intent.succeeded"]
    payment = await Payment.get()
    spy.sent.clear()

    await send(shop, {**event, "id": "evt_processing", "type": "payment_intent.processing"})
    received = list(spy.sent)
    spy.sent.clear()
    assert await shop.runtime.worker.apply_next()
    applied = list(spy.sent)
    after = await Payment.get()

    assert (after.version, after.updated_at) == (payment.version, payment.updated_at)
    assert payment.last_synced_at
    assert after.last_synced_at
    assert after.last_synced_at > payment.last_synced_at
    assert len(received) == RECEIVING, received
    assert len(Spy(applied).statements) == APPLYING, "\n".join(text[:150] for text in applied)
    assert Spy(applied).commits == 2  # the lease, and the work it is for
