"""Scenarios 8, 9, 10 and 14: the process is killed before each statement and around each call of Stripe.

Webhooks and poller are off: only the lease, the same key and the janitor recover here.
"""

import asyncpg
import httpx
import pytest

from database.connection import parse_url
from database.embedded import EmbeddedPostgres
from tests.crash.processes.cluster import Application, Cluster, settled, until_idle
from tests.crash.processes.kills import fresh, kill_at, kill_in_call
from tests.support.shop import Json, key

PAY: Json = {
    "expectedAmount": {"amount": 10_000, "currency": "USD"},
    "paymentMethodId": "pm_card_visa",
    "confirm": True,
}


OFF_SESSION = (
    ("pm_card_visa", "SUCCEEDED"),
    ("pm_card_authenticationRequired", "REQUIRES_PAYMENT_METHOD"),
)


async def _order(application: Application, external_id: str = "order-1") -> str:
    payload = await application.staff.do(
        "registerOrder",
        input={
            "externalId": external_id,
            "total": {"amount": 10_000, "currency": "USD"},
            "customerExternalId": "buyer",
        },
        key=key(),
    )
    return str(payload["order"]["id"])


async def _books_agree(database_url: str, cluster: Cluster, *, refunded: int = 0) -> None:
    """Check for one charge at Stripe and in our books, equal refunds, nothing open, a whole audit chain."""
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        payments = await connection.fetch("SELECT * FROM payment")
        refunds = await connection.fetch("SELECT * FROM refund")
        open_operations = await connection.fetchval("SELECT count(*) FROM operation WHERE due IS NOT NULL")
        order = await connection.fetchrow("SELECT * FROM orders")
        chain = await connection.fetch("SELECT * FROM payment_event ORDER BY sequence")
    finally:
        await connection.close()
    books = cluster.sandbox.snapshot()
    paid = [intent for intent in books.payment_intents if intent["amount_received"]]
    assert [intent["amount_received"] for intent in paid] == [10_000]
    assert [(p["status"], p["captured_minor"]) for p in payments] == [("SUCCEEDED", 10_000)]
    assert payments[0]["stripe_payment_intent_id"] == paid[0]["id"]
    assert [p["refunded_minor"] for p in payments] == [refunded]
    assert sorted(r["stripe_refund_id"] for r in refunds) == sorted(r["id"] for r in books.refunds)
    assert sum(r["amount"] for r in books.refunds) == refunded
    assert open_operations == 0
    assert order["last_sequence"] == len(chain) == chain[-1]["sequence"]
    assert order["last_hash"] == chain[-1]["hash"]
    assert [e["previous_hash"] for e in chain[1:]] == [e["hash"] for e in chain[:-1]]
    _one_key_one_request(books.requests)


def _one_key_one_request(requests: list[Json]) -> None:
    """Check that every POST carried a key, and one key always meant the same request."""
    posts = [request for request in requests if request["method"] == "POST"]
    meaning: dict[str, set[tuple[str, str]]] = {}
    for post in posts:
        assert post["idempotency_key"]
        meaning.setdefault(post["idempotency_key"], set()).add((post["path"], post["params_digest"]))
    paths = [path for requests in meaning.values() for path, _ in requests]
    assert len(paths) == len(set(paths)), "an act was sent under two keys"
    assert all(len(requests) == 1 for requests in meaning.values())


@pytest.mark.parametrize("chunk", range(2))
@pytest.mark.parametrize("client_returns", [True, False], ids=["client returns", "client is gone"])
async def test_scenario_9_and_14_killed_before_any_statement_of_create_payment(
    cluster: Cluster, database_url: str, postgres: EmbeddedPostgres, chunk: int, client_returns: bool
) -> None:
    step, tried = chunk + 1, 0
    while True:
        async with fresh(cluster, postgres) as url:
            async with cluster.application(worker=False) as first:
                order_id = await _order(first)
                one_key = key()
                variables = {"input": {"orderId": order_id, **PAY}}
                killed = await kill_at(cluster, first, step, first.buyer.do("createPayment", **variables, key=one_key))
            if not killed:
                break
            tried += 1
            async with cluster.application(worker=True, lease_seconds=3) as second:
                if client_returns or await _nothing_was_accepted(url):
                    payload = await settled(second.buyer, "createPayment", one_key, **variables)
                    assert payload["errors"] == []
                    assert payload["payment"]["status"] == "SUCCEEDED"
                await until_idle(url)
                await _books_agree(url, cluster)
        step += 2
    assert tried >= 4


@pytest.mark.parametrize("chunk", range(2))
async def test_killed_before_any_statement_of_refund_payment(
    cluster: Cluster, postgres: EmbeddedPostgres, chunk: int
) -> None:
    step, tried = chunk + 1, 0
    while True:
        async with fresh(cluster, postgres) as url:
            async with cluster.application(worker=False) as first:
                paid = await first.buyer.do("createPayment", input={"orderId": await _order(first), **PAY}, key=key())
                one_key = key()
                amount = {"amount": 4_000, "currency": "USD"}  # in part: a second one would fit
                variables = {"input": {"paymentId": paid["payment"]["id"], "reason": "OTHER", "amount": amount}}
                killed = await kill_at(cluster, first, step, first.staff.do("refundPayment", **variables, key=one_key))
            if not killed:
                break
            tried += 1
            async with cluster.application(worker=True, lease_seconds=3) as second:
                payload = await settled(second.staff, "refundPayment", one_key, **variables)
                assert payload["errors"] == []
                assert payload["refund"]["status"] == "SUCCEEDED"
                await until_idle(url)
                await _books_agree(url, cluster, refunded=4_000)
        step += 2
    assert tried >= 5


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
@pytest.mark.parametrize("call", ["/v1/payment_intents", "/v1/payment_intents/[^/]+/confirm"])
@pytest.mark.parametrize("client_returns", [True, False], ids=["client returns", "client is gone"])
async def test_scenario_8_killed_around_each_call_of_stripe_in_create_payment(
    cluster: Cluster, database_url: str, moment: str, call: str, client_returns: bool
) -> None:
    one_key = key()
    async with cluster.application(worker=False) as first:
        variables = {"input": {"orderId": await _order(first), **PAY}}
        await kill_in_call(cluster, first, moment, call, first.buyer.do("createPayment", **variables, key=one_key))

    async with cluster.application(worker=True, lease_seconds=3) as second:
        if client_returns:
            payload = await settled(second.buyer, "createPayment", one_key, **variables)
            assert payload["replayed"] is True
            assert payload["payment"]["status"] == "SUCCEEDED"
        await until_idle(database_url)
    await _books_agree(database_url, cluster)


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
async def test_killed_around_the_call_of_stripe_in_refund_payment(
    cluster: Cluster, database_url: str, moment: str
) -> None:
    one_key = key()
    async with cluster.application(worker=False) as first:
        paid = await first.buyer.do("createPayment", input={"orderId": await _order(first), **PAY}, key=key())
        amount = {"amount": 4_000, "currency": "USD"}  # in part: a second one would fit
        variables = {"input": {"paymentId": paid["payment"]["id"], "reason": "OTHER", "amount": amount}}
        await kill_in_call(
            cluster, first, moment, "/v1/refunds", first.staff.do("refundPayment", **variables, key=one_key)
        )

    async with cluster.application(worker=True, lease_seconds=3) as second:
        payload = await settled(second.staff, "refundPayment", one_key, **variables)
        await until_idle(database_url)
    assert payload["refund"]["status"] == "SUCCEEDED"
    await _books_agree(database_url, cluster, refunded=4_000)


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
@pytest.mark.parametrize("client_returns", [True, False], ids=["client returns", "client is gone"])
@pytest.mark.parametrize(("behaves", "end"), OFF_SESSION, ids=[end for _, end in OFF_SESSION])
async def test_killed_around_the_call_of_stripe_in_create_off_session_payment(
    cluster: Cluster, database_url: str, moment: str, client_returns: bool, behaves: str, end: str
) -> None:
    one_key = key()
    async with cluster.application(worker=False) as first:
        kept = await first.buyer.do(
            "createPayment", input={"orderId": await _order(first), **PAY, "setupFutureUsage": "OFF_SESSION"}, key=key()
        )
        assert kept["errors"] == []
        await _card_behaves(cluster, behaves)
        query = '{ customer(externalId: "buyer") { paymentMethods { nodes { id } } } }'
        [method] = (await first.buyer.ask(query))["customer"]["paymentMethods"]["nodes"]
        given = {"orderId": await _order(first, "order-2"), "expectedAmount": PAY["expectedAmount"]}
        variables = {"input": {**given, "savedPaymentMethodId": method["id"]}}
        charging = first.staff.do("createOffSessionPayment", **variables, key=one_key)
        await kill_in_call(cluster, first, moment, "/v1/payment_intents", charging)

    async with cluster.application(worker=True, lease_seconds=3) as second:
        if client_returns:
            payload = await settled(second.staff, "createOffSessionPayment", one_key, **variables)
            assert (payload["replayed"], payload["payment"]["status"]) == (True, end)
        await until_idle(database_url)
    books = cluster.sandbox.snapshot()
    charged = [
        charge["status"] for charge in books.charges if charge["payment_intent"] == books.payment_intents[-1]["id"]
    ]
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        [payment] = await connection.fetch("SELECT * FROM payment WHERE off_session")
    finally:
        await connection.close()
    assert (len(books.payment_intents), charged) == (2, ["succeeded" if end == "SUCCEEDED" else "failed"])
    assert (payment["status"], payment["stripe_payment_intent_id"]) == (end, books.payment_intents[-1]["id"])


async def _card_behaves(cluster: Cluster, behaves: str) -> None:
    """Let the card of the newest payment behave as another one from now on."""
    card = cluster.sandbox.snapshot().payment_intents[-1]["payment_method"]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as dashboard:
        answer = await dashboard.post(f"/_sandbox/payment_methods/{card}", json={"behaves": behaves})
    assert answer.status_code == 200


async def _nothing_was_accepted(url: str) -> bool:
    """Return True when the kill came before phase 1's commit: then only the client can come back."""
    connection = await asyncpg.connect(**parse_url(url))
    try:
        return not await connection.fetchval("SELECT count(*) FROM operation WHERE kind = 'CREATE_PAYMENT'")
    finally:
        await connection.close()
