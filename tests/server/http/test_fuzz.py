"""No input makes a 5xx, takes long, or holds memory. The same random inputs in every run."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import stripe
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.http.errors import Code
from tests.server.shop import Shop, call, open_shop, post_scope, token_for
from tests.support.shop import WEBHOOK_SECRET, settings_for
from tests.support.shop import Shop as House
from tests.support.shop import open_shop as open_house

LONGEST_SECONDS = 2.0  # of the processor for one request; the slowest of these take some milliseconds
KIBIBYTE = 1024

fuzzed = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """Open the whole application with the offline Stripe."""
    async with open_house(settings_for(database_url, tmp_path / "state")) as opened:
        yield opened


@contextmanager
def in_time() -> Iterator[None]:
    before = time.process_time()
    yield
    assert time.process_time() - before < LONGEST_SECONDS


def check_errors(errors: Any, request_id: str) -> None:
    """Check that each error is typed and names the request; none reports a bug of ours."""
    assert errors
    for error in errors:
        assert error["message"]
        assert error["extensions"]["requestId"] == request_id
        assert error["extensions"]["code"] in set(Code) - {Code.INTERNAL_SERVER_ERROR}, error


def check(response: httpx.Response) -> None:
    """Check for a GraphQL response that reports no bug of ours."""
    assert response.status_code < 500, response.text
    answer = response.json()
    assert set(answer) in ({"data"}, {"errors"}, {"data", "errors"}), answer
    if "errors" in answer:
        check_errors(answer["errors"], response.headers["x-request-id"])


# -- bodies ----------------------------------------------------------------------------------------------------------

CREATE = "mutation C($i: CreatePaymentInput!, $k: IdempotencyKey!) { createPayment(input: $i, idempotencyKey: $k) "
REQUESTS: list[dict[str, Any]] = [
    {
        "query": CREATE + "{ payment { id status amount { amount decimal } } errors { code message path } } }",
        "variables": {
            "i": {
                "orderId": "@ORDER",
                "expectedAmount": {"amount": 10_000, "currency": "USD"},
                "paymentMethodId": "pm_card_visa",
                "confirm": True,
                "metadata": {"channel": "web"},
            },
            "k": "key-of-the-fuzz",
        },
        "operationName": "C",
    },
    {
        "query": "query P($f: PaymentFilter, $n: Int) { payments(filter: $f, first: $n) { edges { node { id } } } }",
        "variables": {"f": {"createdAt": {"gte": "2026-01-31T09:30:00Z"}, "or": [{"currency": "EUR"}]}, "n": 3},
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}},
    },
    {"query": "query O($id: ID) { order(id: $id) { id total { amount } } }", "variables": {"id": "@ORDER"}},
]
WORDS = [b"null", b"true", b"1e400", b"-0", b"9" * 400, b"0.1e-9", b"{}", b"[]", b'""', b'"\\ud800"', b'"\\u0000"',
         b"\xff\xfe", b"\xc0\xaf", b"\xef\xbb\xbf", b"\x00", b",", b":", b"}", b"]", b"[" * 600, b'{"a":' * 600,
         b'"__proto__":', "\u202e".encode(), "\U0001f4b3".encode()]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes], words: list[bytes]) -> bytes:
    """Draw a few cuts, repetitions, flips and insertions."""
    text = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        until = min(len(text), at + draw(st.integers(0, 40)))
        how = draw(st.sampled_from(["cut", "repeat", "flip", "word", "replace", "end"]))
        if how == "cut":
            del text[at:until]
        elif how == "repeat":
            text[at:at] = text[at:until] * draw(st.sampled_from([1, 2, 50]))
        elif how == "flip" and at < len(text):
            text[at] = draw(st.integers(0, 255))
        elif how == "end":
            del text[until:]
        else:
            text[at : until if how == "replace" else at] = draw(st.sampled_from(words))
    return bytes(text)


VALID = st.sampled_from([json.dumps(request).encode() for request in REQUESTS])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.just("@ORDER"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def replaced(draw: st.DrawFn) -> bytes:
    """Draw a valid request with another value at one place, however deep."""
    request: Any = json.loads(draw(VALID))
    place = request
    while True:
        step = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[step], dict | list) or not place[step] or draw(st.booleans()):
            place[step] = draw(VALUES)
            return json.dumps(request).encode()
        place = place[step]


BODIES = st.one_of(
    mutated(VALID, WORDS), replaced(), st.binary(max_size=200), VALUES.map(lambda v: json.dumps(v).encode())
)


@fuzzed
@given(body=BODIES, modern=st.booleans())
@example(body=b"null", modern=True)
@example(body=b"1", modern=True)
@example(body=b"[]", modern=True)
@example(body=b'{"query":' + b"[" * 100_000, modern=False)
@example(body=b'{"query":"{viewer{kind}}","variables":{"a":' + b"9" * 90_000 + b"}}", modern=False)
async def test_no_body_breaks_the_application(house: House, body: bytes, modern: bool) -> None:
    order = await house.order()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {house.buyer.token}"}
    if modern:
        headers["Accept"] = "application/graphql-response+json"

    with in_time():
        response = await house.http.post("/graphql", content=body.replace(b"@ORDER", order.encode()), headers=headers)

    check(response)
    assert modern or response.status_code in (200, 400, 413)


STRIPE_EVENT = json.dumps(
    {
        "id": "evt_fuzz",
        "object": "event",
        "api_version": "2025-01-01",
        "type": "payment_intent.succeeded",
        "created": 1_780_000_000,
        "livemode": False,
        "data": {"object": {"id": "pi_fuzz", "object": "payment_intent", "amount": 10_000, "metadata": {}}},
    }
).encode()


@fuzzed
@given(body=mutated(st.just(STRIPE_EVENT), WORDS) | st.binary(max_size=100))
@example(body=STRIPE_EVENT.replace(b"10000", b"9" * 30))
@example(body=STRIPE_EVENT.replace(b"10000", b"-9" + b"9" * 19))
@example(body=STRIPE_EVENT.replace(b"1780000000", b"9" * 400))
async def test_no_body_with_a_good_signature_breaks_the_webhook_endpoint(house: House, body: bytes) -> None:
    text = body.decode("utf-8", "replace")
    signed = stripe.WebhookSignature.generate_signature_header(text, WEBHOOK_SECRET, timestamp=int(time.time()))

    with in_time():
        responses = [await house.webhook(raw, signed) for raw in (body, text.encode())]

    for response in responses:
        assert response.status_code in (200, 400), response.text


# -- headers ---------------------------------------------------------------------------------------------------------

HEADERS = {
    "accept": ["application/json", "application/graphql-response+json", "*/*;q=0", "text/event-stream;q=1e3",
               'multipart/mixed;subscriptionSpec="1.0"', "text/html,,;;q", "application/json;q=\xb2", "a/" * 3000],
    "content-type": ["application/json", "application/json;charset=utf-8", "application/json;charset=\xff",
                     "text/plain;application/json", "multipart/form-data;boundary=x", ";", ""],
    "authorization": ["Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer", "bearer \xe9", "Basic YTpi", "",
                      "Bearer " + "a" * 20_000],
    "content-length": ["0", "5", "-1", "1e3", "\xb2", "9" * 40, ""],
    "content-encoding": ["gzip", "identity", "identity, gzip", ""],
    "expect": ["100-continue", "200-ok"],
    "origin": ["https://shop.example", "null", "https://shop.example.evil", "\xff"],
    "access-control-request-method": ["POST", "BREW", ""],
    "host": ["shop", "[::1", "a b", ""],
    "x-request-id": ["req_of_the_client", "\r"],
    "upgrade": ["websocket", "h2c"],
    "transfer-encoding": ["chunked", "gzip, chunked"],
}  # fmt: skip
NOISE = st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255), max_size=30)
HEADER = st.sampled_from(sorted(HEADERS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]) | NOISE)
)


@fuzzed
@given(
    method=st.sampled_from(["GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "BREW", ""]),
    headers=st.lists(HEADER, max_size=8),
    query_string=st.sampled_from([b"", b"query={hello}", b"query=%ff", b"&=&;"]) | st.binary(max_size=30),
    body=st.sampled_from([b'{"query": "{hello}"}', b"", b"{"]),
)
async def test_no_header_breaks_the_server_not_even_twice(
    shop: Shop, method: str, headers: list[tuple[str, str]], query_string: bytes, body: bytes
) -> None:
    scope = post_scope()
    scope["method"], scope["query_string"] = method, query_string
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers]

    with in_time():
        sent = await asyncio.wait_for(call(shop.app, scope, [{"type": "http.request", "body": body}]), 10)

    assert sent[0]["status"] < 500
    assert all(b"\r" not in value and b"\n" not in value for _, value in sent[0]["headers"])
    assert "req_of_the_client" not in str(sent)


# -- documents -------------------------------------------------------------------------------------------------------

DOCUMENTS = [
    "query Q($n: Int = 3, $yes: Boolean = true) { payments(first: $n) { totalCount edges { cursor node { ...P } } } }"
    " fragment P on Payment { id @include(if: $yes) amount { amount currency } order { ...O } }"
    " fragment O on Order { id payments(first: 2) { nodes { id } } }",
    'mutation M { syncPayment(paymentId: "payment_01h455vb4pex5vsknk084sn02q") { errors { __typename code'
    " ... on ProviderError { retryAfterMs } } } }",
    '{ node(id: "@ORDER") { __typename ... on Order @skip(if: false) { total { formatted(locale: "de") } } } }',
    'subscription S { paymentUpdated(paymentId: "x", afterSequence: 1) { id type } }',
    '{ a: viewer { scopes } b: __type(name: "Payment") { name fields(includeDeprecated: true) { name } } }',
]
TOKENS = [token.encode() for token in (
    "{", "}", "(", ")", "[", "]", "!", "$", "@", "...", ":", "|", "&", '"', '"""', "#", "\\", ",", "\n",
    "query", "mutation", "subscription", "fragment", "on", "schema", "extend", "null", "true", "1.5e9", "-1", "$n",
    "id", "__typename", "__schema { types { name } }", "@skip(if: $no)", "@include", "@defer", "@stream",
    "@auth(scopes: [])", "...P", "...Nobody", "... on Refund { id }", "fragment P on Payment { ...P }",
    "first: 2147483648", "first: -1", "9" * 300, "\\u0000", "\x00", "\ufeff", "\u202e", "é", "{ id " * 40, "(" * 200,
)]  # fmt: skip
MANGLED = mutated(st.sampled_from([document.encode() for document in DOCUMENTS]), TOKENS)


@st.composite
def chained(draw: st.DrawFn) -> str:
    """Draw fragments that spread each other: chains, cycles, fans and repeated definitions."""
    count = draw(st.integers(1, 40))
    names = st.integers(0, count)
    parts = [
        f"fragment F{number} on Query {{ viewer {{ scopes }} "
        + " ".join(f"...F{draw(names)}" for _ in range(spreads))
        + " }"
        for number, spreads in enumerate(draw(st.lists(st.integers(0, 6), min_size=count, max_size=count)))
    ]
    return "{ ...F0 ...F1 } " + " ".join(parts)


@st.composite
def crowded(draw: st.DrawFn) -> str:
    """Draw one field under many aliases, with many directives, deep in inline fragments."""
    aliases = draw(st.integers(0, 300))
    directives = " ".join(draw(st.lists(st.sampled_from(["@skip(if: false)", "@include(if: 1)", "@x"]), max_size=40)))
    depth = draw(st.integers(0, 200))
    fields = " ".join(
        f"a{draw(st.integers(0, 5))}{number}: viewer {directives} {{ kind }}" for number in range(aliases)
    )
    return "{ " + "... { " * depth + (fields or "viewer { scopes }") + " }" * depth + " }"


@fuzzed
@given(document=MANGLED.map(lambda raw: raw.decode("utf-8", "replace")) | chained() | crowded() | st.text(max_size=60))
@example(document="{ ...A } " + " ".join(f"fragment {a} on Query {{ ...{b} ...{b} }}" for a, b in pairwise("ABCDA")))
@example(document="{" * 20_000)
@example(document="#" + "x" * 50_000)
@example(document='{ order(externalId: "' + "\\u0041" * 10_000 + '") { id } }')
async def test_no_document_breaks_the_application(house: House, document: str) -> None:
    with in_time():
        response = await house.staff.post(document, {"n": 2})

    check(response)


# -- streams ---------------------------------------------------------------------------------------------------------

STREAMED = [
    "subscription { ticks(upTo: 3) }",
    "subscription { hidden }",
    "subscription { ticks(upTo: -1) }",
    'subscription { keyed(key: "refuse") }',
    "subscription { ticks ticks: ticks }",
    "subscription { __typename }",
    "subscription { a: ticks b: ticks }",
    "subscription A { ticks } query B { hello }",
    "{ hello }",
]
ACCEPTS = [
    "text/event-stream",
    "text/event-stream, application/json;q=0.5",
    'multipart/mixed;subscriptionSpec="1.0", application/json',
    "multipart/mixed;subscriptionSpec=2.0",
    "application/json, text/event-stream",
    "text/event-stream;q=0",
]


@fuzzed
@given(
    method=st.sampled_from(["GET", "POST"]),
    accept=st.lists(st.sampled_from(ACCEPTS) | NOISE, min_size=1, max_size=3),
    document=st.sampled_from(STREAMED)
    | mutated(st.sampled_from([text.encode() for text in STREAMED]), TOKENS).map(
        lambda raw: raw.decode("utf-8", "replace")
    ),
    members=st.fixed_dictionaries({}, optional={"variables": VALUES, "operationName": VALUES, "extensions": VALUES}),
)
async def test_no_request_for_a_stream_breaks_the_server(
    shop: Shop, method: str, accept: list[str], document: str, members: dict[str, Any]
) -> None:
    scope = post_scope()
    scope["method"] = method
    scope["headers"] += [(b"accept", value.encode("latin-1")) for value in accept]
    if method == "GET":
        asked = {"query": document, **{name: json.dumps(value) for name, value in members.items()}}
        scope["query_string"] = "&".join(f"{name}={quote(text)}" for name, text in asked.items()).encode()
    body = json.dumps({"query": document, **members}).encode()

    with in_time():
        sent = await asyncio.wait_for(call(shop.app, scope, [{"type": "http.request", "body": body}]), 10)

    head = {name: value.decode() for name, value in sent[0]["headers"]}
    raw = b"".join(message.get("body", b"") for message in sent[1:])
    assert sent[0]["status"] < 500
    assert sent[-1].get("more_body", False) is False
    for payload in _payloads(head[b"content-type"], raw):
        assert set(payload) in ({"data"}, {"errors"}, {"data", "errors"})
        if "errors" in payload:
            check_errors(payload["errors"], head[b"x-request-id"])


def _payloads(content_type: str, raw: bytes) -> list[dict[str, Any]]:
    """Return the answers in a stream, parsed strictly by its protocol; or the single one."""
    if content_type.startswith("text/event-stream"):
        assert b"\r" not in raw
        events = [event for event in raw.split(b"\n\n") if event not in (b"", b":")]
        assert events.pop() == b"event: complete\ndata: "
        return [json.loads(event.removeprefix(b"event: next\ndata: ")) for event in events]
    if content_type.startswith("multipart/mixed"):
        opening, *parts, closing = raw.split(b"\r\n--graphql")
        assert (opening, closing) == (b"", b"--\r\n")
        read = [json.loads(part.removeprefix(b"\r\nContent-Type: application/json\r\n\r\n")) for part in parts]
        return [part["payload"] or {"errors": part["errors"]} for part in read if part]
    return [json.loads(raw)]


# -- bodies without an end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beginning", [b"", b'{"query": "', b"[" * 2000, b"1", b'{"a":', b"\xff"])
async def test_a_chunked_body_without_an_end_holds_no_memory(beginning: bytes) -> None:
    shop = open_shop()
    chunks = cycle([b" ", b"1234567", b"[" * 1000, b"\xff" * 64 * KIBIBYTE])

    async def endless() -> AsyncIterator[bytes]:
        yield beginning
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(0)

    tracemalloc.start()
    with in_time():
        response = await shop.post(endless(), Authorization=f"Bearer {token_for()}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await shop.client.aclose()

    assert response.status_code == 413
    check(response)
    assert peak < 2 * 1024 * KIBIBYTE
