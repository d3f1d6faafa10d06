"""The client's view of failures, and the log's."""

import pytest

from server.http.errors import without_values
from tests.server.conftest import Logs
from tests.server.shop import CLIENT_SECRET, Shop, problem, refusal, token_for

RESPONSE = "application/graphql-response+json"
SECRETS = (CLIENT_SECRET, "ada@example.com", "hunter2")


def clean(*texts: str) -> bool:
    return not any(secret in text for secret in SECRETS for text in texts)


@pytest.mark.parametrize("field", ["broken", "leaky"])
async def test_a_bug_is_masked_and_logged_once_without_its_text(shop: Shop, logs: Logs, field: str) -> None:
    response = await shop.ask(f"{{ hello {field} }}")

    assert response.json()["data"] == {"hello": "Hello you", field: None}
    assert problem(response)["message"] == "Something went wrong on our side."
    assert problem(response)["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    [entry] = logs.named("graphql.field_failed")
    assert entry["request_id"] == response.headers["x-request-id"]
    assert entry["failure"][0]["type"] in (
        "builtins.RuntimeError",
        "graphql.error.graphql_error.GraphQLError",
    )
    assert any("shop.py" in frame and field in frame for frame in entry["failure"][0]["stack"])
    assert clean(response.text, logs.text)


async def test_one_bug_met_by_many_fields_is_logged_for_each_cause(shop: Shop, logs: Logs) -> None:
    response = await shop.ask("{ a: broken b: broken }")

    assert len(response.json()["errors"]) == 2
    assert len(logs.named("graphql.field_failed")) == 2


async def test_a_domain_error_is_told_with_code_and_reason(shop: Shop, logs: Logs) -> None:
    response = await shop.ask("{ missing }", token=token_for())

    assert problem(response)["message"] == "There is no such order."
    assert problem(response)["extensions"]["code"] == "BAD_USER_INPUT"
    assert problem(response)["extensions"]["reason"] == "NOT_FOUND"
    assert logs.named("graphql.field_failed") == []


async def test_forbidden_means_sign_in_for_those_who_have_not(shop: Shop) -> None:
    unknown = problem(await shop.ask("{ forbidden }"))
    known = problem(await shop.ask("{ forbidden }", token=token_for()))

    assert (unknown["extensions"]["code"], unknown["extensions"]["reason"]) == (
        "UNAUTHENTICATED",
        "FORBIDDEN",
    )
    assert (known["extensions"]["code"], known["extensions"]["reason"]) == ("FORBIDDEN", "FORBIDDEN")


async def test_13_a_database_away_is_503_when_nothing_was_answered(shop: Shop, logs: Logs) -> None:
    for response in (await shop.ask("{ database }"), await shop.ask("mutation { payOffline }")):
        assert refusal(response) == (503, "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE")
        assert problem(response)["extensions"]["retryable"] is True
        assert clean(response.text, logs.text)


async def test_a_database_lost_halfway_keeps_what_was_answered(shop: Shop) -> None:
    response = await shop.ask("{ hello database }")

    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "Hello you", "database": None}
    assert problem(response)["extensions"]["reason"] == "SERVICE_UNAVAILABLE"


VALUE = "order-77-of-hunter2"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($v: Int!) { items(first: $v) { nodes { name } } }", VALUE),
        ("query ($v: Key!) { keyed(key: $v) }", {"a": VALUE}),
        ("query ($v: Key!) { keyed(key: $v) }", f"crash {VALUE}"),
        ("query ($v: Shape!) { shaped(shape: $v) }", VALUE),
        ("query ($v: Shape!) { shaped(shape: $v) }", {"unknown": VALUE}),
        ("query ($v: Shape!) { shaped(shape: $v) }", {f"{VALUE} x": 1, "sides": 1}),
        ("query ($v: Shape!) { shaped(shape: $v) }", {"sides": VALUE, "key": VALUE, "inner": VALUE}),
        (
            "query ($v: Shape!) { shaped(shape: $v) }",
            {"sides": 1, "inner": {"sides": 1, "key": f"crash {VALUE}"}},
        ),
        ("query ($v: String!) { hello(name: $v) }", {"it's": f"'{VALUE}' \"{VALUE}\""}),
        ("query ($v: String!) { hello(name: $v) }", [VALUE]),
        (f'{{ items(first: "{VALUE}") {{ nodes {{ name }} }} }}', None),
        (f'{{ keyed(key: "crash {VALUE}") }}', None),
        (f'{{ shaped(shape: {{sides: "{VALUE}", unknown: "{VALUE}"}}) }}', None),
        (f'{{ hello "{VALUE}" }}', None),
        (f'{{ hello(name: """{VALUE}""" """{VALUE}""") }}', None),
        (f'{{ hello(name: {{a: "{VALUE}"}}) }}', None),
        (f'"{VALUE}" {{ hello }}', None),
        (f'query ($v: Int = "{VALUE}") {{ items(first: $v) {{ nodes {{ name }} }} }}', None),
        ('{ hello "hunter2" }', None),
        ('{ hello(name: "a" """hunter2""") }', None),
        ('{ items(first: "hunter2") { nodes { name } } }', None),
        ("{ shaped(shape: hunter2) }", None),
        ("query ($v: Int!) { items(first: $v) { nodes { name } } }", "hunter2"),
        ("query ($v: Key!) { keyed(key: $v) }", "crash hunter2"),
        ("query ($v: Shape!) { shaped(shape: $v) }", {"unknown": "hunter2"}),
    ],
)
async def test_a_mistake_never_repeats_the_value(shop: Shop, logs: Logs, query: str, variables: object) -> None:
    response = await shop.ask(query, variables={} if variables is None else {"v": variables})

    assert "data" not in response.json()
    for error in response.json()["errors"]:
        assert error["extensions"]["code"] in (
            "BAD_USER_INPUT",
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
        )
    assert "hunter2" not in response.text
    assert "hunter2" not in logs.text


async def test_a_mistake_still_says_where_and_what_was_wanted(shop: Shop) -> None:
    query = "query ($v: Shape!) { shaped(shape: $v) }"

    wrong = problem(await shop.ask(query, variables={"v": {"sides": "x"}}))
    unknown = problem(await shop.ask(query, variables={"v": {"sides": 1, "edges": 2}}))
    absent = problem(await shop.ask(query, variables={}))

    assert wrong["message"] == "Variable '$v' has invalid value at .sides: Int cannot represent non-integer value."
    assert unknown["message"].endswith("not to include unknown field 'edges'.")
    assert (
        absent["message"]
        == "Variable '$v' has invalid value: Expected a value of non-null type 'Shape!' to be provided."
    )
    assert wrong["locations"] == [{"line": 1, "column": 8}]


async def test_a_scalar_speaks_through_graphql_and_domain_errors(shop: Shop) -> None:
    typed = problem(await shop.ask("query ($v: Key!) { keyed(key: $v) }", variables={"v": 1}))
    domain = problem(await shop.ask("query ($v: Key!) { keyed(key: $v) }", variables={"v": "refuse"}))
    literal = problem(await shop.ask('{ keyed(key: "refuse") }'))

    assert typed["message"] == "Variable '$v' has invalid value: A Key is a text."
    assert domain["message"] == "Variable '$v' has invalid value: A Key has 1 to 255 characters."
    assert domain["extensions"]["reason"] == literal["extensions"]["reason"] == "VALIDATION_FAILED"
    assert domain["extensions"]["code"] == literal["extensions"]["code"] == "BAD_USER_INPUT"
    assert literal["message"] == "A Key has 1 to 255 characters."


async def test_a_null_where_none_may_stand_is_told_although_execution_found_it(shop: Shop) -> None:
    query = "query ($v: Int = 5) { items(first: $v) { nodes { name } } }"

    response = await shop.ask(query, variables={"v": None})

    assert problem(response)["message"].startswith("Argument 'first' has invalid value:")
    assert problem(response)["extensions"]["code"] == "BAD_USER_INPUT"


async def test_at_most_a_handful_of_errors_is_reported(shop: Shop) -> None:
    response = await shop.ask("{" + " nope" * 50 + "}")

    assert len(response.json()["errors"]) <= 6


async def test_an_answer_that_is_no_json_is_a_masked_500(shop: Shop, logs: Logs) -> None:
    response = await shop.ask("{ hello unprintable }")

    assert refusal(response) == (500, "INTERNAL_SERVER_ERROR", "INTERNAL_ERROR")
    assert len(logs.named("graphql.answer_not_json")) == 1


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Don't send floats; it isn't exact", "Don't send floats; it isn't exact."),
        ("Unknown type 'Foo'.", "Unknown type 'Foo'."),
        (
            "Argument 'Mutation.pay(key:)' of type 'K!' is required",
            "Argument 'Mutation.pay(key:)' of type 'K!' is required.",
        ),
        ("Argument '@skip(if:)' of type 'Boolean!'", "Argument '@skip(if:)' of type 'Boolean!'."),
        ("Did you mean 'order { ... }'?", "Did you mean 'order { ... }'?."),
        ("the value 'a(b: c)' and 'a (b:)' and 'a(b:)c'", "the value … and … and …."),
        ("Value 'a b' does not exist in 'E' enum.", "Value does not exist in 'E' enum."),
        ("the key is sk_live_abc123", "the key is [removed]."),
        ('He said "a thing" loudly', "He said … loudly."),
        ("x" * 1000, "x" * 300 + "."),
    ],
)
def test_messages_lose_values_and_keep_names(message: str, expected: str) -> None:
    assert without_values(message) == expected
