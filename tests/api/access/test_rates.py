"""Rate limits: the cost of a document, points that refill over time, few payment attempts."""

import asyncio
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from database.connection import parse_url
from database.statements import query_rows
from server.access.token_buckets import REMEMBERED, DatabaseBuckets, ProcessBuckets, Rate, Take
from tests.api.access.conftest import Opened
from tests.support.shop import Client, Json, Shop, key

SLOW = {"buyer_points_per_second": 1, "address_points_per_second": 1, "staff_points_per_second": 1}
KINDS = pytest.mark.parametrize("kind", ["process", "database"])
ORDER = """query O($id: ID!) {
  order(id: $id) { id a: customer { id } b: customer { id } payments(first: 3) { nodes { id } } }
}"""
ORDER_COST = 1 + 2 + 3  # the order, its customer twice, its payments
PAGE = "query P($n: Int!) { payments(first: $n) { nodes { id order { id } } } }"


async def limited(client: Client, query: str, **variables: Any) -> Json:
    """Return the one error of a request that was refused for its rate, with the seconds to wait."""
    response = await client.post(query, variables)
    assert response.status_code == 429, response.text
    answer = response.json()
    [error] = answer["errors"]
    assert "data" not in answer
    assert (error["extensions"]["reason"], error["extensions"]["retryable"]) == ("RATE_LIMITED", True)
    return {"message": error["message"], "seconds": int(response.headers["Retry-After"])}


async def cost_of(client: Client, query: str, **variables: Any) -> Json:
    answer = (await client.post(query, variables)).json()
    assert "errors" not in answer, answer
    cost: Json = answer["extensions"]["cost"]
    return cost


# -- cost ------------------------------------------------------------------------------------------------------------


async def test_each_answer_says_what_it_cost_and_what_is_left(opened: Opened) -> None:
    async with opened(buyer_points=1_000, buyer_points_per_second=1) as shop:
        order_id = await shop.order()

        first = await cost_of(shop.buyer, ORDER, id=order_id)
        second = await cost_of(shop.buyer, ORDER, id=order_id)

    assert first == {
        "requestedQueryCost": ORDER_COST,
        "actualQueryCost": 3,
        "throttleStatus": {"maximumAvailable": 1_000, "currentlyAvailable": 997, "restoreRate": 1},
    }
    assert second["throttleStatus"]["currentlyAvailable"] in (994, 995)  # a slow machine gets a point back


async def test_a_buyer_may_ask_for_500_and_the_staff_for_10_000(opened: Opened) -> None:
    async with opened() as shop:
        fits = await shop.buyer.post(PAGE, {"n": 100})
        spread = "query P($n: Int!) { payments(first: $n) { nodes { refunds { payment { id } } } } }"
        too_much = await shop.buyer.post(spread, {"n": 24})
        by_staff = await shop.staff.post(spread, {"n": 24})

    assert fits.status_code == by_staff.status_code == 200
    [error] = too_much.json()["errors"]
    assert error["extensions"]["reason"] == "COST_LIMIT"
    assert error["message"].startswith("The document costs 505, 500 is allowed: payments 505")


async def test_a_mutation_says_what_it_cost_too(opened: Opened) -> None:
    async with opened() as shop:
        payload = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
        mutation = (
            "mutation M($input: CreatePaymentInput!, $key: IdempotencyKey!)"
            " { createPayment(input: $input, idempotencyKey: $key) { payment { id } } }"
        )
        cost = await cost_of(shop.buyer, mutation, input=payload, key=key())

    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (11, 11)


# -- points ----------------------------------------------------------------------------------------------------------


@KINDS
async def test_what_was_asked_for_and_not_used_comes_back(opened: Opened, kind: str) -> None:
    async with opened(rate_limits=kind, buyer_points=500, **SLOW) as shop:
        for _ in range(20):  # 20 times 201 would be eight full buckets
            cost = await cost_of(shop.buyer, PAGE, n=100)

    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (201, 1)
    assert cost["throttleStatus"]["currentlyAvailable"] >= 480


@KINDS
async def test_points_run_out_and_nothing_runs_then(opened: Opened, kind: str) -> None:
    async with opened(rate_limits=kind, buyer_points=500, buyer_cost_limit=500, **SLOW) as shop:
        order_id = await shop.order()
        asked = 0
        while (response := await shop.buyer.post(ORDER, {"id": order_id})).status_code == 200:
            asked += 1
        refused = await limited(shop.buyer, ORDER, id=order_id)
        stranger = await shop.stranger.post(ORDER, {"id": order_id})

    assert response.status_code == 429
    assert 160 <= asked <= 190  # 3 points each, and one is refilled each second
    assert 1 <= refused["seconds"] <= 6
    assert stranger.status_code == 200


async def test_an_address_has_points_of_its_own_whoever_asks_from_there(opened: Opened) -> None:
    async with opened(buyer_cost_limit=100, address_points=100, **SLOW) as shop:
        order_id = await shop.order()
        first = [(await shop.anonymous.post("{ __typename }", {})).status_code for _ in range(5)]
        while (await shop.buyer.post(ORDER, {"id": order_id})).status_code == 200:
            pass

        await limited(shop.stranger, ORDER, id=order_id)
        by_staff = await shop.staff.post(ORDER, {"id": order_id})

    assert first == [200] * 5
    assert by_staff.status_code == 200


async def test_the_address_is_the_one_that_the_trusted_proxy_saw(opened: Opened) -> None:
    async def statuses(shop: Shop, *forwarded: str) -> list[int]:
        return sorted(await asyncio.gather(*(status(shop, given) for given in forwarded)))

    async def status(shop: Shop, forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        body = {"query": '{ order(id: "order_01h455vb4pex5vsknk084sn02q") { id } }'}
        return (await shop.http.post("/graphql", json=body, headers=headers)).status_code

    small = {"buyer_cost_limit": 1, "buyer_points": 1, "address_points": 1, **SLOW}
    async with opened(trusted_proxies=1, **small) as shop:
        behind = await statuses(shop, "1.1.1.1", "6.6.6.6, 1.1.1.1", "2.2.2.2")
        networks = await statuses(shop, "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:9::1")
    async with opened(**small) as shop:
        untrusted = await statuses(shop, "1.1.1.1", "2.2.2.2")

    assert behind == networks == [200, 200, 429]
    assert untrusted == [200, 429]


async def test_two_replicas_share_the_buckets_of_the_database(opened: Opened) -> None:
    async with opened(rate_limits="database", buyer_points=500, **SLOW) as one:
        order_id = await one.order()
        while (await one.buyer.post(ORDER, {"id": order_id})).status_code == 200:
            pass
    async with opened(rate_limits="database", buyer_points=500, **SLOW) as other:
        await limited(other.buyer, ORDER, id=order_id)
        [bucket] = await query_rows("SELECT count(*) AS n, bool_or(key LIKE '%buyer%') AS named FROM rate_bucket")

    assert bucket["n"] >= 3
    assert bucket["named"] is False


# -- attempts to pay -------------------------------------------------------------------------------------------------


@KINDS
async def test_a_buyer_has_few_attempts_a_minute_and_the_refused_key_is_still_free(opened: Opened, kind: str) -> None:
    async with opened(rate_limits=kind, buyer_payments_per_minute=2) as shop:
        orders = [await shop.order() for _ in range(3)]
        paid = [(await shop.pay(order_id))["payment"]["status"] for order_id in orders[:2]]
        again, calls = key(), len(shop.sandbox.snapshot().requests)

        response = await shop.buyer.post(*_paying(orders[2], again))
        reads = await shop.buyer.post(ORDER, {"id": orders[2]})
        kept = await query_rows("SELECT 1 FROM operation WHERE key = $1", [again])
        by_service = await shop.staff.post(*_paying(orders[2], again))
        calls = len(shop.sandbox.snapshot().requests) - calls

    assert paid == ["SUCCEEDED", "SUCCEEDED"]
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 30
    assert kept == []
    assert calls == 2  # the service's create and confirm
    assert (reads.status_code, by_service.status_code) == (200, 200)
    assert by_service.json()["data"]["createPayment"]["payment"]["status"] == "SUCCEEDED"


async def test_many_buyers_from_one_address_have_few_attempts_together(opened: Opened) -> None:
    async with opened(address_payments_per_minute=2) as shop:
        for _ in range(2):
            await shop.pay(await shop.order())
        mine = await shop.order(customer="stranger")

        response = await shop.stranger.post(*_paying(mine, key()))

    assert response.status_code == 429


async def test_twenty_at_once_get_no_more_attempts_than_one_after_another(opened: Opened) -> None:
    async with opened(rate_limits="database", buyer_payments_per_minute=3) as shop:
        orders = [await shop.order() for _ in range(20)]

        answers = await asyncio.gather(*(shop.buyer.post(*_paying(order_id, key())) for order_id in orders))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 17


async def test_an_answer_does_not_suffer_when_its_unused_points_cannot_be_put_back(
    opened: Opened, database_url: str
) -> None:
    async with opened(rate_limits="database") as shop:
        order_id = await shop.order()
        number = shop.sandbox.fault(kind="hold_after", method="POST", path=".*/confirm")
        mutation, variables = _paying(order_id, key())
        wide = mutation.replace("payment { status }", "payment { status refunds { amount { amount } } }")
        paying = asyncio.create_task(shop.buyer.post(wide, variables))
        async with asyncio.timeout(10):
            while not any(rule["fired"] for rule in shop.sandbox.faults()):
                await asyncio.sleep(0.005)

        connection = await asyncpg.connect(**parse_url(database_url))
        async with connection.transaction():
            await connection.execute("LOCK TABLE rate_bucket IN EXCLUSIVE MODE")
            shop.sandbox.clear_faults(number)
            answer = await paying
        await connection.close()

    assert answer.status_code == 200
    assert answer.json()["data"]["createPayment"]["payment"]["status"] == "SUCCEEDED"


# -- memory ----------------------------------------------------------------------------------------------------------


async def test_a_flood_of_addresses_costs_bounded_memory_and_wipes_out_nobodys_bucket() -> None:
    buckets, rate = ProcessBuckets(), Rate(1_000, 0.001)
    await buckets.take([Take("network victim", 900, rate), Take("buyer victim", 900, rate)])

    for number in range(200_000):
        await buckets.take([Take(f"network {number}", 1, Rate(10, 1_000_000)), Take(f"address {number}", 1, rate)])

    assert len(buckets) <= 2 * REMEMBERED + 3  # of two kinds, each with a shared bucket, and the buyer's
    levels = await buckets.take([Take("network victim", 101, rate), Take("buyer victim", 101, rate)])
    assert [level.taken for level in levels] == [False, False]


async def test_newcomers_share_a_bucket_while_there_is_no_room_and_get_their_own_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.access.token_buckets.REMEMBERED", 4)
    now = [0.0]
    monkeypatch.setattr("server.access.token_buckets.time", SimpleNamespace(monotonic=lambda: now[0]))
    buckets, rate = ProcessBuckets(), Rate(10, 1)
    for number in range(4):
        await buckets.take([Take(f"address {number}", 8, rate)])

    while_full = [(await buckets.take([Take(f"address new-{number}", 4, rate)]))[0].taken for number in range(5)]
    now[0] = 60.0  # all have refilled
    later = [(await buckets.take([Take(f"address new-{number}", 4, rate)]))[0].taken for number in range(5)]

    assert while_full == [True, True, False, False, False]
    assert later == [True] * 5


async def test_a_site_of_ipv6_has_as_much_as_four_addresses(opened: Opened) -> None:
    small = {"buyer_cost_limit": 1, "buyer_points": 1, "address_points": 1, **SLOW}
    async with opened(trusted_proxies=1, **small) as shop:
        statuses = [
            (
                await shop.http.post(
                    "/graphql",
                    json={"query": '{ order(id: "order_01h455vb4pex5vsknk084sn02q") { id } }'},
                    headers={"X-Forwarded-For": address},
                )
            ).status_code
            for address in (*(f"2001:db8:1:{network:x}::1" for network in range(6)), "2001:db8:2::1")
        ]

    assert statuses == [200] * 4 + [429] * 2 + [200]


async def test_the_database_forgets_buckets_that_are_full_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.access.token_buckets.TAKES_BETWEEN_SWEEPS", 4)
    async with opened(rate_limits="off"):
        buckets = DatabaseBuckets()
        for name in ("a", "b", "c"):
            await buckets.take([Take(name, 1, Rate(10, 1_000_000))])
        await buckets.take([Take("d", 9, Rate(10, 0.001))])
        left = await query_rows("SELECT level FROM rate_bucket")

    assert [round(row["level"]) for row in left] == [1]


def _paying(order_id: str, with_key: str) -> tuple[str, Json]:
    mutation = (
        "mutation M($input: CreatePaymentInput!, $key: IdempotencyKey!)"
        " { createPayment(input: $input, idempotencyKey: $key) { payment { status } } }"
    )
    paying = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_visa",
        "confirm": True,
    }
    return mutation, {"input": paying, "key": with_key}
