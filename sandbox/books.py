"""A copy of all that the offline Stripe holds, for tests that compare both sides' books."""

from dataclasses import asdict, dataclass
from typing import Any

from sandbox.store import Store

Json = dict[str, Any]

REQUEST = ("method", "path", "idempotency_key", "params_digest", "status", "replayed")


@dataclass(frozen=True, slots=True)
class Books:
    """All objects, oldest first, and the log of requests.

    `requests` lists the calls that were executed or replayed from a key: method, path, idempotency_key, params_digest,
    status, replayed.
    """

    payment_intents: list[Json]
    charges: list[Json]
    refunds: list[Json]
    disputes: list[Json]
    balance_transactions: list[Json]
    events: list[Json]
    customers: list[Json]
    payment_methods: list[Json]
    setup_intents: list[Json]
    requests: list[Json]

    def to_json(self) -> Json:
        return asdict(self)


def books(store: Store) -> Books:
    """Copy the whole store at one moment."""
    with store.transaction():
        log = store.rows("SELECT method, path, key, params, status, replayed FROM request ORDER BY seq")
        return Books(
            payment_intents=store.every("payment_intent"),
            charges=store.every("charge"),
            refunds=store.every("refund"),
            disputes=store.every("dispute"),
            balance_transactions=store.every("balance_transaction"),
            events=store.every("event"),
            customers=store.every("customer"),
            payment_methods=store.every("payment_method"),
            setup_intents=store.every("setup_intent"),
            requests=[dict(zip(REQUEST, row, strict=True)) for row in log],
        )
