"""Setups whose process is killed around each call of Stripe, and two replicas that race for one."""

import asyncio

import asyncpg
import pytest

from database.connection import parse_url
from tests.crash.processes.cluster import Application, Cluster, settled
from tests.crash.processes.kills import kill_in_call
from tests.support.shop import Json, key

SETUPS = "SELECT s.status, s.stripe_setup_intent_id AS intent, c.stripe_customer_id AS customer"
SETUPS += " FROM setup_intent s JOIN customer c ON c.id = s.customer_id"
OPEN = "SELECT count(*) FROM operation WHERE due IS NOT NULL"


async def _named_by_an_order(application: Application) -> None:
    """Register an order, which makes the customer known here."""
    given = {"externalId": key(), "total": {"amount": 10_000, "currency": "USD"}, "customerExternalId": "buyer"}
    payload = await application.staff.do("registerOrder", input=given, key=key())
    assert payload["errors"] == []


async def _rows(database_url: str, *, idle: bool = True) -> list[Json]:
    """Return the setups, once no operation is open any more."""
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        async with asyncio.timeout(20):
            while idle and await connection.fetchval(OPEN):
                await asyncio.sleep(0.02)
        return [dict(row) for row in await connection.fetch(SETUPS)]
    finally:
        await connection.close()


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
@pytest.mark.parametrize("call", ["/v1/customers", "/v1/setup_intents"])
@pytest.mark.parametrize("client_returns", [True, False], ids=["client returns", "client is gone"])
async def test_killed_around_each_call_of_stripe_in_create_setup_intent(
    cluster: Cluster, database_url: str, moment: str, call: str, client_returns: bool
) -> None:
    one_key = key()
    async with cluster.application(worker=False) as first:
        await _named_by_an_order(first)
        act = first.buyer.do("createSetupIntent", input={}, key=one_key)
        await kill_in_call(cluster, first, moment, call, act)

    async with cluster.application(worker=True, lease_seconds=3) as second:
        if client_returns:
            payload = await settled(second.buyer, "createSetupIntent", one_key, input={})
            assert (payload["errors"], payload["setupIntent"]["status"]) == ([], "REQUIRES_PAYMENT_METHOD")
        rows = await _rows(database_url)

    books = cluster.sandbox.snapshot()
    [customer], [setup] = books.customers, books.setup_intents
    assert rows == [{"status": "REQUIRES_PAYMENT_METHOD", "intent": setup["id"], "customer": customer["id"]}]
    assert setup["customer"] == customer["id"]


async def test_two_replicas_begin_a_setup_of_one_key_once_and_make_the_customer_once(
    cluster: Cluster, database_url: str
) -> None:
    async with cluster.application(worker=False) as one, cluster.application(worker=False) as two:
        await _named_by_an_order(one)
        one_key, others = key(), [key() for _ in range(4)]
        replicas = (one, two)

        same = await asyncio.gather(
            *(settled(replicas[n % 2].buyer, "createSetupIntent", one_key, input={}) for n in range(6)),
            *(settled(replicas[n % 2].buyer, "createSetupIntent", others[n], input={}) for n in range(4)),
        )
        rows = await _rows(database_url)

    books = cluster.sandbox.snapshot()
    assert [payload["errors"] for payload in same] == [[]] * 10
    assert len({payload["setupIntent"]["id"] for payload in same[:6]}) == 1
    assert len(books.customers) == 1
    assert sorted(row["intent"] for row in rows) == sorted(setup["id"] for setup in books.setup_intents)
    assert len(rows) == 5
