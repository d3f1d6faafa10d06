"""The walk over every edge over sockets and server-sent events: queries, and subscriptions while events are made.

See tests/api/access/test_every_edge.py for the walk over plain HTTP.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from domain.caller import Scope
from tests.live.following import PATIENCE, note, served
from tests.support.edges import Answered, Call, Sending, all_edges, document_of, from_root, walk, ways
from tests.support.shop import Client, Json, Shop, open_shop, settings_for, token
from tests.support.two_owners import (
    CLERK,
    FIRST,
    OF_THE_STAFF,
    SECOND,
    Who,
    World,
    build,
    from_every_root,
    secrets_of,
    strangers,
)

REFUSED: Final = {"FORBIDDEN", "NOT_FOUND"}  # reasons
READS_ALL: Final = {CLERK, Scope.PAYMENTS_READ.value}
Take = Callable[[Json], None]
Follow = Callable[[str, Json, Take], Any]  # a subscription until it ends, each answer taken


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop whose requests do not wait for Stripe, and that learns of changes by notification.

    All callers have one address here.
    """
    quick = {"request_budget_seconds": 0, "live_poll_seconds": 300}
    roomy = {"streams_per_address": 1_000, "connections_per_address": 1_000}
    async with open_shop(settings_for(database_url, tmp_path / "state", **quick, **roomy)) as opened:
        yield opened


@pytest.fixture
async def address(shop: Shop) -> AsyncIterator[str]:
    async with served(shop.app) as at:
        yield at


@asynccontextmanager
async def over_a_socket(address: str, client: Client) -> AsyncIterator[Follow]:
    """Send all operations of a caller over one socket, with graphql-transport-ws."""
    async with connect(
        f"{address}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None, open_timeout=PATIENCE
    ) as connection:
        given = {"Authorization": f"Bearer {client.token}"} if client.token else {}
        await connection.send(json.dumps({"type": "connection_init", "payload": given}))
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        running: dict[str, asyncio.Queue[Json]] = {}
        reading = asyncio.create_task(_distribute(connection, running))
        try:
            yield lambda document, variables, take: _subscribed(connection, running, document, variables, take)
        finally:
            reading.cancel()


async def _distribute(connection: ClientConnection, running: Mapping[str, asyncio.Queue[Json]]) -> None:
    async for message in connection:
        told = json.loads(message)
        if told["type"] == "ping":
            await connection.send('{"type": "pong"}')
        else:
            running[told["id"]].put_nowait(told)


async def _subscribed(
    connection: ClientConnection, running: dict[str, asyncio.Queue[Json]], document: str, variables: Json, take: Take
) -> None:
    name = str(len(running))
    running[name] = asyncio.Queue()
    payload = {"query": document, "variables": variables}
    await connection.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))
    while (told := await running[name].get())["type"] != "complete":
        is_end = told["type"] == "error"
        take({"errors": told["payload"]} if is_end else told["payload"])
        if is_end:
            return


@asynccontextmanager
async def as_events(address: str, client: Client) -> AsyncIterator[Follow]:
    """Send each operation of a caller as a request of its own, with graphql-sse."""
    headers = {"Accept": "text/event-stream"}
    headers |= {"Authorization": f"Bearer {client.token}"} if client.token else {}
    base = address.replace("ws://", "http://")
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=4 * PATIENCE, limits=limits) as http:

        async def follow(document: str, variables: Json, take: Take) -> None:
            given = {"query": document, "variables": variables}
            async with http.stream("POST", "/graphql", json=given) as response:
                if not response.headers["content-type"].startswith("text/event-stream"):
                    return take(json.loads(await response.aread()))
                async for line in response.aiter_lines():
                    if line.startswith("data: {"):
                        take(json.loads(line.removeprefix("data: ")))
            return None

        yield follow


TRANSPORTS: Final = pytest.mark.parametrize("transport", [over_a_socket, as_events])


@TRANSPORTS
async def test_queries_over_streams_lead_to_no_more(shop: Shop, address: str, transport: Any) -> None:
    world = await build(shop)
    objects = await world.objects()
    those = await strangers(world)
    clients = {who: one.client for who, one in those.items()} | {CLERK: world.client(CLERK)}

    async with AsyncExitStack() as stack:
        callers = {
            who: _asking(await stack.enter_async_context(transport(address, one))) for who, one in clients.items()
        }
        calls = [call for call in from_every_root(world, objects) if call.name not in ("payments", "operation")]
        answered = await walk(callers, [Call(one.name, one.arguments, only=one.only) for one in calls])

    assert _leaks(those, answered) == {}
    assert {who for who, one in those.items() if not one.reaches <= answered[who].found.keys()} == set()
    assert set(objects) - answered[CLERK].found.keys() == set()


def _asking(follow: Follow) -> Sending:
    async def ask(document: str, variables: Json) -> Json:
        answers: list[Json] = []
        async with asyncio.timeout(PATIENCE):
            await follow(document, variables, answers.append)
        [answer] = answers
        return answer

    return ask


@dataclass
class Listener:
    """One subscription of one caller: all its answers, and its end."""

    call: Call
    document: str
    answered: Answered = field(default_factory=Answered)
    sequences: list[int] = field(default_factory=list)
    refusal: str | None = None
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, answer: Json) -> None:
        if "errors" in answer and not answer.get("data"):
            [error] = answer["errors"]
            self.refusal = error["extensions"]["reason"]
            assert self.refusal in REFUSED, (error, self.document)
        else:
            [event] = self.answered.take(self.call, answer, self.document)
            self.sequences.append(event["sequence"])
        self.told.set()

    async def until(self, sequence: int) -> None:
        """Wait until this event has come, or the stream was refused."""
        while self.refusal is None and (not self.sequences or self.sequences[-1] < sequence):
            self.told.clear()
            await self.told.wait()


def _subscriptions(world: World) -> list[Call]:
    """List every field of Subscription with arguments for the built objects: from the beginning, and from now on."""
    chosen: dict[str, list[Json]] = {
        "paymentUpdated": [{"paymentId": world.first}, {"paymentId": world.second}],
        "orderPaymentUpdated": [{"orderId": world.order_id}],
        "paymentsFeed": [{"filter": {"orderId": world.order_id}}, {}],
    }
    return [
        Call(name, arguments | more, root="Subscription")
        for name, some in chosen.items()
        for arguments in some
        for more in ([{}, {"afterSequence": 0}] if name != "paymentsFeed" else [{}])
    ]


def _documents(call: Call) -> list[str]:
    """Build a document for the event's own fields, and one for each way from it; each selects `sequence`."""
    [itself] = from_root(call)
    further = ways(itself.end) if "afterSequence" in call.arguments or call.name == "paymentsFeed" else ()
    return [document_of(call, way).replace("__typename", "__typename sequence", 1) for way in (itself, *further)]


@TRANSPORTS
async def test_subscriptions_tell_only_what_the_caller_may_see(shop: Shop, address: str, transport: Any) -> None:
    world = await build(shop)
    those = await strangers(world)
    everything = await secrets_of(FIRST) | await secrets_of(SECOND) | OF_THE_STAFF
    for scope in set(Scope) - {Scope.PAYMENTS_READ}:
        those[scope.value] = Who(Client(shop.http, token("somebody-else", scope.value)), everything, frozenset())
    clients = {who: one.client for who, one in those.items()} | {CLERK: world.client(CLERK)}
    clients[Scope.PAYMENTS_READ.value] = Client(shop.http, token("support", Scope.PAYMENTS_READ.value))
    calls = _subscriptions(world)
    follows_all = {(who, n) for who in clients for n, call in enumerate(calls) if _may_follow(world, who, call)}

    listeners: dict[tuple[str, int], list[Listener]] = {}
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        tasks = []
        for who, client in clients.items():
            follow = await stack.enter_async_context(transport(address, client))
            for n, call in enumerate(calls):
                for document in _documents(call):
                    listener = Listener(call, document)
                    listeners.setdefault((who, n), []).append(listener)
                    tasks.append(group.create_task(follow(document, call.arguments, listener.take)))
        async with asyncio.timeout(4 * PATIENCE):
            await _begun(shop, listeners)
            last = await _make_events(world)
            for (_, n), some in listeners.items():
                target = last[world.first if calls[n].arguments.get("paymentId") == world.first else world.second]
                for listener in some:
                    await listener.until(target)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert {place for place, some in listeners.items() if any(one.refusal is None for one in some)} == follows_all
    assert {place for place, some in listeners.items() if any(one.refusal for one in some)}.isdisjoint(follows_all)
    leaks = {
        (who, n): found
        for (who, n), some in listeners.items()
        if who in those and (found := [one.answered.leaks(those[who].secrets) for one in some]) != [{}] * len(some)
    }
    assert leaks == {}
    told = {edge for some in listeners.values() for one in some for edge in one.answered.edges}
    assert all_edges("Subscription")[0] - all_edges("Query")[0] - told == set()


def _may_follow(world: World, who: str, call: Call) -> bool:
    """Return True for the owner of the payment or order, and for staff."""
    owners = {world.first: FIRST, world.second: SECOND, world.order_id: SECOND}
    followed = call.arguments.get("paymentId") or call.arguments.get("orderId")
    views = dict(zip(world.views, (FIRST, SECOND), strict=True))
    return who in READS_ALL or (followed is not None and owners[followed] == views.get(who, who))


async def _begun(shop: Shop, listeners: Mapping[tuple[str, int], list[Listener]]) -> None:
    """Wait until each stream was refused or has begun: the feed by its readers, all others by their first event."""
    feeds = 0
    for (who, _), some in listeners.items():
        for listener in some:
            if listener.call.name == "paymentsFeed" and who in READS_ALL:
                feeds += 1
            else:
                await listener.told.wait()
    while shop.runtime.live.feed.readers < feeds:
        await asyncio.sleep(0.005)


async def _make_events(world: World) -> dict[str, int]:
    """Change the second payment, the first, and the second again; returns the last sequence of each."""
    last = {}
    for payment_id in (world.second, world.first, world.second):
        await note({"id": payment_id, "order": {"id": world.order_id}})
        query = "query L($id: ID!) { payment(id: $id) { timeline(first: null, last: 1) { nodes { sequence } } } }"
        [newest] = (await world.client(CLERK).ask(query, id=payment_id))["payment"]["timeline"]["nodes"]
        last[payment_id] = newest["sequence"]
    return last


def _leaks(those: Mapping[str, Who], answered: Mapping[str, Answered]) -> dict[str, object]:
    found = {who: answered[who].leaks(one.secrets) for who, one in those.items()}
    return {who: leaks for who, leaks in found.items() if leaks}
