"""Any body ends in a GraphQL answer: never a 5xx, never unbounded memory, never an echo."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.graphql.query_cost import Limits
from tests.server.conftest import Logs
from tests.server.shop import CARD, Message, Shop, call, open_shop, post_scope, refusal

BOM = b"\xef\xbb\xbf"
MEBIBYTE = b" " * 1024 * 1024


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "INVALID_JSON"),
        (b"{", "INVALID_JSON"),
        (b"nul", "INVALID_JSON"),
        (BOM + b'{"query": "{hello}"}', "INVALID_JSON"),
        (b'{"query": "\xff"}', "INVALID_JSON"),
        (b'{"query": "{hello}", "variables": {"name": "\\ud800"}}', "INVALID_JSON"),
        (b'{"query": "{hello}", "variables": {"n": NaN}}', "INVALID_JSON"),
        (b"1" * 5000, "INVALID_JSON"),
        (b"[" * 50_000, "INVALID_JSON"),
        (b'{"variables":' * 2000 + b"1" + b"}" * 2000, "INVALID_JSON"),
        ('{"query": "{hello}"}'.encode("utf-16"), "INVALID_JSON"),
        (b"null", "INVALID_REQUEST"),
        (b"1", "INVALID_REQUEST"),
        (b'"query"', "INVALID_REQUEST"),
        (b"true", "INVALID_REQUEST"),
        (b"[]", "BATCH_NOT_ALLOWED"),
        (b'[{"query": "{hello}"}]', "BATCH_NOT_ALLOWED"),
        (b"{}", "INVALID_REQUEST"),
        (b'{"query": null}', "INVALID_REQUEST"),
        (b'{"query": ""}', "INVALID_REQUEST"),
        (b'{"query": 1}', "INVALID_REQUEST"),
        (b'{"query": ["{hello}"]}', "INVALID_REQUEST"),
        (b'{"query": "{hello}", "operationName": 1}', "INVALID_REQUEST"),
        (b'{"query": "{hello}", "variables": []}', "INVALID_REQUEST"),
        (b'{"query": "{hello}", "variables": "{}"}', "INVALID_REQUEST"),
        (b'{"query": "{hello}", "extensions": 1}', "INVALID_REQUEST"),
        (b'{"query":"{hello}","variables":{"a":' + b"[" * 500 + b"]" * 500 + b"}}", "NESTED_TOO_DEEPLY"),
        (b'{"query":"{hello}","x":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}", "NESTED_TOO_DEEPLY"),
        (
            b'{"query":"{hello}","x":"\\n","v":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
            "NESTED_TOO_DEEPLY",
        ),
    ],
)
async def test_a_malformed_body_is_400(shop: Shop, body: bytes, reason: str) -> None:
    response = await shop.post(body)

    assert refusal(response) == (400, "BAD_REQUEST", reason)
    assert shop.world.seen == []


async def test_a_long_integer_is_a_clean_mistake_and_an_exponent_stays_a_float(shop: Shop) -> None:
    query = "query ($n: Int!) { shaped(shape: {sides: $n}) }"

    long = await shop.post(json.dumps({"query": query}).encode()[:-1] + b', "variables": {"n": ' + b"1" * 300 + b"}}")
    literal = await shop.ask("{ shaped(shape: {sides: " + "1" * 5000 + "}) }")
    exponent = await shop.post(json.dumps({"query": query}).encode()[:-1] + b', "variables": {"n": 1.5e0}}')

    assert refusal(long)[1] == "BAD_USER_INPUT"
    assert refusal(literal)[1] == "GRAPHQL_VALIDATION_FAILED"
    assert refusal(exponent)[1] == "BAD_USER_INPUT"
    assert "1111" not in long.text + literal.text
    assert "1.5" not in exponent.text


async def test_unknown_members_are_ignored(shop: Shop) -> None:
    response = await shop.post(b'{"query": "{hello}", "id": 7, "doc_id": null}')

    assert response.status_code == 200


async def test_a_declared_size_above_the_cap_is_413_without_reading_a_byte(shop: Shop) -> None:
    for declared in ("102401", "9" * 30):
        sent = await call(shop.endpoint, post_scope(content_length=declared), [])

        assert sent[0]["status"] == 413
        assert (b"connection", b"close") in sent[0]["headers"]
        assert json.loads(sent[1]["body"])["errors"][0]["extensions"]["reason"] == "BODY_TOO_LARGE"


async def test_an_endless_chunked_body_is_413_after_little_more_than_the_cap(shop: Shop) -> None:
    produced = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal produced
        while True:
            produced += 1
            yield b" " * 1024

    bare = httpx.AsyncClient(transport=httpx.ASGITransport(app=shop.endpoint), base_url="http://shop")
    async with bare:
        response = await bare.post("/graphql", content=endless(), headers={"Content-Type": "application/json"})

    assert refusal(response) == (413, "BAD_REQUEST", "BODY_TOO_LARGE")
    assert produced <= 102


async def test_28_the_rest_of_a_huge_body_is_thrown_away_so_that_the_refusal_arrives(shop: Shop) -> None:
    produced = 0

    async def huge(chunks: int) -> AsyncIterator[bytes]:
        nonlocal produced
        for _ in range(chunks):
            produced += 1
            yield MEBIBYTE

    tracemalloc.start()
    response = await shop.post(huge(50))
    endless = await shop.post(huge(10**9))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refusal(response) == refusal(endless) == (413, "BAD_REQUEST", "BODY_TOO_LARGE")
    assert 50 < produced <= 50 + 66
    assert peak < 5_000_000


async def test_a_client_that_waits_for_leave_to_send_is_refused_without_it(shop: Shop) -> None:
    sent = await call(shop.app, post_scope(content_length="102401", expect="100-continue"), [])

    assert sent[0]["status"] == 413


async def test_a_body_of_exactly_the_cap_is_taken(shop: Shop) -> None:
    body = b'{"query": "{hello}"}'

    assert (await shop.post(body + b" " * (100 * 1024 - len(body)))).status_code == 200
    assert (await shop.post(body + b" " * (100 * 1024 - len(body) + 1))).status_code == 413


async def test_a_stalled_body_is_408() -> None:
    shop = open_shop(limits=Limits(body_seconds=0.01))

    sent = await call(shop.app, post_scope(), [{"type": "http.request", "body": b"{", "more_body": True}])

    assert sent[0]["status"] == 408


async def test_a_client_that_leaves_before_it_asked_gets_no_answer_and_no_error(shop: Shop, logs: Logs) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"query', "more_body": True},
        {"type": "http.disconnect"},
    ]

    sent = await call(shop.app, post_scope(), messages)

    assert sent == []
    assert [entry for entry in logs.events if entry["level"] not in ("info", "debug")] == []


@pytest.mark.parametrize(
    "body",
    [
        {"query": f'{{ hello(name: "{CARD}") }}'},
        {"query": '{ hello(name: "4242 4242 4242 4242") }'},
        {"query": '{ hello(name: "\\u0034242424242424242") }'},
        {"query": '{ hello(name: """4242-4242-4242-4242""") }'},
        {"query": f"{{ hello(name: {CARD}) }}"},
        {"query": f"{{ hello }} # {CARD}"},
        {"query": f"{{ nodes(ids: [1 {CARD}]) {{ name }} }}"},
        {"query": f"{{ nodes(ids: [-{CARD}]) {{ name }} }}"},
        {"query": f"{{ hello(name: {CARD}.0) }}"},
        {"query": "query ($n: String) { hello(name: $n) }", "variables": {"n": CARD}},
        {"query": "query ($n: String) { hello(name: $n) }", "variables": {"n": f"my card is {CARD}, thanks"}},
        {"query": "query ($n: String) { hello(name: $n) }", "variables": {"n": int(CARD)}},
        {"query": "query ($n: String) { hello(name: $n) }", "variables": {"n": float(CARD)}},
        {"query": "{ hello }", "variables": {CARD: 1}},
        {"query": "{ hello }", "variables": {"deep": [{"er": [CARD]}]}},
        {"query": "{ hello }", "operationName": CARD},
        {"query": "{ hello }", "extensions": {"note": CARD}},
        {"query": "{ hello }", "unknown": CARD},
        {"query": "{ hello }", CARD: "unknown"},
    ],
    ids=lambda body: json.dumps(body).replace(CARD, "PAN")[:60],
)
async def test_46_a_card_number_anywhere_is_refused_and_written_nowhere(
    shop: Shop, logs: Logs, body: dict[str, Any]
) -> None:
    response = await shop.post(json.dumps(body).encode())

    assert refusal(response) == (400, "BAD_USER_INPUT", "SENSITIVE_DATA_REFUSED")
    assert shop.world.seen == []
    for text in (response.text, str(response.headers), logs.text):
        assert "4242424242" not in text
        assert "4242 4242" not in text


async def test_46_a_card_number_in_a_query_string_is_refused_and_written_nowhere(shop: Shop, logs: Logs) -> None:
    for parameters in (
        {"query": f'{{ hello(name: "{CARD}") }}'},
        {"query": "{hello}", "variables": f'{{"n": "{CARD}"}}'},
        {"query": "{hello}", "x": CARD},
    ):
        response = await shop.client.get("/graphql", params=parameters)

        assert refusal(response)[2] == "SENSITIVE_DATA_REFUSED"
    assert CARD not in logs.text


async def test_a_card_number_in_the_path_is_not_logged(shop: Shop, logs: Logs) -> None:
    await shop.client.get(f"/orders/{CARD}?token=sk_live_abcdef")

    assert logs.named("http.request")[0]["status"] == 404
    assert CARD not in logs.text
    assert "sk_live" not in logs.text


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
QUERIES = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='{}()[]:$!@#"\\ \n.,abhelo_query1', max_size=60),
    st.sampled_from(["{hello}", "query($n:String){hello(name:$n)}", "query($s:Shape!){shaped(shape:$s)}", "{broken}"]),
)
BODIES = st.one_of(
    st.binary(max_size=80),
    JSON_VALUES.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"query": QUERIES | JSON_VALUES},
        optional={
            "variables": st.dictionaries(st.sampled_from(["n", "s", "x"]), JSON_VALUES, max_size=3) | JSON_VALUES,
            "operationName": st.text(max_size=5) | JSON_VALUES,
            "extensions": JSON_VALUES,
        },
    ).map(lambda body: json.dumps(body).encode()),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES, accept=st.sampled_from(["application/json", "application/graphql-response+json", "*/*"]))
async def test_no_body_makes_a_server_error(body: bytes, accept: str) -> None:
    shop = open_shop()
    async with shop.client:
        response = await shop.post(body, Accept=accept)

    answer = response.json()
    assert response.status_code in (200, 400)
    assert set(answer) <= {"data", "errors"}
    assert answer
    for error in answer.get("errors", ()):
        assert error["extensions"]["requestId"] == response.headers["x-request-id"]


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST"]),
    headers=st.dictionaries(
        st.sampled_from(["accept", "content-type", "content-length", "authorization", "content-encoding"]),
        st.text(alphabet=st.characters(max_codepoint=255, min_codepoint=32), max_size=40)
        | st.sampled_from(
            ["application/json", "*/*;q=", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "1e3", "²"]
        ),
        max_size=4,
    ),
    query_string=st.binary(max_size=40),
    body=st.binary(max_size=40),
)
async def test_no_header_makes_a_server_error(
    method: str, headers: dict[str, str], query_string: bytes, body: bytes
) -> None:
    shop = open_shop()
    scope = post_scope()
    scope["method"] = method
    scope["query_string"] = query_string
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    sent = await call(shop.app, scope, [{"type": "http.request", "body": body}])

    assert sent[0]["status"] < 500
    assert json.loads(sent[1]["body"])
    await shop.client.aclose()


async def test_scanning_a_full_body_stays_cheap(shop: Shop) -> None:
    variables = {"n": ["a note with 12 numbers 3 in 45 it" for _ in range(2500)]}
    body = json.dumps({"query": "{ hello }", "variables": variables}).encode()
    assert 90_000 < len(body) < 100 * 1024

    before = time.process_time()
    response = await asyncio.wait_for(shop.post(body), 10)

    assert response.status_code == 200
    assert time.process_time() - before < 5
    assert "errors" not in response.json()
