"""What the offline Stripe holds, for comparing books."""

from dataclasses import asdict, dataclass
from typing import Any

from sandbox.store import Store

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """Everything, oldest first. `requests` is the log of calls: method, path, key, status, replayed."""

    payment_intents: list[Json]
    charges: list[Json]
    refunds: list[Json]
    disputes: list[Json]
    balance_transactions: list[Json]
    events: list[Json]
    requests: list[Json]

    def to_json(self) -> Json:
        return asdict(self)


def books(store: Store) -> Books:
    """A picture of the whole store."""
    log = store.rows("SELECT method, path, key, params, status, replayed FROM request ORDER BY seq")
    names = ("method", "path", "idempotency_key", "params_digest", "status", "replayed")
    return Books(
        payment_intents=store.every("payment_intent"),
        charges=store.every("charge"),
        refunds=store.every("refund"),
        disputes=store.every("dispute"),
        balance_transactions=store.every("balance_transaction"),
        events=store.every("event"),
        requests=[dict(zip(names, row, strict=True)) for row in log],
    )
