"""Overload: clients that disconnect, more clients than connections, and a start with a backlog."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from typing import Final

import asyncpg

from database.connection import parse_url
from database.statements import query_rows
from database.transactions import drain
from tests.attack.world import Memory, paying
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import Json, Shop, key, open_shop, settings_for

CANCELLATIONS: Final = 3_000
AT_ONCE: Final = 30
CLIENTS, CONNECTIONS = 200, 20
NEVER_LONGER_SECONDS: Final = 30.0
PILED_UP: Final = 10_000
WORK_SECONDS: Final = 15.0
LANES: Final = 8
PILE = """
WITH new_order AS (
  INSERT INTO orders (id, external_id, customer_id, total_minor, currency, paid_minor, refunded_minor, payment_status,
                      metadata, version, last_sequence, last_hash, created_at, updated_at)
  SELECT gen_random_uuid(), 'piled-' || n, NULL, 10000, 'USD', 0, 0, 'UNPAID', '{}', 1, 0, '', now(), now()
  FROM generate_series(1, $1) AS n
  RETURNING id
), new_payment AS (
  INSERT INTO payment (id, order_id, livemode, status, capture_method, currency, amount_minor, capturable_minor,
                       captured_minor, refunded_minor, refund_pending_minor, disputed_minor, metadata, version,
                       created_at, updated_at)
  SELECT gen_random_uuid(), id, false, 'INITIATED', 'AUTOMATIC', 'USD', 10000, 0, 0, 0, 0, 0, '{}', 1, now(), now()
  FROM new_order
  RETURNING id, order_id
), numbered AS (
  SELECT gen_random_uuid() AS operation_id, id, order_id, row_number() OVER () AS n FROM new_payment
)
INSERT INTO operation (id, principal, kind, key, fingerprint, leaves, actor, request_id, state, effect, step,
                       generation, params, due, attempt, order_id, payment_id, created_at, updated_at, expires_at)
SELECT operation_id, 'buyer', 'CREATE_PAYMENT', operation_id::text, repeat('0', 64), '{}',
       '{"kind": "CUSTOMER", "id": "buyer", "label": null}', '', 'IN_PROGRESS', 'NONE', 'create', 1,
       jsonb_build_object(
         'create', jsonb_build_object(
           'amount', 10000, 'currency', 'usd', 'capture_method', 'automatic', 'payment_method', 'pm_card_visa',
           'automatic_payment_methods', jsonb_build_object('enabled', true, 'allow_redirects', 'never'),
           'metadata', jsonb_build_object('order_id', order_id, 'payment_id', id, 'operation_id', operation_id)),
         'confirm', '{}'::jsonb, 'charge_before', NULL),
       now() - (($1 + 60 - n) || ' seconds')::interval, 1, order_id, id, now(), now(), now() + interval '30 days'
FROM numbered
"""


# Of this test's own database: others share the server.
IDLE = """
SELECT count(*) AS n FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()
"""


async def test_clients_that_hang_up_three_thousand_times_cost_no_connection(database_url: str, tmp_path: Path) -> None:
    dice = random.Random(3_000)  # noqa: S311 - seeded clients, not a secret
    async with open_shop(settings_for(database_url, tmp_path / "state", database_pool_size=10)) as shop:
        orders = [await shop.order() for _ in range(40)]
        room = asyncio.Semaphore(AT_ONCE)
        cut_off = sum(await asyncio.gather(*(_hang_up(shop, dice, room, orders) for _ in range(CANCELLATIONS))))
        await drain(30)

        idle = await query_rows(IDLE, [])
        at_once = await asyncio.wait_for(asyncio.gather(*(_second(shop, order_id) for order_id in orders[:10])), 20)
        await _finish(shop, orders)
        charges = Counter(i["metadata"]["order_id"] for i in _taken(shop))

    assert cut_off > CANCELLATIONS / 2, "most were done before they hung up: it proves little"
    assert idle[0]["n"] == 0
    assert len(at_once) == 10
    assert len(charges) == len(orders)
    assert set(charges.values()) == {1}


async def _hang_up(shop: Shop, dice: random.Random, room: asyncio.Semaphore, orders: list[str]) -> bool:
    """Begin a call and disconnect at a random moment; returns True if it was cut off."""
    order_id, turns, pays = dice.choice(orders), dice.randint(0, 40), dice.random() < 0.5
    async with room:
        query = "query O($id: ID!) { order(id: $id) { paymentStatus payments { nodes { status } } } }"
        call = shop.pay(order_id) if pays else shop.staff.ask(query, id=order_id)
        calling: asyncio.Task[Json] = asyncio.create_task(call)
        for _ in range(turns):
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        return calling.cancelled()


async def _second(shop: Shop, order_id: str) -> Json:
    return await shop.staff.ask("query O($id: ID!) { order(id: $id) { paymentStatus } }", id=order_id)


async def _finish(shop: Shop, orders: list[str]) -> None:
    """Finish every begun payment, and pay the orders without one."""
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL", [])
    await shop.deliver()
    for order_id in orders:
        payload = await shop.pay(order_id)
        assert [e["code"] for e in payload["errors"]] in ([], ["ORDER_ALREADY_PAID"])
    await shop.deliver()


async def test_scenario_59_two_hundred_clients_on_twenty_connections_are_answered(
    database_url: str, tmp_path: Path
) -> None:
    settings = settings_for(database_url, tmp_path / "state", database_pool_size=CONNECTIONS)
    async with open_shop(settings) as shop:
        orders = [await shop.order() for _ in range(CLIENTS)]

        answers = await asyncio.gather(*(_client(shop, order_id) for order_id in orders))

        charges = Counter(i["metadata"]["order_id"] for i in _taken(shop))
    assert max(longest for longest, _ in answers) < NEVER_LONGER_SECONDS
    assert {status for _, status in answers} == {"SUCCEEDED"}
    assert len(charges) == CLIENTS
    assert set(charges.values()) == {1}


async def _client(shop: Shop, order_id: str) -> tuple[float, str]:
    """Pay with one key until done, retrying only when told that it is safe; returns the longest call and the result."""
    with_key, longest = key(), 0.0
    given = {"input": paying(order_id), "key": with_key}
    query = (
        "mutation P($input: CreatePaymentInput!, $key: IdempotencyKey!) { createPayment(input: $input,"
        " idempotencyKey: $key) { payment { status } errors { code retryable } } }"
    )
    while True:
        begun = time.monotonic()
        response = await shop.buyer.post(query, given)
        longest = max(longest, time.monotonic() - begun)
        payload = (response.json().get("data") or {}).get("createPayment")
        if payload is None:
            assert response.status_code == 503, response.text
            assert response.headers["Retry-After"]
        elif not payload["errors"]:
            return longest, payload["payment"]["status"]
        else:
            assert all(error["retryable"] for error in payload["errors"]), payload
        await asyncio.sleep(0.2)


async def test_a_start_with_ten_thousand_open_operations_is_orderly(cluster: Cluster, database_url: str) -> None:
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        await connection.execute(PILE.replace("$1", str(PILED_UP)))
        oldest = await connection.fetch("SELECT id FROM operation ORDER BY due")
        places = {row["id"]: place for place, row in enumerate(oldest)}
        memory = Memory()
        begun = time.monotonic()
        async with cluster.application(worker=True, worker_concurrency=LANES, lease_seconds=30) as running:
            started_seconds = time.monotonic() - begun
            memory_before = _resident_mib(running.pid)
            newcomers = [asyncio.create_task(_newcomer(memory, running)) for _ in range(5)]
            await asyncio.sleep(WORK_SECONDS)
            waits = await asyncio.gather(*newcomers)
            memory_after = _resident_mib(running.pid)
        finished = await connection.fetch(
            "SELECT id, attempt, state FROM operation WHERE finished_at IS NOT NULL AND principal = 'buyer'"
            " AND fingerprint = repeat('0', 64)"
        )
        still_open = await connection.fetchval("SELECT count(*) FROM operation WHERE due IS NOT NULL")
    finally:
        await connection.close()

    done = [row for row in finished if row["id"] in places]
    charges = Counter(i["metadata"]["operation_id"] for i in cluster.sandbox.snapshot().payment_intents)
    print(f"{len(done)} of {PILED_UP} done in {WORK_SECONDS:.0f} s; newcomers waited {max(waits):.1f} s at most")
    assert started_seconds < 10
    assert max(waits) < 8
    assert len(done) >= 50
    assert {row["state"] for row in done} == {"SUCCEEDED"}
    assert {row["attempt"] for row in done} == {2}, "somebody drove what another one was at"
    assert max(places[row["id"]] for row in done) < len(done) + 2 * LANES, "the oldest go first"
    assert len(done) + still_open >= PILED_UP
    assert set(charges.values()) == {1}
    assert memory_after - memory_before < 100


async def _newcomer(memory: Memory, running: Application) -> float:
    """Send a new buyer's request in the middle of it; returns the wait for the answer."""
    order_id = await memory.order(running)
    begun = time.monotonic()
    payload = await memory.do(running.buyer, "buyer", "createPayment", key(), input=paying(order_id))
    assert payload["payment"]["status"] == "SUCCEEDED"
    return time.monotonic() - begun


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS: is this Linux?")


def _taken(shop: Shop) -> list[Json]:
    return [intent for intent in shop.sandbox.snapshot().payment_intents if intent["amount_received"]]
