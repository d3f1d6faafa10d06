"""Timers: settlements, expiries, fees, refunds that arrive or are returned."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.customers import granted_tokens
from sandbox.customers.methods import NO_FUNDS_IN_BANK
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.payments import attempts, captures, refunds

Json = dict[str, Any]

ACTS: Mapping[str, Callable[[Ledger, str], None]] = {
    "settle": attempts.settle,
    "fees": attempts.account,
    "available": attempts.available,
    "expire": captures.expire,
    "expire_grant": granted_tokens.expire,
    "expire_action": attempts.expire_action,
    "finish_refund": refunds.finish,
    "fail_refund": refunds.fail,
}
SETTLING = ("settle", "fees", "finish_refund")


def run_due(ledger: Ledger) -> None:
    """Run the timers that are due, in order, each at its own moment."""
    if not ledger.store.rows("SELECT 1 FROM timer WHERE due <= ? LIMIT 1", ledger.store.now()):
        return
    with ledger.store.transaction():
        while found := ledger.store.rows(
            "SELECT seq, due, action, subject FROM timer WHERE due <= ? ORDER BY due, seq LIMIT 1", ledger.store.now()
        ):
            number, due, action, subject = found[0]
            ledger.store.rows("DELETE FROM timer WHERE seq = ?", number)
            with ledger.by_itself(due):
                ACTS[action](ledger, subject)


def settle_now(ledger: Ledger, subject: str | None = None, outcome: str | None = None) -> int:
    """Run the timers that wait for a bank at once: all, or those of one payment or refund. Returns their number.

    `outcome` is what the test method says, unless it is `succeeded` or `failed`.
    """
    if outcome not in (None, "succeeded", "failed"):
        raise invalid("outcome must be succeeded or failed.", param="outcome")
    waiting = ledger.store.rows("SELECT seq, action, subject FROM timer ORDER BY due, seq")
    chosen = [row for row in waiting if row[1] in SETTLING and subject in (None, row[2])]
    for number, action, identity in chosen:
        ledger.store.rows("DELETE FROM timer WHERE seq = ?", number)
        with ledger.by_itself(ledger.store.now()):
            if action == "settle" and outcome is not None and _waits(ledger, identity):
                come_back = NO_FUNDS_IN_BANK if outcome == "failed" else None
                attempts.settle_as(ledger, identity, come_back)
            elif action == "finish_refund" and outcome == "failed":
                refunds.fail(ledger, identity)
            else:
                ACTS[action](ledger, identity)
    return len(chosen)


def _waits(ledger: Ledger, identity: str) -> bool:
    return bool(ledger.need("payment_intent", identity)["status"] == "processing")
