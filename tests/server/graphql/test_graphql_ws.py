"""graphql-transport-ws, with a real client against a real server on loopback."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from domain.caller import Caller
from server.access.authentication import KeysUnavailable
from server.graphql.query_cost import Limits
from server.graphql.subscriptions import StreamLimits
from server.http.request_context import RequestOrigin
from tests.server.conftest import Logs
from tests.server.loopback import PATIENCE, TRANSPORT_WS, Served, failure, next_of, served
from tests.server.shop import CARD, CLIENT_SECRET, Context, Shop, open_shop, token_for

EVENTS = "subscription { events { number } }"


@pytest.fixture
async def server(shop: Shop) -> AsyncIterator[Served]:
    async with served(shop) as opened:
        yield opened


async def test_a_subscription_is_answered_event_by_event_and_completed(server: Served) -> None:
    async with server.socket() as socket:
        first = await socket.answer("subscription Count($to: Int!) { ticks(upTo: $to) }", variables={"to": 2})

        assert socket.connection.subprotocol == TRANSPORT_WS
        assert first == next_of({"ticks": 1})
        assert await socket.hear() == next_of({"ticks": 2})
        assert await socket.hear() == {"id": "1", "type": "complete"}


async def test_a_query_is_answered_once_with_the_caller_of_the_socket(server: Served) -> None:
    async with server.socket(token=token_for("ada")) as socket:
        assert await socket.answer("{ whoami }") == next_of({"whoami": "ada"})
        assert await socket.hear() == {"id": "1", "type": "complete"}
        assert (await socket.answer("{ hello missing }"))["payload"]["data"] == {"hello": "Hello you", "missing": None}


async def test_operations_run_beside_each_other(server: Served) -> None:
    async with server.socket() as socket:
        assert await socket.answer(EVENTS, id="a") == next_of({"events": {"number": 1}}, "a")
        assert await socket.answer(EVENTS, id="b") == next_of({"events": {"number": 1}}, "b")
        server.shop.world.gate.set()

        later = [await socket.hear(), await socket.hear()]

    assert sorted(message["id"] for message in later) == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("subscription {", ("GRAPHQL_PARSE_FAILED", "SYNTAX_ERROR")),
        ("subscription { nothing }", ("GRAPHQL_VALIDATION_FAILED", "INVALID_DOCUMENT")),
        ("subscription { ticks more: ticks }", ("GRAPHQL_VALIDATION_FAILED", "INVALID_DOCUMENT")),
        ("subscription ($k: Key!) { keyed(key: $k) }", ("BAD_USER_INPUT", "INVALID_INPUT")),
        ("{ __schema { queryType { name } } }", ("GRAPHQL_VALIDATION_FAILED", "INTROSPECTION_DISABLED")),
        (f'{{ hello(name: "{CARD}") }}', ("BAD_USER_INPUT", "SENSITIVE_DATA_REFUSED")),
        ("{" + "item{parent" * 20 + "{name}" + "}" * 20 + "}", ("GRAPHQL_VALIDATION_FAILED", "DEPTH_LIMIT")),
        ("subscription { hidden }", ("UNAUTHENTICATED", "FORBIDDEN")),
        ('mutation { pay(key: "k") }', ("BAD_REQUEST", "METHOD_NOT_ALLOWED")),
    ],
)
async def test_what_may_not_run_ends_that_operation_and_not_the_socket(
    server: Served, query: str, problem: tuple[str, str | None]
) -> None:
    async with server.socket() as socket:
        assert failure(await socket.answer(query)) == problem
        assert await socket.is_alive()
        assert (await socket.answer("{ hello }"))["type"] == "next"  # the same id again

    assert server.shop.world.paid == []
    assert not server.shop.world.started.is_set()


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("bug", ("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR")),
        ("leak", ("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR")),
        ("database", ("INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE")),
    ],
)
async def test_a_stream_that_breaks_ends_with_a_masked_error(
    server: Served, logs: Logs, how: str, problem: tuple[str, str | None]
) -> None:
    async with server.socket() as socket:
        assert await socket.answer(f'subscription {{ failing(how: "{how}") }}') == next_of({"failing": 1})
        broken = await socket.hear()

        assert failure(broken) == problem
        assert await socket.is_alive()
    assert CLIENT_SECRET not in str(broken)
    assert "hunter2" not in str(broken)
    assert len(logs.named("graphql.field_failed")) == (how != "database")


async def test_a_bug_of_ours_ends_its_operation_and_is_reported(logs: Logs) -> None:
    def broken(caller: Caller | None) -> bool:
        raise RuntimeError(f"lost {CLIENT_SECRET}")

    async with served(open_shop(may_introspect=broken)) as server, server.socket() as socket:
        assert failure(await socket.answer("{ hello }")) == ("INTERNAL_SERVER_ERROR", "INTERNAL_ERROR")
        assert await socket.is_alive()
    assert len(logs.named("graphql.crashed")) == 1
    assert CLIENT_SECRET not in logs.text


async def test_a_bug_of_ours_in_the_endpoint_closes_that_socket_with_1011(logs: Logs) -> None:
    async def broken(authorization: str | None) -> Caller | None:
        raise RuntimeError(f"lost {CLIENT_SECRET}")

    async with served(open_shop(authenticate=broken)) as server, server.socket(init=False) as socket:
        await socket.say(type="connection_init")
        assert await socket.closing() == (1011, "Internal error")
    assert len(logs.named("socket.crashed")) == 1


async def test_a_server_that_cannot_verify_tokens_asks_to_come_again() -> None:
    async def away(authorization: str | None) -> Caller | None:
        raise KeysUnavailable

    async with served(open_shop(authenticate=away)) as server, server.socket(init=False) as socket:
        await socket.say(type="connection_init")
        assert await socket.closing() == (1013, "Try again later")


async def test_a_field_that_fails_is_masked_and_the_stream_goes_on(server: Served) -> None:
    async with server.socket() as socket:
        first = await socket.answer("subscription { events { number broken } }")
        server.shop.world.gate.set()
        second = await socket.hear()

    assert first["payload"]["data"] == {"events": {"number": 1, "broken": None}}
    assert first["payload"]["errors"][0]["path"] == ["events", "broken"]
    assert first["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert CLIENT_SECRET not in str(first)
    assert second["payload"]["data"]["events"]["number"] == 2


async def test_each_event_is_resolved_in_a_context_of_its_own() -> None:
    made: list[Context] = []

    def context(origin: RequestOrigin) -> Context:
        made.append(Context(origin, shop.world))
        return made[-1]

    shop = open_shop(context=context)
    async with served(shop) as server, server.socket() as socket:
        first = await socket.answer("subscription { events { context } }")
        shop.world.gate.set()
        second = await socket.hear()

    assert first["payload"]["data"] != second["payload"]["data"]


async def test_an_event_that_takes_too_long_ends_its_stream() -> None:
    async with served(open_shop(limits=Limits(query_seconds=0.1))) as server, server.socket() as socket:
        assert failure(await socket.answer("subscription { events { slow } }")) == (
            "INTERNAL_SERVER_ERROR",
            "TIMED_OUT",
        )
        assert failure(await socket.answer("{ slow }")) == ("INTERNAL_SERVER_ERROR", "TIMED_OUT")
        assert await socket.is_alive()


async def test_a_completed_operation_is_left_and_its_id_is_free_at_once(server: Served) -> None:
    async with server.socket() as socket:
        await socket.answer(EVENTS)
        await socket.say(id="1", type="complete")
        await socket.say(id="unknown", type="complete")

        assert await socket.answer("{ hello }") == next_of({"hello": "Hello you"})
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.left.wait()


async def test_a_client_that_leaves_is_left(server: Served) -> None:
    before = asyncio.all_tasks()
    async with server.socket() as socket:
        await socket.answer(EVENTS)
        await socket.subscribe("{ slow }", id="2")
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.started.wait()
        socket.connection.transport.abort()

    async with asyncio.timeout(PATIENCE):
        while server.shop.endpoint.connections.taken:
            await asyncio.sleep(0.001)
    assert server.shop.world.left.is_set()  # before the place was free
    assert server.shop.world.cancelled == ["slow"]
    async with asyncio.timeout(PATIENCE):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)


async def test_a_client_that_leaves_before_its_refusal_leaves_no_task_that_failed() -> None:
    """Driven in ASGI itself, where the client is gone at the very moment of the answer."""
    said = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"type":"connection_init"}'},
        {"type": "websocket.receive", "text": '{"type":"subscribe","id":"1","payload":{"query":"{"}}'},
    ]
    refused, complaints = asyncio.Event(), []

    async def receive() -> Message:
        if said:
            return said.pop(0)
        async with asyncio.timeout(PATIENCE):
            await refused.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Message) -> None:
        if '"error"' in message.get("text", ""):
            refused.set()
            raise OSError("the client is gone")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    scope = {"type": "websocket", "path": "/graphql", "headers": [], "subprotocols": [TRANSPORT_WS], "client": None}
    await open_shop().app(scope, receive, send)
    gc.collect()  # where a task without a waiter reports its exception

    assert refused.is_set()
    assert complaints == []


async def test_pings_are_answered_before_and_after_the_acknowledgement(server: Served) -> None:
    async with server.socket(init=False) as socket:
        assert await socket.is_alive()
        await socket.say(type="pong")
        await socket.say(type="ping", payload={"any": [1]})
        assert await socket.hear() == {"type": "pong"}
        await socket.say(type="connection_init")
        assert await socket.hear() == {"type": "connection_ack"}
        assert await socket.is_alive()


@pytest.mark.parametrize("protocol", [None, "graphql-ws", "mqtt"])
async def test_another_subprotocol_is_4406(server: Served, protocol: str | None) -> None:
    async with server.socket(init=False, protocol=protocol) as socket:
        assert await socket.closing() == (4406, "Subprotocol not acceptable")


async def test_a_socket_that_does_not_begin_is_4408() -> None:
    async with (
        served(open_shop(stream_limits=StreamLimits(init_seconds=0.1))) as server,
        server.socket(init=False) as socket,
    ):
        assert await socket.is_alive()
        assert await socket.closing() == (4408, "Connection initialisation timeout")


async def test_an_operation_before_the_acknowledgement_is_4401(server: Served) -> None:
    async with server.socket(init=False) as socket:
        await socket.subscribe("{ hello }")

        assert await socket.closing() == (4401, "Unauthorized")
    assert server.shop.world.seen == []


async def test_a_second_beginning_is_4429(server: Served) -> None:
    async with server.socket() as socket:
        await socket.say(type="connection_init")

        assert await socket.closing() == (4429, "Too many initialisation requests")


async def test_an_id_in_use_is_4409_and_ends_everything(server: Served) -> None:
    async with server.socket() as socket:
        await socket.answer(EVENTS)
        await socket.subscribe("{ hello }")

        assert await socket.closing() == (4409, "Subscriber for this id already exists")
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.left.wait()
    assert server.shop.world.seen == []


BAD_FRAMES = {
    "null": "null",
    "number": "1",
    "list": '[{"type": "ping"}]',
    "no JSON": "ping",
    "nothing": "",
    "binary": b'{"type": "ping"}',
    "no type": "{}",
    "a type that is none": '{"type": null}',
    "an unknown type": '{"type": "start"}',
    "a lone surrogate": '{"type": "ping", "payload": {"a": "\\ud800"}}',
    "deep nesting": '{"type": "ping", "payload": ' + "[" * 30_000,
    "a huge number": '{"type": "ping", "payload": {"a": ' + "9" * 5_000 + "}}",
    "a payload that is none": '{"type": "ping", "payload": 1}',
    "no id": '{"type": "subscribe", "payload": {"query": "{hello}"}}',
    "an id that is none": '{"type": "subscribe", "id": 1, "payload": {"query": "{hello}"}}',
    "an empty id": '{"type": "subscribe", "id": "", "payload": {"query": "{hello}"}}',
    "an endless id": '{"type": "subscribe", "id": "' + "i" * 300 + '", "payload": {"query": "{hello}"}}',
    "no operation": '{"type": "subscribe", "id": "1"}',
    "an operation that is none": '{"type": "subscribe", "id": "1", "payload": []}',
    "complete without id": '{"type": "complete"}',
}


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_a_bad_frame_is_4400_and_closes_that_socket_alone(server: Served, logs: Logs, frame: str | bytes) -> None:
    async with server.socket() as other, server.socket() as socket:
        await socket.send(frame)

        assert await socket.closing() == (4400, "Invalid message")
        assert await other.is_alive()
    assert [entry for entry in logs.events if entry["level"] == "error"] == []


@pytest.mark.parametrize("payload", ["1", "[]", '"Bearer x"'])
async def test_a_beginning_with_a_strange_payload_is_4400(server: Served, payload: str) -> None:
    async with server.socket(init=False) as socket:
        await socket.send('{"type": "connection_init", "payload": ' + payload + "}")

        assert await socket.closing() == (4400, "Invalid message")


async def test_a_frame_above_the_limit_is_1009(server: Served) -> None:
    async with server.socket() as other, server.socket() as socket:
        await socket.send('{"type": "ping"}' + " " * (64 * 1024 - 16))
        assert await socket.hear() == {"type": "pong"}
        await socket.send('{"type": "ping"}' + " " * (64 * 1024 - 15))

        assert (await socket.closing())[0] == 1009
        assert await other.is_alive()


async def test_one_socket_carries_so_many_operations_and_no_more() -> None:
    async with (
        served(open_shop(stream_limits=StreamLimits(operations=2))) as server,
        server.socket() as socket,
    ):
        await socket.answer(EVENTS, id="1")
        await socket.answer(EVENTS, id="2")

        assert failure(await socket.answer("{ hello }", id="3")) == ("BAD_REQUEST", "TOO_MANY_OPERATIONS")
        await socket.say(id="1", type="complete")
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.left.wait()
        assert await socket.answer("{ hello }", id="3") == next_of({"hello": "Hello you"}, "3")


async def test_a_leaving_server_closes_its_sockets_with_1012_at_once(server: Served) -> None:
    async with server.socket() as socket, server.socket(init=False) as silent:
        await socket.answer(EVENTS)
        async with asyncio.timeout(2):  # half of what requests get
            await server.leave()

        assert (await socket.closing())[0] == 1012
        assert (await silent.closing())[0] == 1012
    assert server.shop.world.left.is_set()


async def test_neither_the_address_nor_a_frame_of_a_socket_is_logged(server: Served, logs: Logs) -> None:
    token = token_for("ada")
    async with server.socket(token=token, query=f"?token={token}") as socket:
        await socket.answer('{ hello(name: "Lovelace") }')

    async with asyncio.timeout(PATIENCE):
        while not logs.named("socket.closed"):
            await asyncio.sleep(0.01)
    ours = [entry for entry in logs.events if not entry["logger"].startswith(("websockets.client", "httpcore"))]
    assert logs.named("socket.closed")[0]["operations"] == 1
    assert not any(word in str(entry) for entry in ours for word in ("/graphql", token, "Lovelace", "connection_init"))
