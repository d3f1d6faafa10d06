"""The account's balance: the sum of its balance transactions."""

from typing import Any

from sandbox.ledger import Ledger

Json = dict[str, Any]


def retrieve(ledger: Ledger) -> Json:
    """Return the available and the pending balance, by currency."""
    found = ledger.store.rows(
        "SELECT json_extract(json, '$.currency'), json_extract(json, '$.status'), sum(json_extract(json, '$.net'))"
        " FROM object WHERE kind = 'balance_transaction' GROUP BY 1, 2"
    )
    sums = {(currency, status): int(net) for currency, status, net in found}
    currencies = sorted({currency for currency, _ in sums}) or ["usd"]
    return {"object": "balance", "livemode": False} | {
        status: [_entry(sums.get((currency, status), 0), currency) for currency in currencies]
        for status in ("available", "pending")
    }


def _entry(amount: int, currency: str) -> Json:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}
