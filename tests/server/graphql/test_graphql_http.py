"""One operation over HTTP: methods, media types, status codes and the shape of every answer."""

from urllib.parse import urlencode

import pytest

from database.transactions import DatabaseUnavailable
from server.http.negotiation import Media, choose_media, is_json
from tests.server.shop import REASONS, Shop, open_shop, problem, refusal, token_for

RESPONSE = "application/graphql-response+json"
JSON = "application/json"


async def test_a_query_is_answered_with_its_request_id_and_careful_headers(shop: Shop) -> None:
    response = await shop.ask("{ hello requestId }")

    data = response.json()["data"]
    assert response.status_code == 200
    assert response.json() == {"data": {"hello": "Hello you", "requestId": response.headers["x-request-id"]}}
    assert data["requestId"].startswith("req_")
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "accept" in response.headers["vary"].lower()


async def test_each_request_has_an_id_of_its_own_whatever_the_client_sends(shop: Shop) -> None:
    first = await shop.client.get("/graphql", params={"query": "{hello}"}, headers={"X-Request-Id": "mine"})
    second = await shop.ask("{ hello }")

    assert "mine" not in (first.headers["x-request-id"], second.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_strawberry_resolvers_receive_the_context_of_the_caller(shop: Shop) -> None:
    known = await shop.ask("{ whoami }", token=token_for("ada"))
    unknown = await shop.ask("{ whoami }")

    assert known.json() == {"data": {"whoami": "ada"}}
    assert unknown.json() == {"data": {"whoami": None}}


async def test_variables_and_operation_names_choose_what_runs(shop: Shop) -> None:
    both = "query A($name: String!) { hello(name: $name) } query B { item { name } }"

    assert (await shop.ask(both, operationName="A", variables={"name": "Bo"})).json()["data"] == {"hello": "Hello Bo"}
    assert (await shop.ask(both, operationName="B", variables=None)).json()["data"] == {"item": {"name": "one"}}
    assert (await shop.ask("{ hello }", operationName="", extensions=None)).json()["data"] == {"hello": "Hello you"}
    assert refusal(await shop.ask(both, accept=RESPONSE)) == (400, "BAD_REQUEST", "OPERATION_NOT_CHOSEN")
    assert refusal(await shop.ask(both, operationName="C", accept=RESPONSE)) == (
        400,
        "BAD_REQUEST",
        "OPERATION_NOT_FOUND",
    )
    assert refusal(await shop.ask("fragment F on Query { hello }", accept=RESPONSE))[2] == "OPERATION_NOT_CHOSEN"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ([], Media.JSON),
        ([""], Media.JSON),
        (["*/*"], Media.JSON),
        (["application/*"], Media.JSON),
        ([JSON], Media.JSON),
        ([RESPONSE], Media.RESPONSE),
        ([f"{RESPONSE}, {JSON};q=0.9"], Media.RESPONSE),
        ([f"{JSON}, {RESPONSE}"], Media.RESPONSE),
        ([f"{JSON};q=1, {RESPONSE};q=0.5"], Media.JSON),
        ([f"{RESPONSE};q=0, */*"], Media.JSON),
        ([f"{JSON};q=0, */*"], Media.RESPONSE),
        ([f"{RESPONSE};charset=utf-8"], Media.RESPONSE),
        (["text/html", JSON.upper()], Media.JSON),
        (["text/event-stream, */*;q=0.1"], Media.JSON),
    ],
)
def test_the_answer_comes_in_the_media_type_that_ranks_first(accept: list[str], expected: Media) -> None:
    assert choose_media(accept) is expected


@pytest.mark.parametrize(
    "accept",
    ["text/html", "text/event-stream;q=0", "multipart/mixed", f"{JSON};q=0", f"{RESPONSE};charset=latin-1",
     f"{JSON};q=x", f"{JSON};q=-1", f"{JSON};q=1e3", "x" * 5000, f"{JSON};q=²"],
)  # fmt: skip
async def test_an_answer_nobody_can_read_is_406(shop: Shop, accept: str) -> None:
    response = await shop.client.post("/graphql", json={"query": "{hello}"}, headers=[(b"Accept", accept.encode())])

    assert refusal(response) == (406, "BAD_REQUEST", "NOT_ACCEPTABLE")
    assert shop.world.seen == []


@pytest.mark.parametrize(
    ("content_types", "allowed"),
    [
        (["application/json"], True),
        (["Application/JSON; charset=UTF-8"], True),
        (['application/json;charset="utf-8"'], True),
        (["application/json; charset=latin-1"], False),
        (["application/json; charset=utf-8; x=1"], False),
        (["text/plain; application/json"], False),
        (["text/plain"], False),
        (["application/jsonp"], False),
        (["application/x-www-form-urlencoded"], False),
        (["multipart/form-data; boundary=application/json"], False),
        ([], False),
        (["application/json", "text/plain"], False),
    ],
)
def test_a_body_counts_as_json_by_equality_only(content_types: list[str], allowed: bool) -> None:
    assert is_json(content_types) is allowed


async def test_a_body_that_a_foreign_page_could_post_is_415(shop: Shop) -> None:
    response = await shop.post(b'{"query": "{ hello }"}', Content_Type="text/plain; a=application/json")

    assert refusal(response) == (415, "BAD_REQUEST", "UNSUPPORTED_MEDIA_TYPE")
    assert shop.world.seen == []


async def test_a_compressed_body_is_415(shop: Shop) -> None:
    response = await shop.post(b"\x1f\x8b", Content_Encoding="gzip")

    assert refusal(response) == (415, "BAD_REQUEST", "UNSUPPORTED_ENCODING")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
async def test_other_methods_are_405_and_name_the_allowed_ones(shop: Shop, method: str) -> None:
    response = await shop.client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_a_query_may_be_sent_by_get(shop: Shop) -> None:
    query = {
        "query": "query A($name: String!) { hello(name: $name) }",
        "variables": '{"name": "Bo"}',
        "operationName": "",
    }

    response = await shop.client.get("/graphql", params=query)

    assert response.json() == {"data": {"hello": "Hello Bo"}}


async def test_a_mutation_by_get_is_405_and_does_not_run(shop: Shop) -> None:
    shop.world.gate.set()

    response = await shop.client.get("/graphql", params={"query": 'mutation { pay(key: "k") }'})

    assert refusal(response) == (405, "BAD_REQUEST", "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"
    assert shop.world.paid == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_is_refused_clearly(shop: Shop, method: str) -> None:
    query = {"query": "subscription { ticks }"}

    if method == "GET":
        response = await shop.client.get("/graphql", params=query)
    else:
        response = await shop.client.post("/graphql", json=query)

    assert refusal(response) == (400, "BAD_REQUEST", "SUBSCRIPTION_NOT_SUPPORTED")


@pytest.mark.parametrize(
    "query_string",
    ["query=%ff", "query={hello}&query={hello}", "query={hello}&variables=[1]", "query={hello}&variables={",
     "query={hello}&extensions=7", "", "query=", "&".join(f"p{n}=1" for n in range(40)),
     "query={hello}&variables=%FF"],
)  # fmt: skip
async def test_a_malformed_query_string_is_400(shop: Shop, query_string: str) -> None:
    response = await shop.client.get(f"/graphql?{query_string}")

    assert refusal(response)[0] == 400


async def test_empty_variables_in_a_query_string_are_no_variables(shop: Shop) -> None:
    response = await shop.client.get("/graphql?" + urlencode({"query": "{hello}", "variables": "", "extensions": ""}))

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ hello", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($k: Key!) { keyed(key: $k) }", "BAD_USER_INPUT"),
    ],
)
async def test_a_request_error_is_4xx_or_200_by_media_type_and_never_has_data(
    shop: Shop, query: str, code: str
) -> None:
    modern = await shop.ask(query, accept=RESPONSE)
    legacy = await shop.ask(query, accept=JSON)

    assert refusal(modern) == (400, code, REASONS[code])
    assert refusal(legacy) == (200, code, REASONS[code])
    assert modern.headers["content-type"] == f"{RESPONSE}; charset=utf-8"


async def test_a_field_error_keeps_its_data_and_status_200(shop: Shop) -> None:
    response = await shop.ask("{ hello missing }", accept=RESPONSE)

    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "Hello you", "missing": None}
    assert problem(response)["path"] == ["missing"]
    assert problem(response)["locations"] == [{"line": 1, "column": 9}]


async def test_suggestions_do_not_reveal_the_schema(shop: Shop) -> None:
    response = await shop.ask("{ hell }", accept=RESPONSE)

    assert problem(response)["message"] == "Cannot query field 'hell' on type 'Query'."


async def test_only_the_allowed_read_the_schema(shop: Shop) -> None:
    query = "{ __schema { queryType { name } } }"

    assert refusal(await shop.ask(query))[1:] == ("GRAPHQL_VALIDATION_FAILED", "INTROSPECTION_DISABLED")
    assert (await shop.ask(query, token=token_for())).json()["data"]["__schema"]["queryType"]["name"] == "Query"
    assert refusal(await shop.ask('{ ...F } fragment F on Query { a: __type(name: "Query") { name } }'))[2] == (
        "INTROSPECTION_DISABLED"
    )
    assert (await shop.ask("{ __typename }")).json() == {"data": {"__typename": "Query"}}


async def test_a_refused_token_is_401_before_the_body_is_read(shop: Shop) -> None:
    response = await shop.client.post("/graphql", content=b"not json", headers={"Authorization": "Bearer nonsense"})

    assert refusal(response) == (401, "UNAUTHENTICATED", "INVALID_TOKEN")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_two_authorization_headers_are_refused(shop: Shop) -> None:
    headers = [
        ("Authorization", f"Bearer {token_for('ada')}"),
        ("Authorization", f"Bearer {token_for('bob')}"),
    ]

    response = await shop.client.post("/graphql", json={"query": "{ whoami }"}, headers=headers)

    assert refusal(response)[0] == 401


async def test_a_context_that_cannot_be_made_for_lack_of_a_database_is_503() -> None:
    async def no_database(origin: object) -> object:
        raise DatabaseUnavailable("postgresql://u:hunter2@db is away", lost=True)

    shop = open_shop(context=no_database)
    async with shop.client:
        response = await shop.ask("{ hello }")

    assert refusal(response) == (503, "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE")
    assert problem(response)["extensions"]["retryable"] is True
    assert response.headers["retry-after"] == "1"
    assert "hunter2" not in response.text
