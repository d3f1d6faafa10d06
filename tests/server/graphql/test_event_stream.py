"""Subscriptions over HTTP: server-sent events and Apollo's multipart, byte by byte, from a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from domain.caller import LEEWAY
from server.graphql.query_cost import Limits
from server.graphql.subscriptions import StreamLimits
from server.http.errors import RequestRefused
from server.http.negotiation import Acceptable, Media, StreamMedia, read_accept
from tests.server.conftest import Logs
from tests.server.loopback import PATIENCE, Json, Served, served
from tests.server.shop import CLIENT_SECRET, REASONS, Shop, open_shop, refusal, token_for

SSE = "text/event-stream"
APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0, application/graphql-response+json, application/json"
URQL_QUERY = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
URQL_SUBSCRIPTION = "text/event-stream, multipart/mixed"
EVENTS = "subscription { events { number } }"
STREAMS = pytest.mark.parametrize("accept", [SSE, APOLLO], ids=["events", "multipart"])
ALMOST_EXPIRED = timedelta(seconds=2) - LEEWAY  # a token's end is in whole seconds


@pytest.fixture
async def server(shop: Shop) -> AsyncIterator[Served]:
    async with served(shop) as opened:
        yield opened


async def read(response: httpx.Response, until: bytes) -> bytes:
    """Read until `until` has arrived."""
    came = b""
    async with asyncio.timeout(PATIENCE):
        async for chunk in response.aiter_raw():
            came += chunk
            if until in came:
                return came
    raise AssertionError(f"it ended with {came!r}")


async def whole(response: httpx.Response) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return b"".join([chunk async for chunk in response.aiter_raw()])


def answers(came: bytes) -> list[Json]:
    """Return the payloads of either protocol, without heartbeats."""
    lines = came.decode().replace("\r\n", "\n").splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    return events + [json.loads(line) for line in lines if line.startswith('{"')]


async def test_server_sent_events_are_framed_as_graphql_sse_wants(server: Served) -> None:
    async with server.stream("subscription { ticks(upTo: 2) }", SSE) as response:
        came = await whole(response)

    assert came == (
        b":\n\n"
        b'event: next\ndata: {"data":{"ticks":1}}\n\n'
        b'event: next\ndata: {"data":{"ticks":2}}\n\n'
        b"event: complete\ndata: \n\n"
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"].startswith("req_")
    assert "accept" in response.headers["vary"].lower()


async def test_multipart_is_framed_as_apollo_wants(server: Served) -> None:
    async with server.stream("subscription { ticks(upTo: 2) }", APOLLO) as response:
        came = await whole(response)

    assert response.status_code == 200
    assert response.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    assert came == (
        b"\r\n--graphql"
        b'\r\nContent-Type: application/json\r\n\r\n{"payload":{"data":{"ticks":1}}}\r\n--graphql'
        b'\r\nContent-Type: application/json\r\n\r\n{"payload":{"data":{"ticks":2}}}\r\n--graphql'
        b"--\r\n"
    )


@STREAMS
async def test_an_event_is_sent_when_it_happens(server: Served, accept: str) -> None:
    async with server.stream(EVENTS, accept) as response:
        first = await read(response, b'{"number":1}}')
        assert b'{"number":2}}' not in first
        server.shop.world.gate.set()


@STREAMS
async def test_a_subscription_may_be_sent_by_get(server: Served, accept: str) -> None:
    async with server.stream("subscription { ticks }", accept, method="GET") as response:
        came = await whole(response)

    assert b'{"data":{"ticks":1}}' in came


@pytest.mark.parametrize("accept", [SSE, f"{SSE}, application/json", f"application/json;q=0.9, {SSE}"])
async def test_a_query_whose_client_ranks_events_first_is_one_event(server: Served, accept: str) -> None:
    async with server.stream("{ hello }", accept) as response:
        came = await whole(response)

    assert came == b':\n\nevent: next\ndata: {"data":{"hello":"Hello you"}}\n\nevent: complete\ndata: \n\n'


async def test_a_mutation_may_ask_for_events_by_post_only(server: Served) -> None:
    server.shop.world.gate.set()
    async with server.stream('mutation { pay(key: "k") }', SSE) as response:
        assert answers(await whole(response)) == [{"data": {"pay": "k"}}]
    async with server.stream('mutation { pay(key: "j") }', SSE, method="GET") as response:
        await response.aread()

    assert refusal(response) == (405, "BAD_REQUEST", "METHOD_NOT_ALLOWED")
    assert server.shop.world.paid == ["k"]


async def test_urql_gets_json_for_queries_and_events_for_subscriptions(server: Served) -> None:
    async with server.stream("{ hello }", URQL_QUERY) as query:
        assert query.headers["content-type"].startswith("application/graphql-response+json")
    async with server.stream("subscription { ticks }", URQL_QUERY) as subscription:
        assert subscription.headers["content-type"].startswith(SSE)
    async with server.stream("subscription { ticks }", URQL_SUBSCRIPTION) as subscription:
        assert subscription.headers["content-type"].startswith(SSE)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Acceptable(Media.JSON)),
        ("*/*", Acceptable(Media.JSON)),
        ("text/*", None),
        (f"{SSE};q=0", None),
        ("multipart/mixed", None),
        ("multipart/mixed;subscriptionSpec=2.0", None),
        (SSE, Acceptable(None, StreamMedia.EVENTS, True)),
        (SSE.upper(), Acceptable(None, StreamMedia.EVENTS, True)),
        (f"{SSE}, */*;q=0.1", Acceptable(Media.JSON, StreamMedia.EVENTS, True)),
        (f"{SSE};q=0.5, application/json", Acceptable(Media.JSON, StreamMedia.EVENTS, False)),
        (f"application/json, {SSE}", Acceptable(Media.JSON, StreamMedia.EVENTS, False)),
        (f"{SSE}, application/json", Acceptable(Media.JSON, StreamMedia.EVENTS, True)),
        (URQL_QUERY, Acceptable(Media.RESPONSE, StreamMedia.EVENTS, False)),
        (APOLLO, Acceptable(Media.RESPONSE, StreamMedia.MULTIPART, False)),
        ('multipart/mixed;boundary="graphql";subscriptionSpec="1.0"', Acceptable(None, StreamMedia.MULTIPART, False)),
        (f"{SSE};q=0.9, {APOLLO}", Acceptable(Media.RESPONSE, StreamMedia.MULTIPART, False)),
        (f"{APOLLO}, {SSE}", Acceptable(Media.RESPONSE, StreamMedia.MULTIPART, False)),
        (f"{SSE}, {APOLLO}", Acceptable(Media.RESPONSE, StreamMedia.EVENTS, True)),
    ],
)
def test_a_stream_is_chosen_by_rank_and_never_by_a_wildcard(accept: str, expected: Acceptable | None) -> None:
    if expected is None:
        with pytest.raises(RequestRefused) as refused:
            read_accept([accept])
        assert refused.value.status == 406
    else:
        assert read_accept([accept]) == expected


async def test_a_query_that_only_a_multipart_reader_sends_is_406(shop: Shop) -> None:
    response = await shop.ask("{ hello }", accept="multipart/mixed;subscriptionSpec=1.0")

    assert refusal(response) == (406, "BAD_REQUEST", "NOT_ACCEPTABLE")
    assert shop.world.seen == []


async def test_a_subscription_without_a_stream_names_the_transports(shop: Shop) -> None:
    response = await shop.ask("subscription { ticks }", accept="application/json")

    assert refusal(response) == (400, "BAD_REQUEST", "SUBSCRIPTION_NOT_SUPPORTED")
    message = response.json()["errors"][0]["message"]
    assert all(name in message for name in ("graphql-transport-ws", SSE, "multipart/mixed;subscriptionSpec=1.0"))


@STREAMS
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription ($k: Key!) { keyed(key: $k) }", "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_begin_is_an_ordinary_400(shop: Shop, accept: str, query: str, code: str) -> None:
    response = await shop.ask(query, accept=accept)

    assert refusal(response) == (400, code, REASONS[code])
    assert "json" in response.headers["content-type"]


@STREAMS
async def test_a_refused_token_is_401(shop: Shop, accept: str) -> None:
    response = await shop.ask(EVENTS, accept=accept, token="nonsense")

    assert refusal(response) == (401, "UNAUTHENTICATED", "INVALID_TOKEN")


@STREAMS
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ('subscription { failing(how: "bug") }', "INTERNAL_ERROR"),
        ('subscription { failing(how: "database") }', "SERVICE_UNAVAILABLE"),
        ("subscription { hidden }", "FORBIDDEN"),
    ],
)
async def test_a_stream_that_breaks_ends_with_a_masked_error(
    server: Served, accept: str, query: str, reason: str | None
) -> None:
    async with server.stream(query, accept) as response:
        came = await whole(response)

    (error,) = answers(came)[-1]["errors"]
    assert error["extensions"].get("reason") == reason
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert CLIENT_SECRET.encode() not in came
    assert came.endswith(b"event: complete\ndata: \n\n" if accept == SSE else b"\r\n--graphql--\r\n")


async def test_a_fatal_error_of_multipart_has_a_null_payload(server: Served) -> None:
    async with server.stream('subscription { failing(how: "bug") }', APOLLO) as response:
        first, second = answers(await whole(response))

    assert first == {"payload": {"data": {"failing": 1}}}
    assert second["payload"] is None


async def test_an_answer_that_is_no_json_is_masked(server: Served, logs: Logs) -> None:
    async with server.stream("{ unprintable }", SSE) as response:
        (answer,) = answers(await whole(response))

    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert len(logs.named("graphql.answer_not_json")) == 1


@pytest.mark.parametrize(
    ("accept", "beat"), [(SSE, b":\n\n"), (APOLLO, b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql")]
)
async def test_a_silent_stream_has_a_heartbeat(accept: str, beat: bytes) -> None:
    async with (
        served(open_shop(stream_limits=StreamLimits(heartbeat_seconds=0.05))) as server,
        server.stream(EVENTS, accept) as response,
    ):
        came = await read(response, beat * 2)

    assert len(answers(came)) == 1


@STREAMS
async def test_a_stream_ends_with_its_token(server: Served, accept: str) -> None:
    async with server.stream(EVENTS, accept, token=token_for(ttl=ALMOST_EXPIRED)) as response:
        came = await whole(response)

    assert answers(came)[-1]["errors"][0]["extensions"]["reason"] == "TOKEN_EXPIRED"
    assert server.shop.world.left.is_set()


@STREAMS
async def test_a_client_that_leaves_is_left_before_its_place_is_free(server: Served, logs: Logs, accept: str) -> None:
    async with server.stream(EVENTS, accept) as response:
        await read(response, b'{"number":1}}')
        assert server.shop.endpoint.connections.taken == 1
        assert not server.shop.world.left.is_set()

    async with asyncio.timeout(PATIENCE):
        while server.shop.endpoint.connections.taken:
            await asyncio.sleep(0.001)
    assert server.shop.world.left.is_set()
    assert [entry for entry in logs.events if entry["level"] == "error"] == []


@STREAMS
async def test_a_leaving_server_ends_its_streams_at_once_so_that_clients_come_back(server: Served, accept: str) -> None:
    async with server.stream(EVENTS, accept) as response:
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.started.wait()
        async with asyncio.timeout(2):  # half of what requests get
            await server.leave()
        came = await whole(response)

    assert server.shop.world.left.is_set()
    if accept == SSE:
        assert len(answers(came)) == 1
        assert b"complete" not in came  # it was not the end
    else:
        assert answers(came)[1]["errors"][0]["extensions"]["reason"] == "SERVER_RESTARTING"
        assert came.endswith(b"\r\n--graphql--\r\n")


async def test_a_caller_has_so_many_streams_and_no_more() -> None:
    shop = open_shop(stream_limits=StreamLimits(connections_per_caller=1))
    token = token_for("ada")
    async with served(shop) as server, server.stream(EVENTS, SSE, token=token) as response:
        await read(response, b"1}}")
        refused = await shop.ask(EVENTS, accept=SSE, token=token)
        query = await shop.ask("{ hello }", token=token)
        other = await shop.ask("subscription { ticks }", accept=SSE, token=token_for("bob"))

    assert refusal(refused) == (429, "BAD_REQUEST", "TOO_MANY_STREAMS")
    assert refused.headers["retry-after"] == "10"
    assert query.status_code == other.status_code == 200


async def test_the_limits_of_documents_hold_for_subscriptions() -> None:
    shop = open_shop(limits=Limits(depth=1))
    async with shop.client:
        response = await shop.ask(EVENTS, accept=SSE)

    assert refusal(response) == (400, "GRAPHQL_VALIDATION_FAILED", "DEPTH_LIMIT")
