"""The Python client sees every event of an order once and in order, whatever becomes of its streams."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from paygraph_client import Bearer, Event, MemoryStore, Paygraph, PaygraphError
from paygraph_client.events import follow

from domain.caller import LEEWAY, Scope
from server.access.authentication import sign_token
from tests.clients.cutting_proxy import CuttingProxy
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import JWT_SECRET, Json, key, token

BUYER = token("buyer", "payments:pay")
PATIENCE = 20.0  # of every wait; longer than a slow machine needs
FRAME = re.compile(rb"[0-9a-f]+\r\nevent: next\ndata: .*?\n\n\r\n", re.DOTALL)  # one event, as a chunk of HTTP
# Within the headers, between two events, within the first one and within the second.
CUTS = [0, 60, 450, 520, 700, 900]


@pytest.fixture
async def running(cluster: Cluster) -> AsyncIterator[Application]:
    async with cluster.application(worker=True) as application:
        yield application


@pytest.fixture
async def network(running: Application) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(port_of(running)) as opened:
        yield opened


@asynccontextmanager
async def client_at(port: int, auth: httpx.Auth | None = None, bearer: str = BUYER) -> AsyncIterator[Paygraph]:
    headers = {} if auth is not None else {"Authorization": f"Bearer {bearer}"}
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, auth=auth, timeout=10) as http:
        yield Paygraph(http, store=MemoryStore())


def port_of(running: Application) -> int:
    port = running.http.base_url.port
    assert port is not None
    return port


async def register(running: Application, name: str, customer: str = "buyer") -> str:
    given = {
        "externalId": name,
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": customer,
    }
    payload = await running.staff.do("registerOrder", input=given, key=key())
    assert payload["errors"] == [], payload
    return str(payload["order"]["id"])


async def pay(running: Application, order_id: str, method: str = "pm_card_visa") -> str:
    given: Json = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": method,
        "confirm": True,
    }
    return str((await running.buyer.do("createPayment", input=given, key=key()))["payment"]["id"])


async def refund(running: Application, payment_id: str) -> None:
    given = {"paymentId": payment_id, "amount": {"amount": 100, "currency": "USD"}, "reason": "OTHER"}
    assert (await running.staff.do("refundPayment", input=given, key=key()))["errors"] == []


async def newest(running: Application, order_id: str) -> int:
    """Return how many events the order has."""
    query = "query N($id: ID!) { order(id: $id) { payments { nodes { timeline(last: 1) { nodes { sequence } } } } } }"
    order = (await running.staff.ask(query, id=order_id))["order"]
    return max(int(node["sequence"]) for one in order["payments"]["nodes"] for node in one["timeline"]["nodes"])


async def until(events: AsyncGenerator[Event, None], sequence: int) -> list[Event]:
    """Return the events up to this one."""
    seen: list[Event] = []
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            seen.append(event)
            if event.sequence >= sequence:
                return seen
    raise AssertionError(f"the events ended with {seen}")


def sequences(events: list[Event]) -> list[int]:
    return [event.sequence for event in events]


async def test_an_order_is_followed_from_its_newest_event_to_its_payment(running: Application) -> None:
    order_id = await register(running, "order-1")
    async with client_at(port_of(running)) as client, aclosing(client.events(order_id)) as events:
        first = await anext(events)
        payment_id = await pay(running, order_id)
        rest = await until(events, await newest(running, order_id))

    assert first == Event(1, "order.registered", "UNPAID", None, None)
    assert sequences(rest) == list(range(2, 2 + len(rest)))
    assert rest[-1] == Event(rest[-1].sequence, "payment.succeeded", "PAID", payment_id, "SUCCEEDED")


@pytest.mark.parametrize("after_bytes", CUTS)
async def test_wherever_a_stream_is_cut_no_event_is_lost_or_seen_twice(running: Application, after_bytes: int) -> None:
    order_id = await register(running, "order-1")
    await pay(running, order_id)
    last = await newest(running, order_id)
    async with (
        CuttingProxy(port_of(running), "answer", after_bytes) as network,
        client_at(network.port) as client,
        aclosing(client.events(order_id, after=0)) as events,
    ):
        seen = await until(events, last)

    assert network.was_cut.is_set()
    assert sequences(seen) == list(range(1, last + 1))


async def test_a_connection_that_is_lost_between_two_events_is_opened_again_behind_the_last_one(
    running: Application, network: CuttingProxy
) -> None:
    order_id = await register(running, "order-1")
    async with client_at(network.port) as client, aclosing(client.events(order_id)) as events:
        seen = [await anext(events)]
        await network.cut()
        payment_id = await pay(running, order_id)
        seen += await until(events, await newest(running, order_id))
        await network.cut()
        await refund(running, payment_id)
        seen += await until(events, await newest(running, order_id))

    assert sequences(seen) == list(range(1, 1 + len(seen)))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_the_events_of_a_restart_are_told_by_the_next_process(
    cluster: Cluster, network: CuttingProxy, running: Application, how: signal.Signals
) -> None:
    order_id = await register(running, "order-1")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(client_at(network.port))
        events = await stack.enter_async_context(aclosing(client.events(order_id)))
        seen = [await anext(events)]
        following = asyncio.create_task(anext(events))
        os.kill(running.pid, how)
        async with asyncio.timeout(PATIENCE):
            await running.gone()
        other = await stack.enter_async_context(cluster.application(worker=True))
        payment_id = await pay(other, order_id)
        network.target = port_of(other)
        async with asyncio.timeout(PATIENCE):
            seen.append(await following)
        await refund(other, payment_id)
        seen += await until(events, await newest(other, order_id))

    assert sequences(seen) == list(range(1, 1 + len(seen)))


async def test_a_server_that_is_silent_is_left_for_one_that_answers(
    cluster: Cluster, network: CuttingProxy, running: Application
) -> None:
    order_id = await register(running, "order-1")
    headers = {"Authorization": f"Bearer {BUYER}"}
    async with (
        cluster.application(worker=True) as other,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{network.port}", headers=headers) as http,
        aclosing(follow(http, order_id, after=None, silence_seconds=0.5)) as events,
    ):
        seen = [await anext(events)]
        following = asyncio.create_task(anext(events))
        running.freeze()
        network.target = port_of(other)
        await pay(other, order_id)
        async with asyncio.timeout(PATIENCE):
            seen.append(await following)
        seen += await until(events, await newest(other, order_id))
        running.thaw()

    assert sequences(seen) == list(range(1, 1 + len(seen)))


async def test_a_token_that_ends_in_mid_stream_is_renewed_once_and_nothing_is_missed(
    running: Application, network: CuttingProxy
) -> None:
    order_id = await register(running, "order-1")
    tokens = [_ending_soon(), BUYER]
    asked: list[bool] = []

    async def current(renew: bool) -> str:
        if renew:
            tokens.pop(0)
        asked.append(renew)
        return tokens[0]

    async with client_at(network.port, auth=Bearer(current)) as client, aclosing(client.events(order_id)) as events:
        seen = [await anext(events)]
        following = asyncio.create_task(anext(events))
        await _until_closed(network)
        await pay(running, order_id)
        async with asyncio.timeout(PATIENCE):
            seen.append(await following)
        seen += await until(events, await newest(running, order_id))

    assert sequences(seen) == list(range(1, 1 + len(seen)))
    assert asked == [False, False, True]


async def test_a_token_that_is_not_renewed_ends_the_events_with_the_reason(running: Application) -> None:
    order_id = await register(running, "order-1")
    async with (
        client_at(port_of(running), bearer=_ending_soon()) as client,
        aclosing(client.events(order_id)) as events,
    ):
        await anext(events)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(PaygraphError) as ended:
                await anext(events)

    assert (ended.value.status, ended.value.code) == (401, "UNAUTHENTICATED")


async def test_an_event_that_comes_twice_is_seen_once(running: Application, network: CuttingProxy) -> None:
    order_id = await register(running, "order-1")
    await pay(running, order_id)
    last = await newest(running, order_id)
    twice: list[bytes] = []

    def repeat(piece: bytes) -> bytes:
        twice.extend(FRAME.findall(piece))
        return FRAME.sub(rb"\g<0>\g<0>", piece)

    network.edit = repeat
    async with client_at(network.port) as client, aclosing(client.events(order_id, after=0)) as events:
        seen = await until(events, last)

    assert len(twice) >= last
    assert sequences(seen) == list(range(1, last + 1))


async def test_an_event_that_does_not_arrive_is_asked_for_again(running: Application, network: CuttingProxy) -> None:
    order_id = await register(running, "order-1")
    await pay(running, order_id)
    last = await newest(running, order_id)
    lost: list[bytes] = []

    def lose_the_second(piece: bytes) -> bytes:
        for frame in FRAME.findall(piece):
            if b'"sequence":2,' in frame and not lost:
                lost.append(frame)
                piece = piece.replace(frame, b"")
        return piece

    network.edit = lose_the_second
    async with client_at(network.port) as client, aclosing(client.events(order_id, after=0)) as events:
        seen = await until(events, last)

    assert len(lost) == 1
    assert sequences(seen) == list(range(1, last + 1))


async def test_events_that_the_caller_may_not_see_are_left_out_and_hold_nothing_up(running: Application) -> None:
    """The order was another customer's for a while; the trail of that time is theirs."""
    order_id = await register(running, "order-1")
    await register(running, "order-1", customer="another")
    await register(running, "order-1")
    await pay(running, order_id)
    last = await newest(running, order_id)
    async with client_at(port_of(running)) as client, aclosing(client.events(order_id, after=0)) as events:
        seen = await until(events, last)

    assert seen[0].sequence == 1
    assert 2 not in sequences(seen)
    assert sequences(seen) == sorted(set(sequences(seen)))
    assert seen[-1].type == "payment.succeeded"


async def test_a_stranger_is_refused_at_once(running: Application) -> None:
    order_id = await register(running, "order-1")
    stranger = token("stranger", "payments:pay")
    async with client_at(port_of(running), bearer=stranger) as client, aclosing(client.events(order_id)) as events:
        with pytest.raises(PaygraphError) as refused:
            await anext(events)

    assert refused.value.reason == "NOT_FOUND"


async def test_a_client_that_closes_leaves_no_connection_and_its_place_is_free(cluster: Cluster) -> None:
    async with (
        cluster.application(worker=False, streams_per_address=1) as running,
        CuttingProxy(port_of(running)) as network,
        client_at(network.port) as client,
    ):
        order_id = await register(running, "order-1")
        for _ in range(3):  # each needs the one place that the address has
            async with asyncio.timeout(PATIENCE), aclosing(client.events(order_id)) as events:
                assert (await anext(events)).sequence == 1
            await _until_closed(network)


async def _until_closed(network: CuttingProxy) -> None:
    """Wait until no connection is open."""
    async with asyncio.timeout(PATIENCE):
        while network.connections:
            await asyncio.sleep(0.01)


def _ending_soon() -> str:
    """Return a buyer's token that is taken for two seconds more."""
    lifetime = timedelta(seconds=2) - LEEWAY
    return sign_token(JWT_SECRET, "buyer", [Scope.PAYMENTS_PAY], lifetime, issuer=None, audience=None)
