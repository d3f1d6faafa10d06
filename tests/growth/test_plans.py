"""The plan of every statement of the API on a large database: indexes, and no cost that grows with the table."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.connection import Connection

from benchmarks.data import fill
from database.connection import parse_url
from domain.ids import Kind, encode
from resolvers.reading.cursors import Cursor, SortKey
from tests.support.rows import row_id
from tests.support.shop import Client, Json, Shop, open_shop, settings_for, token

ROWS = [60_000, pytest.param(1_000_000, marks=pytest.mark.attack)]
LARGE = {"orders", "payment", "payment_failure", "refund", "payment_event", "operation", "customer"}
# What most shops have and the benchmarks do without: addresses, and attempts that failed.
MORE = (
    "UPDATE customer SET email = external_id || '@shop.example'",
    "UPDATE payment SET receipt_email = 'buyer-' || amount_minor || '@shop.example' WHERE amount_minor % 3 = 0",
    """INSERT INTO payment_failure (id, payment_id, code, decline_code, error, stripe_charge_id, failed_at, created_at)
    SELECT id, id, 'CARD_DECLINED', 'generic_decline', '{}', 'ch_declined' || stripe_payment_intent_id, created_at,
      created_at FROM payment""",
    "VACUUM ANALYZE",
)
MOST_SORTED = 1_000  # rows of a sort: a page, or the related rows of one row
SORTS = {
    "CREATED_AT_DESC": SortKey.CREATED_AT,
    "CREATED_AT_ASC": SortKey.CREATED_AT,
    "UPDATED_AT_DESC": SortKey.UPDATED_AT,
    "AMOUNT_DESC": SortKey.AMOUNT,
    "AMOUNT_ASC": SortKey.AMOUNT,
}
PAYMENT = "id status amount { amount } order { id externalId } refunds { id status } customer { id }"
ORDER = f"id externalId paymentStatus payments {{ nodes {{ {PAYMENT} }} totalCount }} customer {{ id }}"


@dataclass
class Sent:
    """A statement with its values."""

    text: str
    values: tuple[Any, ...]


@dataclass
class Rows:
    """Some rows of the large database."""

    order_id: str
    external_id: str
    payment_id: str
    customer_id: str
    refund_id: str
    intent: str
    charge: str
    refund: str
    customer: str
    cursors: dict[SortKey, str] = field(default_factory=dict)


@pytest.fixture(params=ROWS)
async def large(request: pytest.FixtureRequest, database_url: str) -> str:
    await fill(database_url, request.param)
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        for statement in MORE:
            await connection.execute(statement, timeout=600)
    finally:
        await connection.close()
    return database_url


@pytest.fixture
async def shop(large: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(settings_for(large, tmp_path / "state", live_notifications=False)) as opened:
        yield opened


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Collect all statements sent to PostgreSQL."""
    seen: list[Sent] = []

    def watched(right: Callable[..., Any]) -> Callable[..., Any]:
        async def call(self: Connection, query: str, *given: Any, **named: Any) -> Any:
            seen.append(Sent(query, given))
            return await right(self, query, *given, **named)

        return call

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(Connection, name, watched(getattr(Connection, name)))
    return seen


async def _rows(connection: asyncpg.Connection) -> Rows:
    found = await connection.fetchrow(
        "SELECT p.*, o.external_id, r.id AS refund, r.stripe_refund_id, c.external_id AS customer_number "
        "FROM payment p JOIN orders o ON o.id = p.order_id JOIN customer c ON c.id = p.customer_id "
        "JOIN refund r ON r.payment_id = p.id ORDER BY p.created_at OFFSET 5000 LIMIT 1"
    )
    assert found is not None
    return Rows(
        order_id=encode(Kind.ORDER, found["order_id"]),
        external_id=found["external_id"],
        payment_id=encode(Kind.PAYMENT, found["id"]),
        customer_id=encode(Kind.CUSTOMER, found["customer_id"]),
        refund_id=encode(Kind.REFUND, found["refund"]),
        intent=found["stripe_payment_intent_id"],
        charge=found["stripe_charge_id"],
        refund=found["stripe_refund_id"],
        customer=found["customer_number"],
        cursors={key: Cursor(key, found[key.value], found["id"]).encode() for key in set(SORTS.values())},
    )


def _queries(rows: Rows) -> Iterator[str]:
    """Yield every way to query the large tables."""
    yield f'{{ order(id: "{rows.order_id}") {{ {ORDER} }} }}'
    yield f'{{ order(externalId: "{rows.external_id}") {{ {ORDER} }} }}'
    yield f'{{ order(id: "{rows.order_id}") {{ timeline {{ nodes {{ type }} totalCount }} paidAt updatedAt }} }}'
    yield f'{{ payment(id: "{rows.payment_id}") {{ {PAYMENT} timeline {{ edges {{ node {{ type }} }} }} }} }}'
    yield f'{{ refund(id: "{rows.refund_id}") {{ id payment {{ id }} }} refunds(first: 5) {{ edges {{ cursor }} }} }}'
    yield "{ refunds(last: 5, status: [SUCCEEDED]) { edges { node { id payment { id } } } totalCount } }"
    yield f'{{ node(id: "{rows.payment_id}") {{ id }} }}'
    yield f'{{ customer(id: "{rows.customer_id}") {{ id payments {{ totalCount }} }} }}'
    yield '{ operation(key: "nothing", kind: CREATE_PAYMENT) { id } openOperations(first: 5) { edges { cursor } } }'
    yield "{ webhookEvents(first: 5) { edges { cursor } } discrepancies { edges { cursor } } }"
    for sort, key in SORTS.items():
        for place in ("first: 10", "last: 10"):
            for between in ("", f', after: "{rows.cursors[key]}"', f', before: "{rows.cursors[key]}"'):
                page = f"nodes {{ {PAYMENT} }} pageInfo {{ endCursor }}"
                yield f"{{ payments(sort: {sort}, {place}{between}) {{ {page} }} }}"
        for wanted in _filters(rows):
            yield f"{{ payments(sort: {sort}, filter: {{ {wanted} }}, first: 10) {{ nodes {{ id }} totalCount }} }}"


def _filters(rows: Rows) -> Iterator[str]:
    yield "status: [SUCCEEDED]"
    yield f'orderId: "{rows.order_id}"'
    yield f'customerId: "{rows.customer_id}"'
    yield f'customerId: "{rows.customer_id}", status: [SUCCEEDED]'
    yield "amount: { gte: 9000, lte: 9100 }"
    yield 'createdAt: { gte: "2026-01-01T00:00:00Z", lt: "2026-01-01T01:00:00Z" }'
    yield f'search: "{rows.payment_id}"'
    yield f'search: "{rows.intent}"'
    yield f'search: "{rows.external_id}"'
    yield f'search: "{rows.external_id[:8]}"'
    for named in (rows.order_id, rows.refund_id, rows.customer_id, rows.charge, rows.refund, rows.customer):
        yield f'search: "{named}"'
    for named in (rows.payment_id, rows.order_id, rows.customer_id, rows.refund_id):
        yield f'search: "{row_id(named)}"'
    yield f'search: "{rows.customer.upper()}@SHOP.example"'
    yield f'or: [{{ search: "{rows.customer}" }}, {{ search: "{rows.charge}" }}]'


@pytest.mark.parametrize("who", ["staff", "buyer"])
async def test_every_query_goes_by_indexes(shop: Shop, large: str, sent: list[Sent], who: str) -> None:
    connection = await asyncpg.connect(**parse_url(large))
    try:
        rows = await _rows(connection)
        external = await connection.fetchval("SELECT external_id FROM customer LIMIT 1 OFFSET 3")
        client = shop.staff if who == "staff" else Client(shop.http, token(external, "payments:pay"))
        faults = []
        for query in _queries(rows):
            sent.clear()
            await client.post(query)
            for one in list(sent):
                if one.text.lstrip().upper().startswith(("SELECT", "WITH")):
                    faults += [f"{fault}: {query}\n{one.text}" for fault in await _faults(connection, one)]
        assert faults == [], f"{len(faults)} faults, the first: {faults[0]}"
    finally:
        await connection.close()


async def test_each_way_of_the_search_goes_by_its_index(shop: Shop, large: str, sent: list[Sent]) -> None:
    """A page that ends early may walk through another index instead, which no fault shows."""
    connection = await asyncpg.connect(**parse_url(large))
    try:
        rows = await _rows(connection)
        ways = {
            rows.customer: "customer_external_id_key",
            f"{rows.customer}@SHOP.example": "customer_email",
            "BUYER-1002@shop.example": "payment_receipt_email",
            rows.external_id[:8]: "orders_external_id_prefix",
            rows.intent: "payment_stripe_intent",
            rows.charge: "payment_stripe_charge",
            f"ch_declined{rows.intent}": "payment_failure_stripe_charge",
            rows.refund: "refund_stripe_refund",
        }
        plans = {}
        for text in ways:
            sent.clear()
            await shop.staff.post(
                "query S($text: String) { payments(filter: {search: $text}) { nodes { id } } }", {"text": text}
            )
            statements = [one for one in list(sent) if one.text.lstrip().upper().startswith(("SELECT", "WITH"))]
            plans[text] = "".join(
                [await connection.fetchval(f"EXPLAIN (FORMAT JSON) {one.text}", *one.values) for one in statements]
            )
        assert [text for text, index in ways.items() if index not in plans[text]] == []
    finally:
        await connection.close()


async def test_the_work_in_the_background_goes_by_indexes(shop: Shop, large: str, sent: list[Sent]) -> None:
    connection = await asyncpg.connect(**parse_url(large))
    try:
        await shop.pay(await shop.order())
        sent.clear()
        await shop.deliver()

        looked_at = [one for one in sent if one.text.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE"))]
        faults = [f"{fault}\n{one.text}" for one in looked_at for fault in await _faults(connection, one)]

        assert len(looked_at) > 5
        assert faults == []
    finally:
        await connection.close()


async def _faults(connection: asyncpg.Connection, one: Sent) -> list[str]:
    found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {one.text}", *one.values)
    plan: Json = json.loads(found)[0]["Plan"]
    return list(_faults_in(plan, limit=None))


def _faults_in(node: Json, *, limit: float | None) -> Iterator[str]:
    """Yield scans of a whole table without an early end, and sorts of more than a page."""
    kind = node["Node Type"]
    if kind == "Limit":
        limit = node["Plan Rows"]
    if kind == "Seq Scan" and node["Relation Name"] in LARGE and limit is None:
        yield f"a scan of {node['Relation Name']}"
    if "Sort" in kind and node["Plan Rows"] > MOST_SORTED:
        yield f"a sort of {node['Plan Rows']} rows"
    blocks = kind in ("Sort", "Hash", "Aggregate")  # these read all rows below them before they return any
    for child in node.get("Plans", ()):
        yield from _faults_in(child, limit=None if blocks else limit)
