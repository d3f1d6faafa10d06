"""A mutation that started always finishes: clients disconnect, callers cancel, servers stop."""

import asyncio
import json

import pytest

from server.graphql.query_cost import Limits
from tests.server.conftest import Logs
from tests.server.shop import CLIENT_SECRET, Shop, call, open_shop, post_scope, refusal, token_for

PAY = json.dumps({"query": 'mutation { pay(key: "k1") }'}).encode()


def asked(body: bytes) -> list[dict[str, object]]:
    return [{"type": "http.request", "body": body}]


async def test_48_a_cancelled_request_does_not_cancel_its_mutation(shop: Shop) -> None:
    request = asyncio.create_task(call(shop.app, post_scope(), asked(PAY)))
    await shop.world.started.wait()

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    shop.world.gate.set()
    left = await shop.endpoint.drain(5)

    assert shop.world.paid == ["k1"]
    assert shop.world.cancelled == []
    assert left == 0


async def test_48_a_client_that_hangs_up_does_not_stop_the_mutation_behind_a_timeout(shop: Shop) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call(shop.app, post_scope(), asked(PAY)), 0.02)

    shop.world.gate.set()
    await shop.endpoint.drain(5)

    assert shop.world.paid == ["k1"]


async def test_a_mutation_is_not_bound_by_the_time_of_queries() -> None:
    shop = open_shop(limits=Limits(query_seconds=0.01))
    async with shop.client:
        request = asyncio.create_task(shop.ask('mutation { pay(key: "k1") }'))
        await shop.world.started.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(request), 0.05)
        shop.world.gate.set()

        assert (await request).json() == {"data": {"pay": "k1"}}


async def test_a_query_ends_after_its_time_and_its_work_is_cancelled(logs: Logs) -> None:
    shop = open_shop(limits=Limits(query_seconds=0.01))
    async with shop.client:
        response = await shop.ask("{ hello slow }")

    assert refusal(response) == (503, "INTERNAL_SERVER_ERROR", "TIMED_OUT")
    assert shop.world.cancelled == ["slow"]
    assert len(logs.named("graphql.query_timed_out")) == 1


async def test_drain_says_how_many_mutations_still_run(shop: Shop) -> None:
    request = asyncio.create_task(shop.ask('mutation { pay(key: "k1") }'))
    await shop.world.started.wait()

    assert await shop.endpoint.drain(0.01) == 1

    shop.world.gate.set()
    await request
    assert await shop.endpoint.drain(0.01) == 0


async def test_a_bug_in_a_mutation_is_logged_although_the_client_is_gone(shop: Shop, logs: Logs) -> None:
    body = json.dumps({"query": "mutation { payBroken }"}).encode()
    request = asyncio.create_task(call(shop.app, post_scope(), asked(body)))
    await shop.world.started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    shop.world.gate.set()
    await shop.endpoint.drain(5)

    [entry] = logs.named("graphql.field_failed")
    assert entry["operation"] == "mutation"
    assert entry["request_id"].startswith("req_")
    assert CLIENT_SECRET not in logs.text


async def test_a_context_that_crashes_is_a_masked_500_logged_once(logs: Logs) -> None:
    def crash(origin: object) -> object:
        raise RuntimeError(CLIENT_SECRET)

    shop = open_shop(context=crash)
    async with shop.client:
        for query in ("{ hello }", 'mutation { pay(key: "k") }'):
            assert refusal(await shop.ask(query, token=token_for())) == (500, "INTERNAL_SERVER_ERROR", "INTERNAL_ERROR")

    assert len(logs.named("graphql.crashed")) == 2
    assert CLIENT_SECRET not in logs.text
