"""A valid row of each table, and a writer that bypasses all our code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest

NOW: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
HASH: Final = "a" * 64
ABOVE_SAFE: Final = 2**53  # JavaScript and JSON lose a unit from here on

# A valid row of each table; a test changes the columns it is about.
FINE: Final[Mapping[str, Mapping[str, Any]]] = {
    "customer": {"external_id": "ada", "created_at": NOW, "updated_at": NOW},
    "orders": {
        "external_id": "order-1",
        "total_minor": 1000,
        "currency": "USD",
        "paid_minor": 0,
        "refunded_minor": 0,
        "payment_status": "UNPAID",
        "metadata": "{}",
        "version": 1,
        "last_sequence": 0,
        "last_hash": "",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "payment": {
        "livemode": False,
        "status": "SUCCEEDED",
        "capture_method": "AUTOMATIC",
        "currency": "USD",
        "amount_minor": 1000,
        "capturable_minor": 0,
        "captured_minor": 0,
        "refunded_minor": 0,
        "refund_pending_minor": 0,
        "disputed_minor": 0,
        "stripe_payment_intent_id": "pi_1",
        "metadata": "{}",
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "refund": {
        "livemode": False,
        "amount_minor": 10,
        "currency": "USD",
        "status": "SUCCEEDED",
        "reason": "OTHER",
        "requested_by": "{}",
        "stripe_refund_id": "re_1",
        "metadata": "{}",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "payment_failure": {
        "code": "CARD_DECLINED",
        "error": "{}",
        "stripe_charge_id": "ch_1",
        "stripe_event_id": "evt_1",
        "failed_at": NOW,
        "created_at": NOW,
    },
    "operation": {
        "principal": "ada",
        "kind": "CREATE_PAYMENT",
        "key": "key-1",
        "fingerprint": HASH,
        "leaves": "{}",
        "actor": "{}",
        "request_id": "",
        "state": "SUCCEEDED",
        "effect": "NONE",
        "step": "",
        "generation": 1,
        "params": "{}",
        "attempt": 1,
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW,
    },
    "payment_event": {
        "sequence": 1,
        "type": "payment.succeeded",
        "actor": "{}",
        "currency": "USD",
        "before": "{}",
        "after": "{}",
        "occurred_at": NOW,
        "recorded_at": NOW,
        "previous_hash": "",
        "hash": HASH,
    },
    "customer_event": {
        "sequence": 1,
        "type": "payment_method.saved",
        "actor": "{}",
        "before": "{}",
        "after": "{}",
        "occurred_at": NOW,
        "recorded_at": NOW,
        "previous_hash": "",
        "hash": HASH,
    },
    "saved_payment_method": {
        "livemode": False,
        "stripe_payment_method_id": "pm_1",
        "method": "{}",
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "setup_intent": {
        "livemode": False,
        "status": "SUCCEEDED",
        "usage": "OFF_SESSION",
        "stripe_setup_intent_id": "seti_1",
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "webhook_event": {
        "stripe_event_id": "evt_1",
        "source": "WEBHOOK",
        "livemode": False,
        "type": "refund.updated",
        "subject": "pi_1",
        "payload": "{}",
        "state": "PROCESSED",
        "attempt": 1,
        "tries": 1,
        "stripe_created_at": NOW,
        "received_at": NOW,
    },
    "event_reading": {
        "source": "POLL",
        "livemode": False,
        "read_through": NOW,
        "due": NOW,
        "attempt": 1,
        "created_at": NOW,
    },
    "reconciliation_run": {
        "livemode": False,
        "from_moment": NOW,
        "to_moment": NOW + timedelta(days=1),
        "repair": False,
        "stage": "SETTLE",
        "checked": 0,
        "repaired": 0,
        "attempt": 1,
        "started_at": NOW,
        "finished_at": NOW,
    },
    "discrepancy": {
        "livemode": False,
        "kind": "STATUS_DRIFT",
        "subject": "pi_1",
        "local": "{}",
        "provider": "{}",
        "state": "OPEN",
        "detected_at": NOW,
    },
}
PARENT: Final = {
    "payment": "orders",
    "refund": "payment",
    "payment_failure": "payment",
    "payment_event": "orders",
    "discrepancy": "reconciliation_run",
    "customer_event": "customer",
    "saved_payment_method": "customer",
    "setup_intent": "customer",
}
PARENT_KEY: Final = {
    "customer": "customer_id",
    "orders": "order_id",
    "payment": "payment_id",
    "reconciliation_run": "run_id",
}
OWN: Final = {
    "payment": {"stripe_payment_intent_id": "pi_parent"},
    "orders": {"external_id": "parent"},
    "customer": {"external_id": "parent"},
}


@dataclass(slots=True)
class Ledger:
    """Writes rows past all our code, as a mistake or another program would."""

    connection: asyncpg.Connection
    parents: dict[str, UUID] = field(default_factory=dict)

    async def write(self, table: str, **changes: Any) -> UUID:
        """Write a valid row with some changes, under the first order and the first payment."""
        row = {"id": uuid4(), **FINE[table], **changes}
        if table in PARENT:
            row.setdefault(PARENT_KEY[PARENT[table]], await self.parent(PARENT[table]))
        names, places = ", ".join(f'"{name}"' for name in row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', *row.values())
        return UUID(str(row["id"]))

    async def parent(self, table: str) -> UUID:
        """Write the row that others refer to, once."""
        if table not in self.parents:
            self.parents[table] = await self.write(table, **OWN.get(table, {}))
        return self.parents[table]

    async def refuses(self, constraint: str, table: str, **changes: Any) -> None:
        """Check that this row is refused, and by this constraint."""
        if table in PARENT:
            await self.parent(PARENT[table])
        before = await self.count(table)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
            await self.write(table, **changes)
        assert caught.value.constraint_name == constraint
        assert await self.count(table) == before

    async def count(self, table: str) -> int:
        return int(await self.connection.fetchval(f'SELECT count(*) FROM "{table}"'))
