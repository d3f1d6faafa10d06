"""The Python that docs/clients/python.md shows does what the page says, against a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from examples import checkout, plain_httpx, with_gql
from paygraph_client import Declined, FileStore, Paid, Paygraph, Undecided

from tests.clients.cutting_proxy import CuttingProxy
from tests.clients.test_event_streams import newest, pay, port_of, refund, register
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import Json, key, token

BUYER = token("buyer", "payments:pay")
PATIENCE = 20.0


@pytest.fixture
async def running(cluster: Cluster) -> AsyncIterator[Application]:
    async with cluster.application(worker=True) as application:
        yield application


async def buyers_token(renew: bool) -> str:
    return BUYER


def charged(cluster: Cluster) -> list[int]:
    return [intent["amount_received"] for intent in cluster.sandbox.snapshot().payment_intents]


def paying(order_id: str, method: str = "pm_card_visa", amount: int = 10_000) -> Json:
    money = {"amount": amount, "currency": "USD"}
    return {"input": {"orderId": order_id, "expectedAmount": money, "paymentMethodId": method, "confirm": True}}


async def test_the_next_method_pays_the_payment_that_was_declined(
    cluster: Cluster, running: Application, tmp_path: Path
) -> None:
    order_id = await register(running, "order-1")
    methods = iter(["pm_card_visa_chargeDeclined", "pm_card_visa"])
    async with checkout.open_client(str(running.http.base_url), buyers_token, tmp_path) as client:
        result = await checkout.check_out(client, order_id, 10_000, "USD", methods)

    assert isinstance(result, Paid)
    assert charged(cluster) == [10_000]
    assert list(tmp_path.iterdir()) == []


async def test_a_decline_is_told_in_the_buyers_language_and_the_key_is_kept(
    running: Application, tmp_path: Path
) -> None:
    order_id = await register(running, "order-1")
    async with checkout.open_client(str(running.http.base_url), buyers_token, tmp_path) as client:
        result = await checkout.check_out(client, order_id, 10_000, "USD", iter(["pm_card_visa_chargeDeclined"]))
        again = await checkout.take_up(client, order_id)

    assert isinstance(result, Declined)
    assert result.message.startswith("Die Zahlung wurde abgelehnt.")
    assert again == result


async def test_what_was_begun_before_a_crash_is_taken_up_with_its_key(
    cluster: Cluster, running: Application, tmp_path: Path
) -> None:
    order_id = await register(running, "order-1")
    headers = {"Authorization": f"Bearer {BUYER}"}
    async with (
        CuttingProxy(port_of(running), "answer", 0) as network,  # the answer is lost
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{network.port}", headers=headers) as http,
    ):
        crashing = Paygraph(http, store=FileStore(tmp_path), patience_seconds=0.05)
        first = await crashing.pay(order_id, amount=10_000, currency="USD", payment_method_id="pm_card_visa")
    async with checkout.open_client(str(running.http.base_url), buyers_token, tmp_path) as client:
        result = await checkout.take_up(client, order_id)
        nothing = await checkout.take_up(client, await register(running, "order-2"))

    assert isinstance(first, Undecided)
    assert isinstance(result, Paid)
    assert nothing is None
    assert charged(cluster) == [10_000]


async def test_the_order_is_followed_until_it_is_paid(running: Application, tmp_path: Path) -> None:
    order_id = await register(running, "order-1")
    async with (
        CuttingProxy(port_of(running)) as network,
        checkout.open_client(f"http://127.0.0.1:{network.port}", buyers_token, tmp_path) as client,
        asyncio.timeout(PATIENCE),
    ):
        waiting = asyncio.create_task(checkout.wait_until_paid(client, order_id, after=0))
        while not network.connections:
            await asyncio.sleep(0.01)
        await network.cut()
        await pay(running, order_id)
        sequence = await waiting

    assert sequence <= await newest(running, order_id)


@pytest.mark.parametrize("after_bytes", [0, 200])
async def test_plain_httpx_pays_once_over_a_lost_answer(
    cluster: Cluster, running: Application, after_bytes: int
) -> None:
    order_id, one_key, headers = await register(running, "order-1"), key(), {"Authorization": f"Bearer {BUYER}"}
    async with httpx.AsyncClient(base_url=running.http.base_url, headers=headers) as http:
        before = await plain_httpx.what_became_of(http, one_key)
    async with (
        CuttingProxy(port_of(running), "answer", after_bytes) as network,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{network.port}", headers=headers) as http,
        asyncio.timeout(PATIENCE),
    ):
        payload = await plain_httpx.until_answered(http, plain_httpx.PAY, {**paying(order_id), "key": one_key})
        became = await plain_httpx.what_became_of(http, one_key)

    assert before is None
    assert network.was_cut.is_set()
    assert payload["payment"]["status"] == "SUCCEEDED"
    assert became == {"state": "SUCCEEDED", "error": None, "result": payload["payment"]}
    assert charged(cluster) == [10_000]


async def test_plain_httpx_confirms_the_same_payment_after_a_decline(cluster: Cluster, running: Application) -> None:
    order_id = await register(running, "order-1")
    headers = {"Authorization": f"Bearer {BUYER}"}
    async with httpx.AsyncClient(base_url=running.http.base_url, headers=headers) as http:
        declined = await plain_httpx.until_answered(
            http, plain_httpx.PAY, {**paying(order_id, "pm_card_visa_chargeDeclined"), "key": key()}
        )
        given = {"paymentId": declined["payment"]["id"], "paymentMethodId": "pm_card_visa"}
        paid = await plain_httpx.until_answered(http, plain_httpx.CONFIRM, {"input": given, "key": key()})

    assert [error["code"] for error in declined["errors"]] == ["CARD_DECLINED"]
    assert paid["payment"] == {"id": declined["payment"]["id"], "status": "SUCCEEDED"}
    assert charged(cluster) == [10_000]


async def test_plain_httpx_does_not_repeat_what_was_refused(running: Application) -> None:
    async with httpx.AsyncClient(base_url=running.http.base_url) as http:
        with pytest.raises(plain_httpx.Refused):
            await plain_httpx.until_answered(http, plain_httpx.PAY, {**paying("order_1"), "key": key()})


async def test_gql_goes_on_behind_the_last_event_after_a_break(running: Application) -> None:
    order_id = await register(running, "order-1")
    async with (
        CuttingProxy(port_of(running)) as network,
        aclosing(with_gql.follow(f"ws://127.0.0.1:{network.port}/graphql", BUYER, order_id)) as events,
        asyncio.timeout(PATIENCE),
    ):
        seen = [await anext(events)]
        await network.cut()
        payment_id = await pay(running, order_id)
        last = await newest(running, order_id)
        while seen[-1]["sequence"] < last:
            seen.append(await anext(events))
        await refund(running, payment_id)
        seen.append(await anext(events))

    assert [event["sequence"] for event in seen] == list(range(1, 1 + len(seen)))
